"""Registering: from "the name is free" to a deployment that exists exactly once."""

from __future__ import annotations

from datetime import datetime

from sequence_operator.reconcile import guard
from sequence_operator.reconcile.actions import (
    Action,
    AddFinalizer,
    Inspect,
    Lookup,
    Note,
    PersistPending,
    Plan,
    Refuse,
    Register,
    Wait,
)
from sequence_operator.reconcile.building import built
from sequence_operator.reconcile.case import REGISTER, REPLACE, Case
from sequence_operator.reconcile.compare import wire_with_kept_limits
from sequence_operator.reconcile.model import ArtifactState
from sequence_operator.reconcile.preflight import CAPITAL, Result
from sequence_operator.spec.resources import Pending

GONE_FROM_PLATFORM = "the deployment was gone from the platform, registered again"
UNANSWERED = "waiting to see whether an unanswered registration arrived"
CONFIRMING, REGISTERING = "Confirming", "Registering"
PREFLIGHT = "Preflight"


def register(case: Case) -> Plan:
    """The name is absent from the platform's list."""
    doubt = _in_flight(case) or _not_proven_gone(case)
    if doubt is not None:
        return doubt
    lost = case.record.deployment_id is not None
    if lost and not case.edited and case.desired.spec.drift_policy == "Report":
        return Plan(
            (Wait("Drifted", "the deployment is gone from the platform; driftPolicy is Report", None, False),)
        )
    if case.blocked is not None:
        return Plan((Refuse(*case.blocked),))
    if lost:
        stop = guard.loop(case, Note(guard.DRIFT_CORRECTED, GONE_FROM_PLATFORM))
        if stop is not None:
            return Plan((stop,))
    hindrance = failed_check(case) or artifact(case)
    if hindrance is not None:
        return hindrance
    return Plan((*finalizer(case), *_persisted(case)))


def failed_check(case: Case) -> Plan | None:
    """A line of the preflight failed: what would let the algo risk more is not begun. Capital counts for what is new
    only: an account whose capital is all at work must be mendable by a commit."""
    new = case.record.deployment_id is None and case.record.pending is None
    failed = [c for c in case.observed.checks if c.result is Result.FAILED and (new or c.name != CAPITAL)]
    if not failed:
        return None
    parts = [f"{c.message} ({c.hint})" if c.hint else c.message for c in failed]
    return Plan((Refuse(PREFLIGHT, "; ".join(parts)),))


def _persisted(case: Case) -> tuple[Action, ...]:
    open_ = case.record.pending
    if open_ is not None and open_.action == REGISTER and open_.to == case.sha and _refused(case, open_):
        return (
            create(case, case.sha, open_.at),
        )  # the platform refused it for now: what was written down still holds
    pending = Pending(action=REGISTER, to=case.sha, at=case.now)
    return PersistPending(pending), create(case, case.sha, pending.at)


def create(case: Case, sha256: str, at: datetime) -> Register:
    """The create call for the desired state. What is registered anew although nobody edited it keeps the limits that
    somebody had made tighter, as long as this process saw them."""
    before = case.observed.sight.previous
    ours = before is not None and before.deployment_id == case.record.deployment_id
    wire = wire_with_kept_limits(case, before) if before is not None and ours and not case.edited else None
    return Register(sha256, case.observed.artifact.config_map, False, case.metadata, at, wire)


def finalizer(case: Case) -> tuple[Action, ...]:
    return () if case.desired.has_finalizer else (AddFinalizer(),)


def artifact(case: Case) -> Plan | None:
    """What has to happen before the desired WASM can be registered; None when it can."""
    building = built(case)
    if building is not None:
        return building
    view = case.observed.artifact
    if view.state is ArtifactState.UNKNOWN or view.sha256 != case.sha:
        return Plan((Inspect(case.sha),))
    if view.state is ArtifactState.MISSING:
        return Plan((Wait(view.reason or "ArtifactMissing", view.message or "the artifact is not there"),))
    if view.state is ArtifactState.INVALID:
        return Plan(
            (Refuse(view.reason or "ArtifactInvalid", view.message or "the artifact cannot be registered"),)
        )
    return None


def _refused(case: Case, pending: Pending) -> bool:
    return case.observed.sight.refused_at == pending.at


def in_flight_seconds(case: Case) -> float | None:
    """How long an unanswered registration must still be given to show up: None when none can be on its way, 0.0 while
    only lists are missing."""
    pending, sight = case.record.pending, case.observed.sight
    if pending is None or pending.action not in (REGISTER, REPLACE) or _refused(case, pending):
        return None
    left = case.policy.create_grace - case.seconds_since(max(pending.at, sight.written_at))
    if left > 0:
        return left
    return 0.0 if sight.absent_lists < 2 else None


def _in_flight(case: Case) -> Plan | None:
    left = in_flight_seconds(case)
    if left is None:
        return None
    return Plan((Wait(REGISTERING, UNANSWERED, left or None),))


def _not_proven_gone(case: Case) -> Plan | None:
    """What we registered is missing from a list: it counts as gone after another list and a 404, not before."""
    known, sight = case.record.deployment_id, case.observed.sight
    if known is None or sight.gone(known) or sight.deleted_id == known:
        return None
    wait = Wait(CONFIRMING, f"{known} is missing from the platform's list: making sure")
    if sight.lists_without_id >= 2 and sight.not_found_id != known:
        return Plan((Lookup(known), wait))
    return Plan((wait,))
