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
MARKET_ONLY = st.lists(st.one_of(LEVEL, PRINT), max_size=40)
POLICY = st.sampled_from(list(SelfTrade))

more = settings(max_examples=200, deadline=None)
