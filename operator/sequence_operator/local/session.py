"""One stack a state folder: run it here, run it in the background, find the one that runs, end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from sequence_operator.local import child, folders, processes, runfile
from sequence_operator.local.errors import LocalError
from sequence_operator.local.filelock import FileLock
from sequence_operator.local.options import Options
from sequence_operator.local.runfile import RunState
from sequence_operator.local.supervisor import last_lines
from sequence_operator.local.talk import Talk
from sequence_operator.starting import importing

START_TIMEOUT = 300.0
STOP_TIMEOUT = 90.0


@dataclass(frozen=True, slots=True)
class Request:
    """What to run. ``binary`` None: the user's own cluster, named in the options."""

    state_dir: Path
    options: Options
    binary: Path | None


def lock_of(state_dir: Path) -> FileLock:
    return FileLock(state_dir / "lock")


def running(state_dir: Path, talk: Talk) -> RunState | None:
    """The stack that runs in ``state_dir``, waited for while it starts; None when there is none.

    Raises LocalError (code 8) when it is not ready in time.
    """
    if not folders.is_ours(state_dir):
        return None
    deadline = time.monotonic() + START_TIMEOUT
    told = False
    while time.monotonic() < deadline:
        lock = lock_of(state_dir)
        try:
            if lock.acquire(wait=False, sign=False):  # only to see: a `down` must not end us for it
                lock.release()
                return None
        except FileNotFoundError:
            if state_dir.exists():
                raise
            return None  # a `down --purge` removed it meanwhile
        run = runfile.read(state_dir)
        if run is not None and run.ready and processes.is_alive(run.pid, run.started):
            return run
        if not told:
            holder = lock.holder()
            what = (
                f"starting (process {holder}); waiting until it is ready"
                if holder
                else "ending; waiting for it"
            )
            talk.say(f"a local stack is {what}")
            told = True
        time.sleep(0.2)  # between two looks at the condition
    raise LocalError(
        f"the local stack in {state_dir} is not ready after {START_TIMEOUT:.0f} s",
        hint=f"read {state_dir / 'logs'}, or end it: sequence down",
        exit_code=8,
    )


def run_here(request: Request, talk: Talk, on_ready: Callable[[RunState], Awaitable[None]]) -> None:
    """Run the stack in this process (main thread) until a signal ends it.

    LocalError when it cannot start, KeyboardInterrupt when the signal came before it was ready.
    """
    state_dir = folders.claim(request.state_dir)
    lock = lock_of(state_dir)
    if not lock.acquire(wait=False):
        raise LocalError(
            f"another local stack runs in {state_dir} (process {lock.holder() or 'of a `sequence down`'})",
            hint="sequence down",
            exit_code=6,
        )
    with lock:
        _end_what_is_left(state_dir, talk)  # by a run whose supervisor was killed a moment ago
        if not asyncio.run(_serve(request, talk, on_ready)):
            raise KeyboardInterrupt


async def _serve(request: Request, talk: Talk, on_ready: Callable[[RunState], Awaitable[None]]) -> bool:
    with importing():  # with all that a stack is made of: who only starts or ends one needs none of it
        from sequence_operator.local.stack import Stack

    return await Stack(request.state_dir, request.options, request.binary, talk).serve(on_ready)


def run_detached(request: Request, talk: Talk) -> RunState:
    """Run the stack in a process of its own and return once it is ready.

    Raises what made it fail; nothing is left running then, nor when this is interrupted.
    """
    folders.claim(request.state_dir)
    folders.make_private(request.state_dir / "logs")
    log = request.state_dir / "logs" / "up.log"
    reading, writing = os.pipe()
    argv = [sys.executable, "-m", "sequence_operator.local.daemon", str(writing), str(request.state_dir)]
    argv += [json.dumps(request.options.to_json()), str(request.binary or "")]
    with child.open_log(log) as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writing],
            start_new_session=True,
        )
    os.close(writing)
    try:
        with os.fdopen(reading) as reports:
            _follow(reports, talk)
    except BaseException:
        _end_supervisor(process)
        raise
    run = runfile.read(request.state_dir)
    if run is None or not run.ready:
        _end_supervisor(process)
        raise LocalError(
            "the local stack ended while it was starting",
            cause="\n".join(last_lines(log)),
            hint=f"read {log}",
        )
    return run


def _follow(reports: TextIO, talk: Talk) -> None:
    """Pass on what the background process tells until it is ready; raise what it failed with."""
    for line in reports:
        report = json.loads(line)
        if "say" in report:
            talk.say(report["say"])
        elif "error" in report:
            raise LocalError(
                report["error"], cause=report["cause"], hint=report["hint"], exit_code=report["exit_code"]
            )
        else:
            return


def _end_supervisor(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    process.wait(STOP_TIMEOUT)


def end(state_dir: Path, *, purge: bool, talk: Talk) -> bool:
    """End the stack of ``state_dir`` with every process of it; True when one was running.

    purge: remove the folder with all data too. Raises LocalError when the folder is not one of ours.
    """
    if not folders.is_ours(state_dir):
        if not state_dir.exists():
            return False
        raise LocalError(
            f"{state_dir} is not a state folder of `sequence up`",
            cause=f"it has no {folders.SIGN}",
            hint="name the folder that was given to `sequence up --state-dir`",
            exit_code=5,
        )
    lock = lock_of(state_dir)
    was_running, taken = _take(lock, talk)
    if not taken:
        return was_running
    with lock:
        _end_what_is_left(state_dir, talk)
        runfile.remove(state_dir)
        if purge:
            _remove(state_dir)
    return was_running


def _remove(folder: Path) -> None:
    """Out of the way at once, so that nobody puts something into what is being removed."""
    aside = tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-")
    os.rename(folder, Path(aside) / folder.name)
    shutil.rmtree(aside)


def _end_what_is_left(state_dir: Path, talk: Talk) -> None:
    run = runfile.read(state_dir)
    parts = run.parts.values() if run else ()
    listed = [part.pid for part in parts if processes.is_alive(part.pid, part.started)]
    left = sorted({*processes.marked(state_dir), *listed})
    if left:
        talk.say(f"ending what an earlier run left behind: processes {', '.join(map(str, left))}")
        processes.end(left)


def _take(lock: FileLock, talk: Talk) -> tuple[bool, bool]:
    """Take the lock from the stack that holds it by ending that: (was there one, have we got the lock).

    Another `down`, which does not sign the lock, is waited for; one that removes all there is leaves none to take.
    """
    ending, number, deadline = "", signal.SIGTERM, 0.0
    try:
        while not lock.acquire(wait=False, sign=False):
            holder, now = lock.holder(), time.monotonic()
            if holder and (holder != ending or now > deadline):
                if holder == ending:
                    talk.say(f"it did not end within {STOP_TIMEOUT:.0f} s")
                    number = signal.SIGKILL
                else:
                    talk.say(f"stopping the local stack (process {holder})")
                ending, deadline = holder, now + STOP_TIMEOUT
                with contextlib.suppress(ProcessLookupError):  # it ended by itself
                    os.kill(int(holder), number)
            time.sleep(0.05)  # between two looks at the condition
    except FileNotFoundError:
        if lock.path.parent.exists():
            raise
        return bool(ending), False
    return bool(ending), True
