"""Hypothesis strategies for what happens at a market: levels, prints, orders, cancels and amends, as tuples."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from sequence_paper.feed.events import BUY, SELL
from sequence_paper.venue.orders import OrderType, SelfTrade

SIDE = st.sampled_from([BUY, SELL])
PX = st.integers(94, 106)
QTY = st.integers(1, 6)
LEVEL = st.tuples(st.just("level"), SIDE, PX, st.integers(0, 8))
PRINT = st.tuples(st.just("print"), SIDE, QTY, st.integers(0, 3), st.booleans())
ORDER = st.tuples(
    st.just("order"),
    SIDE,
    QTY,
    PX,
    st.sampled_from([int(kind) for kind in OrderType]),
    st.sampled_from(["a", "b"]),
)
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 30))
AMEND = st.tuples(st.just("amend"), st.integers(0, 30), st.integers(0, 8), st.one_of(st.just(0), PX))
SCRIPT = st.lists(st.one_of(LEVEL, PRINT, ORDER, ORDER, CANCEL, AMEND), max_size=40)
_NEAR = st.sampled_from([97, 98])
_JOIN = st.tuples(
    st.just("order"), st.just(BUY), st.integers(1, 4), _NEAR, st.just(int(OrderType.POST_ONLY)), st.just("a")
)
_TURN = st.tuples(st.just("level"), st.just(BUY), _NEAR, st.integers(1, 30))
_TAKE = st.tuples(
    st.just("print"), st.just(SELL), st.integers(1, 5), st.sampled_from([0, 0, 0, 1]), st.booleans()
)
_COME = st.tuples(st.just("level"), st.just(SELL), _NEAR, st.integers(1, 3))
CROWD = st.lists(st.one_of(_JOIN, _JOIN, _TURN, _TURN, _TAKE, _TAKE, CANCEL, _COME), min_size=15, max_size=60)
"""Own orders stand behind one another while others come and go: where the queue models part."""
MARKET_ONLY = st.lists(st.one_of(LEVEL, PRINT), max_size=40)
POLICY = st.sampled_from(list(SelfTrade))

more = settings(max_examples=120, deadline=None)
