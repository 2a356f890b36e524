"""Each limit with the code an algo sees, at its edge."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sequence_paper.venue.orders import Order, OrderType, RejectCode
from sequence_paper.venue.risk import RiskGate, RiskLimits, RiskState

USD, COIN, SECOND = 10**9, 10**8, 10**9
FLAT = RiskState(0, 0, 0, 0, 0)
BEST = (99 * USD, 101 * USD)


def order(side: int = 1, qty: int = 1, px: int = 100, kind: OrderType = OrderType.LIMIT) -> Order:
    return Order("k", "a", "a/algo", "BTC-USD", side, kind, qty * COIN, px * USD)  # type: ignore[arg-type]


def code(
    limits: RiskLimits, wanted: Order, state: RiskState = FLAT, best: tuple[int, int] = BEST
) -> int | None:
    refusal = RiskGate(limits).check(wanted, state, best, SECOND)
    return None if refusal is None else int(refusal.code)


POSITION = RiskLimits(max_position_1e8=5 * COIN)
NOTIONAL = RiskLimits(max_order_notional_1e9=300 * USD)
DEVIATION = RiskLimits(max_price_deviation_bps=100)
LOSS = RiskLimits(max_daily_loss_1e9=50 * USD)
OPEN = RiskLimits(max_open_orders=3)


@pytest.mark.parametrize(
    ("limits", "wanted", "state", "expected"),
    [
        (RiskLimits(), order(qty=10_000, px=1), FLAT, None),
        (POSITION, order(qty=5), FLAT, None),
        (POSITION, order(qty=6), FLAT, 101),
        (POSITION, order(qty=2), replace(FLAT, open_buy_1e8=4 * COIN), 101),
        (POSITION, order(qty=2), replace(FLAT, open_sell_1e8=4 * COIN), None),
        (POSITION, order(-1, qty=12), replace(FLAT, position_1e8=7 * COIN), None),
        (POSITION, order(-1, qty=13), replace(FLAT, position_1e8=7 * COIN), 101),
        (POSITION, order(-1, qty=1), replace(FLAT, position_1e8=9 * COIN), None),
        (POSITION, order(1, qty=1), replace(FLAT, position_1e8=-9 * COIN), None),
        (POSITION, order(-1, qty=1), replace(FLAT, position_1e8=-5 * COIN), 101),
        (NOTIONAL, order(qty=3, px=100), FLAT, None),
        (NOTIONAL, order(qty=3, px=101), FLAT, 100),
        (NOTIONAL, order(qty=3, px=0, kind=OrderType.MARKET), FLAT, 100),
        (NOTIONAL, order(-1, qty=3, px=0, kind=OrderType.MARKET), FLAT, None),
        (DEVIATION, order(px=102), FLAT, None),
        (DEVIATION, order(px=103), FLAT, 103),
        (DEVIATION, order(px=97), FLAT, 103),
        (DEVIATION, order(-1, px=98), FLAT, 103),
        (DEVIATION, order(-1, px=104), FLAT, 103),
        (DEVIATION, order(px=0, kind=OrderType.MARKET), FLAT, None),
        (LOSS, order(), replace(FLAT, session_pnl_1e9=-50 * USD), None),
        (LOSS, order(), replace(FLAT, session_pnl_1e9=-50 * USD - 1), 104),
        (OPEN, order(), replace(FLAT, open_orders=2), None),
        (OPEN, order(), replace(FLAT, open_orders=3), 100),
    ],
)
def test_each_limit_at_its_edge(limits, wanted, state, expected):
    assert code(limits, wanted, state) == expected


def test_only_the_daily_loss_pauses():
    gate = RiskGate(replace(LOSS, max_open_orders=1))
    loss = gate.check(order(), replace(FLAT, session_pnl_1e9=-51 * USD), BEST, 0)
    busy = gate.check(order(), replace(FLAT, open_orders=1), BEST, 0)
    assert loss is not None
    assert busy is not None
    assert (loss.pauses, busy.pauses) == (True, False)
    assert gate.breached(-51 * USD) == loss
    assert gate.breached(-50 * USD) is None


def test_the_rate_is_counted_over_any_second_and_refused_orders_do_not_count():
    gate = RiskGate(RiskLimits(max_order_rate=2))

    def passes(at_ms: int) -> bool:
        return gate.check(order(), FLAT, BEST, at_ms * 10**6) is None

    assert [passes(ms) for ms in (0, 600, 700, 999, 1000, 1100, 1600)] == [
        True, True, False, False, True, False, True,
    ]  # fmt: skip


def test_an_empty_side_is_judged_by_the_other_and_an_empty_book_by_nothing():
    assert code(DEVIATION, order(px=98), best=(99 * USD, 0)) == 103
    assert code(DEVIATION, order(px=99), best=(99 * USD, 0)) is None
    assert code(DEVIATION, order(px=1), best=(0, 0)) is None


def test_an_amended_order_counts_what_is_left_of_it():
    gate = RiskGate(POSITION)
    bigger = order(qty=8)
    assert gate.check_amend(bigger, 3 * COIN, FLAT, BEST, 0) is None
    refusal = gate.check_amend(bigger, 2 * COIN, FLAT, BEST, 0)
    assert refusal is not None
    assert refusal.code is RejectCode.POSITION_LIMIT
