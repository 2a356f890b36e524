"""Samples of the last minutes, in slots that are stored: the writer's half and what a reader makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sequence_paper.histogram import bucket, merged, percentile

WINDOW_NS: Final = 300 * 10**9
"""How far back figures go: the last five minutes, in steps of a slot."""
SLOT_NS: Final = 15 * 10**9


@dataclass(slots=True)
class Slot:
    """What happened in the seconds that begin at ``slot_ns``. ``counts``: latency samples by bucket."""

    slot_ns: int
    counts: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    reordered: int = 0


class Window:
    """One link's slots as they are filled. A slot begins with its first sample, so that no two processes share one."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._changed = False

    def add(self, now_ns: int, latency_ns: int) -> None:
        """One sample; below nothing (within the error of a clock) counts as nothing."""
        counts = self._at(now_ns).counts
        index = bucket(latency_ns)
        counts[index] = counts.get(index, 0) + 1

    def miss(self, now_ns: int, *, lost: int = 0, reordered: int = 0) -> None:
        """Probes that did not come back, or not in order."""
        slot = self._at(now_ns)
        slot.lost += lost
        slot.reordered += reordered

    def changes(self) -> list[Slot]:
        """Slots that moved since the last call, each with all that it holds; the newest goes on growing."""
        if not self._changed:
            return []
        changed, self._slots, self._changed = self._slots, self._slots[-1:], False
        return [Slot(s.slot_ns, dict(s.counts), s.lost, s.reordered) for s in changed]

    def _at(self, now_ns: int) -> Slot:
        self._changed = True
        if not self._slots or not 0 <= now_ns - self._slots[-1].slot_ns < SLOT_NS:
            self._slots.append(Slot(now_ns))
        return self._slots[-1]


@dataclass(frozen=True, slots=True)
class Figures:
    """A window read: ``count`` samples, and how many were lost or came late."""

    count: int = 0
    lost: int = 0
    reordered: int = 0
    p50_ns: int | None = None
    p99_ns: int | None = None


def figures(slots: Iterable[Slot], now_ns: int) -> Figures:
    """Percentiles and counts over the slots that began within the window."""
    recent = [slot for slot in slots if slot.slot_ns > now_ns - WINDOW_NS]
    counts = merged(slot.counts for slot in recent)
    total = sum(counts.values())
    return Figures(
        count=total,
        lost=sum(slot.lost for slot in recent),
        reordered=sum(slot.reordered for slot in recent),
        p50_ns=percentile(counts.items(), total, 0.5),
        p99_ns=percentile(counts.items(), total, 0.99),
    )
