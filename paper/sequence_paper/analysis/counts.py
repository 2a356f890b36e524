"""How many orders there were and how much of them was filled, by venue: plain counting, also done by the store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Counts:
    """Orders by how they stand. `traded`: with any fill. `wanted`, `done`: of final orders that were not rejected,
    quantity × decision mid asked for and filled (any unit); those without a decision mid are not in it.
    """

    orders: int = 0
    traded: int = 0
    filled: int = 0
    rejected: int = 0
    cancelled: int = 0
    open: int = 0
    wanted: float = 0.0
    done: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def reject_rate(self) -> float | None:
        return self.rejected / self.orders if self.orders else None

    @property
    def fill_rate(self) -> float | None:
        """Q/X over many orders, weighted by what they were worth at the decision."""
        return self.done / self.wanted if self.wanted else None


def total(counts: Iterable[Counts]) -> Counts:
    """All of them together."""
    return sum(counts, Counts())
