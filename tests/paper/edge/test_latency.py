from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.edge.latency import LatencyHistogram


@given(st.lists(st.integers(0, 2**60), min_size=1, max_size=200), st.floats(0, 1))
def test_a_percentile_is_at_most_a_sixteenth_below_the_true_one(samples: list[int], share: float) -> None:
    histogram = LatencyHistogram()
    for sample in samples:
        histogram.add(sample)
    true = sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]
    found = histogram.percentile(share)
    assert found is not None
    assert found <= true <= found * 17 // 16


def test_nothing_measured_is_not_zero() -> None:
    histogram = LatencyHistogram()
    assert histogram.percentile(0.5) is None
    histogram.add(-5)  # a clock was set back
    assert (histogram.percentile(0.5), histogram.count) == (0, 1)
