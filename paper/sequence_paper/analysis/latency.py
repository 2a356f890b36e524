"""How long the legs of an order's way took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from sequence_paper.analysis.aggregate import nearest_rank
from sequence_paper.analysis.facts import OrderFacts, known
from sequence_paper.analysis.formulas import formula

LEGS: Final = (
    ("decision", "submitted"),
    ("submitted", "routed"),
    ("routed", "sent"),
    ("sent", "venue_ack"),
    ("venue_ack", "fill"),
)
"""Stages of a trace that follow each other: a leg's time is from the first of one to the first of the other."""
LAST_FILL: Final = "fill→last fill"
ACK: Final = "sent→venue_ack"


class Step(NamedTuple):
    """One stage of a trace with its wall clock (ns)."""

    stage: str
    ts_ns: int


def legs(steps: Sequence[Step]) -> dict[str, int]:
    """Nanoseconds by leg; a leg of which an end was not traced is not there."""
    first: dict[str, int] = {}
    for step in steps:
        first.setdefault(step.stage, step.ts_ns)
    found = {f"{a}→{b}": first[b] - first[a] for a, b in LEGS if a in first and b in first}
    fills = [step.ts_ns for step in steps if step.stage == "fill"]
    return found | ({LAST_FILL: fills[-1] - fills[0]} if len(fills) > 1 else {})


@formula(
    "stage_ns",
    "latency by leg",
    "first time of the next stage - first time of the stage, on the edge's wall clock; p50, p95, p99, max",
    unit="ns",
    weight="1",
    missing="an order whose trace is not kept",
)
def stage_ns(order: OrderFacts, leg: str) -> Fraction:
    """One leg of one order."""
    return Fraction(order.stages[leg])


@formula(
    "first_fill_ns",
    "time to first fill",
    "time of the first fill - time of arrival, feed clock; p50, p95, p99",
    unit="ns",
    weight="1",
    missing="nothing filled",
)
def first_fill_ns(order: OrderFacts) -> Fraction:
    """How long the market took to fill something of the order."""
    known(order.average)
    return Fraction(min(fill.ts_ns for fill in order.fills) - order.created_ns)


def spread_of(values: Iterable[int]) -> Mapping[str, int | None]:
    """n and percentiles of plain numbers."""
    listed = list(values)
    return {
        "n": len(listed),
        "p50": nearest_rank(listed, 50),
        "p95": nearest_rank(listed, 95),
        "p99": nearest_rank(listed, 99),
        "max": max(listed, default=None),
    }


def by_leg(orders: Sequence[OrderFacts]) -> list[dict[str, object]]:
    """One row a leg, in the order of the way."""
    names = [f"{a}→{b}" for a, b in LEGS] + [LAST_FILL]
    return [
        {"leg": name, **spread_of(int(order.stages[name]) for order in orders if name in order.stages)}
        for name in names
    ]
