"""The part of the status that describes what is on the platform."""

from __future__ import annotations

from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.identity import held_digest
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.states import pause_of, state_of, state_of_word
from sequence_operator.spec.resources import (
    AlgoDeploymentStatus,
    ArtifactStatus,
    InstanceStatus,
    Pause,
    Summary,
)


def write_facts(case: Case, status: AlgoDeploymentStatus, row: Row) -> None:
    """Everything that the row of our deployment says."""
    status.deployment_id = row.deployment_id
    status.state = state_of(row)
    status.artifact = artifact_status(case, row)
    status.instances = _instances(case, row)
    status.pause = _pause(case, status, row)


def absent(case: Case) -> bool:
    """Nothing of ours is registered: never was, unregistered by us, or proved gone."""
    known, sight = case.record.deployment_id, case.observed.sight
    return known is None or sight.deleted_id == known or sight.gone(known)


def write_absence(case: Case, status: AlgoDeploymentStatus) -> None:
    """Our row is not there; while that is not certain the last description stays."""
    if absent(case):
        status.state = None
        status.instances = []


def write_summary(case: Case, status: AlgoDeploymentStatus) -> None:
    live = sum(1 for i in status.instances if i.live)
    total = len(status.instances) or len(case.desired.spec.instances)
    sha = status.artifact.sha256 if status.artifact is not None else case.sha
    status.summary = Summary(instances=f"{live}/{total}", wasm=sha[:12], commit=_commit(case)[:8])


def artifact_status(case: Case, row: Row) -> ArtifactStatus:
    """The WASM that is registered; what the platform does not say comes from our own record."""
    held = held_digest(case, row) or case.sha
    before, view = case.record.artifact, case.observed.artifact
    if held != case.sha:
        if before is not None and before.sha256 == held:
            return before
        return ArtifactStatus(sha256=held, size_bytes=row.size_bytes or 0)
    size = row.size_bytes or (view.size_bytes if view.sha256 == held else None)
    reference = case.desired.spec.artifact.config_map_ref
    return ArtifactStatus(
        sha256=held,
        size_bytes=size or (before.size_bytes if before is not None and before.sha256 == held else 0),
        commit=_artifact_commit(case, held),
        config_map=reference.name if reference is not None else "",
    )


def _artifact_commit(case: Case, held: str) -> str:
    """Commit that the WASM is of. One that was gone back to, or stands for an open build, is older than the spec."""
    if case.desired.rollback is None and not case.desired.unresolved:
        return case.desired.artifact_commit
    before = case.record.artifact
    if before is not None and before.sha256 == held:
        return before.commit
    return next((e.commit for e in case.record.history if e.sha256 == held), "")


def _commit(case: Case) -> str:
    origin = case.desired.spec.origin
    return (origin.commit if origin is not None else None) or ""


def _instances(case: Case, row: Row) -> list[InstanceStatus]:
    if row.instances is not None:
        return [
            InstanceStatus(
                label=i.label,
                venue=i.venue or "",
                edge=i.edge_id or "",
                state=state_of_word(i.status),
                live=state_of_word(i.status) == "Running" and i.warm is not False,
                error=i.error or i.pause_reason or "",
            )
            for i in row.instances
        ]
    return [_by_edge(case, row, i.label, i.venue, i.instrument_type) for i in case.wire.instances]


def _by_edge(case: Case, row: Row, label: str, venue: str, instrument_type: str) -> InstanceStatus:
    """On a platform that lists edges only: the edge of the instance's venue, when there is one of that name."""
    wanted = f"venue-edge-{venue}" + ("-perp" if instrument_type == "perp" else "")
    edge = next((e for e in row.edges or () if e.edge_id == wanted), None)
    state = state_of_word(edge.status) if edge is not None else state_of(row)
    return InstanceStatus(
        label=label,
        venue=venue,
        edge=edge.edge_id if edge is not None else "",
        state=state,
        live=state == "Running",
        error=(edge.error or edge.pause_reason or "") if edge is not None else "",
    )


def _pause(case: Case, status: AlgoDeploymentStatus, row: Row) -> Pause | None:
    """Remembered until a person cleared it: it runs again, or it was stopped on purpose."""
    shown, recorded = pause_of(case, row), case.record.pause
    if shown is not None:
        same = recorded is not None and recorded.id == shown.id
        if same and recorded is not None:
            return shown.model_copy(update={"at": shown.at or recorded.at})
        return shown.model_copy(update={"at": shown.at or case.now})
    if status.state == "Running" or (status.state == "Stopped" and not case.running):
        return None
    return recorded
