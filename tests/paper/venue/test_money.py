"""Fees, positions and profit to the unit, checked against fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.venue.fees import FeeMeter, half_even, notional_1e9
from sequence_paper.venue.position import Position, after_fill

PX = st.integers(1, 200_000 * 10**9)
QTY = st.integers(1, 500 * 10**8)
FILLS = st.lists(st.tuples(st.sampled_from([1, -1]), PX, QTY, st.integers(-(10**9), 10**9)), max_size=30)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_half_even_is_pythons_rounding_of_the_exact_fraction(numerator, denominator):
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.lists(st.tuples(PX, QTY, st.sampled_from([-50, 0, 1, 1600, 2600, 6000])), max_size=50))
def test_the_sum_of_fee_rows_is_the_rounded_exact_sum(fills):
    meter = FeeMeter()
    charged = sum(meter.charge(px, qty, ppm) for px, qty, ppm in fills)
    assert charged == round(sum((Fraction(px * qty * ppm, 10**14) for px, qty, ppm in fills), Fraction()))


def test_a_rebate_is_a_negative_fee():
    assert FeeMeter().charge(100 * 10**9, 10**8, -100) == -(10**7)


@pytest.mark.parametrize(
    ("fills", "expected"),
    [
        pytest.param([(1, 100, 2)], Position(2, 200), id="open"),
        pytest.param([(1, 100, 1), (1, 110, 1)], Position(2, 210), id="add"),
        pytest.param([(1, 100, 2), (-1, 130, 1)], Position(1, 100, 30), id="reduce"),
        pytest.param([(1, 100, 2), (-1, 130, 2)], Position(0, 0, 60), id="close"),
        pytest.param([(1, 100, 2), (-1, 130, 5)], Position(-3, -390, 60), id="turn around"),
        pytest.param([(-1, 100, 2), (1, 90, 1)], Position(-1, -100, 10), id="cover a short"),
    ],
)
def test_booking_fills(fills, expected):
    position = Position()
    for side, px, qty in fills:
        position = after_fill(position, side, px * 10**9, qty * 10**8, 0)
    usd = Position(
        position.qty_1e8 // 10**8,
        position.cost_1e9 // 10**9,
        position.realized_1e9 // 10**9,
        position.fees_1e9,
    )
    assert usd == expected


@given(FILLS, PX)
def test_realized_and_unrealized_are_all_money_that_moved(fills, mark):
    position = Position()
    cash = held = fees = 0
    for side, px, qty, fee in fills:
        position = after_fill(position, side, px, qty, fee)
        held += side * qty
        fees += fee
        cash -= notional_1e9(px, qty) * side
    assert position.qty_1e8 == held
    assert position.fees_1e9 == fees
    assert position.realized_1e9 + position.unrealized_1e9(mark) == (
        cash + notional_1e9(mark, held) if held else cash
    )


@given(FILLS)
def test_a_flat_position_has_no_cost_and_the_average_lies_between_the_prices_paid(fills):
    position = Position()
    low = high = 0
    for side, px, qty, fee in fills:
        turned = (position.qty_1e8 + side * qty) * position.qty_1e8 <= 0
        low, high = (px, px) if turned else (min(low, px), max(high, px))
        position = after_fill(position, side, px, qty, fee)
        if position.qty_1e8 == 0:
            assert (position.cost_1e9, position.avg_entry_1e9) == (0, 0)
        else:
            assert position.cost_1e9 * position.qty_1e8 >= 0
            # Money is rounded to 1e-9: on a tiny quantity that moves the average by this much.
            slack = 2 * len(fills) * 10**8 // abs(position.qty_1e8) + 1
            assert low - slack <= position.avg_entry_1e9 <= high + slack


@given(st.integers(-(500 * 10**8), 500 * 10**8), PX)
def test_a_position_rebuilt_from_its_average_has_that_average(qty, avg):
    position = Position.from_average(qty, avg, 7, 3)
    slack = 10**8 // abs(qty) + 1 if qty else avg
    assert abs(position.avg_entry_1e9 - avg) <= slack
    assert (position.realized_1e9, position.fees_1e9, position.net_1e9) == (7, 3, 4)


def test_a_fill_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="positive quantity"):
        after_fill(Position(), 1, 10**9, 0, 0)
