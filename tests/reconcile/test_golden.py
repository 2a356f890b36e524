"""Pairs of files: a custom resource with what was observed (`NAME.in.yaml`), and the calls and the status that follow
from one pass (`NAME.out.yaml`). `UPDATE_GOLDEN=1 pytest tests/reconcile/test_golden.py` writes the second of each pair
anew; read the difference before committing it.

In the input: `spec` is laid over `sim.spec_of()`, `status` is the record, `rows` are laid over a row that matches
`registered`, else the spec (`plain: true` drops every field that a platform without extras would not return), `sight`,
`account`, `artifact`, `annotations`, `labels`, `checks` and `builds` (by the digit that their commit repeats) are what
they say, `answers` are what the platform answers to writes, in order (default 204; `row`: laid over a matching one).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconcile.sim import SIZES, START, Cluster, World, spec_of
from sequence_operator.platform.parse import parse_row
from sequence_operator.reconcile import actions as a
from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.reconcile.events import events
from sequence_operator.reconcile.model import AccountState, ArtifactState
from sequence_operator.reconcile.preflight import Check, Result
from sequence_operator.reconcile.render import as_text
from sequence_operator.spec.names import FINALIZER
from sequence_operator.spec.resources import AlgoDeploymentSpec, AlgoDeploymentStatus, to_cr
from sequence_operator.spec.wire import create_body, desired_wire, spec_digest

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(p.name.removesuffix(".in.yaml") for p in GOLDEN.glob("*.in.yaml"))
PLAIN = ("deployment_id", "name", "symbols", "size_bytes", "status", "pushed_to", "capable_edges", "edges")


@dataclass
class Scripted(World):
    """A world whose platform is given row by row and answer by answer."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)

    def begin_list(self) -> None:
        self.begun = (self.now, self.rows)

    def send(self, action: a.Lookup | a.PlatformWrite) -> tuple[int, Any]:
        self.calls.append(self.describe(action))
        if isinstance(action, a.Lookup):
            found = next((r for r in self.rows if r["deployment_id"] == action.deployment_id), None)
            return (404, {"error": "not found"}) if found is None else (200, found)
        return self.answers.pop(0) if self.answers else (204, None)

    def describe(self, action: a.Lookup | a.PlatformWrite) -> Any:
        if isinstance(action, a.Register):
            body = create_body(desired_wire(self.desired().spec), b"", action.metadata)
            return {"POST /v1/deployments": body | {"wasm_base64": f"<{action.sha256[:12]}>"}}
        path = f"/v1/deployments/{action.deployment_id}"
        if isinstance(action, a.Adopt):
            return {
                f"PATCH {path}": {"metadata": dict(action.metadata or {}), "if_revision": action.if_revision}
            }
        if isinstance(action, a.Update):
            return {f"PATCH {path}": dict(action.body) | {"if_revision": action.if_revision}}
        if isinstance(action, a.Start):
            return {f"POST {path}/start": {"acknowledge": action.acknowledge} if action.acknowledge else {}}
        if isinstance(action, a.Stop):
            return f"POST {path}/stop"
        return f"GET {path}" if isinstance(action, a.Lookup) else f"DELETE {path}"


def matching_row(spec: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A row that agrees with the spec, stopped and warm, with `changes` laid over it."""
    model = AlgoDeploymentSpec.model_validate(spec)
    wire = desired_wire(model).as_json()
    status = changes.get("status", "stopped")
    edges = [{"edge_id": f"venue-edge-{i['venue']}", "status": status} for i in wire["instances"]]
    row = {
        "deployment_id": "dep_1",
        "size_bytes": SIZES[model.artifact.sha256],
        "status": status,
        "pushed_to": len(edges),
        "capable_edges": len(edges),
        "edges": edges,
        "wasm_sha256": model.artifact.sha256,
        "metadata": {
            "managed_by": "sequence-operator",
            "uid": "uid-1",
            "spec_digest": spec_digest(model),
            "commit": "1" * 40,
        },
        "revision": 7,
        "created_at_ns": int(START.timestamp() * 1e9),
        "orders": {"open": 0},
        "pause": None,
        **wire,
        "instances": [
            i | {"edge_id": f"venue-edge-{i['venue']}", "status": status, "warm": True}
            for i in wire["instances"]
        ],
    }
    plain = changes.pop("plain", False)
    row |= changes
    return {k: v for k, v in row.items() if k in PLAIN} if plain else row


def load(name: str) -> Scripted:
    given = yaml.safe_load((GOLDEN / f"{name}.in.yaml").read_text())
    spec = spec_of(**given.get("spec", {}))
    registered = spec_of(**given.get("registered", given.get("spec", {})))
    applied = spec_digest(AlgoDeploymentSpec.model_validate(registered))
    text = yaml.safe_dump(given.get("status", {})).replace("APPLIED", applied)
    cluster = Cluster(
        spec=spec,
        generation=given.get("generation", 1),
        finalizers=[FINALIZER] if given.get("finalizer", True) else [],
        annotations={
            k: v if isinstance(v, str) else json.dumps(v) for k, v in given.get("annotations", {}).items()
        },
        labels=given.get("labels", {}),
        state_owner=given.get("state_owner"),
        deleting=given.get("deleting", False),
        status=AlgoDeploymentStatus.model_validate(yaml.safe_load(text)),
    )
    world = Scripted(cluster=cluster, now=_time(given.get("now")) or START)
    world.rows = [matching_row(registered, dict(r)) for r in given.get("rows", [])]
    world.answers = [
        (x["status"], matching_row(registered, x["row"]) if "row" in x else x.get("body"))
        for x in given.get("answers", [])
    ]
    for commit, view in given.get("builds", {}).items():
        world.builds[commit * 40] = BuildView(**(view | {"state": BuildState(view["state"])}))
    world.checks = tuple(Check(**(c | {"result": Result(c["result"])})) for c in given.get("checks", []))
    account = dict(given.get("account", {}))
    if account:
        account["allow_unverified"] = frozenset(account.get("allow_unverified", ()))
        account["state"] = AccountState(account.get("state", "Ready"))
        world.with_account(**account)
    for sha256, state in given.get("artifacts", {}).items():
        world.artifacts[sha256 * 64] = ArtifactState(state)
    sight = dict(given.get("sight", {}))
    if "written_at" in sight:
        sight["written_at"] = _time(sight["written_at"])
    world.sight = replace(world.view(), **sight)
    return world


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def outcome(world: Scripted) -> dict[str, Any]:
    before = world.cluster.status.model_copy(deep=True)
    if not world.view().row:
        world.list()
    world.run()
    return {
        "cluster_writes": world.cluster.writes,
        "calls": world.calls,
        "plan": as_text(world.last_plan, "plan").splitlines()[1:],
        "status": {} if world.cluster.gone else to_cr(world.cluster.status),
        "events": [f"{e.type} {e.reason}: {e.message}" for e in events(before, world.cluster.status)],
        "finalizer": bool(world.cluster.finalizers),
    }


@pytest.mark.parametrize("name", CASES)
def test_pair(name: str) -> None:
    found = outcome(load(name))
    path = GOLDEN / f"{name}.out.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110))
    assert found == yaml.safe_load(path.read_text())


def test_every_output_has_an_input() -> None:
    assert {p.name.removesuffix(".out.yaml") for p in GOLDEN.glob("*.out.yaml")} == set(CASES)
    assert len(CASES) >= 20
    assert parse_row(matching_row(spec_of(), {})).orders_open == 0
