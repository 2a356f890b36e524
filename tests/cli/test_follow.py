"""`logs -f` reads when the stream says so, at every connection, and at intervals where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from sequence_operator.cli import follow
from sequence_operator.platform import PlatformClient, PlatformError, Unreachable
from support.streams import StreamServer, streaming

KEY = "seq_test_" + "0" * 64
CHANNEL = "logs:dep_1"


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with streaming() as found:
        yield found


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(follow, "_AGAIN_SECONDS", 0.01)


class Reads:
    """What is called; it fails as often as it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.failures: list[PlatformError] = []
        self._came = asyncio.Event()

    async def __call__(self) -> None:
        self.count += 1
        self._came.set()
        if self.failures:
            raise self.failures.pop(0)

    async def more_than(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.count <= count:
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def following(server: StreamServer, read: Reads) -> AsyncIterator[asyncio.Task[None]]:
    async with PlatformClient(server.url, KEY) as remote:
        task = asyncio.create_task(follow.follow(remote, CHANNEL, read))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def rest(read: Reads) -> int:
    """The reads so far, once there is none for longer than many polls would take."""
    while True:
        before = read.count
        await asyncio.sleep(0.3)
        if read.count == before:
            return before


async def test_at_rest_nothing_is_read_and_an_event_is_followed_by_a_read(server):
    read = Reads()
    async with following(server, read):
        line = await server.line()
        assert await line.asked("subscribe", 1) == [CHANNEL]
        before = await rest(read)
        await line.say(CHANNEL, {"seq": 7})
        await read.more_than(before)
        before = await rest(read)
        await line.send({"dropped": 3, "by_channel": {CHANNEL: 3}})
        await read.more_than(before)


async def test_a_line_that_was_cut_is_followed_by_a_read_when_it_is_back(server):
    read = Reads()
    async with following(server, read):
        await (await server.line()).asked("subscribe", 1)
        before = await rest(read)
        (await server.line()).cut()
        await (await server.line(1)).asked("subscribe", 1)
        await read.more_than(before)
        await rest(read)


@pytest.mark.parametrize("how", ["no path", "rejected", "no answer"])
async def test_without_the_channel_it_is_read_at_intervals(server, how):
    read = Reads()
    if how == "no path":
        server.answers = [web.Response(status=404)]
    server.reject = {CHANNEL: "unknown"} if how == "rejected" else {}
    server.acks = how != "no answer"
    async with following(server, read):
        await read.more_than(20)


async def test_while_the_platform_is_away_that_is_said_once(server, capsys):
    read = Reads()
    read.failures = [Unreachable("it cannot be reached", sent=False), PlatformError(503, "busy")]
    async with following(server, read):
        await read.more_than(2)
    assert capsys.readouterr().err.splitlines() == [
        "it cannot be reached; trying again",
        "the platform answers again",
    ]


async def test_what_waiting_does_not_help_ends_it(server):
    read = Reads()
    read.failures = [PlatformError(404, "no such deployment")]
    async with following(server, read) as task:
        with pytest.raises(PlatformError, match="no such deployment"):
            await task
