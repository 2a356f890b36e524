"""The whole answer: totals, metrics, horizons, venues, outliers, latency. Its words are described in docs/tca.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from sequence_paper.analysis import choice, formulas, shortfall, spreads
from sequence_paper.analysis.aggregate import OUTLIER_SCORE, RULES, outlier_scores, sample
from sequence_paper.analysis.counts import Counts, total
from sequence_paper.analysis.facts import Gap, OrderFacts, Value
from sequence_paper.analysis.latency import by_leg, first_fill_ns, spread_of
from sequence_paper.analysis.metrics import (
    executions,
    fill_samples,
    horizons,
    number,
    order_samples,
    stat,
)
from sequence_paper.analysis.venues import by_venue

Json = dict[str, Any]
MAX_OUTLIERS: Final = 10
IMPACT_HORIZON: Final = "5s"
"""The horizon that stands for the price impact where one figure is asked for."""


def report(orders: Sequence[OrderFacts], counts: Mapping[str, Counts]) -> Json:
    """What these orders cost; their order does not matter. `counts`: by venue, over all orders of the question, of
    which `orders` may be the newest only.
    """
    traded = [order for order in orders if order.fills]
    fills = executions(traded)
    metrics = {key: stat(found) for key, found in (order_samples(traded) | fill_samples(fills)).items()}
    after = horizons(fills)
    return {
        "orders": _counts(counts, orders, traded),
        "fills": len(fills),
        "notional_1e9": round(sum((order.notional for order in traded), Fraction(0))),
        "first_ns": min((order.created_ns for order in traded), default=None),
        "last_ns": max((fill.ts_ns for _, fill in fills), default=None),
        "metrics": metrics,
        "eq_ratio": number(spreads.eq_ratio(fills)),
        "fill_rate": total(counts.values()).fill_rate,
        "horizons": after,
        "unfilled": _unfilled(orders),
        "fees": _fees(traded),
        "venues": by_venue(orders, counts),
        "outliers": _outliers(traded),
        "latency": by_leg(orders),
        "first_fill_ns": dict(
            spread_of(int(ns) for ns in map(first_fill_ns, traded) if not isinstance(ns, Gap))
        ),
        "sign": formulas.SIGN,
        **_attested(traded, metrics, after),
    }


def explanation() -> Json:
    """Every formula, the letters in it, and how values become figures."""
    return {
        "sign": formulas.SIGN,
        "symbols": [{"symbol": s, "meaning": m} for s, m in formulas.SYMBOLS],
        "formulas": formulas.explained(),
        "aggregation": [{"figure": name, "rule": rule} for name, rule in RULES],
    }


def order_row(order: OrderFacts) -> Json:
    """One order with its own figures, for lists and plots."""
    cost = shortfall.shortfall_bps(order)
    return {
        "node_order_id": order.order_id,
        "deployment": order.deployment,
        "label": order.label,
        "venue": order.venue,
        "symbol": order.symbol,
        "side": "buy" if order.side > 0 else "sell",
        "status": order.status,
        "created_ns": order.created_ns,
        "ended_ns": order.ended_ns,
        "qty_1e8": order.qty_1e8,
        "filled_qty_1e8": order.filled_1e8,
        "notional_1e9": round(order.notional),
        "fees_1e9": order.fees_1e9,
        "cost_1e9": None if isinstance(cost, Gap) else round(shortfall.perold(order)),
        "shortfall_bps": number(cost),
        "fill_rate": number(shortfall.fill_rate(order)),
        "arrival_bps": number(shortfall.arrival_bps(order)),
        "regret_bps": number(choice.regret_bps(order)),
        "savings_bps": number(choice.savings_bps(order)),
    }


def completed(order: OrderFacts) -> Json:
    """The report of one order that ended with a fill, for whoever follows live. null is missing."""
    average, saved = _whole(order.average), _whole(choice.savings_1e9(order))
    arrival, decision = _whole(order.arrival), _whole(order.decision)
    return order_row(order) | {
        "achieved_vwap_1e9": average,
        "benchmark_vwap_1e9": arrival,
        "benchmark": "arrival mid",
        "decision_mid_1e9": decision,
        "implementation_shortfall_bps": number(shortfall.shortfall_bps(order)),
        "savings_1e9": saved,
        "best_single_venue": order.single_venue or None,
        "venue_mix": {order.venue: 1.0},
        "maker_share": number(
            sum((f.notional for f in order.fills if f.maker), Fraction(0)) / order.notional
        ),
    }


def _whole(value: Value) -> int | None:
    """An amount to the nearest unit, None when it is missing."""
    return None if isinstance(value, Gap) else round(value)


def _counts(counts: Mapping[str, Counts], orders: Sequence[OrderFacts], traded: Sequence[OrderFacts]) -> Json:
    every = total(counts.values())
    return {
        "matched": every.orders,
        "traded": every.traded,
        "filled": every.filled,
        "rejected": every.rejected,
        "cancelled": every.cancelled,
        "open": every.open,
        "analysed": len(traded),
        "analysed_unfilled": len(orders) - len(traded),
    }


def _unfilled(orders: Sequence[OrderFacts]) -> Json:
    """Orders that ended without a fill: what they missed, which the traded orders' shortfall does not hold."""
    missed = [o for o in orders if o.final and not o.fills and o.status != "REJECTED"]
    pairs = ((shortfall.opportunity_bps(o), _paper(o)) for o in missed)
    return {
        "orders": len(missed),
        "paper_1e9": round(sum(map(_paper, missed), Fraction(0))),
        "opportunity_bps": stat(sample(pairs)),
    }


