"""What happened to orders: state, rows, and the callbacks that must follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sequence_paper.edge import abi
from sequence_paper.edge.asking import new_intent
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.hosted import ACKED, PARTIAL, Hosted, LiveIntent, LiveOrder, Slot
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.roster import Roster
from sequence_paper.edge.rows import fill_row, order_row
from sequence_paper.edge.trace import Decision
from sequence_paper.edge.tracer import RESTARTED, LastStep, Tracer
from sequence_paper.edge.wires import Wires
from sequence_paper.store.words import OrderStatus
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import (
    Acked,
    Amended,
    Cancelled,
    CancelReason,
    Execution,
    Filled,
    Order,
    RejectCode,
    Rejected,
)

MAX_REJECT_ROWS: Final = 3
"""Rejected orders stored per instance and second of feed time; all of them are counted."""


@dataclass(frozen=True, slots=True)
class FillNotice:
    """Deliver ``algo_on_fill``."""

    hosted: Hosted
    slot: Slot
    order_id: int
    px_1e9: int
    qty_1e8: int
    side: int
    ts_ns: int


@dataclass(frozen=True, slots=True)
class RejectNotice:
    """Deliver ``algo_on_reject``; ``pause``: then pause the instance for this reason."""

    hosted: Hosted
    slot: Slot
    order_id: int
    code: int
    pause: str = ""


Notice = FillNotice | RejectNotice


class Executions:
    """Order state of one edge."""

    def __init__(
        self,
        edge_id: str,
        markets: Mapping[str, Market],
        journal: Journal,
        roster: Roster,
        tracer: Tracer,
        wires: Wires,
        log: EventLog | None = None,
    ) -> None:
        self._edge_id = edge_id
        self._markets = markets
        self._journal = journal
        self._roster = roster
        self._tracer = tracer
        self._wires = wires
        self._log = log

    def apply(
        self,
        executions: Iterable[Execution],
        now_ns: int,
        decision: Decision | None = None,
        mid_1e9: int | None = None,
    ) -> list[Notice]:
        """Executions of any instance of this edge, heard of now.

        ``decision``: of the algo that asked for them, if one did. ``mid_1e9``: of the moment of a fill, None = now.
        """
        notices: list[Notice] = []
        for execution in executions:
            hosted = self._roster.owners.get(execution.owner)
            order = hosted.orders.get(execution.key) if hosted is not None else None
            if hosted is None or order is None:
                continue
            if self._log is not None:
                self._log.executed(hosted, execution)
            self._tracer.execution(order, execution, now_ns, decision)
            self._apply_one(hosted, order, execution, now_ns, mid_1e9, notices)
        return notices

    def holder(self, key: str) -> tuple[Hosted, LiveOrder] | None:
        """Who has this open order here."""
        held = ((hosted, hosted.orders.get(key)) for hosted in self._roster.owners.values())
        return next(((hosted, order) for hosted, order in held if order is not None), None)

    def mid_of(self, execution: Execution) -> int | None:
        """Of the market of an order now; None when nobody here has the order."""
        hosted = self._roster.owners.get(execution.owner)
        order = hosted.orders.get(execution.key) if hosted is not None else None
        return None if hosted is None or order is None else _slot(hosted, order).mark()

    def under_way(self, hosted: Hosted, order: LiveOrder, now_ns: int) -> None:
        """It left for the venue."""
        want, number = hosted.want, order.order_id.rpartition(":")[2]
        self._wires.name(order.order_id, f"{want.mode}/{want.name}/{want.label}/{number}")
        self._write(hosted, order, "NEW", now_ns)

    def withdraw(self, hosted: Hosted, order: LiveOrder, now_ns: int) -> None:
        """The platform itself ends an order: at once, and after hearing all that the venue has said until now.

        One that the market does not know stays as it is.
        """
        self._wires.settle(hosted.owner, now_ns)
        market = order.elsewhere or self._markets.get(order.symbol)
        executions = market.cancel(order.order_id, now_ns) if market is not None else []
        if not executions and self._wires.recall(order.order_id):
            left = order.qty_1e8 - order.filled_1e8
            executions = [Cancelled(order.order_id, hosted.owner, now_ns, left, CancelReason.REQUESTED)]
        self.apply(executions, now_ns)

    def sweep(self, hosted: Hosted, now_ns: int) -> int:
        """Cancel every open order of an instance; returns how many."""
        count = 0
        for order in list(hosted.orders.values()):
            self.withdraw(hosted, order, now_ns)
            if order.order_id in hosted.orders:
                # The market does not know it (it was never restored): the row must still end.
                self.end_lost(hosted, order, now_ns)
            count += 1
        for live in hosted.intents.values():
            self.let_go(live)
        return count

    def ask(self, hosted: Hosted, action: abi.Action, symbol: str, number: int) -> None:
        """An intent leaves: whoever finds its row in the store sees to it."""
        row = new_intent(hosted, self._edge_id, action, symbol, number)
        hosted.intents[row.order_id] = LiveIntent(row)
        self._roster.traded.add(hosted)
        self._journal.intent(row)

    def let_go(self, live: LiveIntent) -> None:
        """Nobody minds this intent any more: what of it is not done is not to be done."""
        if not live.row.cancel:
            live.row = replace(live.row, cancel=True)
            self._journal.intent(live.row)

    def restore(self, hosted: Hosted, order: LiveOrder, now_ns: int, traced: LastStep | None = None) -> bool:
        """Put back an order that rested before this process started; False when its symbol is not served."""
        market = self._markets.get(order.symbol)
        if market is None:
            return False
        hosted.add(order)
        market.restore(request(hosted, order), order.filled_1e8, now_ns)
        ahead = {o.key: o.ahead_1e8 for o in market.open_orders(hosted.owner)}
        self._tracer.restored(order, traced, now_ns, ahead[order.order_id])
        self._tracer.save(hosted, order)
        return True

    def end_lost(self, hosted: Hosted, order: LiveOrder, now_ns: int, traced: LastStep | None = None) -> None:
        """An order of an earlier process that cannot rest again."""
        hosted.counts.cancelled += 1
        self._tracer.lost(order, traced, now_ns)
        self._end(hosted, order, "PARTIAL" if order.filled_1e8 else "CANCELLED", now_ns, reason=RESTARTED)

    def reject_row(self, hosted: Hosted, order: LiveOrder, code: RejectCode, why: str, now_ns: int) -> None:
        """Store a rejected order, unless this instance had many within this second."""
        if self._log is not None:
            self._log.refused(now_ns, hosted, order.order_id, int(code))
        self._roster.traded.add(hosted)
        second = now_ns // 10**9
        if second != hosted.rejected_second:
            hosted.rejected_second, hosted.rejected_in_second = second, 0
        hosted.rejected_in_second += 1
        # The row of a routed order exists already and has to end.
        if hosted.rejected_in_second > MAX_REJECT_ROWS and order.parent_id is None:
            return
        self._roster.log(hosted, 1, f"order {order.algo_id} rejected ({code.name}): {why}")
        self._journal.order(
            order_row(
                hosted, self._edge_id, order, "REJECTED", now_ns, reject_code=int(code), reason=code.name
            )
        )
        self._tracer.save(hosted, order)

    def _apply_one(
        self,
        hosted: Hosted,
        order: LiveOrder,
        execution: Execution,
        now_ns: int,
        mid_1e9: int | None,
        notices: list[Notice],
    ) -> None:
        slot = _slot(hosted, order)
        match execution:
            case Filled():
                mid = slot.mark() if mid_1e9 is None else mid_1e9
                self._filled(hosted, order, slot, execution, mid, now_ns, notices)
            case Acked():
                order.px_1e9, order.qty_1e8, order.status = execution.px_1e9, execution.qty_1e8, ACKED
                hosted.touch(order.symbol)
                self._write(hosted, order, "OPEN", now_ns)
            case Amended():
                order.px_1e9, order.qty_1e8 = execution.px_1e9, execution.qty_1e8
                hosted.touch(order.symbol)
                self._write(hosted, order, "PARTIALLY_FILLED" if order.filled_1e8 else "OPEN", now_ns)
            case Cancelled():
                hosted.counts.cancelled += 1
                reason = None if execution.reason is CancelReason.REQUESTED else _word(execution.reason)
                self._end(
                    hosted, order, "PARTIAL" if order.filled_1e8 else "CANCELLED", now_ns, reason=reason
                )
            case Rejected():
                hosted.counts.rejected += 1
                hosted.drop(order)
                self._wires.forget(order.order_id)
                self.reject_row(hosted, order, execution.code, execution.reason, now_ns)
                notices.append(RejectNotice(hosted, slot, order.algo_id, execution.code))

    def _filled(
        self,
        hosted: Hosted,
        order: LiveOrder,
        slot: Slot,
        filled: Filled,
        mid_1e9: int,
        now_ns: int,
        notices: list[Notice],
    ) -> None:
        holding = slot.holding
        realized = holding.fill(order.side, filled.px_1e9, filled.qty_1e8, filled.fee_1e9, now_ns)
        holding.mark_1e9 = slot.mark() or filled.px_1e9
        order.filled_1e8 += filled.qty_1e8
        order.notional_1e9 += filled.px_1e9 * filled.qty_1e8 // 10**8
        order.fees_1e9 += filled.fee_1e9
        order.status = PARTIAL
        hosted.touch(order.symbol)
        self._journal.fill(fill_row(hosted, self._edge_id, order, filled, realized, mid_1e9))
        self._journal.position(holding.row())
        if self._log is not None:
            self._log.holds(filled.ts_ns, hosted, order.symbol, holding)
        if filled.remaining_1e8 == 0:
            hosted.counts.filled += 1
            self._end(hosted, order, "FILLED", filled.ts_ns)
        else:
            self._write(hosted, order, "PARTIALLY_FILLED", filled.ts_ns)
        notices.append(
            FillNotice(hosted, slot, order.algo_id, filled.px_1e9, filled.qty_1e8, order.side, filled.ts_ns)
        )

    def _end(
        self, hosted: Hosted, order: LiveOrder, status: OrderStatus, now_ns: int, *, reason: str | None = None
    ) -> None:
        hosted.drop(order)
        self._wires.forget(order.order_id)
        self._write(hosted, order, status, now_ns, reason=reason)

    def _write(
        self, hosted: Hosted, order: LiveOrder, status: OrderStatus, now_ns: int, *, reason: str | None = None
    ) -> None:
        self._roster.traded.add(hosted)
        self._journal.order(order_row(hosted, self._edge_id, order, status, now_ns, reason=reason))
        self._tracer.save(hosted, order)


def request(hosted: Hosted, order: LiveOrder) -> Order:
    return Order(
        order.order_id,
        hosted.account,
        hosted.owner,
        order.symbol,
        order.side,
        order.type,
        order.qty_1e8,
        order.px_1e9,
        order.expire_ns,
        hosted.want.name,
        order.reduce_only,
    )


def _slot(hosted: Hosted, order: LiveOrder) -> Slot:
    return next(slot for slot in hosted.slots if slot.symbol == order.symbol)


def _word(reason: CancelReason) -> str:
    return reason.value.upper().replace("-", "_")
