"""How a pass ended, in the words of the kstatus conditions."""

from __future__ import annotations

from dataclasses import dataclass

from sequence_operator.reconcile import replacing
from sequence_operator.reconcile.actions import Outcome, Plan, Register
from sequence_operator.reconcile.case import (
    NAME_CONFLICT,
    REGISTER,
    REJECTED,
    REPLACE,
    REPLACE_REJECTED,
    Case,
)
from sequence_operator.reconcile.drift import kept, kept_sentence
from sequence_operator.reconcile.identity import WAY_OUT, is_product
from sequence_operator.reconcile.model import AccountState, Failure, FailureKind
from sequence_operator.reconcile.overrides import OVERRIDDEN, override_sentence, rollback_sentence
from sequence_operator.reconcile.register import REGISTERING
from sequence_operator.reconcile.states import (
    OBSERVING,
    PENDING,
    WARMING_UP,
    describe_running,
    hindrances,
    state_of,
)
from sequence_operator.reconcile.undo import undo_of
from sequence_operator.spec.resources import Pending

TIGHTER_KEPT = "TighterKept"


@dataclass(frozen=True, slots=True)
class Ending:
    """`ready`, `reconciling`, `stalled` with one reason and message for all three."""

    reason: str
    message: str
    ready: bool = False
    reconciling: bool = False
    stalled: bool = False


def ending(case: Case, plan: Plan, outcome: Outcome) -> Ending:
    """The end of a pass: a failure first, then what the last plan refused or waits for."""
    if outcome.failure is not None:
        return _failed(case, outcome, outcome.failure)
    pending = case.record.pending
    if pending is not None and quiet(case, plan):
        return under_way(pending, case)
    if plan.refusal is not None:
        return Ending(plan.refusal.reason, plan.refusal.message, stalled=True)
    if plan.wait is not None:
        return Ending(plan.wait.reason, plan.wait.message, reconciling=plan.wait.reconciling)
    return _in_sync(case, plan)


def _in_sync(case: Case, plan: Plan) -> Ending:
    """As desired. What differs from the file all the same, and why, is said by the reason."""
    row = case.row
    parts = [
        describe_running(row) if row is not None and state_of(row) == "Running" else "registered, stopped"
    ]
    tighter = [d for d in plan.differences if kept(case, d)]
    if tighter:
        parts.append(
            f"{kept_sentence(tighter)}: tighter, so it is kept until the spec is edited; write it there to make it last"
        )
    parts += [
        text for text in (override_sentence(case), rollback_sentence(case), *case.desired.notes) if text
    ]
    reason = OVERRIDDEN if case.desired.override is not None else TIGHTER_KEPT if tighter else "InSync"
    return Ending(reason, "; ".join(parts), ready=True)


def under_way(pending: Pending, case: Case) -> Ending:
    """What the status says from the moment a pending action is written down until it is over."""
    if pending.action == REPLACE:
        what = f"{pending.from_[:12] or 'the registered WASM'} by {pending.to[:12]}"
        return Ending(replacing.REPLACING, f"replacing {what}", reconciling=True)
    if pending.action == REGISTER:
        message = f"registering {case.desired.spec.deployment} with {pending.to[:12]}"
        return Ending(REGISTERING, message, reconciling=True)
    return Ending("Acknowledging", f"clearing pause {pending.to}", reconciling=True)


def quiet(case: Case, plan: Plan) -> bool:
    """A registration or a replacement is still on its way and goes well: the status stands still until its end, which
    saves a write for every step on it."""
    pending = case.record.pending
    if pending is None or plan.refusal is not None or pending.action not in (REGISTER, REPLACE):
        return False
    if plan.replacing:
        return True
    row = case.row
    if row is None:
        return plan.wait is not None and plan.wait.reason in (OBSERVING, REGISTERING)
    proven = row.metadata is not None and row.metadata.uid == case.desired.uid
    warming = plan.wait is not None and plan.wait.reason in (WARMING_UP, PENDING, OBSERVING)
    recent = case.seconds_since(max(pending.at, case.observed.sight.written_at)) < case.policy.hold
    # An edge that says why it does not take it is heard at once.
    return proven and warming and recent and is_product(case, row) and not hindrances(row)


def _failed(case: Case, outcome: Outcome, failure: Failure) -> Ending:
    kind = failure.kind
    if kind is FailureKind.REJECTED:
        pending = case.record.pending
        if isinstance(outcome.failed, Register) and pending is not None and pending.action == REPLACE:
            return _replace_rejected(case, pending, failure)
        return Ending(REJECTED, f"the platform refused it: {failure.message}", stalled=True)
    if kind is FailureKind.NAME and not _in_replace(case):
        message = (
            f"the name {case.desired.spec.deployment} is taken on the platform: {failure.message}; {WAY_OUT}"
        )
        return Ending(NAME_CONFLICT, message, stalled=True)
    if kind is FailureKind.ACCOUNT:
        return Ending(
            AccountState.UNAUTHORIZED.value, f"the platform refused the key: {failure.message}", stalled=True
        )
    if kind is FailureKind.KILL_SWITCH:
        return Ending(
            "KillSwitch", "the account's kill switch is on; waiting until it is cleared", reconciling=True
        )
    if kind is FailureKind.ARTIFACT:
        return Ending("ArtifactMissing", failure.message, reconciling=True)
    if kind is FailureKind.RETRY:
        return Ending("Retrying", f"trying again: {failure.message}", reconciling=True)
    return Ending("Conflict", f"looking again: {failure.message}", reconciling=True)


def _in_replace(case: Case) -> bool:
    return case.record.pending is not None and case.record.pending.action == REPLACE


def _replace_rejected(case: Case, pending: Pending, failure: Failure) -> Ending:
    refused = f"the platform refused the new registration: {failure.message}"
    if not case.rolled_back and undo_of(case, pending) is not None:
        return Ending(REPLACE_REJECTED, f"{refused}; what was there before is registered again", stalled=True)
    return Ending(REPLACE_REJECTED, f"{refused}; nothing is registered now", stalled=True)
