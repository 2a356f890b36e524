"""Many values into few: weighted means with their standard errors, weighted percentiles, outliers."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import fsum, sqrt
from statistics import median
from typing import Final

from sequence_paper.analysis.facts import Gap, Value

PERCENTILES: Final = (50, 75, 95, 99)
OUTLIER_SCORE: Final = 3.5
MIN_FOR_OUTLIERS: Final = 5
"""Below that many values nothing can be called unusual."""

RULES: Final = (
    ("mean", "Σ w·x / Σ w over the n values that are there"),
    ("standard error", "√( n/(n-1) · Σ w²(x-mean)² ) / Σ w; none for n = 1"),
    ("percentile p", "the smallest x with Σ w of all values ≤ x at least p % of Σ w"),
    ("outlier", "|x-median| / max(MAD/0.6745, 1.2533·mean deviation) > 3.5   (modified z-score)"),
)
"""How values become figures, for `--explain`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one metric with their weights, and why others are missing."""

    values: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    gaps: dict[Gap, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def weight(self) -> float:
        return fsum(self.weights)

    @property
    def mean(self) -> float | None:
        """Weighted; None without a value."""
        return fsum(w * x for w, x in self._pairs()) / self.weight if self.values else None

    @property
    def standard_error(self) -> float | None:
        """Of the weighted mean; None below two values."""
        mean = self.mean
        if mean is None or self.n < 2:
            return None
        spread = fsum((w * (x - mean)) ** 2 for w, x in self._pairs())
        return sqrt(self.n / (self.n - 1) * spread) / self.weight

    def percentile(self, percent: int) -> float | None:
        """Weighted; None without a value."""
        if not self.values:
            return None
        ordered = sorted(zip(self.values, self.weights, strict=True))
        reached = itertools.accumulate(weight for _, weight in ordered)
        wanted = self.weight * percent / 100
        # The last one, when rounding let the sum of all end a hair below what is wanted.
        return next(
            (x for (x, _), sum_ in zip(ordered, reached, strict=True) if sum_ >= wanted), ordered[-1][0]
        )

    def _pairs(self) -> Iterable[tuple[float, float]]:
        return zip(self.weights, self.values, strict=True)


def sample(pairs: Iterable[tuple[Value, Fraction]]) -> Sample:
    """From exact values that may be missing, with weights; a weight of 0 carries no value."""
    values, weights, gaps = [], [], Counter[Gap]()
    for value, weight in pairs:
        if isinstance(value, Gap):
            gaps[value] += 1
        elif weight.numerator > 0:
            values.append(float(value))
            weights.append(float(weight))
    return Sample(tuple(values), tuple(weights), dict(gaps))


def outlier_scores(values: Sequence[float]) -> list[float | None]:
    """The modified z-score of each value (Iglewicz and Hoaglin); None when all are alike or too few.

    Prices come in ticks, so most values of a quiet market are one of two and their MAD is next to nothing: then every
    other value would stand out by thousands. The mean deviation, by which those two take over at MAD = 0, is a floor.
    """
    if len(values) < MIN_FOR_OUTLIERS:
        return [None] * len(values)
    middle = median(values)
    away = [abs(value - middle) for value in values]
    scale = max(median(away) / 0.6745, 1.2533 * fsum(away) / len(away))
    return [(value - middle) / scale if scale else None for value in values]


def nearest_rank(values: Iterable[int], percent: int) -> int | None:
    """The percentile of plain numbers: one of them; None without any."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None
