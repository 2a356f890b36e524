"""The status that follows from a pass."""

from __future__ import annotations

from datetime import datetime

from sequence_operator.reconcile import guard
from sequence_operator.reconcile.actions import (
    AddFinalizer,
    Adopt,
    Build,
    Inspect,
    Lookup,
    Outcome,
    Plan,
    TakeState,
)
from sequence_operator.reconcile.building import unresolved, words
from sequence_operator.reconcile.case import ACKNOWLEDGE, REPLACE, REPLACE_REJECTED, Case
from sequence_operator.reconcile.ending import Ending, ending, quiet, under_way
from sequence_operator.reconcile.facts import (
    absent,
    artifact_status,
    write_absence,
    write_facts,
    write_summary,
)
from sequence_operator.reconcile.history import has_news, write_history
from sequence_operator.reconcile.identity import our_row
from sequence_operator.reconcile.model import (
    AccountState,
    ArtifactState,
    Desired,
    Observed,
    Policy,
    Record,
)
from sequence_operator.reconcile.overrides import OVERRIDDEN, override_sentence
from sequence_operator.reconcile.pending import next_pending, rolled_back_to_nothing, still_open
from sequence_operator.reconcile.replacing import REPLACING
from sequence_operator.reconcile.sight import Presence
from sequence_operator.reconcile.states import OBSERVING, any_active
from sequence_operator.spec.names import RECONCILE_REQUESTED_AT
from sequence_operator.spec.resources import AlgoDeploymentStatus, Condition, ConditionStatus, Pending

_SAYS_NOTHING = (AddFinalizer, Build, Inspect, Lookup, TakeState)
"""Actions after which the status has nothing new to tell."""


def pending_status(
    desired: Desired, observed: Observed, record: Record, pending: Pending, policy: Policy, now: datetime
) -> AlgoDeploymentStatus:
    """The status that `PersistPending` writes before the call it protects."""
    case = Case(desired, observed, record, policy, now)
    status = record.model_copy()
    status.observed_generation = desired.generation
    status.pending = pending
    row = our_row(case)
    if row is not None:
        # Which registration is being replaced must be known after a crash, too.
        status.deployment_id = row.deployment_id
        status.artifact = status.artifact or artifact_status(case, row)
    if pending.action != ACKNOWLEDGE:
        status.state, status.drift = "Pending", []
        if row is None:
            status.instances = []
    write_summary(case, status)
    _write_conditions(
        case, status, under_way(pending, case), Plan(replacing=pending.action == REPLACE), still=False
    )
    return status


def next_status(
    desired: Desired,
    observed: Observed,
    record: Record,
    plan: Plan,
    outcome: Outcome,
    policy: Policy,
    now: datetime,
) -> AlgoDeploymentStatus:
    """The status at the end of a pass. Equal to `record` when nothing happened: then nothing is written.

    observed, plan: those of the last round. outcome: of all rounds. record: as persisted last (after a
    `PersistPending`, what that wrote).
    """
    case = Case(desired, observed, record, policy, now)
    if _nothing_known(plan, outcome):
        return record
    status = record.model_copy()
    status.observed_generation = desired.generation
    still = quiet(case, plan) and outcome.failure is None
    row = our_row(case)
    completed = None
    if not still:
        status.pending, completed = next_pending(case, plan, outcome, row)
        if row is not None and not plan.replacing:
            write_facts(case, status, row)
        elif row is None:
            write_absence(case, status)
        adopted = next((d.action for d in outcome.done if isinstance(d.action, Adopt)), None)
        if adopted is not None and row is None:
            status.deployment_id = adopted.deployment_id
        if rolled_back_to_nothing(case, outcome):
            status.deployment_id, status.state, status.instances = None, None, []
        status.drift = list(plan.drift)
        status.denied_digests = list(desired.denied)
        write_history(case, status, plan, outcome, completed)
        write_summary(case, status)
    elif has_news(outcome):
        write_history(case, status, plan, outcome, None)
    if still_open(record.pending, status.pending):
        # Until then the status speaks about the generation for which the registration was written down.
        status.observed_generation = record.observed_generation
    status.last_handled_reconcile_at = desired.annotations.get(RECONCILE_REQUESTED_AT) or (
        record.last_handled_reconcile_at
    )
    if not _waits_for_the_effect(case, plan, outcome):
        _write_conditions(case, status, ending(case, plan, outcome), plan, still=still)
    return status


def _nothing_known(plan: Plan, outcome: Outcome) -> bool:
    """Nothing was done and nothing is known yet: what was written before still is the best there is."""
    if outcome.failure is not None or any(not isinstance(d.action, _SAYS_NOTHING) for d in outcome.done):
        return False
    unknown = (OBSERVING, AccountState.UNKNOWN.value)
    return plan.wait is not None and plan.wait.reason in unknown and not plan.replacing


