"""A deployment of ours is there: bring its limits, its WASM and its running state to what is desired."""

from __future__ import annotations

from dataclasses import replace

from sequence_operator.reconcile import drift, guard, replacing
from sequence_operator.reconcile.actions import (
    Action,
    Difference,
    Inspect,
    Lookup,
    Note,
    PersistPending,
    Plan,
    Refuse,
    Start,
    Stop,
    Update,
    Wait,
)
from sequence_operator.reconcile.building import built, unresolved
from sequence_operator.reconcile.case import ACKNOWLEDGE, Case
from sequence_operator.reconcile.compare import differences, loosened, patch_body, too_loose
from sequence_operator.reconcile.identity import held_digest
from sequence_operator.reconcile.limits import tighten
from sequence_operator.reconcile.model import ArtifactState
from sequence_operator.reconcile.overrides import override_note
from sequence_operator.reconcile.register import failed_check, finalizer
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.sight import Source
from sequence_operator.reconcile.states import (
    PENDING,
    any_active,
    hindrances,
    pause_of,
    refusal,
    startable,
    state_of,
    unverified,
    warming,
)
from sequence_operator.spec.names import ACKNOWLEDGE_PAUSE
from sequence_operator.spec.resources import Pause, Pending

PAUSED = "Paused"
DRIFTED = "Drifted"
UNVERIFIED = "Unverified"
DEGRADED = "Degraded"
STARTING = "Starting"


def settle(case: Case, row: Row) -> Plan:
    """Stop first, then what differs, then whether it may be started, then start."""
    if row.deleting:
        return Plan((Wait(PENDING, "somebody is unregistering it on the platform"),))
    first: tuple[Action, ...] = finalizer(case)
    look = _look_closer(case, row)
    if look is not None:
        return Plan((*first, look))
    found = differences(case, row)
    if unresolved(case):
        step = (
            _stop(case, row) or tighten(case, row, found) or _go_on_running(case, row, found) or built(case)
        )
    else:
        step = (
            _stop(case, row)
            or _correct(case, row, found)
            or _unconfirmed(case, row)
            or _run(case, row, found)
        )
    if step is None:
        return Plan(first, differences=found)
    return replace(step, actions=(*first, *step.actions), differences=found)


def _look_closer(case: Case, row: Row) -> Action | None:
    """Answers to writes may say less than reads do; and a row of unknown digest can only be compared by size."""
    if case.observed.sight.source is Source.ANSWER and unverified(case, row):
        return Lookup(row.deployment_id)
    unknown = held_digest(case, row) is None and row.size_bytes is not None and case.sha
    if unknown and case.observed.artifact.state is ArtifactState.UNKNOWN:
        return Inspect(case.sha)
    return None


def _stop(case: Case, row: Row) -> Plan | None:
    """Desired Stopped. A stop is never refused for an old error: it only lowers risk."""
    if case.running or not any_active(row):
        return None
    if not guard.started_by_others(case):
        return Plan((Stop(row.deployment_id, Note(guard.STOPPED, override_note(case))),))
    if case.desired.spec.drift_policy == "Report":
        return Plan(
            (Wait(DRIFTED, "running although Stopped is desired; driftPolicy is Report", None, False),)
        )
    note = Note(guard.DRIFT_CORRECTED, "state was running on the platform, stopped")
    stop = guard.loop(case, note)
    return Plan((stop,)) if stop else Plan((Stop(row.deployment_id, note),))


