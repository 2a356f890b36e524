"""One command of a build, watched: its words as they come, and its end when it takes too much."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sequence_operator.builder.failure import BuildError

_LOOK = 0.5  # seconds between two looks at the disk
_MAX_LINE = 1 << 16
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """seconds left for the command; disk: bytes the folders may hold together; output: bytes of either stream."""

    seconds: float
    disk: int
    output: int
    folders: tuple[Path, ...]


async def run(command: Sequence[str], stdout: Path, ceiling: Ceiling, on_line: Callable[[str], None]) -> int:
    """Exit code of a command; its standard output goes to the file `stdout`, its errors line by line to `on_line`.

    It and everything it started is dead when this returns or is cancelled. Raises BuildError (BuildTimeout,
    TooMuchDisk, TooMuchOutput).
    """
    with stdout.open("wb") as answers:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=answers,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_parent,
            limit=_MAX_LINE,
        )
    reading = asyncio.create_task(_read(process, ceiling.output, on_line))
    watching = asyncio.create_task(_watch(stdout, ceiling))
    ended = asyncio.create_task(process.wait())
    try:
        async with asyncio.timeout(ceiling.seconds):
            while not ended.done():
                open_ends = [task for task in (reading, watching, ended) if not task.done()]
                done, _ = await asyncio.wait(open_ends, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {ended}:
                    task.result()  # raises when a limit was passed
            await reading
    except TimeoutError:
        raise BuildError(
            "BuildTimeout",
            "the build took longer than it may and was ended; a loop in a `const`, or too slow a machine "
            "(--timeout of the builder)",
            final=False,
            attempts=2,
        ) from None
    finally:
        _kill(process)
        for task in (reading, watching):
            task.cancel()
        await asyncio.gather(reading, watching, ended, return_exceptions=True)
    return process.returncode if process.returncode is not None else -1


def _die_with_parent() -> None:
    """In the child: end when the builder is killed. bubblewrap then takes everything inside with it."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _read(process: asyncio.subprocess.Process, limit: int, on_line: Callable[[str], None]) -> None:
    assert process.stderr is not None  # noqa: S101 -- it is a pipe
    total = 0
    rest = b""
    while chunk := await process.stderr.read(_MAX_LINE):
        total += len(chunk)
        if total > limit:
            raise BuildError("TooMuchOutput", f"the build printed more than {limit:,} bytes", final=True)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            on_line(line.decode(errors="replace"))
        rest = rest[:_MAX_LINE]
    if rest:
        on_line(rest.decode(errors="replace"))


async def _watch(stdout: Path, ceiling: Ceiling) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        if await asyncio.to_thread(os.path.getsize, stdout) > ceiling.output * 4:
            raise BuildError("TooMuchOutput", "the build printed more than it may", final=True)
        if await asyncio.to_thread(used, ceiling.folders) > ceiling.disk:
            raise BuildError("TooMuchDisk", f"the build wrote more than {ceiling.disk:,} bytes", final=True)


def used(folders: Sequence[Path]) -> int:
    """Bytes on disk below some folders."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total
