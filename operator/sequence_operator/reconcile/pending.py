"""What stays written down of an action under way once a pass is over."""

from __future__ import annotations

from sequence_operator.reconcile.actions import Outcome, Plan, Register
from sequence_operator.reconcile.case import ACKNOWLEDGE, REGISTER, REPLACE, Case
from sequence_operator.reconcile.identity import is_product
from sequence_operator.reconcile.model import FailureKind
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.settled import acknowledges
from sequence_operator.reconcile.states import pause_of
from sequence_operator.reconcile.undo import undo_of
from sequence_operator.spec.resources import Pending


def still_open(before: Pending | None, after: Pending | None) -> bool:
    """Whether it is the same registration that is under way."""
    if before is None or after is None or after.action not in (REGISTER, REPLACE):
        return False
    return (before.action, before.at) == (after.action, after.at)


def next_pending(
    case: Case, plan: Plan, outcome: Outcome, row: Row | None
) -> tuple[Pending | None, Pending | None]:
    """(what stays open, the registration that is done)."""
    pending = case.record.pending
    if pending is None:
        return None, None
    if outcome.failure is not None and isinstance(outcome.failed, Register):
        return _after_refusal(case, pending, outcome), None
    if pending.action == ACKNOWLEDGE:
        refused = outcome.failure is not None and outcome.failure.kind is FailureKind.REJECTED
        valid = acknowledges(case, pending) and not refused
        return (pending if valid and _still_paused(case, row) else None), None
    if row is None and case.row is not None and pending.action == REGISTER:
        # Somebody else has the name. Once our create was refused, nothing of ours can arrive any more.
        refused = case.observed.sight.refused_at == pending.at
        return (None if refused else pending), None
    if row is None or plan.replacing:
        return pending, None
    if pending.action == REGISTER or is_product(case, row):
        return None, pending
    return None, None  # a Replace that is no longer wanted


_NEVER_EXECUTED = (FailureKind.REJECTED, FailureKind.NAME, FailureKind.CONFLICT)
"""Refusals of a create. A conflict without a field is a platform's way to say that the name is taken: a row that shows
up later under that name must not pass for the product of our attempt."""


def _after_refusal(case: Case, pending: Pending, outcome: Outcome) -> Pending | None:
    """A create failed. Only a refusal for good closes what was written down, since nothing can arrive any more."""
    failure = outcome.failure
    assert failure is not None  # noqa: S101 - for the type checker
    if failure.kind is FailureKind.REJECTED and pending.action == REPLACE:
        back = undo_of(case, pending)
        return None if case.rolled_back or back is None else back
    if pending.action == REGISTER and failure.kind in _NEVER_EXECUTED:
        return None
    return pending


def rolled_back_to_nothing(case: Case, outcome: Outcome) -> bool:
    """Neither the new registration nor the previous one was accepted."""
    rejected = outcome.failure is not None and outcome.failure.kind is FailureKind.REJECTED
    pending = case.record.pending
    if (
        not rejected
        or pending is None
        or pending.action != REPLACE
        or not isinstance(outcome.failed, Register)
    ):
        return False
    return _after_refusal(case, pending, outcome) is None


def _still_paused(case: Case, row: Row | None) -> bool:
    if row is None:
        return True
    return case.running and pause_of(case, row) is not None
