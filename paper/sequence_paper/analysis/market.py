"""How wide a market is and how much of it a venue has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sequence_paper.analysis.aggregate import Sample

Regime = Literal["tight", "normal", "wide"]

MIN_REGIME_NS: Final = 300 * 10**9
"""Below so much believed time nobody can say what is usual."""

RULES: Final = (
    ("spread", "1e4·(ask-bid)/mid, weighted by the time it stood"),
    (
        "regime",
        "mean spread of the last minute: below the window's p25 tight, above its p75 wide, else normal",
    ),
    ("quote-to-trade", "changes of the best bid or ask per public print"),
    ("share", "traded quantity of the venue / of all venues recorded, each over its own window"),
    (
        "slippage",
        "1e4·s·(average price of the walk - mid)/mid on book samples, before fees; all-in: with taker fees",
    ),
)
"""How the figures come about, for footnotes."""


@dataclass(frozen=True, slots=True)
class Spread:
    """In bps, weighted by time; `ns`: believed time behind it."""

    mean: float
    p25: float
    p50: float
    p75: float
    p90: float
    ns: int


def spread(stood: Sequence[tuple[int, int, int]]) -> Spread | None:
    """From (bid, ask, ns it stood); None when nothing stood for any time."""
    counted = [(bid, ask, ns) for bid, ask, ns in stood if ns > 0]
    values = tuple(20_000 * (ask - bid) / (ask + bid) for bid, ask, _ in counted)
    sample = Sample(values, tuple(float(ns) for _, _, ns in counted))
    if sample.mean is None:
        return None
    p25, p50, p75, p90 = (sample.percentile(p) or 0.0 for p in (25, 50, 75, 90))
    return Spread(sample.mean, p25, p50, p75, p90, sum(ns for _, _, ns in counted))


def regime(window: Spread | None, last_minute: Spread | None) -> Regime | None:
    """Whether the spread is now what it usually is; None when too little was recorded to say."""
    if window is None or last_minute is None or window.ns < MIN_REGIME_NS:
        return None
    if last_minute.mean < window.p25:
        return "tight"
    return "wide" if last_minute.mean > window.p75 else "normal"


def shares(traded: Mapping[str, int]) -> dict[str, float | None]:
    """Each venue's part of what was traded; None when nothing was."""
    total = sum(traded.values())
    return {venue: qty / total if total else None for venue, qty in traded.items()}
