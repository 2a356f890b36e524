"""Which value belongs to which metric, and by what it is weighted: from orders to samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final

from sequence_paper.analysis import choice, shortfall, spreads
from sequence_paper.analysis.aggregate import PERCENTILES, Sample, sample
from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, Gap, OrderFacts, Value

Json = dict[str, Any]
Metric = Callable[[OrderFacts], Value]

BY_PAPER: Final[dict[str, Metric]] = {
    "shortfall_bps": shortfall.shortfall_bps,
    "delay_bps": shortfall.delay_bps,
    "trading_bps": shortfall.trading_bps,
    "opportunity_bps": shortfall.opportunity_bps,
    "paper_fees_bps": shortfall.paper_fees_bps,
    "before_fees_bps": shortfall.before_fees_bps,
}
BY_NOTIONAL: Final[dict[str, Metric]] = {
    "arrival_bps": shortfall.arrival_bps,
    "vwap_bps": shortfall.vwap_bps,
    "fees_bps": shortfall.fees_bps,
    "quoted_bps": spreads.quoted_bps,
    "nbbo_quoted_bps": spreads.nbbo_quoted_bps,
    "regret_bps": choice.regret_bps,
    "savings_bps": choice.savings_bps,
}

Executions = list[tuple[OrderFacts, FillFacts]]


def executions(orders: Sequence[OrderFacts]) -> Executions:
    """Every fill with its order."""
    return [(order, fill) for order in orders for fill in order.fills]


def order_samples(traded: Sequence[OrderFacts]) -> dict[str, Sample]:
    """Metrics of orders, over those with a fill: by paper notional the shortfall and its parts, else by notional."""
    found = {
        key: sample((of(order), paper_weight(order)) for order in traded) for key, of in BY_PAPER.items()
    }
    for key, of in BY_NOTIONAL.items():
        found[key] = sample((of(order), order.notional) for order in traded)
    return found


def fill_samples(fills: Executions) -> dict[str, Sample]:
    """Metrics of fills that look at no horizon, weighted by notional."""
    return {
        "effective_bps": sample((spreads.effective_bps(f, o.side), f.notional) for o, f in fills),
        "capture": sample((spreads.capture(f, o.side), f.notional) for o, f in fills),
        "improvement_bps": sample((spreads.improvement_bps(f, o), f.notional) for o, f in fills),
    }


def horizons(fills: Executions) -> list[Json]:
    """Mark-out, realized spread and impact at every horizon."""
    rows = []
    for name, tau in HORIZONS_NS.items():
        columns = {
            "markout_bps": spreads.markout_bps,
            "realized_bps": spreads.realized_bps,
            "impact_bps": spreads.impact_bps,
        }
        stats = {
            key: stat(sample((of(f, o.side, name), f.notional) for o, f in fills))
            for key, of in columns.items()
        }
        rows.append({"horizon": name, "tau_ns": tau, **stats})
    return rows


def paper_weight(order: OrderFacts) -> Fraction:
    """What the shortfall is weighted by; without it the shortfall is missing anyway."""
    return Fraction(0) if isinstance(order.paper, Gap) else order.paper


def number(value: Value | None) -> float | None:
    """The edge: a float for display, None for what is missing."""
    return None if value is None or isinstance(value, Gap) else float(value)


def stat(found: Sample) -> Json:
    """What a table shows of a sample."""
    missing = {gap.value: n for gap, n in sorted(found.gaps.items())}
    percentiles = {f"p{p}": found.percentile(p) for p in PERCENTILES}
    return {
        "n": found.n,
        "mean": found.mean,
        "se": found.standard_error,
        **percentiles,
        "missing": missing,
    }
