"""Clocks: wall time never steps back, simulated time only moves by events and by the pace."""

from __future__ import annotations

import pytest

from sequence_paper.feed.clock import PacedClock, WallClock

SECOND = 10**9


class Hand:
    """A clock we turn by hand."""

    def __init__(self, at: int = 0) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at


def test_wall_time_never_decreases_when_the_system_clock_is_set_back():
    hand = Hand(100)
    clock = WallClock(hand)
    assert clock.now_ns() == 100
    hand.at = 40
    assert clock.now_ns() == 100
    clock.advance(250)
    assert clock.now_ns() == 250


def test_wall_delay_is_the_time_left_in_seconds():
    clock = WallClock(Hand(10 * SECOND))
    assert clock.delay(12 * SECOND) == 2.0
    assert clock.delay(9 * SECOND) == 0.0


@pytest.mark.parametrize(("pace", "delay"), [(1.0, 40.0), (20.0, 2.0), (None, 0.0)])
def test_a_paced_clock_divides_the_wait(pace, delay):
    clock = PacedClock(1_000 * SECOND, pace, Hand())
    clock.release()
    assert clock.delay(1_040 * SECOND) == delay


def test_simulated_time_is_the_last_event_delivered_and_not_the_wall():
    hand = Hand()
    clock = PacedClock(1_000 * SECOND, 20.0, hand)
    clock.release()
    hand.at = 3 * SECOND
    assert clock.now_ns() == 1_000 * SECOND
    clock.advance(1_007 * SECOND)
    clock.advance(1_005 * SECOND)
    assert clock.now_ns() == 1_007 * SECOND
    assert clock.delay(1_060 * SECOND) == 0.0
    assert clock.delay(1_080 * SECOND) == 1.0


def test_while_held_time_stands_still_and_waiting_is_an_error():
    hand = Hand()
    clock = PacedClock(1_000 * SECOND, 1.0, hand)
    assert clock.held
    with pytest.raises(RuntimeError, match="release"):
        clock.delay(1_001 * SECOND)
    hand.at = 50 * SECOND
    clock.release()
    clock.release()
    assert not clock.held
    assert clock.delay(1_001 * SECOND) == 1.0


@pytest.mark.parametrize("pace", [0, -1, float("nan")])
def test_a_pace_that_goes_nowhere_is_refused(pace):
    with pytest.raises(ValueError, match="pace must be positive"):
        PacedClock(0, pace)
