"""Our programs started by forking a process that has imported them: the same program in a process of its own, without
the seconds of processor time in which Python imports it.

A whole run starts some hundred of them. The stacks of the end-to-end tests start their parts as users' stacks do.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1

PROGRAMS = {
    "sequence_operator": (
        "sequence_operator.cli.run",
        *(f"sequence_operator.cli.{command}" for command in ("deploy", "state", "status", "up")),
        "sequence_operator.local.session",
        "aiohttp",
        "httpx",
        "kubernetes.aio.config",
    ),
    "sequence_operator.builder": ("sequence_operator.builder.app", "kubernetes.aio.config"),
    "sequence_operator.controller": ("sequence_operator.controller.app", "kubernetes.aio.config"),
    "sequence_paper.api": (
        "sequence_paper.api.program",
        "sequence_paper.api.capturing",
        "sequence_paper.store.ticks.parts",
        "sequence_paper.store.ticks.reading",
        "uvicorn.protocols.http.h11_impl",
        "uvicorn.protocols.websockets.websockets_sansio_impl",
    ),
    "sequence_paper.edge": ("sequence_paper.edge.program",),
}
"""Modules that can be forked, and what they import when they run."""


def die_with_parent() -> None:
    """For a child, before it becomes something else: SIGKILL when the thread that started it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Forked:
    """One process, with the words of `subprocess.Popen`."""

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)
        self._lines = b""
        self.returncode: int | None = None
        while b"\n" not in self._lines:
            self._read(None)
        self.pid = int(self._lines.split()[0])

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self._read(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            self._read(left)
        return self.returncode

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _read(self, timeout: float | None) -> None:
        """Wait until something is told, at most so many seconds."""
        if not select.select([self._told], [], [], timeout)[0]:
            return
        more = self._told.read(64)
        assert more, "the template of a process ended before it"
        self._lines += more
        if self._lines.count(b"\n") == 2:
            self.returncode = int(self._lines.split()[1])
            self._told.close()


def fork(
    program: str,
    arguments: list[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    script: str = "",
) -> Forked:
    """`python -m PROGRAM ARGUMENTS…`, or the script of that path that calls the program's `main`."""
    request = {"argv": [script, *arguments], "env": dict(env), "cwd": str(cwd or Path.cwd())}
    read, write = os.pipe()
    try:
        streams = [one if isinstance(one, int) else one.fileno() for one in (stdin, stdout, stderr)]
        socket.send_fds(_template(program), [json.dumps(request).encode()], [*streams, write])
    finally:
        os.close(write)
    return Forked(read)


@functools.cache
def _template(program: str) -> socket.socket:
    """A running template, which ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        descriptor = str(theirs.fileno())
        script = str(Path(__file__).with_name("template.py"))
        subprocess.Popen(
            [sys.executable, "-P", script, descriptor, program, *PROGRAMS[program]],
            pass_fds=[theirs.fileno()],
            env=os.environ | {"JE_ARROW_MALLOC_CONF": "background_thread:false"},  # Arrow's import starts one
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
    return ours
