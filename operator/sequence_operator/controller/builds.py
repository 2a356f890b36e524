"""AlgoBuilds as the watch brings them, and how one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sequence_operator.cluster.client import OPERATOR, ClusterClient, Object
from sequence_operator.cluster.resources import ALGO_BUILDS
from sequence_operator.controller.freshness import shell
from sequence_operator.reconcile.build_results import Build, Inputs, Workshop, build_view, inputs_of
from sequence_operator.reconcile.builds import BuildView
from sequence_operator.spec.builds import build_name
from sequence_operator.spec.names import API_VERSION, LAST_USED
from sequence_operator.spec.resources import AlgoDeployment


class Builds:
    """All AlgoBuilds. woken: called with the inputs of one whenever those who need it should look again.

    workshop: what new ones are made with.
    """

    def __init__(self, woken: Callable[[Inputs], None], workshop: Workshop) -> None:
        self._woken, self._workshop = woken, workshop
        self._by_uid: dict[str, Build] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._by_inputs: dict[Inputs, set[str]] = {}

    def __iter__(self) -> Iterator[Build]:
        return iter(tuple(self._by_uid.values()))

    def __len__(self) -> int:
        return len(self._by_uid)

    def changed(self, obj: Object) -> None:
        """One as it is now, from the watch or from the answer to a write."""
        build = Build.of(obj)
        before = self._by_uid.get(build.uid)
        if before is not None and build.version <= before.version:
            return
        self._by_uid[build.uid] = build
        self._by_name[build.namespace, build.name] = build.uid
        self._by_inputs.setdefault(build.inputs, set()).add(build.uid)
        if before is None or before.news != build.news:
            self._woken(build.inputs)

    def gone(self, obj: Object) -> None:
        """One that is there no more."""
        build = self._by_uid.pop(obj["metadata"]["uid"], None)
        if build is None:
            return
        if self._by_name.get((build.namespace, build.name)) == build.uid:
            del self._by_name[build.namespace, build.name]
        same = self._by_inputs[build.inputs]
        same.discard(build.uid)
        if not same:
            del self._by_inputs[build.inputs]
        self._woken(build.inputs)

    def versions(self, namespace: str) -> dict[str, tuple[int, Object]]:
        """What is known of a namespace, for the comparison with what the API server lists."""
        return {
            build.uid: (build.version, shell(build.name, namespace, build.uid))
            for build in self
            if build.namespace == namespace
        }

    def named(self, namespace: str, name: str) -> Build | None:
        uid = self._by_name.get((namespace, name))
        return self._by_uid[uid] if uid is not None else None

    def view(self, resource: AlgoDeployment) -> BuildView | None:
        """What the object may know of the build it needs; None when it needs none."""
        inputs = inputs_of(resource)
        if inputs is None:
            return build_view(resource, (), self._workshop)
        known = [self._by_uid[uid] for uid in self._by_inputs.get(inputs, ())]
        named = self.named(inputs[0], build_name(inputs[1], inputs[2], self._workshop.toolchain or ""))
        return build_view(resource, known if named is None else (*known, named), self._workshop)


async def create(
    cluster: ClusterClient,
    builds: Builds,
    namespace: str,
    name: str,
    spec: Mapping[str, Any],
    now: str,
) -> None:
    """Ask for a build; nothing happens when it is there already. Raises ClusterError.

    One whose sources were served at an address that is ours no longer can never end, and its spec cannot be changed:
    it is made anew.
    """
    known = builds.named(namespace, name)
    if known is not None and known.tree_url != spec["treeUrl"]:
        await discard(cluster, builds, known)
    stored = await cluster.apply(
        {
            "apiVersion": API_VERSION,
            "kind": ALGO_BUILDS.kind,
            "metadata": {"name": name, "namespace": namespace, "annotations": {LAST_USED: now}},
            "spec": dict(spec),
        },
        manager=OPERATOR,
        force=True,  # when it was used last is written by a merge, too
    )
    builds.changed(stored)


async def discard(cluster: ClusterClient, builds: Builds, build: Build) -> None:
    """Delete one that is of no use, so that it is asked for anew. Raises ClusterError; CONFLICT when it moved on."""
    await cluster.delete(
        ALGO_BUILDS, build.name, build.namespace, uid=build.uid, resource_version=str(build.version)
    )
    builds.gone(shell(build.name, build.namespace, build.uid))
