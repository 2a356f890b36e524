"""The stream client against a real WebSocket server: channels, ways to lose a connection, ways to be refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest
from aiohttp import web

from sequence_operator.platform.frames import (
    Backoff,
    Connected,
    Disconnected,
    Dropped,
    Event,
    Message,
    Rejected,
    StreamUnavailable,
    Subscribed,
)
from sequence_operator.platform.stream import Stream
from support.streams import StreamServer, streaming

KEY = "seq_test_" + "0123456789abcdef" * 4
E = TypeVar("E", bound=Event)


@pytest.fixture
async def server() -> AsyncIterator[StreamServer]:
    async with streaming() as found:
        yield found


async def following(stream: Stream, kind: type[E]) -> E:
    """The next event of this kind; the others before it are passed over."""
    async with asyncio.timeout(10):
        async for event in stream:
            if isinstance(event, kind):
                return event
    raise AssertionError("the stream ended")


async def test_what_is_subscribed_is_acknowledged_and_heard(server):
    async with Stream(server.url, KEY, ["orders", "logs:dep_1"]) as stream:
        line = await server.line()
        assert isinstance(await anext(stream), Connected)
        assert (await anext(stream)) == Subscribed(("orders", "logs:dep_1"))
        assert stream.heard == {"orders", "logs:dep_1"}
        await line.say("orders", {"id": "o-1"})
        assert (await anext(stream)) == Message("orders", {"id": "o-1"})
        assert line.headers["Authorization"] == f"Bearer {KEY}"


async def test_a_rejected_channel_is_told_with_its_reason(server):
    server.reject = {"funding": "spot only"}
    async with Stream(server.url, KEY, ["funding", "fills"]) as stream:
        assert await following(stream, Subscribed) == Subscribed(("fills",))
        assert await following(stream, Rejected) == Rejected(("funding",), {"funding": "spot only"})
        assert stream.heard == {"fills"}


async def test_channels_come_and_go(server):
    async with Stream(server.url, KEY, ["a", "b"]) as stream:
        line = await server.line()
        await following(stream, Subscribed)
        await stream.become(["b", "c"])
        assert await line.asked("unsubscribe", 1) == ["a"]
        assert await line.asked("subscribe", 3) == ["a", "b", "c"]
        assert await following(stream, Subscribed) == Subscribed(("c",))
        assert stream.heard == stream.channels == {"b", "c"}


async def test_many_channels_are_asked_for_in_a_few_frames(server):
    names = [f"deployment:dep_{number}" for number in range(250)]
    async with Stream(server.url, KEY, names):
        line = await server.line()
        assert await line.asked("subscribe", 250) == names
        assert len(line.frames) == 3


async def test_after_a_cut_everything_is_subscribed_again(server):
    async with Stream(server.url, KEY, ["a"]) as stream:
        line = await server.line()
        await following(stream, Subscribed)
        await stream.subscribe("b")
        await following(stream, Subscribed)
        line.cut()
        gone = await following(stream, Disconnected)
        assert gone.again_in == 0.0
        assert stream.heard == frozenset()
        await following(stream, Connected)
        again = await server.line(1)
        assert await again.asked("subscribe", 2) == ["a", "b"]
        await following(stream, Subscribed)
        assert stream.heard == {"a", "b"}


async def test_what_is_subscribed_without_a_connection_is_asked_for_on_the_next(server):
    server.answers = [web.Response(status=503), web.Response(status=503)]
    async with Stream(server.url, KEY) as stream:
        await following(stream, Disconnected)
        await stream.subscribe("late")
        assert await (await server.line()).asked("subscribe", 1) == ["late"]


async def test_a_peer_that_answers_no_ping_counts_as_dead(server):
    async with Stream(server.url, KEY, ["a"], silence=0.5) as stream:
        line = await server.line()
        await following(stream, Subscribed)
        line.mute.set()
        assert "has gone silent" in (await following(stream, Disconnected)).why
        await following(stream, Connected)


async def test_a_silent_peer_that_answers_pings_is_alive(server):
    async with Stream(server.url, KEY, ["a"], silence=0.2) as stream:
        line = await server.line()
        await following(stream, Subscribed)
        await asyncio.sleep(0.6)  # three times the silence: PINGs and PONGs went to and fro
        await line.say("a", 1)
        assert await anext(stream) == Message("a", 1)


async def test_an_orderly_end_is_told_with_its_reason(server):
    async with Stream(server.url, KEY) as stream:
        line = await server.line()
        await following(stream, Connected)
        await line.socket.close(code=1012, message=b"restarting")
        assert "1012" in (gone := await following(stream, Disconnected)).why
        assert "restarting" in gone.why


@pytest.mark.parametrize("status", [200, 400, 404, 405, 426, 501])
async def test_a_platform_without_the_path_is_unavailable_and_asked_again_rarely(server, status):
    server.answers = [web.Response(status=status)]
    async with Stream(server.url, KEY) as stream:
        event = await anext(stream)
        assert isinstance(event, StreamUnavailable)
        assert event.again_in >= 60
        assert str(status) in event.why


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_not_hammered(server, status):
    server.answers = [web.Response(status=status)]
    async with Stream(server.url, KEY) as stream:
        event = await anext(stream)
        assert isinstance(event, Disconnected)
        assert event.status == status
        assert event.again_in >= 60


async def test_the_platform_says_when_to_come_again(server):
    server.answers = [web.Response(status=429, headers={"Retry-After": "17"})]
    async with Stream(server.url, KEY) as stream:
        event = await anext(stream)
        assert event == Disconnected(event.why, 429, 17.0)


async def test_nobody_there(unused_tcp_port):
    async with Stream(f"http://127.0.0.1:{unused_tcp_port}", KEY) as stream:
        first, second = await anext(stream), await anext(stream)
        assert isinstance(first, Disconnected) and isinstance(second, Disconnected)
        assert "connection refused" in first.why
        assert first.again_in == 0.0 < second.again_in


@pytest.mark.parametrize("endpoint", ["no address", "http://", "http://127.0.0.1:99999", "ftp://127.0.0.1"])
async def test_an_address_that_leads_nowhere_is_told(endpoint):
    async with Stream(endpoint, KEY) as stream:
        assert isinstance(await anext(stream), Disconnected)


async def test_a_slow_reader_loses_telemetry_with_a_counter_and_no_fill(server):
    async with Stream(server.url, KEY, ["fills", "prices:BTC-USD"], buffer=10) as stream:
        line = await server.line()
        await following(stream, Subscribed)
        for number in range(200):
            await line.say("prices:BTC-USD", number)
            if number % 40 == 0:
                await line.say("fills", number)
        await line.say("fills", "last")
        fills, prices, lost = [], 0, 0
        async with asyncio.timeout(10):
            async for event in stream:
                if isinstance(event, Dropped):
                    lost = event.total
                    assert event.by_channel == {"prices:BTC-USD": lost}
                elif isinstance(event, Message) and event.channel == "fills":
                    fills.append(event.data)
                elif isinstance(event, Message):
                    prices += 1
                if fills[-1:] == ["last"]:
                    break
        assert fills == [0, 40, 80, 120, 160, "last"]
        assert prices + lost == 200


async def test_a_connection_that_is_closed_at_once_is_not_taken_for_a_good_one(server):
    async with Stream(server.url, KEY, backoff=Backoff(jitter=lambda: 1.0)) as stream:
        waits = []
        for number in range(3):
            (await server.line(number)).cut()
            waits.append((await following(stream, Disconnected)).again_in)
        assert waits == [0.0, 0.25, 0.5]


async def test_the_key_is_shown_nowhere(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers = [web.Response(status=403, text=f"{KEY} is not welcome")]
    async with Stream(server.url, KEY) as stream:
        shown = f"{stream!r} {await anext(stream)!r} {caplog.text}"
    async with Stream(f"http://127.0.0.1:1/{KEY}", KEY) as stream:
        shown += repr(await anext(stream))
    assert KEY not in shown


@pytest.mark.parametrize("key", ["", "two words", "zwölf", "line\nbreak"])
async def test_a_key_that_cannot_stand_in_a_header_is_never_sent(server, key):
    async with Stream(server.url, key) as stream:
        event = await anext(stream)
    assert event == Disconnected("there is no usable API key", 401, event.again_in)
    assert server.lines == []


async def test_a_closed_stream_ends(server):
    async with Stream(server.url, KEY) as stream:
        await following(stream, Connected)
        waiting = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0)
        await stream.aclose()
        assert await waiting is None
