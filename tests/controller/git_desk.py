"""What a git source and a builder do around an operator: algos that name a commit, and results of builds."""

from __future__ import annotations

import hashlib
from typing import Any

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.client import BUILDER, SOURCE
from sequence_operator.cluster.resources import ALGO_BUILDS
from sequence_operator.spec.names import API_VERSION, TREE
from support.processes import free_port, wait_until

from .conftest import TOOLCHAIN, Desk, module


def commit(number: int) -> str:
    return f"{number:040x}"


class GitDesk:
    """A desk whose operator asks for builds, and the builder of its namespace, played by the test."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        desk.options = (f"--tree-address=127.0.0.1:{free_port()}", TOOLCHAIN)
        self._before = {b["metadata"]["uid"] for b in desk.api.list(ALGO_BUILDS)}

    def tree(self, number: int) -> str:
        """Digest of some sources, which no other desk has."""
        return hashlib.sha256(f"tree {number}{self.desk.suffix}".encode()).hexdigest()

    def push(self, name: str, number: int, *, sources: int | None = None, **spec: Any) -> str:
        """Commit `number` reaches the cluster; sources: number of the tree it has, by default one of its own.
        The object's name.
        """
        sources = number if sources is None else sources
        body = {
            "deployment": name,
            "accountRef": {"name": self.desk.main},
            "artifact": {
                "build": {
                    "url": "https://git.test/algos.git",
                    "commit": commit(sources),
                    "path": f"algos/{name}",
                }
            },
            "origin": {
                "repository": "https://git.test/algos.git",
                "commit": commit(number),
                "path": f"algos/{name}/Sequence.toml",
            },
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxPosition1e8": 100_000_000, "maxOrderRate": 10},
            "state": "Running",
            **spec,
        }
        metadata = {
            "name": f"{name}.sandbox{self.desk.suffix}",
            "annotations": {TREE: self.tree(sources)},
        }
        obj = {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata, "spec": body}
        self.desk.api.apply(obj, manager=SOURCE)
        return metadata["name"]

    # -- the builder -----------------------------------------------------------------------------------

    def builds(self, sources: int | None = None) -> list[dict[str, Any]]:
        """AlgoBuilds that were asked for since this desk is there, of some sources."""
        listed = [b for b in self.desk.api.list(ALGO_BUILDS) if b["metadata"]["uid"] not in self._before]
        return [b for b in listed if sources is None or b["spec"]["treeDigest"] == self.tree(sources)]

    def asked(self, sources: int) -> dict[str, Any]:
        """The AlgoBuild of these sources, once there is one."""
        wait_until(lambda: self.builds(sources), f"a build of tree {sources}; {self.desk.tail()}")
        (build,) = self.builds(sources)
        return build

    def say(self, build: dict[str, Any], *, manager: str = BUILDER, **status: Any) -> None:
        """Write the status of a build."""
        body = {
            "apiVersion": API_VERSION,
            "kind": "AlgoBuild",
            "metadata": {"name": build["metadata"]["name"]},
            "status": {"observedGeneration": 1, **status},
        }
        self.desk.api.apply(body, manager=manager, subresource="status")

    def result(self, number: int) -> dict[str, Any]:
        """Store module `number`; the status of a build that made it."""
        wasm = module(number)
        stored = configmap(wasm, self.desk.namespace)
        self.desk.api.apply(stored, manager=BUILDER)
        return {
            "phase": "Succeeded",
            "sha256": hashlib.sha256(wasm).hexdigest(),
            "sizeBytes": len(wasm),
            "configMap": stored["metadata"]["name"],
        }

    def succeed(self, sources: int, number: int) -> str:
        """Build these sources: module `number` comes out. Its digest."""
        build = self.asked(sources)
        self.say(build, phase="Building", claim={"holder": "builder-0"}, attempts=1)
        done = self.result(number)
        self.say(build, attempts=1, **done)
        return str(done["sha256"])

    def fail(self, sources: int, message: str) -> None:
        """These sources do not compile."""
        when = {"observedGeneration": 1, "lastTransitionTime": "2026-11-24T12:00:00Z"}
        said = {"reason": "CompileError", "message": message, **when}
        conditions = [{"type": "Ready", "status": "False", **said}]
        conditions += [{"type": "Stalled", "status": "True", **said}]
        self.say(self.asked(sources), phase="Failed", attempts=1, conditions=conditions)
