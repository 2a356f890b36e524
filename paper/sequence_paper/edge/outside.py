"""Orders, cancels and amends that no algo of this edge has sent, and what became of intents, at the moment at which
they reach its markets and algos.

Nothing here waits or asks the store, and each is kept, so that a run can be repeated with them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Final

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.executions import FillNotice, Notice, RejectNotice, request
from sequence_paper.edge.hosted import Hosted, LiveIntent, Slot
from sequence_paper.edge.rows import live_order
from sequence_paper.feed.events import Side
from sequence_paper.store.trades import Order
from sequence_paper.store.words import Json
from sequence_paper.venue.orders import Rejected

_TIMES: Final = ("created_ns", "decided_ns", "sent_ns")


@dataclass(frozen=True, slots=True)
class LegFill:
    """Of a leg of an intent. ``away``: at another edge."""

    side: Side
    px_1e9: int
    qty_1e8: int
    ts_ns: int
    away: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of an intent since its algo heard of it last. ``told_seq``: of the newest of the fills.

    ``code``: why it failed, in the algo interface's numbers; None: it did not, or its algo was told by a leg here.
    """

    fills: list[LegFill]
    told_seq: int
    ended: bool
    code: int | None


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


def tell(core: EdgeCore, hosted: Hosted, slot: Slot, live: LiveIntent, what: Progress) -> None:
    """What is told and that it was told are stored together. ``slot``: of the intent's symbol."""
    row, notices = live.row, list[Notice]()
    body = {"deployment_id": row.deployment_id, "label": row.label, "order_id": row.order_id}
    core.inputs.heard("intent", body | dataclasses.asdict(what), (row.account_id, row.mode))
    for fill in what.fills:
        live.filled_1e8 += fill.qty_1e8
        if fill.away:
            away = hosted.away_1e8.get(row.symbol, 0)
            hosted.away_1e8[row.symbol] = away + fill.side * fill.qty_1e8
            said = (row.intent_id, fill.px_1e9, fill.qty_1e8, fill.side, fill.ts_ns)
            notices.append(FillNotice(hosted, slot, *said))
    if what.ended:
        del hosted.intents[row.order_id]
    if what.code is not None:
        notices.append(RejectNotice(hosted, slot, row.intent_id, what.code))
        hosted.counts.rejected += 1
    live.row = replace(row, told_seq=what.told_seq, ended=what.ended)
    core.journal.intent(live.row)
    core.callbacks.tell(notices)
