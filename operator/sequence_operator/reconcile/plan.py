"""`plan`: from desired, observed and record to what is done next. Pure, total and deterministic."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sequence_operator.reconcile import replacing
from sequence_operator.reconcile.actions import (
    Action,
    Adopt,
    Note,
    Plan,
    Refuse,
    Register,
    Start,
    Stop,
    TakeState,
    Update,
    Wait,
)
from sequence_operator.reconcile.case import NAME_CONFLICT, Case
from sequence_operator.reconcile.changes import changes
from sequence_operator.reconcile.compare import differences
from sequence_operator.reconcile.deletion import delete
from sequence_operator.reconcile.drift import drift
from sequence_operator.reconcile.identity import Owner, our_row, owner
from sequence_operator.reconcile.limits import tighten
from sequence_operator.reconcile.model import AccountState, Desired, Observed, Policy, Record
from sequence_operator.reconcile.register import finalizer, register
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.settled import settle
from sequence_operator.reconcile.sight import Presence, Source
from sequence_operator.reconcile.states import LOOK_AGAIN, any_active
from sequence_operator.spec.names import MANAGED_BY

SUSPENDED = "Suspended"
_SUSPENDED = Wait(SUSPENDED, "spec.suspend is true: observed, not changed", None, False)


def plan(desired: Desired, observed: Observed, record: Record, policy: Policy, now: datetime) -> Plan:
    """What to do now. Never raises, whatever was observed; equal inputs give equal plans.

    The executor runs `Plan.actions` in order, puts every answer into `observed.sight` (and every status it wrote into
    `record`), and as long as nothing failed and `Plan.again` holds asks again within the same pass. Then
    `conditions.next_status` gives the status. An empty plan means: converged.
    """
    case = Case(desired, observed, record, policy, now)
    step = delete(case) if desired.deleting else _live(case)
    step = _once(case, step)
    row = our_row(case)
    found = step.differences or (differences(case, row) if row is not None else ())
    seen = observed.sight.presence is not Presence.UNKNOWN and not desired.deleting
    return replace(
        step,
        differences=found,
        drift=drift(case, row, found) if seen and not step.replacing else tuple(record.drift),
        changes=changes(case, row, found),
    )


def _live(case: Case) -> Plan:
    hindrance = _hindrance(case)
    if hindrance is not None:
        return Plan((hindrance,))
    if case.desired.spec.suspend:
        return _suspended(case)
    going_on = replacing.resume(case)
    if going_on is not None:
        return going_on
    row = case.row
    if row is None:
        return register(case) if case.observed.sight.presence is Presence.ABSENT else Plan((LOOK_AGAIN,))
    verdict, why = owner(case, row)
    if verdict is Owner.FOREIGN:
        return Plan((Refuse(NAME_CONFLICT, why),))
    if verdict is Owner.ADOPTABLE:
        return Plan((*finalizer(case), *_adopt(case, row)))
    return settle(case, row)


def _suspended(case: Case) -> Plan:
    """Observed, not changed; but what the platform allows beyond the spec is taken back all the same."""
    row = our_row(case)
    found = differences(case, row) if row is not None and not row.deleting else ()
    step = tighten(case, row, found) if row is not None and case.record.pending is None else None
    if step is not None:
        return replace(step, differences=found)
    return Plan((_SUSPENDED,), differences=found)


def _hindrance(case: Case) -> Wait | Refuse | None:
    """What keeps every write from being made."""
    account, claim = case.observed.account, case.observed.claim
    if case.desired.spec.suspend and account.state is not AccountState.READY:
        return _SUSPENDED
    if account.state in (AccountState.UNKNOWN, AccountState.UNREACHABLE):
        return Wait(account.state.value, account.message or f"account {account.name} was not reached yet")
    if account.state is not AccountState.READY:
        return Refuse(account.state.value, account.message or f"account {account.name} is not usable")
    if claim is not None and not claim.held_by(case.desired.uid):
        if case.desired.spec.suspend:
            return _SUSPENDED
        name = case.desired.spec.deployment
        message = f"the name {name} on this account belongs to {claim.winner or 'another object'}, which had it first"
        return Refuse(NAME_CONFLICT, f"{message}; choose another name or delete that one")
    return None


def _adopt(case: Case, row: Row) -> tuple[Action, ...]:
    """`metadata` only where the platform keeps some and lets us change it. The digest of the spec in force goes on
    being told: it says later what was edited and what somebody changed on the platform."""
    if case.desired.state_owner == "" and any_active(row):
        return (TakeState("Running"),)
    known = row.metadata
    keeps = known is not None and row.revision is not None
    metadata = {k: v for k, v in case.metadata.items() if k != "spec_digest"}
    ours = known is not None and known.managed_by == MANAGED_BY
    if known is not None and ours and known.spec_digest is not None:
        metadata["spec_digest"] = known.spec_digest
    before = f" from cluster {known.cluster}" if known is not None and ours and known.cluster else ""
    note = Note("Adopted", f"took over {row.deployment_id}{before}")
    return (Adopt(row.deployment_id, metadata if keeps else None, row.revision, note),)


def _once(case: Case, step: Plan) -> Plan:
    """An answer to our own write that does not show its effect calls for a look at the list, not for the same write
    again."""
    sight = case.observed.sight
    if sight.source is not Source.ANSWER or not sight.after or sight.row is None:
        return step
    for index, action in enumerate(step.actions):
        if (
            isinstance(action, Adopt | Register | Start | Stop | Update)
            and type(action).__name__ == sight.after
        ):
            kept: tuple[Action, ...] = tuple(step.actions[:index])
            return replace(step, actions=(*kept, LOOK_AGAIN))
    return step
