"""What the choice of venues cost: regret against the cheapest split, savings against the best single venue."""

from __future__ import annotations

from fractions import Fraction

from sequence_paper.analysis.facts import OrderFacts, Value, known
from sequence_paper.analysis.formulas import formula

_BOOKS = "an order that rested; no book recorded near that time; books too shallow"


def all_in(order: OrderFacts) -> Fraction:
    """What the filled quantity cost with fees and gas, in money × 10^9; negative for what a sell brought in."""
    return order.side * order.notional + order.fees_1e9


def _against(order: OrderFacts, other: Value) -> Fraction:
    known(order.average)
    return 10_000 * (all_in(order) - known(other)) / order.notional


@formula(
    "regret_bps",
    "routing regret",
    "1e4·(all-in cost - cheapest feasible all-in cost on the books as recorded at the decision) / (Q·P_avg), takers",
    missing=_BOOKS,
)
def regret_bps(order: OrderFacts) -> Fraction:
    """Realised minus the cheapest allocation there was."""
    return _against(order, order.cheapest)


@formula(
    "savings_bps",
    "savings",
    "1e4·(all-in cost in the best single venue at arrival - all-in cost) / (Q·P_avg); positive is saved",
    missing=_BOOKS,
)
def savings_bps(order: OrderFacts) -> Fraction:
    """What the best single venue would have cost, minus what was paid."""
    return -_against(order, order.single)


@formula("savings_1e9", "savings in money", "savings_bps · Q·P_avg / 1e4", unit="money_1e9", missing=_BOOKS)
def savings_1e9(order: OrderFacts) -> Fraction:
    """The same in money × 10^9."""
    known(order.average)
    return known(order.single) - all_in(order)
