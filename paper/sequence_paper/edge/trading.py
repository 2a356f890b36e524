"""From an algo's actions to orders in the market.

Synchronous and without I/O: rows go to the journal, callbacks that follow are returned as ``Notice``s, because no
callback may run while another one is being worked off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from sequence_paper.edge import abi
from sequence_paper.edge.asking import POLICIES, SWEEP, venue_named
from sequence_paper.edge.executions import Executions, Notice, RejectNotice, request
from sequence_paper.edge.hosted import Hosted, LiveOrder, Slot
from sequence_paper.edge.switches import Switches
from sequence_paper.edge.trace import Decision
from sequence_paper.edge.tracer import Tracer
from sequence_paper.edge.venue_link import VenueLink
from sequence_paper.venue.orders import Order, OrderType, RejectCode, Rejected
from sequence_paper.venue.risk import Refusal

_RESTS: Final = (OrderType.LIMIT, OrderType.POST_ONLY)
"""An algo may say for how long such an order is good; the SDK's helpers leave that at 0, for ever."""

Log = Callable[[Hosted, int, str], None]
"""(instance, level 0..4, message)"""


class Trading:
    """Works off action buffers."""

    def __init__(
        self,
        venue: str,
        link: VenueLink,
        executions: Executions,
        log: Log,
        tracer: Tracer,
        switches: Switches,
    ) -> None:
        self._venue = venue
        self._venue_id = abi.VENUE_IDS.get(venue, -1)
        self._link = link
        self._executions = executions
        self._log = log
        self._tracer = tracer
        self._switches = switches

    def execute(
        self, hosted: Hosted, actions: Iterable[abi.Action], slot: Slot, now_ns: int, decision: Decision
    ) -> list[Notice]:
        """Work off one action buffer in order. ``slot``: the symbol the callback ``decision`` was about."""
        notices: list[Notice] = []
        for action in actions:
            if action.kind == abi.CANCEL:
                self._cancel(hosted, action, now_ns, decision, notices)
            elif action.kind == abi.AMEND:
                self._amend(hosted, action, slot, now_ns, decision, notices)
            elif action.kind == abi.NEW and not self._elsewhere(action):
                self._new(hosted, action, slot, now_ns, decision, notices)
            elif action.kind == abi.NEW:
                swept = action._replace(kind=abi.INTENT, order_type=SWEEP)
                self._intent(hosted, swept, slot, now_ns, decision, notices)
            else:
                self._intent(hosted, action, slot, now_ns, decision, notices)
        return notices

    # -- actions -----------------------------------------------------------------------------------------------

    def _new(
        self,
        hosted: Hosted,
        action: abi.Action,
        slot: Slot,
        now_ns: int,
        decision: Decision,
        notices: list[Notice],
    ) -> None:
        target = self._slot(hosted, action.symbol_idx, slot)
        hosted.order_number += 1
        order = LiveOrder(
            order_id=f"graph:{hosted.want.deployment_id}:{hosted.want.label}:{hosted.order_number}",
            algo_id=action.order_id,
            symbol=(target or slot).symbol,
            side=1 if action.side > 0 else -1,
            type=OrderType(action.order_type),
            qty_1e8=action.qty_1e8,
            px_1e9=0 if action.order_type == OrderType.MARKET else action.px_1e9,
            created_ns=now_ns,
            decision_mid_1e9=(target or slot).mark(),
            expire_ns=now_ns + action.ttl_ms * 10**6 if action.ttl_ms and action.order_type in _RESTS else 0,
        )
        self._tracer.decided(order, target or slot, decision, now_ns)
        problem = self._problem(hosted, action, target)
        if target is None or problem is not None:
            code, why = problem or (RejectCode.INVALID_PARAMS, "")
            refusal = Refusal(code, why, check="request")
            self._refuse(hosted, order, target or slot, refusal, now_ns, notices)
            return
        wanted = request(hosted, order)
        stopped = (
            self._killed(hosted)
            or _reduce_only(hosted, target, wanted, wanted.qty_1e8)
            or hosted.gate.check(wanted, hosted.risk_state(target), target.market.best(), now_ns)
        )
        if stopped is not None:
            self._refuse(hosted, order, target, stopped, now_ns, notices)
            return
        hosted.counts.submitted += 1
        hosted.add(order)
        self._tracer.passed(hosted, order, now_ns)
        self._tracer.routed(order, target, self._venue, now_ns)
        self._tracer.sent(order, self._venue, wanted, now_ns)
        notices += self._link.submit(hosted, order, wanted, now_ns, decision)

    def _intent(
        self,
        hosted: Hosted,
        action: abi.Action,
        slot: Slot,
        now_ns: int,
        decision: Decision,
        notices: list[Notice],
    ) -> None:
        """Held against the limits like an order of its size and price, then asked of the platform."""
        target = self._slot(hosted, action.symbol_idx, slot)
        hosted.order_number += 1
        order = LiveOrder(
            order_id=f"graph:{hosted.want.deployment_id}:{hosted.want.label}:{hosted.order_number}",
            algo_id=action.order_id,
            symbol=(target or slot).symbol,
            side=1 if action.side > 0 else -1,
            type=OrderType.IOC,
            qty_1e8=action.qty_1e8,
            px_1e9=action.px_1e9,
            created_ns=now_ns,
            decision_mid_1e9=(target or slot).mark(),
        )
        self._tracer.decided(order, target or slot, decision, now_ns)
        problem = self._intent_problem(hosted, action, target)
        if target is None or problem is not None:
            code, why = problem or (RejectCode.INVALID_PARAMS, "")
            self._refuse(hosted, order, target or slot, Refusal(code, why, check="request"), now_ns, notices)
            return
        wanted = request(hosted, order)
        stopped = (
            self._killed(hosted)
            or _reduce_only(hosted, target, wanted, wanted.qty_1e8)
            or hosted.gate.check(wanted, hosted.risk_state(target), target.market.best(), now_ns)
        )
        if stopped is not None:
            self._refuse(hosted, order, target, stopped, now_ns, notices)
            return
        hosted.counts.submitted += 1
        self._executions.ask(hosted, action, target.symbol, hosted.order_number)

    def _elsewhere(self, action: abi.Action) -> bool:
        """An IOC for another venue is what an intent to sweep is; nothing can rest where the algo does not run."""
        return action.venue_id not in (0, self._venue_id) and action.order_type == OrderType.IOC

    def _intent_problem(
        self, hosted: Hosted, action: abi.Action, target: Slot | None
    ) -> tuple[RejectCode, str] | None:
        if action.venue_id and venue_named(action.venue_id) is None:
            return RejectCode.BAD_VENUE, f"no venue has the id {action.venue_id}"
        if action.order_type not in POLICIES:
            return (
                RejectCode.INVALID_PARAMS,
                f"policy {action.order_type} is neither a sweep (0) nor a chase (1)",
            )
        if any(live.row.intent_id == action.order_id for live in hosted.intents.values()):
            return RejectCode.INVALID_PARAMS, f"intent id {action.order_id} is already open"
        # Its venue is named by the intent, not by where the algo runs; the rest is as with orders.
        return self._problem(hosted, action._replace(venue_id=0, order_type=OrderType.IOC), target)

    def _problem(
        self, hosted: Hosted, action: abi.Action, target: Slot | None
    ) -> tuple[RejectCode, str] | None:
        if action.venue_id not in (0, self._venue_id):
            return (
                RejectCode.BAD_VENUE,
                f"venue id {action.venue_id} is not this edge's: only IOC orders and intents go to another venue",
            )
        if target is None:
            return RejectCode.INVALID_PARAMS, f"symbol index {action.symbol_idx} is not subscribed"
        if action.pool_idx:
            return RejectCode.INVALID_PARAMS, "this venue has no pools"
        if action.qty_1e8 <= 0:
            return RejectCode.INVALID_PARAMS, f"quantity {action.qty_1e8} is not positive"
        if action.order_type != OrderType.MARKET and not 0 < action.px_1e9 < 1 << 63:
            return RejectCode.INVALID_PARAMS, f"price {action.px_1e9} cannot be a limit"
        if action.order_id in hosted.by_algo_id:
            return RejectCode.INVALID_PARAMS, f"order id {action.order_id} is already open"
        return None

    def _cancel(
        self, hosted: Hosted, action: abi.Action, now_ns: int, decision: Decision, notices: list[Notice]
    ) -> None:
        order = hosted.by_algo_id.get(action.order_id)
        # Unknown: it filled or ended before the cancel arrived, an everyday race that needs no answer.
        if order is not None:
            notices += self._link.cancel(hosted, order, now_ns, decision)
        for live in hosted.intents.values():
            if live.row.intent_id == action.order_id:
                self._executions.let_go(live)

    def _amend(
        self,
        hosted: Hosted,
        action: abi.Action,
        slot: Slot,
        now_ns: int,
        decision: Decision,
        notices: list[Notice],
    ) -> None:
        order = hosted.by_algo_id.get(action.order_id)
        why = ""
        if order is None:
            why = "no such order is open"
        elif action.qty_1e8 <= 0 or not 0 < action.px_1e9 < 1 << 63:
            why = f"quantity {action.qty_1e8} and price {action.px_1e9} must be positive"
        if order is None or why:
            refusal = Refusal(RejectCode.INVALID_PARAMS, why, check="request")
            self._refuse_amend(hosted, action, slot, order, refusal, now_ns, notices)
            return
        target = next(s for s in hosted.slots if s.symbol == order.symbol)
        wanted = replace(request(hosted, order), qty_1e8=action.qty_1e8, px_1e9=action.px_1e9)
        left = action.qty_1e8 - order.filled_1e8
        stopped = (
            self._killed(hosted)
            or _reduce_only(hosted, target, wanted, left)
            or hosted.gate.check_amend(
                wanted,
                order.filled_1e8,
                hosted.risk_state(target, without=order.order_id),
                target.market.best(),
                now_ns,
            )
        )
        if stopped is not None:
            self._refuse_amend(hosted, action, target, order, stopped, now_ns, notices)
            return

        def refused(by: Rejected, heard_ns: int) -> list[Notice]:
            refusal, told = Refusal(by.code, by.reason, check="venue"), list[Notice]()
            still = hosted.orders.get(order.order_id)
            self._refuse_amend(hosted, action, target, still, refusal, heard_ns, told)
            return told

        notices += self._link.amend(hosted, order, wanted, now_ns, decision, refused)

    def _refuse_amend(
        self,
        hosted: Hosted,
        action: abi.Action,
        slot: Slot,
        order: LiveOrder | None,
        refusal: Refusal,
        now_ns: int,
        notices: list[Notice],
    ) -> None:
        """The order, if there is one, stays as it was."""
        hosted.counts.rejected += 1
        code, why = refusal.code, refusal.reason
        self._log(hosted, 1, f"amend of order {action.order_id} refused ({code.name}): {why}")
        if order is not None:
            self._tracer.amend_refused(hosted, order, action, refusal, now_ns)
        notices.append(RejectNotice(hosted, slot, action.order_id, code, why if refusal.pauses else ""))

    def _refuse(
        self,
        hosted: Hosted,
        order: LiveOrder,
        slot: Slot,
        refusal: Refusal,
        now_ns: int,
        notices: list[Notice],
    ) -> None:
        """Never left this edge."""
        hosted.counts.rejected += 1
        self._tracer.refused(hosted, order, refusal, now_ns)
        self._executions.reject_row(hosted, order, refusal.code, refusal.reason, now_ns)
        pause = f"{refusal.code.name}: {refusal.reason}" if refusal.pauses else ""
        notices.append(RejectNotice(hosted, slot, order.algo_id, refusal.code, pause))

    def _killed(self, hosted: Hosted) -> Refusal | None:
        return self._switches.refusal(hosted.want.account_id, hosted.want.mode)

    def _slot(self, hosted: Hosted, symbol_idx: int, slot: Slot) -> Slot | None:
        """0 = the symbol of the callback; k = symbol id k."""
        if symbol_idx == 0:
            return slot
        return hosted.slots[symbol_idx - 1] if symbol_idx <= len(hosted.slots) else None


def _reduce_only(hosted: Hosted, slot: Slot, order: Order, left_1e8: int) -> Refusal | None:
    """``left_1e8``: what of the order can still fill."""
    if not hosted.reduce_only or hosted.only_reduces(slot, order.side, left_1e8, without=order.key):
        return None
    why = "the limits allow only orders that reduce the position"
    return Refusal(RejectCode.RISK_CHECK_FAILED, why, check="reduce_only")
