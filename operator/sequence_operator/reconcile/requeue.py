"""When to look at an object again."""

from __future__ import annotations

from dataclasses import dataclass

from sequence_operator.reconcile.actions import Outcome, Plan
from sequence_operator.reconcile.model import FailureKind, Record
from sequence_operator.spec.resources import AlgoDeploymentStatus


@dataclass(frozen=True, slots=True)
class Requeue:
    """after: seconds, None = at the account's next list. backoff: the controller's own growing delay, not less than
    `after`. every_list: look after every list of the account, also when the row did not change."""

    after: float | None = None
    backoff: bool = False
    every_list: bool = False


def requeue(plan: Plan, outcome: Outcome, record: Record, status: AlgoDeploymentStatus) -> Requeue:
    """From the last plan, what failed, and the status before and after."""
    failure = outcome.failure
    unsettled = status.pending is not None or plan.wait is not None or plan.refusal is not None
    if failure is None:
        return Requeue(after=plan.requeue_after, every_list=unsettled)
    if failure.kind is FailureKind.REJECTED:
        # A refused replacement goes on at once, with the previous WASM.
        return Requeue(after=0.0 if status.pending is not None and status.pending != record.pending else None)
    if failure.kind in (FailureKind.REVISION, FailureKind.GONE, FailureKind.NAME):
        return Requeue(every_list=True)
    return Requeue(after=failure.retry_after, backoff=True, every_list=True)