def _paper(order: OrderFacts) -> Fraction:
    return Fraction(0) if isinstance(order.paper, Gap) else order.paper


def _fees(traded: Sequence[OrderFacts]) -> Json:
    fills = executions(traded)
    maker = sum(fill.fee_1e9 for _, fill in fills if fill.maker)
    taker = sum(fill.fee_1e9 for _, fill in fills if not fill.maker)
    gas = sum(fill.gas_1e9 for _, fill in fills)
    notional = sum((order.notional for order in traded), Fraction(0))
    split = {"maker": maker, "taker": taker, "gas": gas, "total": maker + taker + gas}
    return {
        **{f"{name}_1e9": amount for name, amount in split.items()},
        **{
            f"{name}_bps": number(10_000 * amount / notional) if notional else None
            for name, amount in split.items()
        },
    }


def _outliers(traded: Sequence[OrderFacts]) -> list[Json]:
    """Orders whose cost before fees is far from that of the others of their venue and symbol, the farthest first."""
    peers: dict[tuple[str, str], list[tuple[OrderFacts, float]]] = defaultdict(list)
    for order in traded:
        cost = shortfall.before_fees_bps(order)
        if not isinstance(cost, Gap):
            peers[order.venue, order.symbol].append((order, float(cost)))
    found = []
    for group in peers.values():
        scores = outlier_scores([cost for _, cost in group])
        found += [
            order_row(order) | {"before_fees_bps": cost, "score": round(score, 2)}
            for (order, cost), score in zip(group, scores, strict=True)
            if score is not None and abs(score) > OUTLIER_SCORE
        ]
    return sorted(found, key=lambda row: (-abs(row["score"]), row["node_order_id"]))[:MAX_OUTLIERS]


def _attested(traded: Sequence[OrderFacts], metrics: Json, after: list[Json]) -> Json:
    """The platform's own names for some of it, for clients that look for these."""
    saved = [value for value in map(choice.savings_1e9, traded) if not isinstance(value, Gap)]
    effective = metrics["effective_bps"]["mean"]
    impact = next(row["impact_bps"]["mean"] for row in after if row["horizon"] == IMPACT_HORIZON)
    return {
        "implementation_shortfall_bps": metrics["shortfall_bps"]["mean"],
        "spread_cost_bps": None if effective is None else effective / 2,
        "market_impact_bps": impact,
        "savings_vs_benchmark_bps": metrics["savings_bps"]["mean"],
        "savings_usd": float(sum(saved, Fraction(0)) / 10**9) if saved else None,
        "win_rate": sum(value >= 0 for value in saved) / len(saved) if saved else None,
    }
