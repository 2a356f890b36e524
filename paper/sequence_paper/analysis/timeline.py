"""What trading cost so far, over time: one point an order that ended, thinned to what a plot can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sequence_paper.analysis import shortfall
from sequence_paper.analysis.facts import Gap, OrderFacts

Json = dict[str, Any]
MAX_POINTS: Final = 200


def timeline(orders: Sequence[OrderFacts]) -> Json:
    """Cumulative shortfall and notional of orders with a fill, by the time they ended.

    `left_out`: orders whose shortfall is not known; their notional is left out too, so that both columns are about the
    same orders. `every`: how many orders lie between two points; the last one is always there.
    """
    traded = sorted((o for o in orders if o.fills), key=lambda o: (o.ended_ns, o.order_id))
    known = [order for order in traded if not isinstance(shortfall.shortfall_bps(order), Gap)]
    every = -(-len(known) // MAX_POINTS) or 1
    points, cost, fees, notional = [], 0, 0, 0
    for number, order in enumerate(known, 1):
        cost += round(shortfall.perold(order))
        fees += order.fees_1e9
        notional += round(order.notional)
        if number % every == 0 or number == len(known):
            points.append(
                {
                    "ts_ns": order.ended_ns,
                    "orders": number,
                    "notional_1e9": notional,
                    "cost_1e9": cost,
                    "fees_1e9": fees,
                }
            )
    return {"points": points, "every": every, "left_out": len(traded) - len(known)}
