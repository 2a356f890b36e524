"""What waits for one client: bounds, order, counters. Without a socket: the test is the network."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import sqlalchemy as sa

from sequence_paper.api.stream.client import MAX_ANSWERS, MAX_BYTES, MAX_EVENTS, StreamClient
from sequence_paper.api.stream.tails import PAGE, Tail
from sequence_paper.store.records import Account, Caller

CALLER = Caller(Account("acct_1", "desk", "pro", 100), "sandbox")


class Net:
    """Takes frames while `open` is set."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.got: list[str] = []

    async def send(self, text: str) -> None:
        await self.open.wait()
        self.got.append(text)


async def at_once(work):
    return work()


@contextlib.asynccontextmanager
async def writing(client: StreamClient, net: Net):
    task = asyncio.create_task(client.write(net.send, at_once))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(client: StreamClient) -> None:
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not client.waiting and not any(tail.due for tail in client.tails.values()):
            return
    raise AssertionError(f"{client.waiting} frames still wait")


async def test_a_client_that_keeps_up_gets_everything_in_order():
    client, net = StreamClient(CALLER), Net()
    async with writing(client, net):
        for number in range(500):
            client.offer("orders", str(number))
        await settled(client)
    assert net.got == [str(number) for number in range(500)]
    assert client.dropped.total() == 0


async def test_a_slow_client_loses_the_oldest_events_and_each_is_counted():
    client = StreamClient(CALLER)
    for number in range(MAX_EVENTS + 300):
        client.offer("orders" if number % 2 else "traces:x", str(number))
    assert client.waiting == MAX_EVENTS
    assert client.dropped == {"orders": 150, "traces:x": 150}
    net = Net()
    async with writing(client, net):
        await settled(client)
    counters = [frame for frame in net.got if "dropped" in frame]
    assert [orjson.loads(frame) for frame in counters] == [
        {"dropped": 300, "by_channel": {"traces:x": 150, "orders": 150}}
    ]
    assert [frame for frame in net.got if frame not in counters] == [
        str(number) for number in range(300, MAX_EVENTS + 300)
    ]


def test_large_events_are_bounded_by_their_size():
    client = StreamClient(CALLER)
    for _ in range(100):
        client.offer("tca", "x" * (MAX_BYTES // 10))
    assert client.waiting == 10
    assert client.dropped == {"tca": 90}


async def test_of_a_state_only_the_newest_waits():
    client, net = StreamClient(CALLER), Net()
    for number in range(50):
        client.show("prices:BTC-USD", f"btc {number}")
        client.show("fair_price", f"eth {number}", "ETH-USD")
        client.show("fair_price", f"btc {number}", "BTC-USD")
    assert client.waiting == 3
    assert client.dropped == {"prices:BTC-USD": 49, "fair_price": 98}
    async with writing(client, net):
        await settled(client)
    assert [frame for frame in net.got if "dropped" not in frame] == ["btc 49", "eth 49", "btc 49"]


async def test_losses_are_told_at_most_once_a_second():
    now = 0.0
    client, net = StreamClient(CALLER, clock=lambda: now), Net()
    async with writing(client, net):
        for tenth in range(25):
            now = tenth / 10
            client.show("edges", "old")
            client.show("edges", "new")
            client.tick()
            await settled(client)
            await asyncio.sleep(0)
    counters = [orjson.loads(frame)["dropped"] for frame in net.got if "dropped" in frame]
    assert counters == [1, 11, 21]


async def test_rows_are_read_in_pages_however_slow_the_client():
    rows = {seq: {"n": seq} for seq in range(1, 5 * PAGE)}
    asked: list[int] = []

    def read(cursor: int):
        asked.append(cursor)
        return [(seq, row) for seq, row in sorted(rows.items()) if seq > cursor][:PAGE]

    client, net = StreamClient(CALLER), Net()
    client.tails["fills"] = Tail("fills", 0, read)
    net.open.clear()
    async with writing(client, net):
        client.wake("fills")
        for _ in range(100):
            client.wake("fills")
            await asyncio.sleep(0)
        assert asked == [0], "nothing is read ahead of the client"
        net.open.set()
        await settled(client)
        rows[5 * PAGE] = {"n": 5 * PAGE}
        client.look()  # nobody woke it
        await settled(client)
    frames = [orjson.loads(frame) for frame in net.got]
    assert [frame["data"]["n"] for frame in frames] == list(range(1, 5 * PAGE + 1))
    assert [frame["seq"] for frame in frames] == list(range(1, 5 * PAGE + 1))


async def test_a_database_that_is_away_only_delays():
    broken = True

    def read(cursor: int):
        if broken:
            raise sa.exc.OperationalError("select", {}, Exception("away"))
        return [(1, {})] if cursor < 1 else []

    client, net = StreamClient(CALLER), Net()
    client.tails["fills"] = Tail("fills", 0, read)
    async with writing(client, net):
        client.look()
        await settled(client)
        assert net.got == []
        broken = False
        client.look()
        await settled(client)
    assert len(net.got) == 1


async def test_a_client_that_reads_no_answers_is_not_read_itself():
    client, net = StreamClient(CALLER), Net()
    for number in range(MAX_ANSWERS):
        await client.answer(str(number))
    waiting = asyncio.create_task(client.answer("one more"))
    await asyncio.sleep(0)
    assert not waiting.done()
    async with writing(client, net):
        await waiting
        await settled(client)
    assert net.got[-1] == "one more"


def test_what_waits_of_a_channel_goes_with_it():
    client = StreamClient(CALLER)
    client.offer("orders", "1")
    client.offer("tca", "2")
    client.show("edges", "3")
    client.forget({"orders", "edges"})
    assert client.waiting == 1
    assert client.dropped.total() == 0
