"""What routed orders were expected to cost and what they cost. Pure; integers up to the last division.

Costs are all-in (fees included) against the mid of the best bid and ask at the decision, positive = cost:
`10^4 * s * (paid - Q * mid) / (Q * mid)` with `paid` what was paid (received for a sell) after fees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

from sequence_paper.api.parents import parent_order
from sequence_paper.store.parent_state import Legs
from sequence_paper.store.routing import Parent, Route
from sequence_paper.store.trades import Order
from sequence_paper.store.words import Json


def cost_bps(order: Order, twice_mid_1e9: int) -> float | None:
    """What the filled part cost; None without a fill or a mid. ``twice_mid_1e9``: bid + ask."""
    paper = Fraction(twice_mid_1e9 * order.filled_qty_1e8, 2 * 10**8)
    if not paper:
        return None
    side = 1 if order.side == "buy" else -1
    paid = order.filled_notional_1e9 + side * order.fees_1e9
    return float(side * (paid - paper) / paper * 10_000)


def average_1e9(order: Order) -> int | None:
    """Price of the filled part before fees, rounded down."""
    filled = order.filled_qty_1e8
    return order.filled_notional_1e9 * 10**8 // filled if filled else None


def progress(order: Order, twice_mid_1e9: int) -> Json:
    """How far an order is, whatever gave it."""
    return {
        "node_order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side,
        "status": order.status,
        "failure_reason": order.failure_reason,
        "qty_1e8": order.qty_1e8,
        "filled_qty_1e8": order.filled_qty_1e8,
        "remaining_qty_1e8": order.qty_1e8 - order.filled_qty_1e8,
        "filled_pct": order.filled_qty_1e8 * 100 / order.qty_1e8,
        "avg_fill_price_1e9": average_1e9(order),
        "fees_1e9": order.fees_1e9,
        "arrival_mid_1e9": twice_mid_1e9 // 2 or None,
        "cost_bps": cost_bps(order, twice_mid_1e9),
    }


def twice_mid(order: Order, decisions: Sequence[Route]) -> int:
    """Bid + ask at the first decision of the router; of an order that was not routed, what its algo saw."""
    if decisions:
        first = decisions[0].decision
        return int(first["bid_1e9"] + first["ask_1e9"]) if first["bid_1e9"] and first["ask_1e9"] else 0
    return 2 * order.decision_mid_1e9


def review(order: Order, legs: Legs, decisions: Sequence[Route]) -> Json:
    """Estimate beside result, and what the best single venue was expected to cost."""
    mids = twice_mid(order, decisions)
    achieved = cost_bps(order, mids)
    single = min((one for one in _singles(decisions, order.qty_1e8)), default=None)
    estimated = decisions[0].decision["est_cost_bps"] if decisions else None
    return progress(order, mids) | {
        "estimated_cost_bps": estimated,
        "estimated_avg_price_1e9": decisions[0].decision["est_avg_px_1e9"] or None if decisions else None,
        "best_single_venue_bps": single,
        "versus_estimate_bps": _minus(achieved, estimated),
        "savings_vs_single_venue_bps": _minus(single, achieved),
        "rounds": len(decisions),
        "venues": venue_mix(o for _, o in legs if o is not None) if legs else venue_mix([order]),
    }


def _singles(decisions: Sequence[Route], qty_1e8: int) -> Iterable[float]:
    """Expected cost of each single venue that could have filled the whole order."""
    for one in decisions[0].decision["alternatives"] if decisions else ():
        if one["kind"] == "venue" and one["qty_1e8"] == qty_1e8 and one["est_cost_bps"] is not None:
            yield one["est_cost_bps"]


def venue_mix(orders: Iterable[Order]) -> list[Json]:
    """Filled notional, fees and share by venue, largest first."""
    notional: Counter[str] = Counter()
    fees: Counter[str] = Counter()
    for order in orders:
        notional[order.venue] += order.filled_notional_1e9
        fees[order.venue] += order.fees_1e9
    whole = sum(notional.values())
    return [
        {
            "venue": venue,
            "notional_1e9": money,
            "fees_1e9": fees[venue],
            "share_pct": money * 100 / whole if whole else None,
        }
        for venue, money in sorted(notional.items(), key=lambda item: (-item[1], item[0]))
    ]


def summary(found: Sequence[tuple[Parent, Legs, Sequence[Route]]]) -> Json:
    """Over several routed orders: notional-weighted means, each with the number of orders behind it."""
    orders = [(parent_order(parent, legs), legs, decisions) for parent, legs, decisions in found]
    reviews = [(order, review(order, legs, decisions)) for order, legs, decisions in orders]
    return {
        "orders": len(orders),
        "by_status": dict(Counter(order.status for order, _, _ in orders)),
        "notional_1e9": sum(order.filled_notional_1e9 for order, _, _ in orders),
        "fees_1e9": sum(order.fees_1e9 for order, _, _ in orders),
        "estimated_cost_bps": _weighted(reviews, "estimated_cost_bps"),
        "cost_bps": _weighted(reviews, "cost_bps"),
        "versus_estimate_bps": _weighted(reviews, "versus_estimate_bps"),
        "savings_vs_single_venue_bps": _weighted(reviews, "savings_vs_single_venue_bps"),
        "venues": venue_mix(order for _, legs, _ in orders for _, order in legs if order is not None),
    }


def _weighted(reviews: Sequence[tuple[Order, Json]], name: str) -> Json:
    known = [(o.filled_notional_1e9, row[name]) for o, row in reviews if row[name] is not None]
    weight = sum(money for money, _ in known)
    mean = sum(money * value for money, value in known) / weight if weight else None
    return {"mean": mean, "n": sum(1 for money, _ in known if money)}


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
