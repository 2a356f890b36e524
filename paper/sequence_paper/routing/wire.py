"""A decision as stored, published and answered."""

from __future__ import annotations

from sequence_paper.feed.events import BUY
from sequence_paper.routing.model import Alternative, Decision, Leg, PoolView
from sequence_paper.store.words import Json


def decision_row(decision: Decision) -> Json:
    """All figures; bps are floats computed from the exact sums."""
    return {
        "side": "buy" if decision.side == BUY else "sell",
        "qty_1e8": decision.qty_1e8,
        "limit_1e9": decision.limit_1e9 or None,
        "bid_1e9": decision.bid_1e9,
        "ask_1e9": decision.ask_1e9,
        "mid_1e9": decision.mid_1e9,
        "routed_1e8": decision.routed_1e8,
        "unfilled_1e8": decision.unfilled_1e8,
        "est_avg_px_1e9": decision.est_avg_px_1e9,
        "est_notional_1e9": decision.notional_1e9,
        "est_fees_1e9": decision.fees_1e9,
        "est_total_1e9": decision.total_1e9,
        "gas_1e9": decision.gas_1e9,
        "est_cost_bps": decision.cost_bps,
        "exact": decision.exact,
        "legs": [_leg(leg) for leg in decision.legs],
        "alternatives": [_alternative(one) for one in decision.alternatives],
        "pools": [_pool(view) for view in decision.pools],
        "skipped": dict(decision.skipped),
    }


def _leg(leg: Leg) -> Json:
    return {
        "venue": leg.venue,
        "kind": "pool" if leg.is_pool else "book",
        "qty_1e8": leg.qty_1e8,
        "worst_px_1e9": leg.worst_px_1e9,
        "est_avg_px_1e9": leg.est_avg_px_1e9,
        "est_notional_1e9": leg.notional_1e9,
        "est_fee_1e9": leg.fee_1e9,
        "gas_1e9": leg.gas_1e9,
        "slices": [list(level) for level in leg.slices],
    }


def _alternative(one: Alternative) -> Json:
    return {
        "name": one.name,
        "kind": one.kind,
        "qty_1e8": one.qty_1e8,
        "est_total_1e9": one.total_1e9,
        "est_cost_bps": one.cost_bps,
        "split": dict(one.split),
    }


def _pool(view: PoolView) -> Json:
    return {
        "name": view.name,
        "source": view.source,
        "spot_1e9": view.spot_1e9,
        "gas_1e9": view.gas_1e9,
        "gas_bps": view.gas_bps,
        "break_even_1e8": view.break_even_1e8,
        "alone_bps": view.alone_bps,
        "would_take_1e8": view.would_take_1e8,
    }