def _correct(case: Case, row: Row, found: tuple[Difference, ...]) -> Plan | None:
    differing = tuple(d for d in found if not _tolerated(case, d))
    wanted = drift.to_correct(case, differing)
    if not wanted:
        fields = ", ".join(d.field for d in differing if not drift.kept(case, d))
        if not fields:
            return None
        return Plan(
            (Wait(DRIFTED, f"differs from the spec in {fields}; driftPolicy is Report", None, False),)
        )
    if not case.edited and wanted == too_loose(wanted) and all(d.change == "Update" for d in wanted):
        return tighten(case, row, found)
    if case.blocked is not None and not case.rolled_back:
        return Plan((Refuse(*case.blocked),))
    if case.edited and (loosened(wanted) or any(d.change == "Replace" for d in wanted)):
        refused = failed_check(case)
        if refused is not None:
            return tighten(case, row, found) or refused
    if any(d.change == "Replace" for d in wanted):
        stop = guard.loop(case, Note("Replaced", drift.sentence(case, wanted)))
        return Plan((stop,)) if stop else replacing.begin(case, row)
    note = drift.note(case, wanted)
    stop = guard.loop(case, note)
    if stop is not None:
        return Plan((stop,))
    update = Update(row.deployment_id, patch_body(case, row, wanted), row.revision, note)
    return Plan((*_clears_pause(case, row, wanted), update))


def _go_on_running(case: Case, row: Row, found: tuple[Difference, ...]) -> Plan | None:
    """What ran before it was registered anew runs again, whatever else is waited for."""
    if not (case.running and guard.replaced_last(case.record.history)):
        return None
    return _run(case, row, found)


def _tolerated(case: Case, difference: Difference) -> bool:
    """After the platform refused the new WASM the previous one goes on under the new limits, until the spec changes."""
    return case.rolled_back and difference.change == "Replace"


def _clears_pause(case: Case, row: Row, wanted: tuple[Difference, ...]) -> tuple[Action, ...]:
    """An edit that loosens a limit of a paused algo is a person's word that it may go on; written down first, since
    once the limit is changed nothing else would show it."""
    pause = _pause(case, row)
    if pause is None or not (case.running and case.edited and loosened(wanted)) or _acknowledged(case, pause):
        return ()
    return (PersistPending(Pending(action=ACKNOWLEDGE, from_=case.digest, to=pause.id, at=case.now)),)


def _unconfirmed(case: Case, row: Row) -> Plan | None:
    """The platform does not say which limits or instances it took. What runs already is not stopped for it."""
    missing = [m for m in unverified(case, row) if m not in case.observed.account.allow_unverified]
    if not missing:
        return None
    what = " and ".join(
        {"Risk": "the risk limits", "Topology": "where the instances run"}[m] for m in missing
    )
    message = (
        f"the platform does not confirm {what}, so it is not started. To accept that, set "
        f"spec.allowUnverified: [{', '.join(missing)}] on PlatformAccount {case.observed.account.name}"
    )
    return Plan((Refuse(UNVERIFIED, message),))


def _run(case: Case, row: Row, found: tuple[Difference, ...]) -> Plan | None:
    state = state_of(row)
    pause = _pause(case, row)
    if case.running and pause is not None and held_by_pause(case, row):
        return _paused(case, pause)
    if case.running and pause is not None and pause_of(case, row) is not None:
        return _go_on(case, row, pause)
    if state == "Failed":
        return Plan((Refuse("EdgeRejected", refusal(row)),))
    step = _start(case, row) if case.running else None
    if step is not None:
        return step
    if state == "Pending":
        return Plan((Wait(PENDING, f"waiting for the edges: {hindrances(row)}".removesuffix(": ")),))
    if state == "Degraded":
        message = refusal(row) or hindrances(row) or "not all instances are in the same state"
        return Plan((Wait(DEGRADED, message, None, False),))
    if not case.running and not _was_ready(case, row):
        wait = warming(case, row)
        if wait is not None:
            return Plan((wait,))
    if any(_tolerated(case, d) for d in found) and case.blocked is not None:
        return Plan((Refuse(*case.blocked),))
    return None


def _was_ready(case: Case, row: Row) -> bool:
    """Ready once, ready still: a gap in a feed does not make a stopped algo unready again."""
    ready = case.condition("Ready")
    was_ready = ready is not None and ready[0] == "True"
    return was_ready and case.record.deployment_id == row.deployment_id and case.record.pending is None


