"""AlgoBuilds as the watch brings them, what each deployment may know of its own, and how one is asked for.

A result is believed only when the AlgoBuild has the name that its inputs have, when the builder alone wrote its
status, and when the ConfigMap it names is the one of its digest (whose bytes are checked again before any use).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_operator.cluster.client import BUILDER, OPERATOR, ClusterClient, Object
from sequence_operator.cluster.resources import ALGO_BUILDS
from sequence_operator.controller.state import Inputs
from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.spec.builds import build_name, tree_url
from sequence_operator.spec.names import API_VERSION, LAST_USED, SHA256_PATTERN, TREE, artifact_name
from sequence_operator.spec.ownership import owners
from sequence_operator.spec.resources import AlgoDeployment

_SHA256 = re.compile(SHA256_PATTERN.removesuffix("$") + r"\Z")


@dataclass(frozen=True, slots=True)
class Build:
    """What is remembered of one AlgoBuild: no log, no conditions.

    writers: who wrote its status. final: it failed and will not be tried again. reason, message: why it failed.
    """

    uid: str
    namespace: str
    name: str
    version: int
    created: str
    last_used: str
    tree: str
    tree_url: str
    path: str
    toolchain: str
    phase: str
    sha256: str
    size_bytes: int
    config_map: str
    writers: tuple[str, ...]
    final: bool
    reason: str
    message: str

    @classmethod
    def of(cls, obj: Object) -> Build:
        """From the object as the watch brought it, managedFields included."""
        metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
        conditions: dict[str, Object] = {c["type"]: c for c in status.get("conditions") or ()}
        phase = status.get("phase") or "Pending"
        final = conditions.get("Stalled", {}).get("status") == "True"
        told = conditions.get("Stalled" if final else "Ready", {}) if phase == "Failed" else {}
        return cls(
            uid=metadata["uid"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            version=int(metadata["resourceVersion"]),
            created=metadata["creationTimestamp"],
            last_used=(metadata.get("annotations") or {}).get(LAST_USED, ""),
            tree=spec["treeDigest"],
            tree_url=spec["treeUrl"],
            path=spec["path"],
            toolchain=spec["toolchain"],
            phase=phase,
            sha256=status.get("sha256") or "",
            size_bytes=status.get("sizeBytes") or 0,
            config_map=status.get("configMap") or "",
            writers=owners(obj, "status"),
            final=final,
            reason=told.get("reason") or "",
            message=told.get("message") or "",
        )

    @property
    def inputs(self) -> Inputs:
        return self.namespace, self.tree, self.path

    @property
    def honest(self) -> bool:
        """Whether its name says what it builds."""
        return self.name == build_name(self.tree, self.path, self.toolchain)

    @property
    def ready(self) -> bool:
        """Whether there is a WASM that may be used."""
        return (
            self.phase == "Succeeded"
            and self.honest
            and self.writers == (BUILDER,)
            and _SHA256.match(self.sha256) is not None
            and self.config_map == artifact_name(self.sha256)
        )

    @property
    def refusal(self) -> str:
        """Why nothing it says is believed; "" when it is."""
        if not self.honest:
            return "its name is not the one of its inputs"
        strangers = [writer or "nobody known" for writer in self.writers if writer != BUILDER]
        if not self.writers and self.phase != "Pending":
            strangers = ["nobody known"]
        if strangers:
            return f"its status was written by {', '.join(strangers)}, not by the builder alone"
        if self.phase == "Succeeded" and not self.ready:
            return "its result names no ConfigMap of its digest"
        return ""

    @property
    def news(self) -> tuple[Any, ...]:
        """All that can change what a deployment knows: not who works on it, or since when."""
        return (self.phase, self.sha256, self.config_map, self.writers, self.final, self.reason, self.message)


class Builds:
    """All AlgoBuilds. woken: called with the inputs of one whenever those who need it should look again.

    toolchain: version that new builds get, "" = none are made. base: address of the trees, "" = none are served.
    """

    def __init__(self, woken: Callable[[Inputs], None], *, toolchain: str, base: str) -> None:
        self._woken = woken
        self._toolchain, self.base = toolchain, base
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
            build.uid: (
                build.version,
                {"metadata": {"name": build.name, "namespace": namespace, "uid": build.uid}},
            )
            for build in self
            if build.namespace == namespace
        }

    def named(self, namespace: str, name: str) -> Build | None:
        uid = self._by_name.get((namespace, name))
        return self._by_uid[uid] if uid is not None else None

    def of_inputs(self, inputs: Inputs) -> list[Build]:
        """Those that were made of the same tree and folder, with whatever toolchain; the oldest first."""
        found = (self._by_uid[uid] for uid in self._by_inputs.get(inputs, ()))
        return sorted(found, key=lambda build: (build.created, build.name))

    def view(self, resource: AlgoDeployment) -> BuildView | None:
        """What the object may know of the build it needs; None when it needs none."""
        reference = resource.spec.artifact.build
        if reference is None:
            return None
        tree = resource.metadata.annotations.get(TREE, "")
        if not _SHA256.match(tree):
            return BuildView(
                BuildState.NO_TREE,
                reason="NoTree",
                message=f"nobody published the sources of {reference.path} at {reference.commit[:8]}: "
                f"an AlgoSource does, and names them in the annotation {TREE}",
            )
        inputs = (resource.metadata.namespace, tree, reference.path)
        held = resource.status.artifact.sha256 if resource.status.artifact is not None else ""
        done = _preferred([build for build in self.of_inputs(inputs) if build.ready], held, self._toolchain)
        if done is not None:
            return _ready(done)
        if not self._toolchain or not self.base:
            missing = "--build-toolchain" if not self._toolchain else "--tree-address"
            return BuildView(
                BuildState.NO_TOOLCHAIN,
                tree=tree,
                reason="NoToolchain",
                message=f"the operator was started without {missing}, so nothing is built; start it with that "
                "option, or commit the WASM and set [build].prebuilt = true",
            )
        return self._open(inputs, reference.commit)

    def _open(self, inputs: Inputs, commit: str) -> BuildView:
        """The build of these inputs with the present toolchain, which has no result yet."""
        namespace, tree, path = inputs
        name = build_name(tree, path, self._toolchain)
        wanted = {
            "treeDigest": tree,
            "treeUrl": tree_url(self.base, namespace, tree),
            "commit": commit,
            "path": path,
            "toolchain": self._toolchain,
        }
        known = self.named(namespace, name)
        if known is None:
            return BuildView(BuildState.ABSENT, name, tree=tree, spec=wanted)
        again = f"`kubectl -n {namespace} delete algobuild {name}` starts it anew"
        if known.refusal:
            message = f"AlgoBuild {name} is not believed: {known.refusal}; {again}"
            return BuildView(BuildState.FAILED, name, tree=tree, reason="BuildRefused", message=message)
        if known.tree_url != wanted["treeUrl"]:  # nothing is served there any more
            return BuildView(BuildState.ABSENT, name, tree=tree, spec=wanted)
        if known.final:
            message = known.message or f"AlgoBuild {name} failed; {again}"
            return BuildView(BuildState.FAILED, name, tree=tree, reason=known.reason, message=message)
        trouble = f"trying again after {known.reason}: {known.message}" if known.reason else ""
        return BuildView(BuildState.WAITING, name, tree=tree, reason="Building", message=trouble)


def _preferred(builds: Iterable[Build], held: str, toolchain: str) -> Build | None:
    """Of several results of the same sources the one that runs already, else of the present toolchain, else the
    oldest: a new compiler is no reason to replace anything.
    """
    ranked = sorted(builds, key=lambda build: (build.sha256 != held, build.toolchain != toolchain))
    return ranked[0] if ranked else None


def _ready(build: Build) -> BuildView:
    return BuildView(
        BuildState.READY,
        build.name,
        sha256=build.sha256,
        size_bytes=build.size_bytes or None,
        config_map=build.config_map,
        tree=build.tree,
    )


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
        await cluster.delete(ALGO_BUILDS, name, namespace, uid=known.uid, resource_version=str(known.version))
        builds.gone({"metadata": {"uid": known.uid}})
    stored = await cluster.apply(
        {
            "apiVersion": API_VERSION,
            "kind": ALGO_BUILDS.kind,
            "metadata": {"name": name, "namespace": namespace, "annotations": {LAST_USED: now}},
            "spec": dict(spec),
        },
        manager=OPERATOR,
    )
    builds.changed(stored)
