"""A platform that is exactly as a spec says: for a plan without any cluster or platform, from one commit to another.

What is assumed is said by whoever prints such a plan; `sequence plan --base COMMIT --offline` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sequence_operator.reconcile.actions import Plan
from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.reconcile.model import (
    AccountView,
    ArtifactState,
    ArtifactView,
    Desired,
    Observed,
    Policy,
    Record,
)
from sequence_operator.reconcile.plan import plan
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.names import MANAGED_BY, Mode
from sequence_operator.spec.resources import (
    AlgoDeployment,
    AlgoDeploymentSpec,
    AlgoDeploymentStatus,
    ArtifactStatus,
)
from sequence_operator.spec.wire import WireInstance, WireParam, desired_wire, spec_digest


@dataclass(frozen=True, slots=True)
class AssumedInstance:
    """See `row.RowInstance`."""

    label: str
    venue: str | None
    symbols: tuple[str, ...] | None
    instrument_type: str | None
    status: str | None
    risk: Mapping[str, int] | None
    params: tuple[WireParam, ...] | None
    edge_id: str | None = None
    warm: bool | None = True
    error: str | None = None
    pause_reason: str | None = None


@dataclass(frozen=True, slots=True)
class AssumedMetadata:
    """See `row.RowMetadata`."""

    uid: str | None
    spec_digest: str | None
    managed_by: str | None = MANAGED_BY
    commit: str | None = None
    cluster: str | None = None
    repository: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class AssumedRow:
    """See `row.Row`."""

    deployment_id: str
    name: str | None
    symbols: tuple[str, ...] | None
    status: str | None
    wasm_sha256: str | None
    metadata: AssumedMetadata | None
    risk: Mapping[str, int] | None
    params: tuple[WireParam, ...] | None
    routes: tuple[tuple[str, str], ...] | None
    full_mesh: bool | None
    on_stop: str | None
    instances: tuple[AssumedInstance, ...] | None
    size_bytes: int | None = None
    pushed_to: int | None = None
    capable_edges: int | None = None
    edges: tuple[()] | None = None
    revision: int | None = 1
    created_at_ns: int | None = 0
    pause: None = None
    pause_reason: str | None = None
    orders_open: int | None = 0
    deleting: bool | None = False


def assumed_row(spec: AlgoDeploymentSpec, uid: str) -> AssumedRow:
    """The row that a platform with every field shows when it is as `spec` says. `spec`: effective, with a digest."""
    wire = desired_wire(spec)
    status = "running" if spec.state == "Running" else "stopped"
    origin = spec.origin
    return AssumedRow(
        deployment_id=spec.deployment,  # nobody knows the real id, and the name says more
        name=spec.deployment,
        symbols=wire.symbols,
        status=status,
        wasm_sha256=spec.artifact.digest,
        metadata=AssumedMetadata(
            uid,
            spec_digest(spec),
            commit=origin.commit if origin is not None else None,
            repository=origin.repository if origin is not None else None,
            path=origin.path if origin is not None else None,
        ),
        risk=wire.risk,
        params=wire.params,
        routes=wire.routes,
        full_mesh=wire.routes is None,
        on_stop=wire.on_stop,
        instances=tuple(_instance(i, status) for i in wire.instances),
    )


def _instance(wire: WireInstance, status: str) -> AssumedInstance:
    return AssumedInstance(
        wire.label, wire.venue, wire.symbols, wire.instrument_type, status, wire.risk, wire.params
    )


def assumed_record(spec: AlgoDeploymentSpec, review: str = "") -> Record:
    """The status of an object for which nothing is left to do. `review`: its review digest."""
    return AlgoDeploymentStatus(
        observed_generation=1,
        deployment_id=spec.deployment,
        state="Running" if spec.state == "Running" else "Stopped",
        artifact=ArtifactStatus(sha256=spec.artifact.digest),
        spec_digest=spec_digest(spec),
        review_digest=review,
    )


def plan_between(
    base: AlgoDeployment | None,
    head: AlgoDeployment | None,
    *,
    mode: Mode,
    now: datetime,
    base_wasm: str = "",
    head_wasm: str = "",
) -> Plan:
    """What the controller would do when `base` is what runs and `head` is what is applied next.

    base, head: as rendered; None when the deployment is not in that commit; not both.
    base_wasm, head_wasm: 64 hex that stand for the WASM where the artifact has to be built: its digest, or the digest
    of the inputs of the build, the same kind on both sides.
    """
    account = AccountView(name=(head or base or _neither()).spec.account_ref.name)
    old = None if base is None else _desired(base, base_wasm, mode, generation=1)
    new = None if head is None else _desired(head, head_wasm, mode, generation=2)
    if old is None:
        sight, record = Sight(written_at=now, absent_lists=2), AlgoDeploymentStatus()
    else:
        sight = Sight(written_at=now, row=assumed_row(old.spec, old.uid))
        record = assumed_record(old.spec)
    desired = new if new is not None else replace(old or _neither(), generation=2, deleting=True)
    sha = desired.spec.artifact.digest
    artifact = ArtifactView(ArtifactState.READY, sha, config_map=f"wasm-{sha}")
    return plan(desired, Observed(sight, account, artifact), record, Policy(), now)


def _desired(resource: AlgoDeployment, wasm: str, mode: Mode, *, generation: int) -> Desired:
    build = BuildView(BuildState.READY, sha256=wasm) if wasm else None
    found = Desired.of(resource, mode, build=build)
    return replace(found, uid="assumed", generation=generation, has_finalizer=True)


def _neither() -> Desired:
    raise ValueError("a plan between two commits needs the deployment in one of them")
