"""Latency figures of a process without keeping samples."""

from __future__ import annotations

from collections.abc import Iterable

from sequence_paper.histogram import BUCKETS, bucket, percentile


class LatencyHistogram:
    """Counts of nanoseconds in buckets of 1/16 of a power of two; a percentile is off by at most 1/16."""

    __slots__ = ("_counts", "count")

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
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
        self._counts[bucket(nanos)] += 1

    def percentile(self, share: float) -> int | None:
        """Lower edge of the bucket that holds the sample at ``share`` (0..1); None without samples."""
        return percentile(enumerate(self._counts), self.count, share)
