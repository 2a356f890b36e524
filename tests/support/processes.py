"""Child processes of a test: on free ports, with their output kept, ended by pid and never left behind."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from sequence_operator.local import ports
from support import forked

T = TypeVar("T")

_PORTS: list[ports.HeldPort] = []


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on. Until this process ends, only who is told the number gets it."""
    _PORTS.append(ports.hold())
    return _PORTS[-1].number


PATIENCE = 90.0
"""Seconds that a loaded machine may take for anything. A wait ends with its condition: only a failure takes so long."""


def wait_until(condition: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
    """Poll until the condition gives something true; its value. AssertionError names what did not happen.

    It looks more rarely the longer it takes, and the longer a look takes: each costs processor time that what is waited
    for needs.
    """
    began = time.monotonic()
    while True:
        looked = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        waited = now - began
        assert waited < timeout, f"not within {timeout:.0f} s: {what}"
        time.sleep(max(min(max(waited / 10, 0.01), 0.2), min(2 * (now - looked), 1.0)))


def listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


class Child:
    """One process whose output goes to a file; it dies with the test process."""

    def __init__(
        self, name: str, command: list[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.command, self.log = name, command, log
        self._env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | forked.Forked | None = None

    def start(self) -> Child:
        """A program of ours is forked from a process that has imported it; everything else is executed."""
        with self.log.open("ab") as output:
            if self.command[:2] == [sys.executable, "-m"] and self.command[2] in forked.PROGRAMS:
                program, *arguments = self.command[2:]
                with open(os.devnull, "rb") as nothing:
                    self.process = forked.fork(
                        program, arguments, env=self._env, stdin=nothing, stdout=output, stderr=output
                    )
                return self
            self.process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=self._env,
                preexec_fn=forked.die_with_parent,
            )
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait(10)

    def stop(self, timeout: float = PATIENCE) -> int:
        """SIGTERM; its exit code. AssertionError when it does not end in time (it is killed then)."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.name} did not end within {timeout} s of SIGTERM:\n{self.output()}"
            ) from None

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@contextlib.contextmanager
def ending(children: list[Child]) -> Iterator[list[Child]]:
    """End all children of the list at the end, newest first, whatever happened."""
    try:
        yield children
    finally:
        for child in reversed(children):
            child.kill()
