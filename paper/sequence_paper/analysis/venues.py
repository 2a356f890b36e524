"""One row a venue: what share it got, and what it was like to trade there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from sequence_paper.analysis import choice, shortfall, spreads
from sequence_paper.analysis.aggregate import sample
from sequence_paper.analysis.counts import Counts
from sequence_paper.analysis.facts import OrderFacts
from sequence_paper.analysis.latency import ACK, spread_of
from sequence_paper.analysis.metrics import executions, number, stat

Json = dict[str, Any]


def by_venue(orders: Sequence[OrderFacts], counts: Mapping[str, Counts]) -> list[Json]:
    """The most traded first. `counts` is over all orders, `orders` those that were looked at closely."""
    total = sum((order.notional for order in orders), Fraction(0))
    rows = [_row(venue, [o for o in orders if o.venue == venue], of, total) for venue, of in counts.items()]
    return sorted(rows, key=lambda row: (-row["notional_1e9"], row["venue"]))


def _row(venue: str, orders: list[OrderFacts], counts: Counts, total: Fraction) -> Json:
    traded = [order for order in orders if order.fills]
    fills = executions(traded)
    notional = sum((order.notional for order in traded), Fraction(0))
    maker = sum((fill.notional for _, fill in fills if fill.maker), Fraction(0))
    markout = sample((spreads.markout_bps(f, o.side, "1s"), f.notional) for o, f in fills)
    return {
        "venue": venue,
        "orders": counts.orders,
        "fills": len(fills),
        "notional_1e9": round(notional),
        "share": number(notional / total) if total else None,
        "maker_share": number(maker / notional) if notional else None,
        "arrival_bps": stat(sample((shortfall.arrival_bps(o), o.notional) for o in traded)),
        "fees_bps": stat(sample((shortfall.fees_bps(o), o.notional) for o in traded)),
        "eq_ratio": number(spreads.eq_ratio(fills)),
        "markout_1s_bps": stat(markout),
        "ack_ns": dict(spread_of(order.stages[ACK] for order in orders if ACK in order.stages)),
        "reject_rate": counts.reject_rate,
        "fill_rate": counts.fill_rate,
        "regret_bps": stat(sample((choice.regret_bps(o), o.notional) for o in traded)),
    }
