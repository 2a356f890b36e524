"""A simulated world for the core: a platform, an API server with one custom resource, and a controller that does what
plans say and nothing else. Time is simulated; calls can be refused, lost or cut off by a crash."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from reconcile.sim_cluster import Cluster, spec_of, with_wasm
from reconcile.sim_platform import SHA_A, SHA_B, SHA_C, SIZES, START, Platform
from sequence_operator.platform.parse import parse_row
from sequence_operator.platform.rows import Row
from sequence_operator.reconcile import actions as a
from sequence_operator.reconcile.conditions import next_status, pending_status
from sequence_operator.reconcile.errors import classify
from sequence_operator.reconcile.model import (
    AccountView,
    ArtifactState,
    ArtifactView,
    BuildState,
    BuildView,
    Check,
    Claim,
    Desired,
    Failure,
    Observed,
    Policy,
)
from sequence_operator.reconcile.plan import plan
from sequence_operator.reconcile.sight import Sight, doubtful_list
from sequence_operator.spec.names import FINALIZER
from sequence_operator.spec.resources import AlgoDeploymentStatus
from sequence_operator.spec.wire import create_body, desired_wire

POLICY = Policy(cluster="cluster-1")


class Crash(BaseException):
    """The controller was killed."""


@dataclass
class World:
    """Platform, cluster and the controller's memory. `fault` is asked at every point; it may raise `Crash` or, before
    a call, return "lost" (executed, no answer), "refused" (429) or "broken" (503, not executed, but who knows)."""

    platform: Platform = field(default_factory=Platform)
    cluster: Cluster = field(default_factory=Cluster)
    account: AccountView = field(default_factory=lambda: AccountView(name="sandbox"))
    policy: Policy = POLICY
    artifacts: dict[str, ArtifactState] = field(default_factory=dict)
    now: datetime = START
    fault: Callable[[str], str | None] = lambda point: None
    sight: Sight | None = None
    artifact: ArtifactView = field(default_factory=ArtifactView)
    previous_count: int | None = None
    last_plan: a.Plan = field(default_factory=a.Plan)
    begun: tuple[datetime, list[dict[str, Any]]] | None = None
    claim: Claim | None = None
    holder: str = ""
    builds: dict[str, BuildView] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        self.restart()

    # time and memory

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.platform.now = self.now
        self.platform.reap()

    def restart(self) -> None:
        """A new process: nothing is remembered."""
        self.sight = Sight(written_at=self.now)
        self.artifact = ArtifactView()
        self.previous_count = None
        self.begun = None

    def view(self) -> Sight:
        assert self.sight is not None
        return self.sight

    # observing

    def begin_list(self) -> None:
        self.begun = (self.now, self.platform.list())

    def end_list(self) -> None:
        if self.begun is None:
            return
        began_at, raw = self.begun
        self.begun = None
        rows = [parse_row(r) for r in raw]
        doubtful = doubtful_list(self.previous_count, len(rows))
        self.previous_count = len(rows)
        self.sight = self.view().listed(
            began_at,
            rows,
            name=self.cluster.spec["deployment"],
            deployment_id=self.cluster.status.deployment_id,
            uid=self.cluster.uid,
            doubtful=doubtful,
        )

    def list(self) -> None:
        self.begin_list()
        self.end_list()

    # one pass

    def desired(self) -> Desired:
        return Desired.of(
            self.cluster.resource(), "sandbox", build=self.build(), state_owner=self.cluster.state_owner
        )

    def build(self) -> BuildView | None:
        """What is known of the build of the artifact: by the commit of its sources."""
        written = self.cluster.spec["artifact"].get("build")
        return None if written is None else self.builds.get(written["commit"])

    def observed(self) -> Observed:
        return Observed(
            sight=self.view(),
            account=self.account,
            artifact=self.artifact,
            claim=self.claim,
            holder=self.holder,
            checks=self.checks,
        )

    def run(self) -> None:
        """A pass that may be killed at any point."""
        try:
            self.pass_()
        except Crash:
            self.restart()

    def pass_(self) -> None:
        if self.cluster.gone:
            return
        done: list[a.Done] = []
        failed, failure = None, None
        for _ in range(12):
            step = plan(self.desired(), self.observed(), self.cluster.status, self.policy, self.now)
            for action in step.actions:
                self.point(f"before {type(action).__name__}")
                row, failure = self.execute(action)
                if failure is not None:
                    failed = action
                    break
                if not isinstance(action, a.Wait | a.Refuse):
                    done.append(a.Done(action, self.now, row))
                self.point(f"after {type(action).__name__}")
            if self.cluster.gone:
                return
            if failure is not None or not step.again:
                break
        else:
            raise AssertionError(f"a pass does not end: {step}")
        self.last_plan = step
        outcome = a.Outcome(tuple(done), failed, failure)
        status = next_status(
            self.desired(), self.observed(), self.cluster.status, step, outcome, self.policy, self.now
        )
        if status != self.cluster.status:
            self.point("before status")
            self.write("status", status)
            self.point("after status")

    def point(self, name: str) -> None:
        answer = self.fault(name)
        if answer == "crash":
            raise Crash

    def write(self, what: str, status: AlgoDeploymentStatus) -> None:
        # what goes through the API server comes back without the subtleties of Python objects
        self.cluster.status = AlgoDeploymentStatus.model_validate(
            status.model_dump(mode="json", by_alias=True)
        )
        self.cluster.writes.append(what)
        assert self.cluster.status == status

    def execute(self, action: a.Action) -> tuple[Row | None, Failure | None]:
        if isinstance(action, a.Wait | a.Refuse):
            return None, None
        if isinstance(action, a.AddFinalizer):
            self.cluster.finalizers.append(FINALIZER)
            self.cluster.writes.append("finalizer")
        elif isinstance(action, a.PersistPending):
            status = pending_status(
                self.desired(), self.observed(), self.cluster.status, action.pending, self.policy, self.now
            )
            self.write("pending", status)
        elif isinstance(action, a.TakeState):
            self.cluster.edit(state=action.state)
            self.cluster.state_owner = "sequence-state"
            self.cluster.writes.append("state")
        elif isinstance(action, a.Build):
            self.cluster.writes.append("build")
            self.builds = {
                commit: replace(view, state=BuildState.WAITING) if view.name == action.name else view
                for commit, view in self.builds.items()
            }
        elif isinstance(action, a.DropFinalizer):
            self.cluster.finalizers.clear()
            self.cluster.writes.append("drop")
            self.cluster.gone = self.cluster.deleting
        elif isinstance(action, a.Inspect):
            state = self.artifacts.get(action.sha256, ArtifactState.READY)
            self.artifact = ArtifactView(
                state, action.sha256, SIZES.get(action.sha256), f"wasm-{action.sha256}"
            )
        else:
            return self.call(action)
        return None, None

    def call(self, action: a.Lookup | a.PlatformWrite) -> tuple[Row | None, Failure | None]:
        if isinstance(action, a.Adopt) and action.metadata is None:
            self.sight = self.view().adopted(action.deployment_id)
            return None, None
        began = self.now
        self.tick(0.01)
        fault = self.fault(f"call {type(action).__name__}")
        if fault == "refused":
            status, body = 429, {"error": "Rate limit exceeded"}
        elif fault == "broken":
            status, body = 503, {"error": "try later"}
        else:
            status, body = self.send(action)
            if fault == "lost":
                status, body = 0, None
        self.tick(0.01)
        return self.learn(action, began, status, body)

    def send(self, action: a.Lookup | a.PlatformWrite) -> tuple[int, Any]:
        platform = self.platform
        if isinstance(action, a.Lookup):
            return platform.get(action.deployment_id)
        if isinstance(action, a.Register):
            body = create_body(action.wire or desired_wire(self.desired().spec), b"", action.metadata)
            return platform.create(copy.deepcopy(body | {"wasm_base64": action.sha256}))
        if isinstance(action, a.Adopt):
            return platform.patch(
                action.deployment_id, {"metadata": dict(action.metadata or {})}, action.if_revision
            )
        if isinstance(action, a.Update):
            return platform.patch(action.deployment_id, copy.deepcopy(dict(action.body)), action.if_revision)
        if isinstance(action, a.Stop):
            return platform.stop(action.deployment_id)
        if isinstance(action, a.Start):
            return platform.start(action.deployment_id, action.acknowledge)
        return platform.delete(action.deployment_id)

    def learn(
        self, action: a.Lookup | a.PlatformWrite, began: datetime, status: int, body: Any
    ) -> tuple[Row | None, Failure | None]:
        sight = self.view()
        if not 200 <= status < 300:
            error = (body or {}).get("error", "no answer")
            details = error.get("details", [{}]) if isinstance(error, dict) else [{}]
            failure = classify(
                status,
                message=error["message"] if isinstance(error, dict) else error,
                field=details[0].get("field", ""),
            )
            if isinstance(action, a.Lookup) and status == 404:
                self.sight = sight.not_found(began, action.deployment_id)
                return None, None
            if not isinstance(action, a.Lookup):
                if failure.executed is False:
                    at = action.pending_at if isinstance(action, a.Register) else None
                    self.sight = sight.refused(at)
                    if status == 404 and not isinstance(action, a.Register):
                        self.sight = sight.not_found(began, action.deployment_id)
                else:
                    self.sight = sight.wrote(self.now, after=type(action).__name__)
            return None, failure
        row = None if body is None else parse_row(body)
        if isinstance(action, a.Lookup):
            assert row is not None
            self.sight = sight.got(began, row)
        elif isinstance(action, a.Unregister):
            gone = "" if status == 202 else action.deployment_id
            self.sight = sight.wrote(self.now, deleted_id=gone, after="Unregister")
        else:
            ours = row.deployment_id if row is not None and isinstance(action, a.Register) else ""
            ours = action.deployment_id if isinstance(action, a.Adopt) else ours
            self.sight = sight.wrote(self.now, row=row, ours_id=ours, after=type(action).__name__)
        return row, None

    # to the end

    def settle(self, rounds: int = 40, seconds: float = 10.0) -> None:
        """No more faults: lists and passes until, for a while, nothing was left to do or to wait for."""
        self.fault = lambda point: None
        quiet = 0
        for _ in range(rounds):
            self.tick(seconds)
            self.list()
            self.run()
            quiet = quiet + 1 if self.last_plan.empty and self.view().row is not None else 0
            if self.cluster.gone or quiet > 3:
                break

    def deploy(self) -> World:
        self.list()
        self.run()
        self.settle()
        return self

    def condition(self, kind: str) -> tuple[str, str]:
        return next((c.status, c.reason) for c in self.cluster.status.conditions if c.type == kind)

    def history(self) -> list[str]:
        return [e.event for e in self.cluster.status.history]

    def with_account(self, **changes: Any) -> None:
        self.account = replace(self.account, **changes)


__all__ = [
    "POLICY",
    "SHA_A",
    "SHA_B",
    "SHA_C",
    "SIZES",
    "START",
    "Cluster",
    "Platform",
    "World",
    "spec_of",
    "with_wasm",
]
