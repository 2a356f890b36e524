"""Keep child processes running: start, wait until ready, start again with backoff, end in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from sequence_operator.local import child, processes
from sequence_operator.local.errors import LocalError
from sequence_operator.local.runfile import PartState
from sequence_operator.local.talk import Talk

FIRST_BACKOFF, LONGEST_BACKOFF = 0.2, 5.0  # seconds; on one machine nobody is spared by waiting longer
LONGEST_WHEN_READY = 0.5  # of a part that was ready before it ended: it works, and others wait for it
STABLE_AFTER = 3.0  # seconds of running after which the backoff starts over
LOOK_EVERY = 0.1
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One program. ``ready`` is asked (in a thread) until True; ``address`` and ``detail`` are shown to people.

    ``explain`` turns an exit code of a first start into an error of its own, or None for the general one.
    """

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool]
    address: str = ""
    detail: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    grace: float = 10.0
    explain: Callable[[int], LocalError | None] = lambda code: None


class Supervisor:
    """Runs parts below ``state_dir`` (logs in ``logs/NAME.log``); ``changed`` is called after every change of state.

    ``failed`` gets the exception when a part can no longer be watched or started (no process left, disk full).
    """

    def __init__(self, state_dir: Path, talk: Talk, changed: Callable[[], None]) -> None:
        self._state_dir = state_dir
        self._talk = talk
        self._changed = changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._parts: dict[str, Part] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.states: dict[str, PartState] = {}
        # One thread waits for each child. The loop's own executor is smaller than a stack with many venues.
        self._threads = ThreadPoolExecutor(max_workers=128, thread_name_prefix="wait")

    def log(self, name: str) -> Path:
        return self._state_dir / "logs" / f"{name}.log"

    async def start(self, *parts: Part) -> None:
        """Start parts at once and wait until all are ready. LocalError when one ends or is not ready in time."""
        began = time.monotonic()
        for part in parts:
            self._parts[part.name] = part
            self.states[part.name] = PartState(part.name, address=part.address, detail=part.detail)
            self._spawn(part)
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(self._first_ready(part, began))
        for part in parts:
            task = asyncio.create_task(self._keep(part))
            task.add_done_callback(self._keeper_ended)
            self._tasks[part.name] = task

    def _keeper_ended(self, task: asyncio.Task[None]) -> None:
        """A part that nobody watches any more is worse than a stack that ends: hand the failure to its owner."""
        if not task.cancelled() and (problem := task.exception()) and not self.failed.done():
            self.failed.set_exception(problem)

    async def stop(self, *names: str) -> None:
        """End parts, all of these at once. Their state stays listed as stopped."""
        present = [name for name in names if name in self._processes]
        for name in present:
            task = self._tasks.pop(name, None)
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await asyncio.gather(*(self._end(name) for name in present))

    async def stop_all(self, order: Sequence[Sequence[str]]) -> None:
        """End everything, group after group in ``order`` (names of no part are skipped), the rest last."""
        for names in order:
            await self.stop(*names)
        await self.stop(*list(self._processes))
        self._threads.shutdown(wait=True)

    async def _end(self, name: str) -> None:
        process = self._processes.pop(name)
        grace = self._parts[name].grace
        clean = await self._in_thread(partial(child.stop, process, grace=grace))
        if not clean:
            self._talk.say(f"{name} did not end within {grace:.0f} s of SIGTERM and was killed")
        self._set(name, state="stopped", pid=0, started="")

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **part.environment, processes.MARK: str(self._state_dir)}
        process = child.spawn(part.argv, log=self.log(part.name), env=environment)
        self._processes[part.name] = process
        self._set(part.name, pid=process.pid, started=processes.started_at(process.pid))
        return process

    async def _first_ready(self, part: Part, began: float) -> None:
        process = self._processes[part.name]
        if not await self._wait_ready(part, process):
            raise self._failure(part, process)
        self._set(part.name, state="running")
        where = f" on {part.address}" if part.address else ""
        self._talk.say(f"{part.name} is ready{where} ({time.monotonic() - began:.1f} s)")

    async def _wait_ready(self, part: Part, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + part.timeout
        while child.exit_code(process) is None:
            if await self._in_thread(part.ready) and child.exit_code(process) is None:
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return False

    def _failure(self, part: Part, process: subprocess.Popen[bytes]) -> LocalError:
        code = child.exit_code(process)
        known = part.explain(code) if code is not None else None
        if known is not None:
            return known
        why = f"not ready after {part.timeout:.0f} s" if code is None else f"it {ending(code)}"
        return LocalError(
            f"{part.name} did not start",
            cause="\n".join([why, *last_lines(self.log(part.name))]),
            hint=f"read {self.log(part.name)}",
        )

    async def _keep(self, part: Part) -> None:
        """Watch one part for ever; cancelled by `stop`."""
        backoff, ready = FIRST_BACKOFF, True
        while True:
            process = self._processes[part.name]
            since = time.monotonic()
            code = await self._in_thread(partial(child.wait_for_end, process))
            if time.monotonic() - since > STABLE_AFTER:
                backoff = FIRST_BACKOFF
            await self._in_thread(partial(child.kill, process))  # its children must not meet its successor
            wait = min(backoff, LONGEST_WHEN_READY) if ready else backoff
            restarts = self.states[part.name].restarts + 1
            self._set(part.name, state="restarting", pid=0, started="", restarts=restarts)
            self._talk.say(f"{part.name} {ending(code)}; started again in {wait:g} s (restart {restarts})")
            await asyncio.sleep(wait)
            backoff = min(backoff * 2, LONGEST_BACKOFF)
            ready = await self._restart(part)

    async def _restart(self, part: Part) -> bool:
        """Whether it became ready."""
        process = self._spawn(part)
        if await self._wait_ready(part, process):
            self._set(part.name, state="running")
            self._talk.say(f"{part.name} is ready again")
            return True
        if child.exit_code(process) is None:
            log = self.log(part.name)
            self._talk.say(f"{part.name} is not ready after {part.timeout:.0f} s and is ended; see {log}")
            await self._in_thread(partial(child.stop, process, grace=part.grace))
        return False

    def _set(self, name: str, **changes: object) -> None:
        for key, value in changes.items():
            setattr(self.states[name], key, value)
        self._changed()

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


def ending(code: int) -> str:
    """How a process ended, for people."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def last_lines(log: Path, count: int = 4) -> list[str]:
    """The last lines of a log that are not empty, each cut at 500 characters."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16384))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line[:500] for line in text.splitlines() if line.strip()][-count:]
