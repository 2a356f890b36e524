"""What the functions that execute a plan share during one pass over one object."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.controller.account import Account
from sequence_operator.controller.artifacts import Artifacts
from sequence_operator.controller.builds import Builds
from sequence_operator.controller.metrics import Metrics
from sequence_operator.controller.said import state_owner
from sequence_operator.controller.state import Entry
from sequence_operator.reconcile.actions import Action, Done
from sequence_operator.reconcile.model import (
    AccountView,
    ArtifactView,
    BuildView,
    Check,
    Claim,
    Desired,
    Observed,
    Policy,
)
from sequence_operator.reconcile.row import Row
from sequence_operator.spec.resources import AlgoDeployment, AlgoDeploymentStatus, to_cr

_FRESH = 0.25  # seconds in which an answer of the API server still counts as a live read


class Stale(Exception):  # noqa: N818 -- a turn of events, not a mistake
    """The object is not what this pass was planned for; it is looked at anew."""


@dataclass(slots=True)
class World:
    """What every pass works with."""

    cluster: ClusterClient
    artifacts: Artifacts
    builds: Builds
    metrics: Metrics
    policy: Policy
    now: Callable[[], datetime]
    known: Callable[[str], Entry | None]  # the object of this uid
    remember: Callable[[Object], None]  # takes the object as the API server returned it
    touched: Callable[[Entry, datetime], None]  # a write to the platform ended


@dataclass(slots=True)
class Pass:
    """One pass: the object as last read, and what was done so far.

    artifact: of the WASM that `desired` names. build: of the AlgoBuild it waits for, if it does; both as they were when
    the present round of planning began. state_owner: field manager that owns spec.state.
    """

    world: World
    entry: Entry
    resource: AlgoDeployment
    account: Account | None
    account_view: AccountView
    artifact: ArtifactView
    claim: Claim | None
    record: AlgoDeploymentStatus
    state_owner: str
    build: BuildView | None = None
    checks: tuple[Check, ...] = ()
    read_at: float = float("-inf")
    done: list[Done] = field(default_factory=list)
    vanished: bool = False

    @property
    def desired(self) -> Desired:
        return Desired.of(
            self.resource,
            self.account.resource.spec.mode if self.account else None,
            build=self.build,
            state_owner=self.state_owner,
        )

    @property
    def observed(self) -> Observed:
        return Observed(
            sight=self.entry.sight,
            account=self.account_view,
            artifact=self.artifact,
            claim=self.claim,
            holder=self._holder(),
            checks=self.checks,
        )

    def begin_round(self) -> None:
        """Take what may have changed since the last round of planning."""
        self.build = self.world.builds.view(self.resource)
        desired = self.desired
        self.checks = self.account.means.checks(desired) if self.account is not None else ()
        wanted = desired.spec.artifact
        if wanted.sha256 is not None and self.artifact.sha256 != wanted.sha256:
            self.artifact = self.world.artifacts.known(wanted)

    def _holder(self) -> str:
        row = self.entry.sight.row
        uid = row.metadata.uid if row is not None and row.metadata is not None else None
        other = self.world.known(uid) if uid and uid != self.entry.uid else None
        return f"{other.namespace}/{other.name}" if other is not None else ""

    def did(self, action: Action, row: Row | None = None) -> None:
        """An action succeeded; row: what the platform answered, when it did."""
        self.done.append(Done(action=action, at=self.world.now(), row=row))

    # -- the object in the cluster --------------------------------------------------------------------

    def shell(self, *, guarded: bool = True) -> Object:
        """An apply configuration without content: it names the object, and the version that was read."""
        metadata = self.resource.metadata
        head: Object = {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid}
        if guarded:
            head["resourceVersion"] = metadata.resource_version
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind, "metadata": head}

    def accept(self, stored: Object) -> None:
        """The object as the API server just returned it: planning goes on with this one."""
        self.world.remember(stored)
        self.resource = AlgoDeployment.model_validate(stored)
        self.record = self.resource.status
        self.state_owner = state_owner(stored)
        self.read_at = asyncio.get_running_loop().time()

    async def check_live(self) -> None:
        """The last look before a platform write: raises Stale when the object changed since it was read."""
        if asyncio.get_running_loop().time() - self.read_at < _FRESH:
            return
        metadata = self.resource.metadata
        live = await self.world.cluster.find(ALGO_DEPLOYMENTS, metadata.name, metadata.namespace)
        if live is None or live["metadata"]["uid"] != metadata.uid:
            raise Stale
        if live["metadata"]["resourceVersion"] != metadata.resource_version:
            self.world.remember(live)
            raise Stale
        self.read_at = asyncio.get_running_loop().time()

    async def write_status(self, status: AlgoDeploymentStatus, *, what: str, force: bool = False) -> None:
        """Apply a status; Stale when somebody changed the object meanwhile.

        force: then write it all the same onto the object of this uid, for what it says has happened.
        """
        for guarded in (True, False):
            body = {**self.shell(guarded=guarded), "status": to_cr(status)}
            try:
                self.accept(await self.world.cluster.apply_status(body))
            except ClusterError as problem:
                if problem.kind is Kind.NOT_FOUND:
                    self.vanished = True
                    return
                if problem.kind is not Kind.CONFLICT:
                    raise
                if not (guarded and force):
                    raise Stale from problem
            else:
                self.world.metrics.writes.labels(what).inc()
                return
