"""Replace: another WASM, other venues or labels. Unregister the old one and register the new one under the same name,
with the new WASM inspected before anything is touched and every step resumable from status and observation alone.

pending{Replace, from, to, at} → stop, cancelling → no open orders → unregister → register → (warm up, start as usual)
"""

from __future__ import annotations

from dataclasses import replace

from sequence_operator.reconcile.actions import (
    Action,
    Lookup,
    PersistPending,
    Plan,
    Refuse,
    Stop,
    Unregister,
    Update,
    Wait,
)
from sequence_operator.reconcile.case import NAME_CONFLICT, REPLACE, Case
from sequence_operator.reconcile.compare import differences
from sequence_operator.reconcile.identity import Owner, held_digest, is_product, owner
from sequence_operator.reconcile.register import UNANSWERED, artifact, create, finalizer, in_flight_seconds
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.sight import Presence
from sequence_operator.reconcile.states import LOOK_AGAIN, any_active, state_of
from sequence_operator.reconcile.undo import undo
from sequence_operator.spec.resources import Pending

ORDERS_OPEN = "OrdersOpen"
REPLACING = "Replacing"


def begin(case: Case, row: Row) -> Plan:
    """The row differs in something that only a new registration can change."""
    hindrance = artifact(case)
    if hindrance is not None:
        return hindrance
    old = held_digest(case, row) or ""
    pending = Pending(action=REPLACE, from_=old, to=case.sha, at=case.now)
    return Plan((*finalizer(case), PersistPending(pending), *_quiesce(case, row)), replacing=True)


def resume(case: Case) -> Plan | None:
    """A Replace is written down in the record. None when it is over, or no longer wanted: plan as usual."""
    pending, row, sight = case.record.pending, case.row, case.observed.sight
    if pending is None or pending.action != REPLACE:
        return None
    if sight.presence is Presence.UNKNOWN and not _unregistered(case):
        return _going_on(LOOK_AGAIN)
    if row is None:
        return _register(case, pending)
    verdict, why = owner(case, row)
    if verdict is Owner.FOREIGN:
        return Plan((Refuse(NAME_CONFLICT, why),))
    if verdict is Owner.ADOPTABLE or is_product(case, row) or not _still_wanted(case, row):
        return None
    target = _target(case, pending)
    retarget = () if pending.to == target else (_retargeted(case, pending, target),)
    return _ahead(retarget, _clear_away(case, row, pending, target))


def _still_wanted(case: Case, row: Row) -> bool:
    return any(d.change == "Replace" for d in differences(case, row))


def _target(case: Case, pending: Pending) -> str:
    """The desired digest; after the platform refused it, the previous one that `pending.to` names, until the spec
    changes."""
    return pending.to if case.rolled_back or not case.sha else case.sha


def _retargeted(case: Case, pending: Pending, target: str) -> PersistPending:
    """The spec changed on the way. The time stays: it is what the drain is measured from."""
    return PersistPending(Pending(action=REPLACE, from_=pending.from_, to=target, at=pending.at))


def _clear_away(case: Case, row: Row, pending: Pending, target: str) -> Plan:
    """The old registration is still there: quiet it, wait for its orders, unregister it."""
    if row.deleting:
        return _going_on(Wait(REPLACING, "the platform is still unregistering the previous one"))
    if any_active(row) or _keeps_orders(row):
        return _going_on(*_quiesce(case, row))
    wait = _drained(case, row, pending)
    if wait is not None:
        return _going_on(wait)
    if target == case.sha:
        hindrance = artifact(case)  # never without the successor at hand
        if hindrance is not None:
            return replace(hindrance, replacing=True)
    return _going_on(Unregister(row.deployment_id, None))


def _keeps_orders(row: Row) -> bool:
    """Stopped, with orders resting that its on_stop keeps."""
    return _changeable_on_stop(row) and row.orders_open != 0


def _changeable_on_stop(row: Row) -> bool:
    return row.revision is not None and row.on_stop is not None and row.on_stop != "cancel"


def _quiesce(case: Case, row: Row) -> tuple[Action, ...]:
    """Stop it, and have its orders cancelled; nothing when it already stands still without any."""
    if not (any_active(row) or _keeps_orders(row) or state_of(row) == "Pending"):
        return ()
    stop = Stop(row.deployment_id, None)
    if _changeable_on_stop(row):
        return Update(row.deployment_id, {"on_stop": "cancel"}, row.revision, None), stop
    return (stop,)


def _drained(case: Case, row: Row, pending: Pending) -> Wait | Refuse | None:
    """None when no order of it can be open any more."""
    if row.orders_open == 0:
        return None
    since_write = case.seconds_since(case.observed.sight.written_at)
    if row.orders_open is None:
        left = case.policy.blind_drain - since_write
        return (
            Wait(REPLACING, "the platform does not count open orders: waiting a moment", left)
            if left > 0
            else None
        )
    left = case.policy.drain_timeout - case.seconds_since(pending.at)
    if left > 0:
        return Wait(REPLACING, "waiting for resting orders to be cancelled", min(left, case.policy.poll))
    return Refuse(
        ORDERS_OPEN,
        f"stopped, but orders of it are still open after {case.policy.drain_timeout:.0f} s; it is not "
        "unregistered while they are. Cancel them at the venue; the replacement then goes on by itself",
    )


def _unregistered(case: Case) -> bool:
    known = case.record.deployment_id
    return known is not None and case.observed.sight.deleted_id == known


def _register(case: Case, pending: Pending) -> Plan:
    """The old registration is gone, or seems to be."""
    known, sight = case.record.deployment_id, case.observed.sight
    if not _unregistered(case):
        # Nobody in this process saw the delete acknowledged: a create may have been sent as well.
        if known is not None and not sight.gone(known):
            ask = (Lookup(known),) if sight.lists_without_id >= 2 and sight.not_found_id != known else ()
            return _going_on(*ask, Wait(REPLACING, f"making sure that {known} is gone"))
        left = in_flight_seconds(case)
        if left is not None:
            return _going_on(Wait(REPLACING, UNANSWERED, left or None))
    if case.blocked is not None and case.rolled_back:
        back = undo(case, pending)
        return _going_on(back) if back is not None else Plan((Refuse(*case.blocked),))
    hindrance = artifact(case)
    if hindrance is not None:
        return replace(hindrance, replacing=True)
    retarget = () if pending.to == case.sha else (_retargeted(case, pending, case.sha),)
    return _going_on(*retarget, create(case, case.sha, pending.at))


def _going_on(*actions: Action) -> Plan:
    return Plan(actions, replacing=True)


def _ahead(first: tuple[Action, ...], plan: Plan) -> Plan:
    return replace(plan, actions=(*first, *plan.actions)) if first else plan
