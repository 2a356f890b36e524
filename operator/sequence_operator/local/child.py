"""Start programs that cannot outlive this process, and end them with all that they started.

The kernel ends a child when the parent *thread* dies: start children from the main thread, or one that lives as long.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from sequence_operator.local import launch, processes

_CAN_PEEK = hasattr(os, "waitid")  # macOS has it from Python 3.13 on
LARGE_LOG = 20_000_000  # bytes


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own, both outputs appended to ``log``.

    It receives SIGTERM when this process dies, however it dies (Linux). A session of its own keeps the terminal's
    Ctrl-C away from it (the one who started it stops it, in order) and lets `stop` reach its children too.
    """
    launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *argv]
    with open_log(log) as output:
        return subprocess.Popen(
            launcher,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending, for its owner only; one that has grown large becomes ``NAME.1`` first."""
    if path.exists() and path.stat().st_size > LARGE_LOG:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """How it ended, in the numbers of Popen.returncode; None while it runs.

    Unlike `poll` this leaves the zombie in place: until `kill` the kernel cannot give its id to another process, so a
    signal to the group meets nobody else.
    """
    if process.returncode is not None or not _CAN_PEEK:
        return process.poll()
    seen = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    return None if seen is None else _code(seen)


def wait_for_end(process: subprocess.Popen[bytes]) -> int:
    """Block until it has ended; the number of `exit_code`."""
    if process.returncode is not None or not _CAN_PEEK:
        return process.wait()
    seen = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process.wait() if seen is None else _code(seen)


def stop(process: subprocess.Popen[bytes], *, grace: float = 10.0) -> bool:
    """End ``process`` and its whole session: SIGTERM, ``grace`` seconds, SIGKILL. True when it ended by itself."""
    if exit_code(process) is None:
        os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while exit_code(process) is None and time.monotonic() < deadline:
        time.sleep(0.01)  # between two looks at the condition
    clean = exit_code(process) is not None
    kill(process)
    return clean


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the whole session and return when none of it runs. The second call for a process does nothing."""
    if process.returncode is not None and _CAN_PEEK:
        return
    deadline = time.monotonic() + 10
    while True:
        # Again and again: a process that was being born may have missed the first.
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left (macOS: only zombies)
            os.killpg(process.pid, signal.SIGKILL)
        if not processes.group_runs(process.pid):
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of group {process.pid} survived SIGKILL for 10 s")
        time.sleep(0.005)  # between two looks at the condition
    process.wait()


def _code(seen: os.waitid_result) -> int:
    return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status
