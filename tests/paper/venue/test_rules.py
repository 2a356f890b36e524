"""Venue grids: rounding is never more aggressive than asked; the book's own bookkeeping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.feed.events import BookSnapshot
from sequence_paper.venue.admission import Admitted, admit
from sequence_paper.venue.book import Book
from sequence_paper.venue.orders import Order, OrderType
from sequence_paper.venue.rules import SymbolRules, listed, symbol_rules, venue_fees

RULES = symbol_rules("kraken", "BTC-USD")
assert RULES is not None


def order(side: int, px: int, qty: int, kind: OrderType = OrderType.LIMIT) -> Order:
    return Order("k", "a", "a/algo", "BTC-USD", side, kind, qty, px)  # type: ignore[arg-type]


@given(st.sampled_from([1, -1]), st.integers(1, 10**14), st.integers(1, 10**10))
def test_rounding_stays_within_one_tick_and_lot_on_the_passive_side(side, px, qty):
    rules = SymbolRules("BTC-USD", 100_000_000, 10_000, 10_000, 0, 1, 4)
    admitted = admit(order(side, px, qty), rules, strict=False, reference_1e9=0, now_ns=0)
    if isinstance(admitted, str):
        assert qty < 10_000 or (side == 1 and px < 100_000_000)
        return
    assert admitted.px_1e9 % rules.tick_size_1e9 == 0
    assert admitted.qty_1e8 % rules.lot_size_1e8 == 0
    assert 0 <= (px - admitted.px_1e9) * side < rules.tick_size_1e9
    assert 0 <= qty - admitted.qty_1e8 < rules.lot_size_1e8


@given(st.sampled_from([1, -1]), st.integers(10**9, 10**14), st.integers(10**6, 10**10))
def test_strict_takes_exactly_what_is_on_the_grid(side, px, qty):
    rules = SymbolRules("BTC-USD", 100_000_000, 10_000, 10_000, 0, 1, 4)
    strict = admit(order(side, px, qty), rules, strict=True, reference_1e9=0, now_ns=0)
    on_grid = px % rules.tick_size_1e9 == 0 and qty % rules.lot_size_1e8 == 0
    assert (strict == Admitted(px, qty)) if on_grid else isinstance(strict, str)


@pytest.mark.parametrize(
    ("px", "qty", "kind", "reference", "why"),
    [
        (78_000 * 10**9, 4_999, OrderType.LIMIT, 0, "below the minimum 5000"),
        (78_000 * 10**9, 5_000, OrderType.LIMIT, 0, ""),
        (9_000 * 10**9, 5_000, OrderType.LIMIT, 0, "notional 450000000 is below the minimum 500000000"),
        (0, 5_000, OrderType.MARKET, 9_000 * 10**9, "notional 450000000 is below the minimum 500000000"),
        (0, 5_000, OrderType.MARKET, 0, ""),
        (10_000_000, 10**8, OrderType.LIMIT, 0, "less than one tick"),
    ],
)
def test_minimum_sizes(px, qty, kind, reference, why):
    answer = admit(order(1, px, qty, kind), RULES, strict=False, reference_1e9=reference, now_ns=0)
    assert why in answer if why else isinstance(answer, Admitted)


def test_the_wrong_symbol_or_side_is_refused():
    wrong = Order("k", "a", "a/algo", "ETH-USD", 1, OrderType.LIMIT, 10**8, 10**12)
    assert admit(wrong, RULES, strict=False, reference_1e9=0, now_ns=0) == (
        "symbol 'ETH-USD' is not traded here, BTC-USD is"
    )
    assert "neither 1 (buy) nor -1 (sell)" in str(
        admit(order(0, 10**12, 10**8), RULES, strict=False, reference_1e9=0, now_ns=0)
    )


def test_every_listed_market_has_rules_and_fees_that_fit_together():
    assert ("kraken", "BTC-USD") in listed()
    for venue, symbol in listed():
        rules, fees = symbol_rules(venue, symbol), venue_fees(venue)
        assert rules is not None
        assert fees is not None
        assert rules.tick_size_1e9 * 10**rules.price_precision == 10**9
        assert rules.lot_size_1e8 * 10**rules.qty_precision == 10**8
        assert rules.min_qty_1e8 % rules.lot_size_1e8 == 0
        assert 0 < fees.maker_ppm <= fees.taker_ppm
    assert symbol_rules("kraken", "DOGE-USD") is None
    assert venue_fees("nowhere") is None


CHANGES = st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 30), st.integers(0, 4)), max_size=80)


@given(CHANGES, st.integers(0, 10))
def test_the_book_is_the_last_size_of_every_level_in_price_order(changes, n):
    book = Book()
    plain: dict[int, dict[int, int]] = {1: {}, -1: {}}
    for side, px, size in changes:
        assert book.apply(side, px, size) == plain[side].get(px, 0)
        plain[side][px] = size
    bids = [(px, plain[1][px]) for px in sorted(plain[1], reverse=True) if plain[1][px]]
    asks = [(px, plain[-1][px]) for px in sorted(plain[-1]) if plain[-1][px]]
    assert book.top(n) == (bids[:n], asks[:n])
    assert (list(book.from_best(1)), list(book.from_best(-1))) == (bids, asks)
    assert book.best() == (bids[0][0] if bids else 0, asks[0][0] if asks else 0)
    assert book.crossed() == bool(bids and asks and bids[0][0] >= asks[0][0])
    again = Book()
    again.load(BookSnapshot("BTC-USD", 0, tuple(bids), tuple(asks), 0))
    assert again.top(99) == book.top(99)
