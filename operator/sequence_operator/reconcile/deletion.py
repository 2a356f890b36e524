"""Deleting: the finalizer falls only on proof that nothing of ours is left, or because a person let go of it."""

from __future__ import annotations

from sequence_operator.reconcile.actions import DropFinalizer, Lookup, Note, Plan, Refuse, Unregister, Wait
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.identity import Owner, owner
from sequence_operator.reconcile.model import AccountState
from sequence_operator.reconcile.register import UNANSWERED, in_flight_seconds
from sequence_operator.reconcile.sight import Presence
from sequence_operator.reconcile.states import LOOK_AGAIN

LET_GO = "to let go of it without undeploying: set spec.deletionPolicy: Orphan"
DELETING = "Deleting"


def delete(case: Case) -> Plan:
    """The object is being deleted."""
    desired, record = case.desired, case.record
    if not desired.has_finalizer:
        return Plan()
    if desired.spec.deletion_policy == "Orphan":
        return Plan((DropFinalizer("deletionPolicy is Orphan: it stays on the platform as it is"),))
    touched = record.deployment_id is not None or record.pending is not None
    if desired.spec.suspend:
        return Plan(
            (Refuse("DeletionSuspended", f"suspended: resume it (spec.suspend: false), or {LET_GO}"),)
        )
    if case.observed.account.state is not AccountState.READY:
        return _without_account(case, touched)
    claim = case.observed.claim
    if not touched and claim is not None and not claim.held_by(desired.uid):
        return _nothing_left("the name belongs to another object")
    if case.row is not None:
        return _present(case)
    if case.observed.sight.presence is Presence.UNKNOWN:
        if not case.observed.sight.deleted_id:
            return Plan((LOOK_AGAIN,))
        return Plan((Wait(DELETING, "unregistered; making sure that it is gone"),))
    return _absent(case, touched)


def _nothing_left(why: str) -> Plan:
    return Plan((DropFinalizer(why),))


def _without_account(case: Case, touched: bool) -> Plan:
    if not touched:
        return _nothing_left("it was never registered")
    account = case.observed.account
    message = (
        f"{account.message or account.state}; it may still be registered. {LET_GO[0].upper()}{LET_GO[1:]}"
    )
    if account.state in (AccountState.UNKNOWN, AccountState.UNREACHABLE):
        return Plan((Wait(account.state.value, message),))
    return Plan((Refuse(account.state.value, message),))


def _present(case: Case) -> Plan:
    row, record = case.row, case.record
    assert row is not None  # noqa: S101 - for the type checker
    verdict, _ = owner(case, row)
    if row.deleting and row.deployment_id == record.deployment_id:
        return Plan((Wait(DELETING, "the platform is still unregistering it"),))
    if verdict in (Owner.OURS, Owner.SEEN):
        return Plan((Unregister(row.deployment_id, Note("Unregistered")),))
    if row.deployment_id == record.deployment_id:
        return _nothing_left("another manager took it over")
    if record.deployment_id is None and record.pending is None:
        return _nothing_left("the name was never ours")
    if record.deployment_id is None:
        # A registration of ours got no answer, and the name is somebody else's now: it was refused, or will be.
        left = in_flight_seconds(case)
        if left:
            return Plan((Wait(DELETING, UNANSWERED, left),))
        return _nothing_left("the name is somebody else's")
    return _proof(case, record.deployment_id)


def _absent(case: Case, touched: bool) -> Plan:
    sight = case.observed.sight
    known = sight.deleted_id or case.record.deployment_id
    product_deleted = bool(sight.deleted_id) and sight.deleted_id != case.record.deployment_id
    if not product_deleted:
        left = in_flight_seconds(case)
        if left is not None:
            return Plan((Wait(DELETING, UNANSWERED, left or None),))
    if known is None:
        return _nothing_left("it was never registered" if not touched else "its registration never arrived")
    return _proof(case, known)


def _proof(case: Case, known: str) -> Plan:
    sight = case.observed.sight
    if sight.gone(known):
        return _nothing_left(f"{known} is gone from the platform")
    wait = Wait(DELETING, "unregistered; making sure that it is gone")
    if sight.lists_without_id >= 2:
        return Plan((Lookup(known), wait)) if sight.not_found_id != known else Plan((wait,))
    return Plan((wait,))
