"""Orders that may only bring a position nearer to zero, and orders that are good till a time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_paper.venue.orders import Acked, Cancelled, CancelReason, Filled, OrderType

BOOK = ({98: 40}, {102: 40})


def test_without_a_position_it_is_refused(scene, told):
    made = scene()
    made.book(*BOOK)
    assert told(made.order(-1, 1, reduce_only=True)) == ["reject 2"]
    made.order(1, 3)
    assert told(made.order(1, 1, 90, reduce_only=True)) == ["reject 2"]


def test_it_is_cut_to_the_position(scene, told):
    made = scene()
    made.book(*BOOK)
    made.order(1, 3)
    assert told(made.order(-1, 5, 110, key="out", reduce_only=True)) == ["ack"]
    assert made.open()["out"][1] == 3
    made.amend("out", qty=9, px=111)
    assert made.open()["out"][:2] == (111, 3)


def test_it_shrinks_with_the_position_and_ends_with_it(scene, told):
    made = scene()
    made.book(*BOOK)
    made.order(1, 3)
    made.order(-1, 3, 110, key="out", reduce_only=True)
    assert told(made.order(-1, 2)) == ["ack gone", "take 2@98", "amend 1@110 kept"]
    assert told(made.order(-1, 1)) == ["ack gone", "take 1@98", "cancel 1 reduce-only"]


def test_two_in_one_print_close_a_position_once(scene):
    made = scene()
    made.book({98: 40}, {})
    made.order(1, 3, 99)
    made.trade(-1, 97, 3)
    for key in ("one", "two"):
        made.order(-1, 3, 101, key=key, reduce_only=True)
    made.trade(1, 102, 50)
    assert sum(e.side * e.qty_1e8 for e in made.log if isinstance(e, Filled)) == 0
    assert made.open() == {}


def test_a_position_of_before_counts(scene, told):
    made = scene()
    made.book(*BOOK)
    made.market.holds("a", "mm", -2 * 10**8)
    assert told(made.order(1, 5, reduce_only=True)) == ["ack gone", "take 2@102"]


STEP = st.one_of(
    st.tuples(
        st.just("order"),
        st.sampled_from([1, -1]),
        st.integers(1, 6),
        st.integers(95, 105),
        st.sampled_from([0, 0, 2, 3, 4]),
        st.booleans(),
    ),
    st.tuples(st.just("print"), st.sampled_from([1, -1]), st.integers(1, 9), st.integers(0, 3)),
    st.tuples(st.just("amend"), st.integers(1, 12), st.integers(1, 9), st.integers(95, 105)),
)


@settings(max_examples=80, deadline=None)
@given(st.integers(-5, 5), st.lists(STEP, max_size=25))
def test_it_never_opens_nor_turns_a_position(scene, held, steps):
    made, reducing, net = scene(), set(), held
    made.book({98: 3, 97: 4, 95: 9}, {102: 3, 103: 4, 105: 9})
    made.market.holds("a", "mm", held * 10**8)
    for number, (kind, *rest) in enumerate(steps):
        begin = len(made.log)
        if kind == "order":
            side, qty, px, order_type, only = rest
            made.order(side, qty, px, OrderType(order_type), key=f"o{number}", reduce_only=only)
            reducing |= {f"o{number}"} if only else set()
        elif kind == "print":
            aggressor, qty, beyond = rest
            made.trade(aggressor, 100 + aggressor * (2 + beyond), qty)
        else:
            made.amend(f"o{rest[0]}", rest[1], rest[2])
        for fill in (e for e in made.log[begin:] if isinstance(e, Filled)):
            signed = fill.side * fill.qty_1e8 // 10**8
            if fill.key in reducing:
                assert net * fill.side < 0
                assert abs(signed) <= abs(net)
            net += signed
        for order in made.market.open_orders():
            if order.key in reducing:
                assert order.qty_1e8 - order.filled_1e8 <= -net * order.side * 10**8


def test_time_ends_an_order_also_when_its_symbol_is_silent(scene):
    made = scene()
    made.book(*BOOK)
    (ack,) = made.order(1, 1, 90, key="brief", expire_ns=made.now + 5)
    assert isinstance(ack, Acked)
    assert made.market.elapse(made.now + 3) == []
    (ended,) = made.market.elapse(made.now + 5)
    assert isinstance(ended, Cancelled)
    assert (ended.key, ended.reason) == ("brief", CancelReason.EXPIRED)
