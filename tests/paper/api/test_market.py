"""Books of several venues as one: what counts, what is too old, what crosses. Pure, without a bus."""

from __future__ import annotations

import time

import orjson
import pytest

from sequence_paper.api.bus import Bus
from sequence_paper.api.market import FRESH_NS, MarketView, VenueBook, consolidate

UNIT, COIN = 10**9, 10**8


def book(venue: str = "kraken", *, bid: int = 99, ask: int = 101, **more) -> VenueBook:
    """Three levels a side, one apart, 1.0 at each."""
    fields = {
        "venue": venue,
        "symbol": "BTC-USD",
        "instrument_type": "spot",
        "edge_id": f"venue-edge-{venue}",
        "seq": 1,
        "state": "ok",
        "bids": [((bid - i) * UNIT, COIN) for i in range(3)],
        "asks": [((ask + i) * UNIT, COIN) for i in range(3)],
        "ts_ns": 5,
        "heard_ns": 10**18,
    }
    return VenueBook(**{**fields, **more})


def message(**more) -> bytes:
    said = {
        "venue": "kraken",
        "symbol": "BTC-USD",
        "instrument_type": "spot",
        "edge_id": "venue-edge-kraken",
        "ts_ns": 7,
        "sent_ns": 8,
        "seq": 1,
        "state": "ok",
        "bids": [[99 * UNIT, COIN]],
        "asks": [[101 * UNIT, COIN]],
    }
    return orjson.dumps({**said, **more})


def test_equal_prices_are_added_and_the_best_come_first():
    one = consolidate([book("kraken"), book("coinbase", bid=98, ask=100, ts_ns=9)], depth=10)
    assert [(px // UNIT, sz // COIN) for px, sz in one.bids] == [(99, 1), (98, 2), (97, 2), (96, 1)]
    assert [(px // UNIT, sz // COIN) for px, sz in one.asks] == [(100, 1), (101, 2), (102, 2), (103, 1)]
    assert (one.venues, one.ts_ns, one.crossed) == (["kraken", "coinbase"], 9, False)


def test_no_more_levels_than_asked_for():
    one = consolidate([book("kraken"), book("coinbase")], depth=2)
    assert [px // UNIT for px, _ in one.bids] == [99, 98]
    assert [px // UNIT for px, _ in one.asks] == [101, 102]


@pytest.mark.parametrize(("ask", "crossed"), [(99, True), (98, True), (100, False)])
def test_two_venues_that_cross_have_no_price_between_them(ask, crossed):
    assert consolidate([book("kraken"), book("coinbase", bid=90, ask=ask)], depth=3).crossed is crossed


def test_a_side_without_levels_does_not_cross():
    assert not consolidate([book(bids=[])], depth=3).crossed


def test_only_what_is_fresh_and_believed_counts():
    view = MarketView(Bus("nats://127.0.0.1:1"))
    for venue, state in (("kraken", "ok"), ("coinbase", "gap"), ("binance", "stale")):
        view.hear(message(venue=venue, state=state))
    now = time.time_ns()
    assert [book.venue for book in view.books("BTC-USD")] == ["binance", "coinbase", "kraken"]
    assert [book.venue for book in view.usable("BTC-USD", now)] == ["kraken"]
    assert view.usable("BTC-USD", now + FRESH_NS) == []
    assert view.consolidated("BTC-USD", 10, now + FRESH_NS) is None
    assert view.books("BTC-USD")[0].age_ms(now + FRESH_NS) >= FRESH_NS // 1_000_000 - 1


def test_watchers_hear_of_every_book_and_the_newest_stays():
    view, told = MarketView(Bus("nats://127.0.0.1:1")), []
    view.on_change(told.append)
    view.hear(message())
    view.hear(message(seq=2, bids=[]))
    view.hear(message(symbol="ETH-USD"))
    assert told == ["BTC-USD", "BTC-USD", "ETH-USD"]
    assert view.symbols() == ["BTC-USD", "ETH-USD"]
    assert [(found.seq, found.bids) for found in view.books("BTC-USD")] == [(2, [])]
    assert view.books("nothing") == []
