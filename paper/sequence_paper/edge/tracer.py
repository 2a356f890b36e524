"""Writes down what happens to each order, on one clock. Called only where an order changes, never for a quiet callback.

A step costs a reading of the clock and a tuple; rows are made of it when the order's own row is written, so that both
reach the store in one transaction.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from sequence_paper.edge import abi
from sequence_paper.edge.hosted import Hosted, LiveOrder, Slot
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.rows import fill_id
from sequence_paper.edge.trace import Decision, DecisionBook, TraceClock
from sequence_paper.feed.events import BUY
from sequence_paper.store.tracing import TraceHead, TraceSteps
from sequence_paper.store.trades import Order as OrderRow
from sequence_paper.store.words import Json
from sequence_paper.venue.orders import (
    Acked,
    Amended,
    Cancelled,
    CancelReason,
    Execution,
    Filled,
    Order,
    OrderType,
    RejectCode,
    Rejected,
)
from sequence_paper.venue.risk import Refusal

RESTARTED: Final = "EDGE_RESTARTED"
MAX_STEPS: Final = 500
"""Of one order; amends beyond are counted, anything else is always kept."""
ENDS: Final = ("fill", "cancelled", "rejected")

_KINDS: Final = {kind: kind.name.lower() for kind in OrderType}

LastStep: TypeAlias = tuple[int, int]
"""Number and time (ns) of an order's last stored step."""


