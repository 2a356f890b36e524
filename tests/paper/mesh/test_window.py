"""Percentiles of the last minutes, from slots that several processes may have written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.histogram import bucket, lower_edge
from sequence_paper.mesh.window import SLOT_NS, WINDOW_NS, Figures, Slot, Window, figures

NOW = 1_767_571_200 * 10**9


@given(st.integers(0, 10**15))
def test_a_bucket_begins_at_most_a_sixteenth_below(nanos: int) -> None:
    edge = lower_edge(bucket(nanos))
    assert edge <= nanos <= edge + edge // 16


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 10**9)), min_size=1, max_size=200))
def test_figures_are_those_of_the_samples(samples: list[tuple[int, int]]) -> None:
    """Against the samples themselves, wherever slots begin and end and however often they are stored."""
    window, stored = Window(), {}
    for second, latency in sorted(samples):
        window.add(NOW + second * 10**9, latency)
        if second % 3 == 0:
            stored |= {slot.slot_ns: slot for slot in window.changes()}
    stored |= {slot.slot_ns: slot for slot in window.changes()}
    seen = figures(stored.values(), NOW + 260 * 10**9)
    latencies = sorted(latency for _, latency in samples)
    assert seen.count == len(latencies)
    for got, share in ((seen.p50_ns, 0.5), (seen.p99_ns, 0.99)):
        exact = latencies[min(len(latencies) - 1, int(share * len(latencies)))]
        assert got is not None and got <= exact <= got + got // 16


def test_what_is_older_than_the_window_does_not_count() -> None:
    old, new = Slot(NOW, {5: 1}, lost=1), Slot(NOW + SLOT_NS, {7: 2}, reordered=1)
    assert figures([old, new], NOW + WINDOW_NS - 1).count == 3
    assert figures([old, new], NOW + WINDOW_NS) == Figures(2, 0, 1, 7, 7)
    assert figures([old, new], NOW + 2 * WINDOW_NS) == Figures()


def test_a_slot_is_given_again_only_when_it_has_moved() -> None:
    window = Window()
    assert window.changes() == []
    window.add(NOW, 5)
    window.miss(NOW, lost=2)
    assert window.changes() == [Slot(NOW, {5: 1}, 2, 0)]
    assert window.changes() == []
    window.add(NOW + 1, 5)
    window.add(NOW + SLOT_NS, 6)
    assert window.changes() == [Slot(NOW, {5: 2}, 2, 0), Slot(NOW + SLOT_NS, {6: 1})]
    window.add(NOW + SLOT_NS + 1, 6)
    assert window.changes() == [Slot(NOW + SLOT_NS, {6: 2})]


def test_a_clock_set_back_opens_a_new_slot() -> None:
    window = Window()
    window.add(NOW, 5)
    window.add(NOW - 10**9, 5)
    assert [slot.slot_ns for slot in window.changes()] == [NOW, NOW - 10**9]
