"""Tell processes apart for sure: a process id alone is used again by the kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MARK = "SEQUENCE_LOCAL_STATE"
"""Environment variable that every process below a stack carries; its value is the stack's state folder."""


def started_at(pid: int) -> str:
    """When a process began, in the words of the system; empty when there is none (or only its zombie)."""
    if sys.platform == "linux":
        fields = _stat(pid)
        return fields[19] if fields else ""
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()


def group_runs(group: int) -> bool:
    """Whether any process of a group runs. A zombie does not: some init processes bury them late, or never."""
    if sys.platform == "linux":
        return any(fields[2] == str(group) for pid in _all() if (fields := _stat(pid)))
    shown = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True)
    lines = [line.split() for line in shown.stdout.splitlines()]
    return any(words[0] == str(group) and not words[1].startswith("Z") for words in lines)


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third one (the state) on; empty when the process is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    return [] if fields[0] in "ZX" else fields


def is_alive(pid: int, started: str) -> bool:
    """Whether the process of this id is still the one that began at ``started``."""
    return bool(started) and started_at(pid) == started


def marked(state_dir: Path) -> list[int]:
    """Every living process of the stack of ``state_dir``, whoever its parent is now (Linux; else none is found)."""
    wanted = f"{MARK}={state_dir}".encode()
    found = []
    for pid in _all() if sys.platform == "linux" else []:
        try:
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") and _stat(pid):
                found.append(pid)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended while we looked, or somebody else's
    return sorted(pid for pid in found if pid != os.getpid())


def end(pids: list[int], *, grace: float = 10.0) -> None:
    """SIGTERM, ``grace`` seconds, SIGKILL; returns when none of these processes is left."""
    begun = {pid: started_at(pid) for pid in pids}
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        left = [pid for pid, started in begun.items() if is_alive(pid, started)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):  # it ended between the look and the signal
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while any(is_alive(pid, begun[pid]) for pid in left) and time.monotonic() < deadline:
            time.sleep(0.02)  # between two looks at the condition
    stubborn = [pid for pid, started in begun.items() if is_alive(pid, started)]
    if stubborn:
        raise TimeoutError(f"processes {stubborn} survived SIGKILL for 10 s")