class Tracer:
    """One for an edge; ``clock`` is the edge's."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.clock = TraceClock()

    # -- on its way out -----------------------------------------------------------------------------------------

    def decided(self, order: LiveOrder, slot: Slot, decision: Decision, feed_ns: int) -> None:
        """An action asks for an order. ``slot``: the symbol of the order."""
        market, clock, trace = slot.market, self.clock, order.trace
        bids, asks = market.top(abi.MAX_LEVELS)
        seq, book_ns = market.book_seq, market.book_ns
        trace.book = DecisionBook(seq, book_ns, market.feed_state, bids, asks)
        callback, received, began, ended = decision
        ended_ns = clock.at(ended)
        detail = {
            "callback": callback,
            "book_seq": seq,
            "book_ns": book_ns,
            "mid_1e9": order.decision_mid_1e9 or None,
            "callback_start_ns": ended_ns - (ended - began),
            "callback_end_ns": ended_ns,
            "callback_ns": ended - began,
        }
        trace.add(("decision", clock.at(received), feed_ns, detail))
        wanted = {
            "client_id": order.algo_id,
            "side": "buy" if order.side == BUY else "sell",
            "order_type": _KINDS[order.type],
            "qty_1e8": order.qty_1e8,
            "price_1e9": order.px_1e9 or None,
        }
        trace.add(("submitted", ended_ns, feed_ns, wanted))

    def passed(self, hosted: Hosted, order: LiveOrder, feed_ns: int) -> None:
        """Every limit that is set lets it out."""
        self._step(order, "risk", feed_ns, {"passed": True, "checks": _checks(hosted)})

    def refused(self, hosted: Hosted, order: LiveOrder, refusal: Refusal, feed_ns: int) -> None:
        """It never left the edge."""
        detail = {"passed": False, "checks": _checks(hosted)} | _refusal(refusal)
        self._step(order, "risk", feed_ns, detail)
        self._step(order, "rejected", feed_ns, _rejection("edge", refusal.code, refusal.reason))

    def routed(self, order: LiveOrder, slot: Slot, venue: str, feed_ns: int) -> None:
        """The edge's own venue is the only one it may go to."""
        order.trace.arrival_mid_1e9 = mid = slot.mark()
        self._step(order, "routed", feed_ns, {"venue": venue, "mid_1e9": mid or None, "why": "one venue"})

    def received(self, order: LiveOrder, slot: Slot, venue: str, asked: Json, feed_ns: int) -> None:
        """A leg of a routed order came in. Times of who sent it are by that process's clock, so they are details."""
        market, trace = slot.market, order.trace
        bids, asks = market.top(abi.MAX_LEVELS)
        trace.book = DecisionBook(market.book_seq, market.book_ns, market.feed_state.value, bids, asks)
        trace.arrival_mid_1e9 = mid = slot.mark()
        times = {name: asked.get(name) for name in ("created_ns", "decided_ns", "sent_ns")}
        self._step(order, "submitted", feed_ns, {"parent_id": order.parent_id, **times})
        detail = {"venue": venue, "mid_1e9": mid or None, "why": "leg of a routed order"}
        self._step(order, "routed", feed_ns, detail | {"parent_id": order.parent_id})

    def sent(self, order: LiveOrder, venue: str, request: Order, feed_ns: int) -> None:
        detail = {"venue": venue, "qty_1e8": request.qty_1e8, "price_1e9": request.px_1e9 or None}
        self._step(order, "sent", feed_ns, detail)

    def amend_refused(
        self, hosted: Hosted, order: LiveOrder, action: abi.Action, refusal: Refusal, feed_ns: int
    ) -> None:
        """The order stays as it was."""
        wanted: Json = {"wanted_qty_1e8": action.qty_1e8, "wanted_price_1e9": action.px_1e9}
        self._amend(order, "amend_rejected", feed_ns, wanted | _refusal(refusal))
        self.save(hosted, order)

    # -- what came back -----------------------------------------------------------------------------------------

    def execution(
        self, order: LiveOrder, execution: Execution, feed_ns: int, decision: Decision | None
    ) -> None:
        """The venue's word, before it is applied. ``decision``: of the algo that asked for it, if one did.

        ``feed_ns``: when it is heard; the step stands at when it happened.
        """
        at = execution.ts_ns
        heard: Json = {"heard_ns": feed_ns} if feed_ns != at else {}
        match execution:
            case Acked():
                self._step(order, "venue_ack", at, _acked(execution) | heard)
            case Filled():
                self._step(order, "fill", at, _fill(order, execution) | heard)
            case Amended():
                self._amend(order, "amended", at, _amended(execution) | self._asked(decision) | heard)
            case Cancelled():
                wanted = execution.reason is CancelReason.REQUESTED
                asked = self._asked(decision) if wanted else {}
                self._step(order, "cancelled", at, _cancelled(execution) | asked | heard)
            case Rejected():
                refused = _rejection("venue", execution.code, execution.reason)
                self._step(order, "rejected", at, refused | heard)

    # -- over a restart of the edge -----------------------------------------------------------------------------

    def restored(self, order: LiveOrder, last: LastStep | None, feed_ns: int, ahead_1e8: int) -> None:
        """An order of an earlier process rests again."""
        self._resume(order, last)
        detail = {
            "reason": RESTARTED,
            "price_1e9": order.px_1e9 or None,
            "qty_1e8": order.qty_1e8,
            "filled_1e8": order.filled_1e8,
            "ahead_1e8": ahead_1e8,
        }
        self._step(order, "restored", feed_ns, detail)

    def lost(self, order: LiveOrder, last: LastStep | None, feed_ns: int) -> None:
        """An order of an earlier process has to end."""
        self._resume(order, last)
        detail = {"reason": RESTARTED, "remaining_1e8": order.qty_1e8 - order.filled_1e8}
        self._step(order, "cancelled", feed_ns, detail)

    def orphan(self, row: OrderRow, last: LastStep, feed_ns: int) -> None:
        """As ``lost``, for an order whose instance is not here any more."""
        self.clock.not_before(last[1])
        detail = {"reason": RESTARTED, "remaining_1e8": row.qty_1e8 - row.filled_qty_1e8}
        step = ("cancelled", self.clock.now(), feed_ns, detail)
        self._journal.steps(TraceSteps(row.order_id, row.deployment_id, row.label, last[0] + 1, [step]))

    def save(self, hosted: Hosted, order: LiveOrder) -> None:
        """Hand what waits to the journal, together with the order's row."""
        trace, want = order.trace, hosted.want
        if not trace.waiting:
            return
        if not trace.headed:
            trace.headed = True
            self._journal.trace(_head(hosted, order))
        if trace.skipped and trace.waiting[-1][0] in ENDS:
            trace.waiting[-1][3]["skipped_amends"] = trace.skipped
        first = trace.count - len(trace.waiting)
        self._journal.steps(TraceSteps(order.order_id, want.deployment_id, want.label, first, trace.waiting))
        trace.waiting = []

    def _step(self, order: LiveOrder, stage: str, feed_ns: int, detail: Json) -> None:
        """It happens now."""
        order.trace.add((stage, self.clock.now(), feed_ns, detail))

    def _amend(self, order: LiveOrder, stage: str, feed_ns: int, detail: Json) -> None:
        """An algo may amend one order with every book for days; the trace says how often, and shows the first ones."""
        trace = order.trace
        if trace.count < MAX_STEPS:
            self._step(order, stage, feed_ns, detail)
        else:
            trace.skipped += 1

    def _asked(self, decision: Decision | None) -> Json:
        if decision is None:
            return {"by": "edge"}
        return {"by": "algo", "callback": decision.callback, "asked_ns": self.clock.at(decision.ended)}

    def _resume(self, order: LiveOrder, last: LastStep | None) -> None:
        """Go on behind the last stored step. Without one the order is older than traces, and gets a bare head."""
        if last is not None:
            order.trace.headed, order.trace.count = True, last[0] + 1
            self.clock.not_before(last[1])


