"""Orders, cancels and amends that no algo of this edge has sent, at the moment at which they reach its markets.

Nothing here waits or asks the store, and each is kept, so that a run can be repeated with them.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.executions import request
from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.rows import live_order
from sequence_paper.store.trades import Order
from sequence_paper.store.words import Json
from sequence_paper.venue.orders import Rejected

_TIMES: Final = ("created_ns", "decided_ns", "sent_ns")


def place(core: EdgeCore, hosted: Hosted, row: Order, asked: Json) -> None:
    """``row``: as claimed in the store. ``asked``: with the times of who sent it, as far as they are known."""
    now = core.now_ns
    body = {"row": dataclasses.asdict(row), "asked": {name: asked.get(name) for name in _TIMES}}
    core.inputs.heard("order", body, (row.account_id, row.mode))
    order = live_order(row)
    hosted.counts.submitted += 1
    hosted.add(order)
    slot = next(slot for slot in hosted.slots if slot.symbol == row.symbol)
    wanted = request(hosted, order)
    core.tracer.received(order, slot, row.venue, asked, now)
    core.tracer.sent(order, row.venue, wanted, now)
    core.callbacks.tell(core.link.at_once(order.order_id, slot.market.submit(wanted, now), now))


def cancel(core: EdgeCore, owner: tuple[str, str], order_id: str, symbol: str) -> None:
    """Also an algo's own order; one that does not rest any more stays as it is. ``owner``: account and mode."""
    core.inputs.heard("cancel", {"order_id": order_id, "symbol": symbol}, owner)
    core.link.cancel_now(order_id, symbol, core.now_ns)


def amend(
    core: EdgeCore, owner: tuple[str, str], order_id: str, symbol: str, qty_1e8: int, px_1e9: int
) -> Rejected | None:
    """New total quantity and limit price, 0 = unchanged; what the market says when it does not take it."""
    now = core.now_ns
    body = {"order_id": order_id, "symbol": symbol, "qty_1e8": qty_1e8, "px_1e9": px_1e9}
    core.inputs.heard("amend", body, owner)
    core.link.settle(order_id, now)
    executions = core.markets[symbol].amend(order_id, qty_1e8, px_1e9, now)
    if executions and isinstance(executions[0], Rejected):
        return executions[0]
    core.callbacks.tell(core.link.at_once(order_id, executions, now))
    return None