def _waits_for_the_effect(case: Case, plan: Plan, outcome: Outcome) -> bool:
    """Something was put right, and the platform's answer did not show it: what was true of this generation is
    expected to be true again at the next list, so nothing is said in between."""
    observing = plan.wait is not None and plan.wait.reason == OBSERVING and outcome.failure is None
    return observing and not plan.replacing and case.same_generation and case.condition("Ready") is not None


# --- conditions ---


def _write_conditions(
    case: Case, status: AlgoDeploymentStatus, end: Ending, plan: Plan, *, still: bool
) -> None:
    """All six, for every generation; a time moves only with its status. `still`: the last three stay as they were."""
    stalled = (end.reason, end.message) if end.stalled else None
    if case.blocked is not None and not end.ready and not _new_refusal(end):
        stalled = case.blocked  # it must outlast a wait or another refusal: nothing else remembers it
    wanted: list[tuple[str, ConditionStatus, str, str]] = [
        ("Ready", "True" if end.ready else "False", end.reason, end.message),
        ("Reconciling", "True", end.reason, end.message)
        if end.reconciling
        else ("Reconciling", "False", "Idle", ""),
        ("Stalled", "True", *stalled) if stalled else ("Stalled", "False", "Progressing", ""),
        (
            "ArtifactReady",
            *((still and _as_before(case, "ArtifactReady")) or _artifact_ready(case, status, end)),
        ),
        ("Registered", *((still and _as_before(case, "Registered")) or _registered(case, status, end))),
        ("Live", *((still and _as_before(case, "Live")) or _live(case, status, plan))),
    ]
    before = {c.type: c for c in case.record.conditions}
    status.conditions = [
        Condition(
            type=kind,
            status=value,
            reason=reason,
            message=message,
            observed_generation=case.desired.generation,
            last_transition_time=before[kind].last_transition_time
            if kind in before and before[kind].status == value
            else case.now,
        )
        for kind, value, reason, message in wanted
    ]


def _new_refusal(end: Ending) -> bool:
    return end.stalled and end.reason in ("Rejected", REPLACE_REJECTED)


def _artifact_ready(
    case: Case, status: AlgoDeploymentStatus, end: Ending
) -> tuple[ConditionStatus, str, str]:
    view, row = case.observed.artifact, our_row(case)
    if end.reason == "ArtifactMissing":
        return "False", end.reason, end.message
    if unresolved(case):
        return "False", *words(case)
    if row is not None and row.wasm_sha256 == case.sha:
        return "True", "Verified", "the platform holds the WASM of this digest"
    if view.state in (ArtifactState.MISSING, ArtifactState.INVALID) and view.sha256 in ("", case.sha):
        return "False", view.reason or f"Artifact{view.state.value}", view.message
    untold = row is not None and row.wasm_sha256 is None and status.artifact is not None
    if untold and status.artifact is not None and status.artifact.sha256 == case.sha:
        return "True", "Unverified", "the platform does not say which WASM it holds; sizes were compared"
    if view.state is ArtifactState.READY and view.sha256 == case.sha:
        return "True", "Inspected", "digest and interface were checked"
    return _as_before(case, "ArtifactReady") or ("Unknown", "NotInspected", "")


def _registered(case: Case, status: AlgoDeploymentStatus, end: Ending) -> tuple[ConditionStatus, str, str]:
    row = our_row(case)
    if row is not None:
        return "True", "Registered", row.deployment_id
    if end.reason == "NameConflict":
        return "False", end.reason, end.message
    if not absent(case) and (case.observed.sight.presence is Presence.UNKNOWN or status.pending is not None):
        return _as_before(case, "Registered") or ("False", "NotRegistered", "")
    if not absent(case):
        return "False", "Missing", f"{case.record.deployment_id} is missing from the platform's list"
    return "False", "NotRegistered", ""


def _live(case: Case, status: AlgoDeploymentStatus, plan: Plan) -> tuple[ConditionStatus, str, str]:
    if plan.replacing:
        return "False", REPLACING, ""
    row = our_row(case)
    if row is None:
        if case.observed.sight.presence is Presence.UNKNOWN and not absent(case):
            return _as_before(case, "Live") or ("False", "NotRegistered", "")
        return "False", "NotRegistered", ""
    if plan.wait is not None and plan.wait.reason == guard.MANUAL_STOP:
        return "False", guard.MANUAL_STOP, plan.wait.message
    if status.pause is not None and (any_active(row) or case.running):
        return "False", "Paused", status.pause.reason
    if case.desired.override is not None and not any_active(row):
        return "False", OVERRIDDEN, override_sentence(case)
    state = status.state
    if state == "Running":
        return "True", "Running", ""
    return "False", state or "Pending", ""


def _as_before(case: Case, kind: str) -> tuple[ConditionStatus, str, str] | None:
    found = next((c for c in case.record.conditions if c.type == kind), None)
    return None if found is None else (found.status, found.reason, found.message)
