"""One order's life in one run, and what it came to in money: plain JSON, from what a run has kept."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from sequence_paper.analysis.facts import FillFacts, Gap, OrderFacts, Value
from sequence_paper.analysis.shortfall import before_fees_bps, perold, shortfall_bps
from sequence_paper.replay.run import Kept
from sequence_paper.store.tracing import Step
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json

_ENDS: Final = ("fill", "cancelled", "rejected")
_FILL: Final = ("price_1e9", "qty_1e8", "fee_1e9", "liquidity", "certainty")


def ended(kept: Kept) -> bool:
    """Whether the watched order is over."""
    order = kept.orders.get(kept.watched)
    return order is not None and order.status not in OPEN_ORDER_STATUSES


def told(kept: Kept, *, venue: str, latency: str, order_type: str, end_mid: Value) -> Json:
    """``end_mid``: at which what was not filled is valued. The order is among those kept."""
    order, steps = kept.orders[kept.watched], kept.steps
    ack, last = _first(steps, "venue_ack"), steps[-1]
    refused = _first(steps, "rejected")
    arrived = ack or refused
    fills = [
        {"ts_ns": at, **{name: detail[name] for name in _FILL}}
        for stage, _, at, detail in steps
        if stage == "fill"
    ]
    return {
        "venue": venue,
        "latency": latency,
        "order_type": order_type,
        "status": order.status,
        "sent_ns": _time(_first(steps, "sent")),
        "arrived_ns": _time(arrived),
        "ended_ns": _heard(last) if ended(kept) and last[0] in _ENDS else None,
        "ahead_1e8": ack[3]["ahead_1e8"] if ack is not None and ack[3]["rests"] else None,
        "amended": sum(stage == "amended" for stage, *_ in steps),
        "fills": fills,
        "filled_1e8": order.filled_qty_1e8,
        "why": _why(order, last),
        "possible_1e8": last[3].get("possible_1e8", 0) if last[0] == "cancelled" else 0,
        **_figures(_facts(order, fills, end_mid)),
    }


def difference(original: Json, changed: Json) -> Json:
    """Changed minus original; positive money is money that the change costs."""

    def minus(name: str) -> int | float | None:
        before, after = original[name], changed[name]
        return None if before is None or after is None else after - before

    names = ("filled_1e8", "fees_1e9", "before_fees_1e9", "cost_1e9", "slippage_bps", "cost_bps")
    return {name: minus(name) for name in names}


def _facts(order: Order, fills: list[Json], end_mid: Value) -> OrderFacts:
    decision: Value = Fraction(order.decision_mid_1e9) if order.decision_mid_1e9 else Gap.NO_DECISION
    return OrderFacts(
        order_id=order.order_id,
        deployment=order.deployment,
        venue=order.venue,
        symbol=order.symbol,
        side=1 if order.side == "buy" else -1,
        qty_1e8=order.qty_1e8,
        status=order.status,
        created_ns=order.created_ns,
        ended_ns=order.updated_ns,
        fills=tuple(
            FillFacts("", f["price_1e9"], f["qty_1e8"], f["fee_1e9"], f["liquidity"] == "maker", f["ts_ns"])
            for f in fills
        ),
        decision=decision,
        end=end_mid,
    )


def _figures(facts: OrderFacts) -> Json:
    """By the formulas of `sequence tca`; what cannot be said is None."""
    average, decision = facts.average, facts.decision
    known = not isinstance(decision, Gap) and (
        facts.filled_1e8 == facts.qty_1e8 or not isinstance(facts.end, Gap)
    )
    cost = perold(facts) if known else None
    slippage = None
    if not isinstance(average, Gap) and not isinstance(decision, Gap):
        slippage = 10_000 * facts.side * (average - decision) / decision
    return {
        "avg_price_1e9": None if isinstance(average, Gap) else round(average),
        "slippage_bps": None if slippage is None else float(slippage),
        "fees_1e9": facts.fees_1e9,
        "before_fees_1e9": None if cost is None else round(cost - facts.fees_1e9),
        "cost_1e9": None if cost is None else round(cost - facts.fees_1e9) + facts.fees_1e9,
        "before_fees_bps": float(before_fees_bps(facts)) if known else None,
        "cost_bps": float(shortfall_bps(facts)) if known else None,
    }


def _why(order: Order, last: Step) -> str | None:
    """Why it ended otherwise than by its last fill, in the words of its trace."""
    stage, detail = last[0], last[3]
    if stage == "rejected":
        return f"by the {detail['by']}: {detail['reason']}"
    if stage == "cancelled":
        by = f" by the {detail['by']}" if "by" in detail else ""
        return f"{detail['reason']}{by}"
    return None if order.status == "FILLED" else "open"


def _first(steps: list[Step], stage: str) -> Step | None:
    return next((step for step in steps if step[0] == stage), None)


def _time(step: Step | None) -> int | None:
    return None if step is None else step[2]


def _heard(step: Step) -> int:
    return int(step[3].get("heard_ns", step[2]))
