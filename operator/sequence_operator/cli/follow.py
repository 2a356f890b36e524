"""Following something the platform keeps: read it when its stream says that there is more, else at short intervals."""

import asyncio
from collections.abc import Awaitable, Callable

from sequence_operator.cli.terminal import say
from sequence_operator.platform import PlatformClient, PlatformError
from sequence_operator.platform.frames import Connected, Rejected
from sequence_operator.platform.stream import Stream

LOOK_SECONDS = 0.6
"""Between two reads: a line is at most this old, and two such readers fit the smallest rate limit."""
_UNTOLD_SECONDS = 10.0  # without a word from a stream that is up: it may have no way to know
_AGAIN_SECONDS = 2.0  # after a read that failed
_PASSING = (408, 429, 500, 502, 503, 504)


async def follow(remote: PlatformClient, channel: str, read: Callable[[], Awaitable[None]]) -> None:
    """Call `read` whenever there may be more, for ever.

    read: takes everything since the last time. An event is only a reason to read, so nothing that a stream loses is
    missed, and a read follows every time it is connected anew. Raises PlatformError when `read` does and waiting
    will not help; while the platform is away that is said once.
    """
    woken = asyncio.Event()
    async with remote.stream([channel], silence=5.0) as stream:
        hearing = asyncio.create_task(_hear(stream, woken))
        try:
            away = False
            while True:
                woken.clear()
                away = await _read(read, away=away)
                await asyncio.sleep(_AGAIN_SECONDS if away else LOOK_SECONDS)
                if channel in stream.heard and not away:
                    await _either(woken, _UNTOLD_SECONDS)
        finally:
            hearing.cancel()


async def _read(read: Callable[[], Awaitable[None]], *, away: bool) -> bool:
    """Read once; whether the platform is away."""
    try:
        await read()
    except PlatformError as problem:
        if problem.status not in (0, *_PASSING):
            raise
        if not away:
            say(f"{problem}; trying again")
        return True
    if away:
        say("the platform answers again")
    return False


async def _hear(stream: Stream, woken: asyncio.Event) -> None:
    """Every turn of events may mean that there is more to read; only a mere connection does not."""
    async for event in stream:
        if not isinstance(event, Connected | Rejected):
            woken.set()


async def _either(woken: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await woken.wait()
    except TimeoutError:
        return
