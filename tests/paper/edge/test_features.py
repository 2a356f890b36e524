"""Online features, by hand and against their definitions written down naively."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.edge import features as module
from sequence_paper.edge.features import ABSENT, EMPTY, Features, depth_imbalance, microprice
from sequence_paper.feed.events import Level

SECOND = 10**9
FIELDS = {
    "version": ("H", 0),
    "flags": ("H", 2),
    "microprice": ("Q", 8),
    "ofi_1": ("q", 16),
    "ofi_5": ("q", 24),
    "mlofi_10": ("q", 32),
    "ofi_ewma": ("q", 40),
    "sign": ("q", 48),
    "rate": ("I", 56),
    "vpin": ("H", 60),
    "regime": ("B", 64),
    "z": ("h", 66),
    "cancel_rate": ("H", 68),
    "imbalance": ("h", 70),
    "rv_1m": ("I", 72),
    "rv_5m": ("I", 76),
    "rv_1h": ("I", 80),
    "ts": ("Q", 112),
}


def read(region: bytes) -> dict[str, int]:
    """By the offsets of the reference; everything else must be zero."""
    assert len(region) == 256
    rest = bytearray(region)
    found = {}
    for name, (kind, at) in FIELDS.items():
        (found[name],) = struct.unpack_from("<" + kind, region, at)
        rest[at : at + struct.calcsize(kind)] = bytes(struct.calcsize(kind))
    assert not any(rest)
    return found


def test_nothing_is_known_at_first() -> None:
    assert {name: value for name, value in read(EMPTY).items() if value} == {"version": 1, "regime": 1}


def test_the_microprice_leans_to_the_thinner_side() -> None:
    assert microprice([(100, 3)], [(104, 1)]) == 103
    assert microprice([(100, 0)], [(104, 0)]) == 102
    assert microprice([], [(104, 1)]) == microprice([(100, 3)], []) == 0


def test_depth_imbalance_is_of_all_levels_and_goes_to_zero() -> None:
    assert depth_imbalance([(9, 2), (8, 2)], [(10, 1)]) == 6_000
    assert depth_imbalance([(9, 1)], [(10, 2), (11, 1)]) == -5_000
    assert depth_imbalance([(9, 1)], [(10, 2)]) == -3_333  # as the crate divides
    assert (depth_imbalance([(9, 1)], []), depth_imbalance([], [])) == (10_000, 0)


BIDS, ASKS = [(100, 5), (99, 7)], [(102, 4), (103, 6)]


@pytest.mark.parametrize(
    ("bids", "asks", "first", "five"),
    [
        ([(100, 8), (99, 7)], ASKS, 3, 3),  # grew
        ([(100, 1), (99, 7)], ASKS, -4, -4),  # shrank
        ([(101, 2), (100, 5)], ASKS, 2, 2 + 5),  # a better bid: everything below moved up
        ([(99, 7)], ASKS, -5, -5 - 7),  # the best went, and nothing came behind
        (BIDS, [(102, 9), (103, 6)], -5, -5),  # more to buy presses down
        (BIDS, [(101, 3), (102, 4)], -3, -3 - 4),
        (BIDS, [(103, 6)], 4, 4 + 6),
        (BIDS, [], 4, 4 + 6),
        ([], ASKS, -5, -5 - 7),
    ],
)
def test_order_flow_is_what_a_book_update_changed(
    bids: list[Level], asks: list[Level], first: int, five: int
) -> None:
    features = Features(0)
    assert read(features.book(BIDS, ASKS, 1))["ofi_1"] == 0
    found = read(features.book(bids, asks, 2))
    assert (found["ofi_1"], found["ofi_5"], found["mlofi_10"], found["ts"]) == (first, five, five, 2)
    assert read(features.region(bids, asks, 3))["ofi_1"] == first  # a heartbeat is no update
    assert read(features.book(bids, asks, 4))["ofi_1"] == 0


def test_after_a_doubt_the_next_book_changes_nothing() -> None:
    features = Features(0)
    features.book(BIDS, ASKS, 1)
    features.suspect()
    assert read(features.book([(1, 1)], [(2, 1)], 2))["ofi_5"] == 0


def naive_flow(now: list[Level], before: list[Level], asks: bool) -> list[int]:
    """Cont, Kukanov and Stoikov by their indicator functions; where there is no level, the worst price and no size."""
    out = []
    worst = 10**18 if asks else 0
    for level in range(10):
        (p, q), (p0, q0) = (side[level] if level < len(side) else (worst, 0) for side in (now, before))
        if asks:
            out.append(-((p <= p0) * q - (p >= p0) * q0))
        else:
            out.append((p >= p0) * q - (p <= p0) * q0)
    return out


sides = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=14, unique_by=lambda level: level[0]
)


@given(st.lists(st.tuples(sides, sides), min_size=2, max_size=6))
def test_order_flow_is_that_of_the_definition(books: list[tuple[list[Level], list[Level]]]) -> None:
    features = Features(0)
    before: tuple[list[Level], list[Level]] | None = None
    for number, (bids, asks) in enumerate(books):
        now = (sorted(bids, reverse=True), sorted(asks))
        found = read(features.book(*now, number))
        flow = [0] * 10
        if before is not None:
            flow = [
                b + a
                for b, a in zip(
                    naive_flow(now[0], before[0], False), naive_flow(now[1], before[1], True), strict=True
                )
            ]
        assert [found["ofi_1"], found["ofi_5"], found["mlofi_10"]] == [flow[0], sum(flow[:5]), sum(flow)]
        before = now


@given(st.lists(st.tuples(st.integers(0, 30 * SECOND), st.sampled_from([1, -1])), max_size=40))
def test_trades_are_those_of_the_last_minute(gaps: list[tuple[int, int]]) -> None:
    features, now = Features(0), 0
    trades: list[tuple[int, int]] = []
    for gap, sign in gaps:
        now += gap
        features.trade(now, sign)  # type: ignore[arg-type]
        trades.append((now, sign))
        last = [s for ts, s in trades if now - ts < 60 * SECOND]
        found = read(features.region([], [], now))
        mean = Fraction(sum(last) * 10**6, len(last))
        assert found["sign"] == int(mean)
        assert found["rate"] == len(last) * 1000 * SECOND // max(SECOND, min(now, 60 * SECOND))
    assert read(features.region([], [], now + 60 * SECOND))["rate"] == 0


@given(st.lists(st.integers(1, 2000), min_size=2, max_size=90))
def test_volatility_is_that_of_the_whole_window_and_not_of_less(mids: list[int]) -> None:
    features = Features(0)
    for second, mid in enumerate(mids):
        features.second(second * SECOND, mid * 10**6, mid * 10**6)
    found = read(features.region([], [], len(mids) * SECOND))
    returns = [(b - a) * 10**9 // a for a, b in pairwise(mids)]
    wanted = isqrt(sum(r * r for r in returns[-60:])) // 10**5 if len(returns) >= 60 else 0
    assert found["rv_1m"] == min(wanted, 2**32 - 1)
    assert (found["rv_5m"], found["rv_1h"]) == (0, 0)


def test_one_percent_each_second_for_a_minute() -> None:
    features = Features(0)
    for second in range(3601):
        features.second(second * SECOND, 100 * 10**9 + second % 2 * 10**9, 100 * 10**9 + second % 2 * 10**9)
    found = read(features.region([], [], 3601 * SECOND))
    # 30 returns of +100 bps and 30 of -99.0099
    assert found["rv_1m"] == isqrt(30 * 10_000_000**2 + 30 * 9_900_991**2) // 10**5 == 770
    assert (found["rv_5m"], found["rv_1h"]) == (1_723, 5_970)


def test_a_missing_second_starts_the_windows_anew() -> None:
    features = Features(0)
    for second in range(70):
        features.second(second * SECOND, 100 + second, 110 + second)
    assert read(features.region([(1, 1)], [(31, 1)], 70 * SECOND))["rv_1m"] > 0
    features.second(72 * SECOND, 100, 110)
    assert read(features.region([(1, 1)], [(31, 1)], 72 * SECOND))["rv_1m"] == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=320), st.integers(0, 3000))
def test_the_spread_is_held_against_its_last_five_minutes(spreads: list[int], now: int) -> None:
    features = Features(0)
    for second, spread in enumerate(spreads):
        features.second(second * SECOND, 1_000, 1_000 + spread)
    found = read(features.region([(1_000, 1)], [(1_000 + now, 1)], len(spreads) * SECOND))
    last = spreads[-300:]
    n, total = len(last), sum(last)
    scatter = sum((n * s - total) ** 2 for s in last) // n  # n^2 times the variance, exactly
    wanted = 0
    if n >= 30 and scatter:
        wanted = max(-32_768, min(32_767, int(Fraction((n * now - total) * 1000, isqrt(scatter)))))
    assert found["z"] == wanted
    assert found["regime"] == (wanted >= -1000) + (wanted > 1000) + (wanted > 3000)


def test_what_is_absent_is_a_field_that_stays_zero_and_says_why() -> None:
    assert all(reason for reason in ABSENT.values())
    assert {"ofi_ewma_1e6", "vpin_1e4", "cancel_rate_1e4"} <= set(ABSENT)
    features = Features(0)
    for second in range(100):
        features.trade(second * SECOND, 1)
        features.second(second * SECOND, 100, 110 + second % 3)
    found = read(features.book(BIDS, ASKS, 100 * SECOND))
    assert (found["ofi_ewma"], found["vpin"], found["cancel_rate"], found["flags"]) == (0, 0, 0, 0)
    assert module.RV_SECONDS == (60, 300, 3600)