def _start(case: Case, row: Row) -> Plan | None:
    if not startable(row):
        return None
    if guard.manual_stop(case):
        message = (
            "stopped on the platform a second time within 10 minutes of our restart, which is respected. "
            "To start it again: stop it here, then start it here"
        )
        return Plan((Wait(guard.MANUAL_STOP, message, None, False),))
    by_others = guard.stopped_by_others(case)
    if by_others and case.desired.spec.drift_policy == "Report":
        return Plan(
            (Wait(DRIFTED, "stopped although Running is desired; driftPolicy is Report", None, False),)
        )
    if case.blocked is not None and not case.rolled_back:
        return Plan((Refuse(*case.blocked),))
    fresh = not by_others and not guard.replaced_last(case.record.history)
    refused = failed_check(case) if fresh else None
    if refused is not None:
        return refused
    note = Note(guard.DRIFT_CORRECTED, guard.RESTARTED) if by_others else Note(guard.STARTED)
    stop = guard.loop(case, note)
    if stop is not None:
        return Plan((stop,))
    wait = _just_started(case) or warming(case, row)
    if wait is not None:
        return Plan((wait,))
    return Plan((Start(row.deployment_id, _still_readable(case, row), note),))


def _still_readable(case: Case, row: Row) -> str | None:
    """Id of a pause that a person cleared and that the platform may still want to hear about."""
    pause = case.record.pause
    return row.pause.id if pause is not None and row.pause is not None and row.pause.id == pause.id else None


def _just_started(case: Case) -> Wait | None:
    """A start was accepted a moment ago and need not show yet."""
    sight = case.observed.sight
    left = case.policy.start_grace - case.seconds_since(sight.written_at)
    if sight.after != "Start" or left <= 0 or guard.stopped_by_others(case):
        return None
    return Wait(STARTING, "started; waiting for the edges to run it", left)


def _paused(case: Case, pause: Pause) -> Plan:
    sandbox = "--sandbox " if case.desired.mode == "sandbox" else ""
    message = (
        f"paused by the platform: {pause.reason or 'no reason given'} (pause {pause.id}). Look into it, then: "
        f"sequence {sandbox}start {case.desired.spec.deployment} --acknowledge"
    )
    return Plan((Wait(PAUSED, message, None, False),))


def _go_on(case: Case, row: Row, pause: Pause) -> Plan:
    """A person acknowledged the pause that the row shows."""
    note = Note(guard.STARTED, f"pause {pause.id} acknowledged")
    stop = guard.loop(case, note)
    if stop is not None:
        return Plan((stop,))
    native = pause.id if row.pause is not None else None
    return Plan((Start(row.deployment_id, native, note),))


def held_by_pause(case: Case, row: Row) -> bool:
    """Whether a pause that nobody acknowledged keeps it from running."""
    pause = _pause(case, row)
    return pause is not None and not _acknowledged(case, pause)


def _pause(case: Case, row: Row) -> Pause | None:
    """The pause that keeps it from running: the one the row shows, or one remembered from before it was replaced or
    stopped by others. Running again without us means that somebody cleared it on the platform."""
    shown = pause_of(case, row)
    if shown is not None or state_of(row) == "Running":
        return shown
    return case.record.pause


def acknowledges(case: Case, pending: Pending) -> bool:
    """Whether the edit that loosened a limit still is what the spec says; taken back, it is no word of anybody."""
    return pending.action == ACKNOWLEDGE and pending.from_ == case.digest


def _acknowledged(case: Case, pause: Pause) -> bool:
    pending = case.record.pending
    by_edit = pending is not None and acknowledges(case, pending) and pending.to == pause.id
    return by_edit or case.desired.annotations.get(ACKNOWLEDGE_PAUSE) == pause.id
