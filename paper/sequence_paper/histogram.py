"""Times without keeping each of them: buckets a sixteenth of a power of two wide, so that counts can be merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_SUB_BITS: Final = 4
_SUB: Final = 1 << _SUB_BITS
BUCKETS: Final = 64 * _SUB


def bucket(nanos: int) -> int:
    """The number of the bucket that ``nanos`` falls into; negative ones fall into the first."""
    if nanos < _SUB:
        return max(0, nanos)
    shift = nanos.bit_length() - _SUB_BITS - 1
    return (shift << _SUB_BITS) + (nanos >> shift)


def lower_edge(index: int) -> int:
    """The smallest number of nanoseconds in a bucket."""
    if index < 2 * _SUB:
        return index
    shift = (index >> _SUB_BITS) - 1
    return (index - (shift << _SUB_BITS)) << shift


def percentile(counts: Iterable[tuple[int, int]], total: int, share: float) -> int | None:
    """Lower edge of the bucket that holds the sample at ``share`` (0..1); at most 1/16 below that sample.

    counts: (bucket, samples) in the order of buckets, ``total`` samples in all. None without samples.
    """
    if total == 0:
        return None
    rank = min(total - 1, int(share * total))
    seen = 0
    for index, count in counts:
        seen += count
        if seen > rank:
            return lower_edge(index)
    raise AssertionError("counts and total disagree")


def merged(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sum of several histograms, in the order of buckets."""
    whole: dict[int, int] = {}
    for part in parts:
        for index, count in part.items():
            whole[index] = whole.get(index, 0) + count
    return dict(sorted(whole.items()))
