"""Slippage of a size on a book: tables worked out by hand, and the properties of the walk."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.analysis.liquidity import Book, curve, percentile, walk, within_1e9
from sequence_paper.analysis.market import MIN_REGIME_NS, Spread, regime, shares, spread
from sequence_paper.feed.events import BUY, SELL

USD = 10**9
BTC = 10**8
# Mid 100: 1 BTC each at 101, 102, 104 and at 99, 98, 96.
LEVELS = (
    [(99 * USD, BTC), (98 * USD, BTC), (96 * USD, BTC)],
    [(101 * USD, BTC), (102 * USD, BTC), (104 * USD, BTC)],
)
ONE = Book("a", *LEVELS, taker_ppm=1000)


@pytest.mark.parametrize(
    ("side", "size", "average"),
    [
        (BUY, 50, 101.0),  # inside the first level
        (BUY, 101, 101.0),  # exactly the first level
        (BUY, 152, 152 / (1 + 51 / 102)),  # half of the second
        (BUY, 307, 307 / 3),  # the whole side
        (SELL, 50, 99.0),
        (SELL, 197, 197 / 2),
        (SELL, 245, 245 / (2 + 48 / 96)),
    ],
)
def test_a_walk_costs_what_it_costs_by_hand(side: int, size: int, average: float) -> None:
    walked = walk(side, size, [ONE])  # type: ignore[arg-type]
    assert walked is not None
    assert walked.slippage_bps == pytest.approx(side * (average - 100) / 100 * 10_000, rel=1e-12)
    assert walked.fee_bps == pytest.approx(10)
    assert walked.all_in_bps == pytest.approx(walked.slippage_bps + 10)


def test_a_size_beyond_the_book_is_not_guessed() -> None:
    assert walk(BUY, 308, [ONE]) is None
    assert walk(SELL, 294, [ONE]) is None
    assert walk(BUY, 1, [Book("a", [], LEVELS[1], 0)]) is None


def test_a_split_order_takes_the_cheapest_with_fees_first() -> None:
    dear = Book(
        "dear", [(99 * USD, BTC)], [(100_500_000_000, BTC)], taker_ppm=20_000
    )  # 100.5, 102.51 with fees
    walked = walk(BUY, 150, [ONE, dear])
    # 1 BTC at 101 (101.101 with fees), then 102 (102.102 with fees), then only 100.5.
    assert walked is not None
    mid = (99 + 100.5) / 2
    assert walked.slippage_bps == pytest.approx((150 / (1 + 49 / 102) - mid) / mid * 10_000)
    assert walked.fee_bps == pytest.approx(10)
    more = walk(BUY, 250, [ONE, dear])
    assert more is not None
    assert more.fee_bps == pytest.approx((203 * 1000 + 47 * 20_000) / 250 / 100)


book_sides = st.lists(st.integers(1, 50), min_size=1, max_size=20)


@given(bids=book_sides, asks=book_sides, size=st.integers(1, 5_000), side=st.sampled_from([BUY, SELL]))
def test_cost_rises_with_size_and_equals_a_float_walk(
    bids: list[int], asks: list[int], size: int, side: int
) -> None:
    book = Book(
        "a",
        [((1000 - n) * USD, sz * BTC // 10) for n, sz in enumerate(bids)],
        [((1001 + n) * USD, sz * BTC // 10) for n, sz in enumerate(asks)],
        0,
    )
    smaller, walked = walk(side, max(1, size // 2), [book]), walk(side, size, [book])  # type: ignore[arg-type]
    left, base = float(size), 0.0
    for px, sz in book.asks if side == BUY else book.bids:
        take = min(sz / BTC, left / (px / USD))
        base, left = base + take, left - take * px / USD
        if left <= 1e-9:
            break
    if left > 1e-6:
        assert walked is None
        return
    if walked is None:  # the float walk ended within its error of the last level
        assert left > -1e-6
        return
    assert smaller is not None and smaller.slippage_bps <= walked.slippage_bps + 1e-9
    assert walked.slippage_bps == pytest.approx(side * (size / base - 1000.5) / 1000.5 * 10_000, abs=1e-5)


def test_percentiles_are_values_and_missing_ones_are_the_worst() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([1.0, None, 2.0], 50) == 2.0
    assert percentile([1.0, None, None], 50) is None
    assert percentile([float(n) for n in range(1, 11)], 90) == 9.0
    assert percentile([*map(float, range(1, 10)), None], 90) == 9.0
    assert percentile([*map(float, range(1, 9)), None, None], 90) is None
    assert percentile([], 50) is None


def test_a_curve_counts_what_it_stands_on() -> None:
    thin = Book("a", [(99 * USD, BTC)], [(101 * USD, BTC)], 0)
    [small, large] = curve(BUY, [100, 250], [[ONE], [thin], [ONE]])
    assert (small.n, small.short, large.n, large.short) == (3, 0, 2, 1)
    assert small.p50_bps == pytest.approx(100)
    assert large.p50_bps is not None and large.p90_bps is None


def test_depth_within_a_band_says_when_the_sample_ends_before_it() -> None:
    assert within_1e9(ONE, BUY, 100) == (99 * USD, False)
    assert within_1e9(ONE, BUY, 200) == (197 * USD, False)
    assert within_1e9(ONE, SELL, 200) == (203 * USD, False)
    assert within_1e9(ONE, SELL, 400) == (307 * USD, True)
    assert within_1e9(Book("a", [], [(1, 1)], 0), BUY, 10) is None


def test_spread_is_weighted_by_the_time_it_stood() -> None:
    found = spread([(99, 101, 3), (98, 102, 1)])
    assert found is not None
    assert found.mean == pytest.approx((200 * 3 + 400) / 4)
    assert (found.p50, found.p90, found.ns) == (pytest.approx(200), pytest.approx(400), 4)
    assert spread([]) is None and spread([(99, 101, 0)]) is None


def test_the_regime_is_said_only_when_enough_is_known() -> None:
    usual = Spread(2.0, 1.0, 2.0, 3.0, 4.0, MIN_REGIME_NS)

    def now(mean: float) -> Spread:
        return Spread(mean, mean, mean, mean, mean, 1)

    assert [regime(usual, now(m)) for m in (0.5, 1.0, 3.0, 3.1)] == ["tight", "normal", "normal", "wide"]
    assert regime(None, now(1)) is None and regime(usual, None) is None
    assert regime(Spread(2.0, 1.0, 2.0, 3.0, 4.0, MIN_REGIME_NS - 1), now(9)) is None


def test_shares_sum_to_one_or_are_not_known() -> None:
    assert shares({"a": 1, "b": 3}) == {"a": 0.25, "b": 0.75}
    assert shares({"a": 0}) == {"a": None}
    assert math.isclose(sum(v or 0 for v in shares({"a": 7, "b": 11, "c": 13}).values()), 1)
