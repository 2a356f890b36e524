"""What an order cost against the price at which it was decided: Perold's shortfall and its parts."""

from __future__ import annotations

from fractions import Fraction

from sequence_paper.analysis.facts import Absent, Gap, OrderFacts, known
from sequence_paper.analysis.formulas import formula

_PAPER = "X·P_d"
_NO_DECISION = "no mid at the decision; part unfilled and no mid at the end (or the order still open)"


def _left(order: OrderFacts) -> int:
    return order.qty_1e8 - order.filled_1e8


def _drift(order: OrderFacts, since: Fraction) -> Fraction:
    """Cost of what stayed unfilled, in money × 10^9. Nothing left costs nothing, whatever the price did then."""
    if _left(order) == 0:
        return Fraction(0)
    if not order.final:
        raise Absent(Gap.OPEN)
    return order.side * _left(order) * (known(order.end) - since) / 10**8


def _bps(order: OrderFacts, cost: Fraction) -> Fraction:
    return 10_000 * cost / known(order.paper)


def perold(order: OrderFacts) -> Fraction:
    """The shortfall in money × 10^9, by its definition."""
    decided = known(order.decision)
    traded = order.side * (order.notional - decided * order.filled_1e8 / 10**8)
    return traded + _drift(order, decided) + order.fees_1e9


@formula(
    "shortfall_bps",
    "implementation shortfall",
    "1e4·[s·Σq_i(p_i-P_d) + s·(X-Q)(P_n-P_d) + fees] / (X·P_d)   (Perold 1988)",
    weight=_PAPER,
    missing=_NO_DECISION,
)
def shortfall_bps(order: OrderFacts) -> Fraction:
    """Perold, over the paper notional."""
    return _bps(order, perold(order))


@formula(
    "delay_bps",
    "shortfall: delay",
    "1e4·s·X(P_0-P_d) / (X·P_d)",
    weight=_PAPER,
    missing="no mid at the decision or on arrival",
)
def delay_bps(order: OrderFacts) -> Fraction:
    """From the decision to the router."""
    moved = known(order.arrival) - known(order.decision)
    return _bps(order, order.side * order.qty_1e8 * moved / 10**8)


@formula(
    "trading_bps",
    "shortfall: trading",
    "1e4·s·Q(P_avg-P_0) / (X·P_d)",
    weight=_PAPER,
    missing="no mid at the decision or on arrival",
)
def trading_bps(order: OrderFacts) -> Fraction:
    """From the router to the fills."""
    arrived = known(order.arrival)
    return _bps(order, order.side * (order.notional - arrived * order.filled_1e8 / 10**8))


@formula(
    "opportunity_bps",
    "shortfall: opportunity",
    "1e4·s·(X-Q)(P_n-P_0) / (X·P_d)",
    weight=_PAPER,
    missing=_NO_DECISION,
)
def opportunity_bps(order: OrderFacts) -> Fraction:
    """What was not filled."""
    return _bps(order, _drift(order, known(order.arrival)))


@formula(
    "paper_fees_bps",
    "shortfall: fees",
    "1e4·Σfee / (X·P_d)",
    weight=_PAPER,
    missing="no mid at the decision",
)
def paper_fees_bps(order: OrderFacts) -> Fraction:
    """Fees and gas over the paper notional, as the other parts."""
    return _bps(order, Fraction(order.fees_1e9))


@formula(
    "before_fees_bps",
    "shortfall before fees",
    "shortfall - fees; by it an order stands out among those of its venue and symbol",
    weight=_PAPER,
    missing=_NO_DECISION,
)
def before_fees_bps(order: OrderFacts) -> Fraction:
    """What trading cost beside the fees."""
    return _bps(order, perold(order) - order.fees_1e9)


PARTS = (delay_bps, trading_bps, opportunity_bps, paper_fees_bps)
"""They sum to `shortfall_bps`."""


@formula(
    "arrival_bps",
    "arrival slippage",
    "1e4·s·(P_avg-P_0) / P_0",
    missing="no mid on arrival, or nothing filled",
)
def arrival_bps(order: OrderFacts) -> Fraction:
    """Average price against the mid on arrival."""
    arrived = known(order.arrival)
    return 10_000 * order.side * (known(order.average) - arrived) / arrived


@formula(
    "vwap_bps",
    "interval VWAP slippage",
    "1e4·s·(P_avg-VWAP) / VWAP over the venue's prints from arrival to last fill; own paper fills are not in it",
    missing="no print in the interval (an order that filled at once has none)",
)
def vwap_bps(order: OrderFacts) -> Fraction:
    """Against what everybody else paid meanwhile."""
    tape = known(order.vwap)
    return 10_000 * order.side * (known(order.average) - tape) / tape


@formula(
    "fees_bps",
    "fees",
    "1e4·Σfee / Σ(q·p), split into maker, taker and gas",
    missing="nothing filled",
)
def fees_bps(order: OrderFacts) -> Fraction:
    """Over what was traded."""
    known(order.average)
    return 10_000 * order.fees_1e9 / order.notional


@formula(
    "fill_rate",
    "fill rate",
    "Q / X",
    unit="ratio",
    weight=_PAPER,
    missing="no mid at the decision to weigh it by; rejected orders are counted apart",
)
def fill_rate(order: OrderFacts) -> Fraction:
    """Which part of the order was filled."""
    return Fraction(order.filled_1e8, order.qty_1e8)
