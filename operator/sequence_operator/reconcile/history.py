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
from sequence_operator.reconcile.drift import kept, kept_sentence
from sequence_operator.reconcile.effective import origin_commit
from sequence_operator.reconcile.identity import our_row
from sequence_operator.reconcile.overrides import override_note, rollback_sentence
from sequence_operator.reconcile.register import GONE_FROM_PLATFORM
from sequence_operator.reconcile.settled import DRIFTED
from sequence_operator.reconcile.settled import PAUSED as HELD
from sequence_operator.reconcile.states import any_active, state_of
from sequence_operator.spec.names import AUTHOR
from sequence_operator.spec.resources import AlgoDeploymentStatus, HistoryEntry, Pending
from sequence_operator.spec.review import plan_hash
from sequence_operator.spec.status import MAX_HISTORY

_STANDS = (HELD, DRIFTED, guard.MANUAL_STOP)
"""Waits for a person, in which it stands still although Running is desired."""


def write_history(
    case: Case, status: AlgoDeploymentStatus, plan: Plan, outcome: Outcome, completed: Pending | None
) -> None:
    """Put the new entries in front, newest first, and write down what is in force. `completed`: a registration that
    has proved done in this pass; `status`: with its new state, artifact and id already in place."""
    notes = _notes(case, status, plan, outcome, completed)
    entries = [
        HistoryEntry(
            at=case.now,
            event=note.event,
            commit=origin_commit(case.desired.spec),
            author=case.desired.annotations.get(AUTHOR, ""),
            sha256=status.artifact.sha256 if status.artifact is not None else case.sha,
            plan_hash=_reviewed(case, note),
            message=note.message,
        )
        for note in notes
    ]
    status.history = [*reversed(entries), *status.history][:MAX_HISTORY]
    status.spec_digest = _applied(case, plan, outcome, completed)
    if _carried_out(case, status, plan, outcome):
        status.review_digest = case.review


_EDITS = ("Registered", "Updated", "Replaced", "Adopted", guard.STARTED, guard.STOPPED)


def _reviewed(case: Case, note: Note) -> str:
    """Hash of the edit that this is a step of; "" for what nobody reviewed."""
    before = case.record.review_digest
    if note.event == "Unregistered":
        return plan_hash(before, "")
    by_hand = note.event == guard.STOPPED and case.desired.override is not None
    return plan_hash(before, case.review) if note.event in _EDITS and not by_hand else ""


def _carried_out(case: Case, status: AlgoDeploymentStatus, plan: Plan, outcome: Outcome) -> bool:
    """Whether nothing of what is written is left to do. Waiting for a person is no work of ours."""
    row = our_row(case)
    if row is None or outcome.failure is not None or plan.replacing or case.desired.unresolved:
        return False
    if status.spec_digest != case.digest or case.rolled_back:
        return False
    if not case.running:
        return not any_active(row)
    stands = plan.wait is not None and plan.wait.reason in _STANDS
    return stands or state_of(row) in ("Running", "Paused", "Degraded")


def _applied(case: Case, plan: Plan, outcome: Outcome, completed: Pending | None) -> str:
    """Index of the spec in force from now on: the desired one once nothing differs, else the one before."""
    if case.rolled_back or (completed is not None and completed.to != case.sha):
        return case.applied_digest
    if completed is not None:
        # An edit after the call was written down may or may not have been in it.
        sent_now = any(isinstance(d.action, Register) for d in outcome.done)
        return case.digest if sent_now or case.same_generation else UNKNOWN_DIGEST
    if any(isinstance(d.action, Update) and d.action.note and not d.action.partial for d in outcome.done):
        return case.digest
    row = our_row(case)
    if row is None or not case.sha:
        return case.applied_digest
    if case.record.deployment_id != row.deployment_id:  # found or taken over
        return case.applied_digest
    in_force = not plan.replacing and not _outstanding(case, plan)
    return case.digest if in_force else case.applied_digest


def _outstanding(case: Case, plan: Plan) -> bool:
    """Whether something differs that is not merely kept."""
    return any(not kept(case, d) for d in plan.differences)


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
    notes.extend(_rolled_back(case, status, notes))
    notes.extend(_kept(case, plan))
    pause, before = status.pause, case.record.pause
    if pause is not None and (before is None or before.id != pause.id):
        notes.append(Note(guard.PAUSED, f"{pause.reason or 'no reason given'} (pause {pause.id})"))
    return notes


def _rolled_back(case: Case, status: AlgoDeploymentStatus, notes: list[Note]) -> list[Note]:
    """A rollback that has nothing to replace, for the WASM to go back to is what is registered."""
    rollback = case.desired.rollback
    if rollback is None or any(n.event == guard.ROLLED_BACK for n in notes):
        return []
    new = set(status.denied_digests) - set(case.record.denied_digests)
    there = status.artifact is not None and status.artifact.sha256 == rollback.to and case.row is not None
    return [Note(guard.ROLLED_BACK, rollback_sentence(case))] if new and there else []


def _kept(case: Case, plan: Plan) -> list[Note]:
    """Limits that were found tighter than the spec for the first time."""
    known = {(d.field, d.observed) for d in case.record.drift}
    drifted = {d.field for d in plan.drift}
    found = (d for d in plan.differences if d.field in drifted and kept(case, d))
    new = [d for d in found if (d.field, d.observed) not in known]
    return [Note(guard.DRIFT_KEPT, f"{kept_sentence(new)}; tighter, so it is kept")] if new else []


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
    if case.desired.rollback is not None and completed.to == case.desired.rollback.to:
        return Note(guard.ROLLED_BACK, rollback_sentence(case))
    if completed.from_ == completed.to:
        return Note("Replaced", "same WASM, registered anew")
    return Note("Replaced", f"{completed.from_[:12] or 'unknown WASM'} → {completed.to[:12]}")


def _turned_out(case: Case, status: AlgoDeploymentStatus, plan: Plan, notes: list[Note]) -> list[Note]:
    """Changes of state that no answer of this pass told: a start whose answer was lost, a stop by others."""
    events = {n.event for n in notes} | {"Started" for n in notes if n.message == guard.RESTARTED}
    before, after = case.record.state, status.state
    started = guard.started_last(case.record.history)
    if case.running and after == "Running" != before and "Started" not in events:
        fresh = bool(events & {"Adopted", *guard.REGISTRATIONS}) or not started
        before_us = "ran already when it was taken over" if "Adopted" in events else ""
        return [Note(guard.STARTED, before_us)] if fresh else []
    if (
        not case.running
        and after == "Stopped"
        and before == "Running"
        and started
        and "Stopped" not in events
    ):
        corrected = guard.DRIFT_CORRECTED in events
        return [] if corrected else [Note(guard.STOPPED, override_note(case))]
    respected = plan.wait is not None and plan.wait.reason == guard.MANUAL_STOP
    if respected and case.condition("Live") != ("False", guard.MANUAL_STOP):
        return [Note(guard.STOPPED, "stopped on the platform again; respected")]
    return []
