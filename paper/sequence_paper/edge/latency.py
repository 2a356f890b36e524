"""Latency figures without keeping samples: a histogram with 6 % wide buckets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SUB_BITS: Final = 4
_SUB: Final = 1 << _SUB_BITS
_BUCKETS: Final = 64 * _SUB


class LatencyHistogram:
    """Counts of nanoseconds in buckets of 1/16 of a power of two; a percentile is off by at most 1/16."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self.count = 0

    @classmethod
    def merged(cls, histograms: Iterable[LatencyHistogram]) -> LatencyHistogram:
        """All samples of several, together."""
        merged = cls()
        for one in histograms:
            if one.count:
                merged.count += one.count
                merged._counts = [a + b for a, b in zip(merged._counts, one._counts, strict=True)]
        return merged

    def add(self, nanos: int) -> None:
        """Record one sample; negative ones (a clock was set back) count as 0."""
        self.count += 1
        if nanos < _SUB:
            self._counts[max(0, nanos)] += 1
            return
        shift = nanos.bit_length() - _SUB_BITS - 1
        self._counts[(shift << _SUB_BITS) + (nanos >> shift)] += 1

    def percentile(self, share: float) -> int | None:
        """Lower edge of the bucket that holds the sample at ``share`` (0..1); None without samples."""
        if self.count == 0:
            return None
        rank = min(self.count - 1, int(share * self.count))
        seen = 0
        for index, count in enumerate(self._counts):
            seen += count
            if seen > rank:
                return self._edge(index)
        raise AssertionError("counts and total disagree")

    @staticmethod
    def _edge(index: int) -> int:
        if index < 2 * _SUB:
            return index
        shift = (index >> _SUB_BITS) - 1
        return (index - (shift << _SUB_BITS)) << shift
