"""The status of an AlgoSource that follows from a look at its repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sequence_operator.reconcile.sources.brake import BRAKE
from sequence_operator.reconcile.sources.model import Snapshot, SourcePlan
from sequence_operator.reconcile.sources.reading import ordered
from sequence_operator.spec.names import RECONCILE_REQUESTED_AT
from sequence_operator.spec.resources import (
    AlgoSource,
    AlgoSourceStatus,
    Condition,
    ConditionStatus,
    SourceArtifact,
    SourceProblem,
    SourceSummary,
)
from sequence_operator.spec.source import MAX_INVENTORY, MAX_PROBLEMS

Verdict = tuple[bool, str, str]
"""Whether it holds, the reason, the message."""

_SHOWN = 3


def status_after(
    source: AlgoSource,
    snapshot: Snapshot,
    plan: SourcePlan,
    failed: Mapping[str, str],
    artifact: SourceArtifact | None,
    now: datetime,
) -> AlgoSourceStatus:
    """The status when the plan was carried out. Equal to the present one when nothing is new: then it is not written.

    failed: by object name, what the API server said to an action that it did not do. Those keep their inventory entry,
    so that they are written again. artifact: the published sources of the commit.
    """
    before = {entry.name: entry for entry in source.status.inventory}
    inventory = [before.get(e.name) if e.name in failed else e for e in plan.inventory]
    kept = [
        before[name] for name in failed if name in before and name not in {e.name for e in plan.inventory}
    ]
    entries = sorted((e for e in (*inventory, *kept) if e is not None), key=lambda e: e.name)
    problems = ordered((*plan.problems, *_failures(source, plan, failed)))
    applied = len(plan.current - failed.keys())
    return AlgoSourceStatus(
        observed_generation=source.metadata.generation,
        observed_commit=snapshot.commit,
        summary=SourceSummary(
            algos=f"{applied}/{max(len(plan.declares), applied)}",
            commit=snapshot.commit[:8],
            ref=str(source.spec.ref),
        ),
        artifact=artifact,
        inventory=entries[:MAX_INVENTORY],
        problems=_bounded(problems),
        last_handled_reconcile_at=_handled(source),
        conditions=_conditions(source, snapshot, plan, problems, failed, now),
    )


def not_read(
    source: AlgoSource, reason: str, message: str, now: datetime, *, stalled: bool
) -> AlgoSourceStatus:
    """The status when the repository could not be read, or must not be believed. All else stays as it is.

    reason: one CamelCase word; stalled: nothing is tried again until something is changed.
    """
    status = source.status.model_copy()
    status.observed_generation = source.metadata.generation
    status.last_handled_reconcile_at = _handled(source)
    status.conditions = _written(
        source,
        now,
        Ready=(False, reason, message),
        Reconciling=(not stalled, reason if not stalled else "Idle", message if not stalled else ""),
        Stalled=(stalled, reason if stalled else "Idle", message if stalled else ""),
    )
    return status


def _conditions(
    source: AlgoSource,
    snapshot: Snapshot,
    plan: SourcePlan,
    problems: Sequence[SourceProblem],
    failed: Mapping[str, str],
    now: datetime,
) -> list[Condition]:
    stalled = _stalled(plan)
    busy = _busy(plan, failed)
    ready = _ready(source, snapshot, plan, problems, stalled, busy)
    return _written(
        source,
        now,
        Ready=ready,
        Reconciling=(True, *busy) if busy is not None else (False, "Idle", ""),
        Stalled=(True, *stalled) if stalled is not None else (False, "Idle", ""),
    )


def _ready(
    source: AlgoSource,
    snapshot: Snapshot,
    plan: SourcePlan,
    problems: Sequence[SourceProblem],
    stalled: tuple[str, str] | None,
    busy: tuple[str, str] | None,
) -> Verdict:
    what = f"commit {snapshot.commit[:12]} of {source.spec.ref}"
    if stalled is not None:
        return False, *stalled
    if busy is not None:
        return False, *busy
    if problems:
        return False, "Problems", _listed("problem", [str(problem) for problem in problems])
    if source.spec.suspend and plan.changes:
        return (
            False,
            "Suspended",
            f"{_count(len(plan.changes), 'change')} of {what} wait for spec.suspend to end",
        )
    lasting = [f"{wait.name}: {wait.message}" for wait in plan.waits]
    said = f"{_count(len(plan.current), 'algo')} as {what} says"
    return True, "Applied", "; ".join([said, *lasting[:_SHOWN]])


def _stalled(plan: SourcePlan) -> tuple[str, str] | None:
    """What needs a person or another commit."""
    if plan.stalled is not None and plan.stalled[0] == "AccountMissing":
        return plan.stalled
    if plan.held is not None:
        return BRAKE, plan.held.message
    if plan.stalled is not None:
        return plan.stalled
    if plan.problems:
        return "Problems", _listed("problem", [str(problem) for problem in plan.problems])
    return None


def _busy(plan: SourcePlan, failed: Mapping[str, str]) -> tuple[str, str] | None:
    """What goes on by itself."""
    if failed:
        return "ApplyFailed", _listed("object", [f"{name}: {said}" for name, said in sorted(failed.items())])
    waits = [wait for wait in plan.waits if not wait.lasting]
    if waits:
        return "Waiting", _listed("algo", [f"{wait.name}: {wait.message}" for wait in waits])
    return None


def _failures(source: AlgoSource, plan: SourcePlan, failed: Mapping[str, str]) -> tuple[SourceProblem, ...]:
    paths = {entry.name: entry.path for entry in (*source.status.inventory, *plan.inventory)}
    paths |= {action.name: action.path for action in plan.actions}
    return tuple(
        SourceProblem(path=paths.get(name, ""), message=f"{name}: {said}"[:4096])
        for name, said in failed.items()
    )


def _bounded(problems: Sequence[SourceProblem]) -> list[SourceProblem]:
    if len(problems) <= MAX_PROBLEMS:
        return list(problems)
    rest = len(problems) - (MAX_PROBLEMS - 1)
    return [*problems[: MAX_PROBLEMS - 1], SourceProblem(message=f"{rest} more problems are not shown")]


def _handled(source: AlgoSource) -> str | None:
    return source.metadata.annotations.get(RECONCILE_REQUESTED_AT) or source.status.last_handled_reconcile_at


def _written(source: AlgoSource, now: datetime, **verdicts: Verdict) -> list[Condition]:
    old = {condition.type: condition for condition in source.status.conditions}
    conditions = []
    for kind, (holds, reason, message) in verdicts.items():
        value: ConditionStatus = "True" if holds else "False"
        before = old.get(kind)
        since = before.last_transition_time if before is not None and before.status == value else now
        conditions.append(
            Condition(
                type=kind,
                status=value,
                reason=reason,
                message=message,
                observed_generation=source.metadata.generation,
                last_transition_time=since,
            )
        )
    return conditions


def _listed(noun: str, texts: Sequence[str]) -> str:
    """`2 problems: …; …`, at most three of them."""
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"{_count(len(texts), noun)}: {'; '.join(texts[:_SHOWN])}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
