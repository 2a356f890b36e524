"""What the history gains from a pass: what was done, and what turned out to have happened."""

from __future__ import annotations

from sequence_operator.reconcile import guard
from sequence_operator.reconcile.actions import (
    Adopt,
    Note,
    Outcome,
    Plan,
    Register,
    Start,
    Stop,
    Unregister,
    Update,
)
from sequence_operator.reconcile.case import REGISTER, UNKNOWN_DIGEST, Case
from sequence_operator.reconcile.register import GONE_FROM_PLATFORM
from sequence_operator.spec.resources import AlgoDeploymentStatus, HistoryEntry, Pending
from sequence_operator.spec.status import MAX_HISTORY


def write_history(
    case: Case, status: AlgoDeploymentStatus, plan: Plan, outcome: Outcome, completed: Pending | None
) -> None:
    """Put the new entries in front, newest first. `completed`: a registration that has proved done in this pass;
    `status`: with its new state, artifact and id already in place."""
    applied = _applied(case, plan, outcome, completed)
    notes = _notes(case, status, plan, outcome, completed)
    origin = case.desired.spec.origin
    entries = [
        HistoryEntry(
            at=case.now,
            event=note.event,
            commit=(origin.commit if origin is not None else None) or "",
            sha256=status.artifact.sha256 if status.artifact is not None else case.sha,
            plan_hash=applied,
            message=note.message,
        )
        for note in notes
    ]
    status.history = [*reversed(entries), *status.history][:MAX_HISTORY]
    if status.history and status.history[0].plan_hash != applied:
        newest = status.history[0].model_copy(update={"plan_hash": applied})
        status.history = [newest, *status.history[1:]]


def _applied(case: Case, plan: Plan, outcome: Outcome, completed: Pending | None) -> str:
    """Index of the spec in force from now on: the desired one once nothing differs, else the one before."""
    if case.rolled_back or (completed is not None and completed.to != case.sha):
        return case.applied_digest
    if completed is not None:
        # An edit after the call was written down may or may not have been in it.
        sent_now = any(isinstance(d.action, Register) for d in outcome.done)
        return case.digest if sent_now or case.same_generation else UNKNOWN_DIGEST
    if any(isinstance(d.action, Update) and d.action.note for d in outcome.done):
        return case.digest
    recorded = case.row is not None and case.record.deployment_id == case.row.deployment_id
    in_force = recorded and not plan.differences and not plan.replacing
    return case.digest if in_force else case.applied_digest


def _notes(
    case: Case, status: AlgoDeploymentStatus, plan: Plan, outcome: Outcome, completed: Pending | None
) -> list[Note]:
    notes = [] if completed is None else [_completion(case, completed)]
    notes += _of_actions(outcome)
    found = completed is None and not any(isinstance(d.action, Adopt) for d in outcome.done)
    if found and status.deployment_id is not None and status.deployment_id != case.record.deployment_id:
        notes.append(Note("Adopted", f"found {status.deployment_id}, registered by this object"))
    if not plan.replacing:
        notes.extend(_turned_out(case, status, plan, notes))
    return notes


def has_news(outcome: Outcome) -> bool:
    """Whether something was done that the history tells of by itself."""
    return bool(_of_actions(outcome))


def _of_actions(outcome: Outcome) -> list[Note]:
    done = (d.action for d in outcome.done)
    noted = (a.note for a in done if isinstance(a, Adopt | Update | Stop | Start | Unregister))
    return [note for note in noted if note is not None]


def _completion(case: Case, completed: Pending) -> Note:
    if completed.action == REGISTER:
        lost = case.record.deployment_id is not None
        return Note(guard.DRIFT_CORRECTED, GONE_FROM_PLATFORM) if lost else Note("Registered")
    if case.rolled_back:
        return Note(
            "Registered", f"what was there before ({completed.to[:12]}), after its replacement was refused"
        )
    if completed.from_ == completed.to:
        return Note("Replaced", "same WASM, registered anew")
    return Note("Replaced", f"{completed.from_[:12] or 'unknown WASM'} → {completed.to[:12]}")


def _turned_out(case: Case, status: AlgoDeploymentStatus, plan: Plan, notes: list[Note]) -> list[Note]:
    """Changes of state that no answer of this pass told: a start whose answer was lost, a stop by others."""
    events = {n.event for n in notes} | {"Started" for n in notes if n.message == guard.RESTARTED}
    before, after = case.record.state, status.state
    started = guard.started_last(case.record.history)
    if case.running and after == "Running" != before and "Started" not in events:
        fresh = bool(events & {"Registered", "Replaced", "Adopted"}) or not started
        return [Note(guard.STARTED)] if fresh else []
    if (
        not case.running
        and after == "Stopped"
        and before == "Running"
        and started
        and "Stopped" not in events
    ):
        corrected = guard.DRIFT_CORRECTED in events
        return [] if corrected else [Note(guard.STOPPED)]
    respected = plan.wait is not None and plan.wait.reason == guard.MANUAL_STOP
    if respected and case.condition("Live") != ("False", guard.MANUAL_STOP):
        return [Note(guard.STOPPED, "stopped on the platform again; respected")]
    return []
