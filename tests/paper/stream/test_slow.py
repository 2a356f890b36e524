"""A client that does not read while ten thousand events a second happen: fills complete, every loss counted."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import nats
import orjson

from sequence_paper.api.stream.client import MAX_BYTES, MAX_EVENTS
from sequence_paper.mesh.wire import trace_subject
from sequence_paper.store import Store
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.trades import Fill
from support.processes import wait_until

EVENTS, A_SECOND = 30_000, 10_000
FILLS, A_COMMIT = 1_500, 100


async def publish(url: str, subject: str, number_from: int, count: int) -> None:
    """So many events, at ten thousand a second when the machine can."""
    client = await nats.connect(url)
    filler = "x" * 900
    began = time.monotonic()
    for number in range(count):
        await client.publish(subject, orjson.dumps({"n": number_from + number, "detail": filler}))
        if number % 500 == 499:
            await client.flush()
            await asyncio.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
    await client.flush()
    await client.close()


def commit_fills(store: Store, like: Fill) -> None:
    """Without a word on the bus: nothing may depend on it."""
    for first in range(0, FILLS, A_COMMIT):
        fills = [replace(like, fill_id=f"made/{number}") for number in range(first, first + A_COMMIT)]
        store.commit(EdgeWrites(fills=fills))


def test_fills_are_complete_and_every_lost_event_is_counted(trader, paper, algos, request):
    dep = trader.deploy(algos["maker"], start=False)
    channel = f"traces:{dep}"
    slow, quick = trader.listen(channel, "fills"), trader.listen("fills")
    slow.reading.clear()
    store = Store(paper.db)
    request.addfinalizer(store.close)
    account = trader.get("/account")["account_id"]
    like = Fill(
        "f", "graph:dep:main:1", account, "sandbox", dep, "mm", "main", "venue-edge-kraken", "kraken", "spot",
        "BTC-USD", "buy", 50_000 * 10**9, 10**6, 0, "maker", 0, 1,
    )  # fmt: skip
    writing = threading.Thread(target=commit_fills, args=(store, like))
    writing.start()
    asyncio.run(publish(paper.nats_url, trace_subject(dep), 0, EVENTS))
    writing.join()
    expected = [f"made/{number}" for number in range(FILLS)]
    wait_until(lambda: len(quick.data("fills")) >= FILLS, "the other client is not held up")
    assert [row["fill_id"] for row in quick.data("fills")] == expected
    assert len(slow.data("fills")) < FILLS, "it would not have been slow"

    slow.reading.set()
    wait_until(lambda: len(slow.data("fills")) >= FILLS, "all fills, late")
    assert [row["fill_id"] for row in slow.data("fills")] == expected
    wait_until(
        lambda: slow.dropped().get(channel, 0) + len(slow.data(channel)) == EVENTS, "every event is told of"
    )
    assert set(slow.dropped()) == {channel}
    numbers = [event["n"] for event in slow.data(channel)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == EVENTS - 1, "what is newest stays"
    # What it got at once when it read again is what was kept for it (and what lay in the sockets before).
    kept = min(MAX_EVENTS, MAX_BYTES // 900)
    assert numbers[-kept // 2 :] == list(range(EVENTS - kept // 2, EVENTS))