def _refusal(refusal: Refusal) -> Json:
    return {
        "check": refusal.check,
        "value": refusal.value,
        "limit": refusal.limit,
        "code": int(refusal.code),
        "name": refusal.code.name,
        "reason": refusal.reason,
    }


def _rejection(by: str, code: RejectCode, reason: str) -> Json:
    return {"by": by, "code": int(code), "name": code.name, "reason": reason}


def _acked(acked: Acked) -> Json:
    """After rounding to the venue's grid."""
    return {
        "price_1e9": acked.px_1e9 or None,
        "qty_1e8": acked.qty_1e8,
        "ahead_1e8": acked.ahead_1e8,
        "rests": acked.rests,
    }


def _amended(amended: Amended) -> Json:
    return {
        "price_1e9": amended.px_1e9,
        "qty_1e8": amended.qty_1e8,
        "kept_place": amended.kept_place,
    }


def _cancelled(cancelled: Cancelled) -> Json:
    return {
        "reason": cancelled.reason.value.upper().replace("-", "_"),
        "remaining_1e8": cancelled.remaining_1e8,
        "possible_1e8": cancelled.possible_1e8,
    }


def _fill(order: LiveOrder, filled: Filled) -> Json:
    return {
        "fill_id": fill_id(order.order_id, order.filled_1e8 + filled.qty_1e8),
        "price_1e9": filled.px_1e9,
        "qty_1e8": filled.qty_1e8,
        "fee_1e9": filled.fee_1e9,
        "liquidity": "maker" if filled.maker else "taker",
        "remaining_1e8": filled.remaining_1e8,
        "feed_state": filled.feed,
        "certainty": filled.certainty.value,
    }


def _checks(hosted: Hosted) -> Json:
    checks = hosted.gate.checks
    return checks | {"reduce_only": 1} if hosted.reduce_only else checks


def _head(hosted: Hosted, order: LiveOrder) -> TraceHead:
    want, trace = hosted.want, order.trace
    return TraceHead(
        order_id=order.order_id,
        account_id=want.account_id,
        mode=want.mode,
        deployment_id=want.deployment_id,
        wasm_sha256=want.wasm_sha256,
        metadata=want.metadata,
        book=trace.book.row() if trace.book is not None else None,
        decision_mid_1e9=order.decision_mid_1e9 or None,
        arrival_mid_1e9=trace.arrival_mid_1e9 or None,
        at_ns=trace.waiting[0][1],
        parent_id=order.parent_id,
    )
