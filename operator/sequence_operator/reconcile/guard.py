"""What must not be done again: corrections without effect, and restarts against somebody's will."""

from __future__ import annotations

from collections.abc import Iterable

from sequence_operator.reconcile.actions import Note, Refuse
from sequence_operator.reconcile.case import DRIFT_LOOP, Case
from sequence_operator.spec.resources import HistoryEntry

RESTARTED = "state was stopped on the platform, started again"
STARTED, STOPPED, DRIFT_CORRECTED, DRIFT_KEPT = "Started", "Stopped", "DriftCorrected", "DriftKept"
ROLLED_BACK, PAUSED = "RolledBack", "Paused"
REGISTRATIONS = ("Registered", "Replaced", ROLLED_BACK)
MANUAL_STOP = "ManualStop"


def loop(case: Case, note: Note) -> Refuse | None:
    """Refuse an action that succeeded `loop_limit` times in a row within `loop_window` and is due once more."""
    repeats = 0
    for entry in case.record.history:
        same = entry.event == note.event and entry.message == note.message
        if not same or case.seconds_since(entry.at) > case.policy.loop_window:
            break
        repeats += 1
    if repeats < case.policy.loop_limit or case.asked_again:
        return None
    what = note.message or note.event.lower()
    return Refuse(
        DRIFT_LOOP,
        f"done {repeats} times without lasting effect: {what}. Find out who changes it back; then edit the "
        "spec, or ask again with the annotation sequencemkts.com/reconcile-requested-at",
    )


def started_last(history: Iterable[HistoryEntry]) -> bool:
    """Whether the newest entry about running is a start of ours. `history`: newest first."""
    for entry in history:
        if _is_start(entry):
            return True
        if entry.event in (STOPPED, "Adopted", "Unregistered", *REGISTRATIONS):
            return False
    return False


def replaced_last(history: Iterable[HistoryEntry]) -> bool:
    """Whether it stands still because it was registered anew while it ran, and has not been started again yet.
    `history`: newest first."""
    registered = False
    for entry in history:
        if _is_start(entry):
            return registered
        if entry.event in (STOPPED, "Adopted", "Unregistered"):
            return False
        registered = registered or entry.event in REGISTRATIONS
    return False


def _is_start(entry: HistoryEntry) -> bool:
    return entry.event == STARTED or (entry.event == DRIFT_CORRECTED and entry.message == RESTARTED)


def _recorded_drift(case: Case, desired: str) -> bool:
    return any(e.field == "state" and e.desired == desired for e in case.record.drift)


def started_by_others(case: Case) -> bool:
    """Whether it stood still when we last looked and nothing of ours started it (desired is Stopped)."""
    if case.record.pending is not None:
        return False
    return case.record.state == "Stopped" or _recorded_drift(case, "Stopped")


def stopped_by_others(case: Case) -> bool:
    """Whether it ran when we last looked and nothing of ours stopped it, so that a standstill is others' doing."""
    if _recorded_drift(case, "Running"):
        return True
    if case.record.pending is not None or case.record.state not in ("Running", "Degraded"):
        return False
    return case.row is not None and case.row.deployment_id == case.record.deployment_id


def manual_stop(case: Case) -> bool:
    """Whether a standstill is to be respected: a second stop by others within the window after our restart, or one
    that was already respected and not taken back since."""
    if case.asked_again:
        return False
    if case.condition("Live") == ("False", MANUAL_STOP):
        return True
    if not stopped_by_others(case):
        return False
    return any(
        e.event == DRIFT_CORRECTED
        and e.message == RESTARTED
        and case.seconds_since(e.at) <= case.policy.manual_stop_window
        for e in case.record.history
    )
