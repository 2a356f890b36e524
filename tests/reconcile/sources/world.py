"""One source on a real API server: plans are carried out there, and people do what people do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconcile.sources.repository import NOW, after, lives, source
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.gitops.executing import Executor
from sequence_operator.reconcile.sources import SourcePlan, plan_source
from sequence_operator.reconcile.sources.model import Snapshot
from sequence_operator.reconcile.sources.reading import read
from sequence_operator.spec.names import CLI_MANAGER, STATE_MANAGER
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import AlgoDeploymentSpec, AlgoSource

NAME = "maker.sandbox"
SHA = "9f2c4e1a77b0" + "0" * 52


class World:
    """One source and the AlgoDeployments of its namespace."""

    def __init__(self, cluster: ClusterClient, namespace: str, folder: Path) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.executor = Executor(cluster, namespace, folder, lambda _: None, lambda: NOW)
        self.source = self.called("desk")

    def called(self, name: str, **spec: Any) -> AlgoSource:
        made = source(name, **spec)
        made.metadata.namespace = self.namespace
        return made

    async def objects(self) -> dict[str, dict[str, Any]]:
        found = await self.cluster.list(ALGO_DEPLOYMENTS, self.namespace)
        return {obj["metadata"]["name"]: obj for obj in found}

    async def one(self, name: str = NAME) -> dict[str, Any]:
        return await self.cluster.get(ALGO_DEPLOYMENTS, name, self.namespace)

    async def plan(self, seen: Snapshot, siblings: Any = ()) -> SourcePlan:
        return plan_source(self.source, "sandbox", seen, lives(await self.objects()), siblings)

    async def carry_out(self, seen: Snapshot, siblings: Any = ()) -> SourcePlan:
        """Plan, execute, keep the status. Every object must be what the plan said that it would be."""
        plan = await self.plan(seen, siblings)
        _, failed = await self.executor.execute(self.source.metadata.name, plan.actions)
        assert not failed, failed
        self.source = after(self.source, seen, plan)
        objects = await self.objects()
        for change in plan.changes:
            if change.after is not None and not change.held:
                stored = objects[change.name]
                assert _spec(stored) == _spec(change.after)
                assert stored["metadata"]["labels"] == change.after["metadata"]["labels"]
                assert stored["metadata"].get("annotations") == change.after["metadata"].get("annotations")
        return plan

    async def settled(self, seen: Snapshot) -> None:
        plan = await self.plan(seen)
        assert (plan.actions, plan.changes) == ((), ())

    async def by_cli(self, seen: Snapshot, *, force: bool = False, **metadata: Any) -> dict[str, Any]:
        """What `sequence deploy` applies for the only file of a commit."""
        (declared,) = read(seen, "sandbox").declared.values()
        obj = algo_deployment(
            declared.file,
            namespace=self.namespace,
            account="sandbox",
            mode="sandbox",
            artifact=stored(SHA),
            origin=None,
            with_state=False,
            **metadata,
        )
        return await self.cluster.apply(obj, manager=CLI_MANAGER, force=force)

    async def state(self, state: str) -> None:
        """What `sequence start` and `stop` apply."""
        await self.cluster.apply(self._shell() | {"spec": {"state": state}}, manager=STATE_MANAGER)

    async def edited(self, spec: dict[str, Any]) -> None:
        """What a person does with `kubectl edit`."""
        await self.cluster.merge(await self.one(), {"spec": spec}, manager="kubectl-edit")

    def _shell(self) -> dict[str, Any]:
        return {
            "apiVersion": ALGO_DEPLOYMENTS.api_version,
            "kind": ALGO_DEPLOYMENTS.kind,
            "metadata": {"name": NAME, "namespace": self.namespace},
        }


def _spec(obj: Any) -> AlgoDeploymentSpec:
    spec = AlgoDeploymentSpec.model_validate(obj["spec"])
    return spec.model_copy(update={"params": sorted(spec.params, key=lambda p: p.slot or 0)})
