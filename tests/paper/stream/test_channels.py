"""Names of channels, tickets, prices: what needs no platform."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.api.market import Consolidated
from sequence_paper.api.pricing import book_view, fair_price_1e9, fair_view, nbbo, prices_view
from sequence_paper.api.stream.channels import Known, RejectedError, channel_of
from sequence_paper.api.stream.tickets import SECONDS, Tickets
from sequence_paper.store.records import Account, Caller

CALLER = Caller(Account("acct_1", "desk", "pro", 100), "sandbox")
KNOWN = Known(frozenset({"dep_1"}), frozenset({"BTC-USD", "ETH-USD"}))
UNIT, COIN = 10**9, 10**8


@pytest.mark.parametrize(
    ("name", "kind", "topic"),
    [
        ("orders", "events", "order.acct_1.sandbox"),
        ("fills", "rows", "fill.acct_1.sandbox"),
        ("routing", "events", "route.acct_1.sandbox"),
        ("tca", "events", "tca.acct_1.sandbox"),
        ("traces:dep_1", "events", "trace.dep_1"),
        ("deployment:dep_1", "events", "deployment.dep_1.event"),
        ("logs:dep_1", "rows", "log.dep_1"),
        ("mesh:dep_1", "mesh", "flow.dep_1"),
        ("prices:BTC-USD", "market", "prices:BTC-USD"),
        ("book:ETH-USD", "market", "book:ETH-USD"),
        ("fair_price", "market", "fair_price"),
        ("fair_price:BTC", "market", "fair_price:BTC"),
        ("edges", "edges", "edges"),
    ],
)
def test_every_channel_of_the_platform(name, kind, topic):
    channel = channel_of(name, CALLER, KNOWN)
    assert (channel.name, channel.kind, channel.topic) == (name, kind, topic)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("deployment:dep_2", "no deployment dep_2 in this account and mode"),
        ("logs:dep_1.x", "no deployment"),
        ("prices:DOGE-USD", "no edge trades DOGE-USD"),
        ("prices", "no such channel"),
        ("prices:", "after the colon"),
        ("orders:dep_1", "no such channel"),
        ("fair_price:DOGE", "no edge trades a symbol of DOGE"),
        ("funding", "only spot"),
        ("funding:kraken:BTC-USD", "only spot"),
        ("deployment.*.event", "no such channel"),
        ("", "no such channel"),
    ],
)
def test_a_rejected_channel_says_why(name, why):
    with pytest.raises(RejectedError, match=why.replace("*", r"\*")):
        channel_of(name, CALLER, KNOWN)


def test_a_ticket_opens_once_and_not_for_long():
    now = 0.0
    tickets = Tickets(clock=lambda: now)
    first, second = tickets.issue(CALLER), tickets.issue(CALLER)
    assert first.startswith("wst_") and first != second
    assert tickets.redeem(first) == CALLER
    assert tickets.redeem(first) is None
    assert tickets.redeem("wst_made_up") is None
    now = SECONDS
    assert tickets.redeem(second) is None


def book(bids, asks) -> Consolidated:
    return Consolidated(
        [(px * UNIT, sz * COIN) for px, sz in bids],
        [(px * UNIT, sz * COIN) for px, sz in asks],
        ["a", "b"],
        7,
    )


def test_prices_of_a_market_that_crosses_have_no_middle():
    crossed = book([(101, 1)], [(100, 2)])
    assert nbbo(crossed) == {"bid": 101.0, "ask": 100.0, "mid": 0.0, "spread_bps": 0.0}
    assert prices_view("X-Y", crossed)["crossed"] is True
    assert fair_view("X-Y", crossed, 10)["fair_price"] is None


def test_what_is_not_there_is_null():
    assert nbbo(None) == {"bid": None, "ask": None, "mid": None, "spread_bps": None}
    one_sided = prices_view("X-Y", book([(99, 1)], []))
    assert (one_sided["bid"], one_sided["ask"], one_sided["mid"]) == (99.0, None, None)
    assert (prices_view("X-Y", None)["source"], one_sided["source"]) == ("unavailable", "edge_nbbo")
    assert book_view("X-Y", None)["bids"] == []


def test_prices_in_both_units():
    view = prices_view("X-Y", book([(99, 3)], [(101, 2)]))
    assert (view["bid"], view["ask"], view["mid"], view["bid_sz"], view["ask_sz"]) == (
        99.0,
        101.0,
        100.0,
        3.0,
        2.0,
    )
    assert view["spread_bps"] == 200.0
    assert (view["bid_px_1e9"], view["ask_sz_1e8"], view["ts_ns"]) == (99 * UNIT, 2 * COIN, 7)


def test_depth_on_one_side_pushes_the_fair_price_to_the_other():
    even = fair_price_1e9([(99 * UNIT, COIN)], [(101 * UNIT, COIN)])
    assert even == 100 * UNIT
    heavy_bid = fair_price_1e9([(99 * UNIT, 3 * COIN)], [(101 * UNIT, COIN)])
    assert heavy_bid == 100 * UNIT + UNIT // 2


_levels = st.lists(st.tuples(st.integers(1, 10**5), st.integers(1, 10**12)), min_size=1, max_size=10)


@given(bids=_levels, asks=_levels)
def test_a_fair_price_lies_between_the_worst_levels(bids, asks):
    below = sorted(((10**14 - px * 10**6, sz) for px, sz in bids), reverse=True)
    above = sorted((10**14 + px * 10**6, sz) for px, sz in asks)
    found = fair_price_1e9(below, above)
    assert below[-1][0] <= found <= above[-1][0]
