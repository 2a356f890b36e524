"""The two-sided maker of tests/algos in plain numbers: what every simulator here runs."""

from __future__ import annotations

HALF_SPREAD = 10_000  # the mid divided by this: one basis point
QUANTITY = 0.01
TICK = 0.1
LOT = 1e-8
MAKER_FEE, TAKER_FEE = 0.0016, 0.0026
"""Of the venue that the recording stands in for."""


def quotes(bid: float, ask: float) -> tuple[int, int]:
    """Wanted bid and ask in ticks, rounded away from the mid."""
    mid = (bid + ask) / 2
    half = mid / HALF_SPREAD
    return int((mid - half) / TICK), -int(-(mid + half) / TICK)


def stale(ticks: int, wanted: int) -> bool:
    """Whether a resting quote is more than a basis point off."""
    return abs(ticks - wanted) > wanted // 10_000
