"""What an edge tells the bus: rows that are stored, and books that moved."""

from __future__ import annotations

from collections import Counter

import orjson

from sequence_paper.edge.announce import announcements
from sequence_paper.edge.books import BookCaster
from sequence_paper.edge.latency import LatencyHistogram
from sequence_paper.edge.views import event_view, latency_view
from sequence_paper.feed.events import FeedState, FeedStatus
from sequence_paper.store.views import order_view

SECOND = 10**9


def test_only_stored_rows_are_announced_and_each_as_the_api_shows_it(edge, algos):
    import asyncio

    stored = []
    edge.journal.after_flush = stored.append
    dep = edge.deploy(algos["maker"], params=(5,))
    asyncio.run(edge.converge())
    stored.clear()
    edge.tick(SECOND)
    assert edge.journal.trading
    assert stored == [], "nothing is announced before it is stored"
    edge.journal.flush()
    told = [
        (subject, orjson.loads(payload)) for writes in stored for subject, payload in announcements(writes)
    ]
    orders = [row for subject, row in told if subject == f"order.{edge.account}.sandbox"]
    assert orders == [order_view(order) for order in edge.orders()]
    assert {row["status"] for row in orders} == {"OPEN"}
    stored.clear()
    edge.feed(edge.trade(2 * SECOND, 50_000, 10**9, -1))
    lines = len(edge.logs(dep))
    told = [
        (subject, orjson.loads(payload)) for writes in stored for subject, payload in announcements(writes)
    ]
    kinds = Counter(subject.split(".")[0] for subject, _ in told)
    assert (kinds["order"], kinds["fill"], kinds["log"]) == (1, 1, 1)
    assert kinds["trace"] > 0
    assert dict(told)[f"fill.{edge.account}.sandbox"] == {"n": len(edge.fills())}
    assert 0 < dict(told)[f"log.{dep}"]["n"] <= lines


def test_a_book_is_shown_when_it_changed_and_once_a_second(edge):
    caster = BookCaster(edge.core, "venue-edge-kraken", "kraken", "spot")

    def due(now: int) -> list[tuple[str, dict]]:
        return [(subject, orjson.loads(payload)) for subject, payload in caster.due(now)]

    first = due(0)
    assert [subject for subject, _ in first] == ["book.kraken.BTC-USD", "book.kraken.ETH-USD"]
    shown = first[0][1]
    bids, asks = edge.markets["BTC-USD"].top(20)
    assert shown["bids"] == [list(level) for level in bids]
    assert shown["asks"] == [list(level) for level in asks]
    assert (shown["state"], shown["seq"], shown["ts_ns"]) == ("ok", 1, edge.core.now_ns)
    assert due(SECOND - 1) == [], "nothing has changed"
    edge.tick(1)
    (moved,) = due(SECOND - 1)
    assert (moved[1]["symbol"], moved[1]["seq"]) == ("BTC-USD", 2)
    assert [book["symbol"] for _, book in due(SECOND)] == ["ETH-USD"], "the other was just shown"
    edge.feed(FeedStatus("BTC-USD", edge.core.now_ns, FeedState.GAP))
    (gap,) = due(SECOND)
    assert gap[1]["state"] == "gap"


def test_showing_a_book_leaves_the_cut_that_callbacks_use(edge):
    market = edge.markets["BTC-USD"]
    before = market.top(20)[0]
    list(BookCaster(edge.core, "venue-edge-kraken", "kraken", "spot").due(0))
    assert market.top(20)[0] is before


def test_latencies_of_an_edge_are_those_of_all_its_samples():
    one, other = LatencyHistogram(), LatencyHistogram()
    for _ in range(99):
        one.add(1_000)
    other.add(1_000_000)
    merged = LatencyHistogram.merged([one, other, LatencyHistogram()])
    assert merged.count == 100
    assert merged.percentile(0.5) == one.percentile(0.5)
    assert merged.percentile(0.99) == other.percentile(0.5)
    assert latency_view([]) is None


def test_events_say_what_kind_they_are(edge, algos):
    import asyncio

    dep = edge.deploy(algos["maker"])
    asyncio.run(edge.converge())
    hosted = edge.get(dep)
    assert (event_view(hosted)["kind"], event_view(hosted)["revision"]) == ("instance", 1)
    edge.core.callbacks.pause(hosted, "because")
    assert (event_view(hosted)["kind"], event_view(hosted)["pause_reason"]) == ("paused", "because")
