"""A simulated API server with one custom resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconcile.sim_platform import SHA_A, START
from sequence_operator.spec.resources import AlgoDeployment, AlgoDeploymentStatus


def spec_of(**changes: Any) -> dict[str, Any]:
    """A spec in its cluster form; `changes` replace top-level fields."""
    spec: dict[str, Any] = {
        "deployment": "my-mm",
        "accountRef": {"name": "sandbox"},
        "state": "Stopped",
        "artifact": {"configMapRef": {"name": f"wasm-{SHA_A}"}, "sha256": SHA_A},
        "origin": {
            "repository": "https://git.example.com/algos.git",
            "commit": "1" * 40,
            "path": "Sequence.toml",
        },
        "instances": [{"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"]}],
        "risk": {"maxPosition1e8": 200, "maxOrderRate": 20},
        "params": [{"name": "size", "slot": 0, "int": 3}],
    }
    spec.update(changes)
    return {k: v for k, v in spec.items() if v is not None}


def with_wasm(sha256: str) -> dict[str, Any]:
    return {"configMapRef": {"name": f"wasm-{sha256}"}, "sha256": sha256}


@dataclass
class Cluster:
    """The custom resource as the API server holds it."""

    spec: dict[str, Any] = field(default_factory=spec_of)
    uid: str = "uid-1"
    generation: int = 1
    finalizers: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    state_owner: str | None = "kubectl"
    deleting: bool = False
    gone: bool = False
    status: AlgoDeploymentStatus = field(default_factory=AlgoDeploymentStatus)
    writes: list[str] = field(default_factory=list)

    def edit(self, **changes: Any) -> None:
        changed = {k: v for k, v in (self.spec | changes).items() if v is not None}
        if changed != self.spec:
            self.spec, self.generation = changed, self.generation + 1

    def delete(self) -> None:
        if not self.deleting:
            self.deleting, self.generation = True, self.generation + 1
            self.gone = not self.finalizers

    def resource(self) -> AlgoDeployment:
        meta: dict[str, Any] = {
            "name": "my-mm.sandbox",
            "namespace": "trading",
            "uid": self.uid,
            "generation": self.generation,
            "creationTimestamp": START.isoformat(),
            "finalizers": list(self.finalizers),
            "annotations": dict(self.annotations),
            "labels": dict(self.labels),
        }
        if self.deleting:
            meta["deletionTimestamp"] = START.isoformat()
        found = {"kind": "AlgoDeployment", "metadata": meta, "spec": self.spec}
        return AlgoDeployment.model_validate(found).model_copy(update={"status": self.status})
