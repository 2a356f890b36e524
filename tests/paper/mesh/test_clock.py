"""The offset of two clocks is bounded truthfully, whatever the network does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.mesh.clock import DRIFT_PPM, Exchange, Offset, PeerClock

SECOND = 10**9
delays = st.integers(0, 5 * SECOND)
offsets = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("exchange", "offset"),
    [
        # Both ways take 100: the offset is known to be 1000, but not that both took the same.
        (Exchange(0, 1_100, 1_100, 200), Offset(1_000, 101)),
        # The answer waited for a second at the peer: that costs no more than what clocks drift meanwhile.
        (Exchange(0, 1_100, SECOND + 1_100, SECOND + 200), Offset(26_000, 25_101)),
        # 10 there, 190 back: the middle is wrong by 90, and the bound says so.
        (Exchange(0, 1_010, 1_010, 200), Offset(910, 101)),
        # A peer behind us.
        (Exchange(10_000, 5_100, 5_100, 10_200), Offset(-5_000, 101)),
        # No time at all on the way: exact but for a nanosecond of drift.
        (Exchange(0, 7, 7, 0), Offset(7, 1)),
    ],
)
def test_one_exchange(exchange: Exchange, offset: Offset) -> None:
    clock = PeerClock()
    assert clock.offset(0) is None
    clock.add(exchange)
    assert clock.offset(exchange.back_ns) == offset


@given(
    offsets,
    st.integers(-DRIFT_PPM, DRIFT_PPM),
    st.lists(st.tuples(delays, delays, delays, delays), min_size=1, max_size=40),
    delays,
)
def test_the_true_offset_is_always_within_the_bound(
    offset: int, ppm: int, ways: list[tuple[int, int, int, int]], later: int
) -> None:
    """Delays of any size, unequal both ways, and a clock that drifts as fast as it may."""

    def theirs(mine: int) -> int:
        return mine + offset + mine * ppm // 1_000_000

    clock, now = PeerClock(), 0
    for pause, there, held, back in ways:
        sent = now + pause
        heard = sent + there
        answered = heard + held
        now = answered + back
        clock.add(Exchange(sent, theirs(heard), theirs(answered), now))
    now += later
    known = clock.offset(now)
    assert known is not None
    assert abs(theirs(now) - now - known.offset_ns) <= known.bound_ns + 1  # `theirs` rounds


@given(st.lists(st.tuples(delays, delays), min_size=2, max_size=10))
def test_more_exchanges_never_know_less(ways: list[tuple[int, int]]) -> None:
    one, all_of_them, now = PeerClock(), PeerClock(), 0
    for there, back in ways:
        exchange = Exchange(now, now + there, now + there, now + there + back)
        one = PeerClock()
        one.add(exchange)
        all_of_them.add(exchange)
        now = exchange.back_ns
    alone, together = one.offset(now), all_of_them.offset(now)
    assert alone is not None and together is not None
    assert together.bound_ns <= alone.bound_ns


def test_a_clock_that_was_set_is_noticed() -> None:
    clock = PeerClock()
    for at in (0, SECOND, 2 * SECOND):
        clock.add(Exchange(at, at + 100, at + 100, at + 200))
    at, jump = 3 * SECOND, 10 * SECOND
    clock.add(Exchange(at, at + jump + 100, at + jump + 100, at + 200))
    assert clock.offset(at + 200) == Offset(jump, 101)


def test_our_own_clock_set_back_during_an_exchange_teaches_nothing() -> None:
    clock = PeerClock()
    clock.add(Exchange(1_000, 1_100, 1_100, 200))
    assert clock.offset(200) is None


def test_what_is_known_fades() -> None:
    clock = PeerClock()
    clock.add(Exchange(0, 100, 100, 200))
    fresh, old = clock.offset(200), clock.offset(200 + 60 * SECOND)
    assert fresh is not None and old is not None
    assert old.bound_ns - fresh.bound_ns == 60 * SECOND * DRIFT_PPM // 1_000_000
