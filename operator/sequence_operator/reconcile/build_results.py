"""AlgoBuilds as the cluster shows them: which results are believed, and what a deployment may know of its own.

A result is believed only when the AlgoBuild has the name that its inputs have, when the builder alone wrote its
status, and when the ConfigMap it names is the one of its digest (whose bytes are checked again before any use).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.spec.builds import build_name, tree_url
from sequence_operator.spec.names import BUILDER_MANAGER, LAST_USED, SHA256_PATTERN, TREE, artifact_name
from sequence_operator.spec.ownership import owners
from sequence_operator.spec.resources import AlgoDeployment

Inputs = tuple[str, str, str]
"""What a build is made of: namespace, digest of the tree (64 hex), folder of the crate in it."""

_SHA256 = re.compile(SHA256_PATTERN.removesuffix("$") + r"\Z")


@dataclass(frozen=True, slots=True)
class Build:
    """What is remembered of one AlgoBuild: no log, no conditions.

    writers: who wrote its status. final: it failed and will not be tried again. reason, message: why it failed, or
    why it does not begin.
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
    def of(cls, obj: Mapping[str, Any]) -> Build:
        """From the object as the watch brought it, managedFields included."""
        metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
        conditions: dict[str, Mapping[str, Any]] = {c["type"]: c for c in status.get("conditions") or ()}
        phase = status.get("phase") or "Pending"
        final = conditions.get("Stalled", {}).get("status") == "True"
        told = conditions.get("Stalled" if final else "Ready", {}) if phase in ("Pending", "Failed") else {}
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
            and self.writers == (BUILDER_MANAGER,)
            and _SHA256.match(self.sha256) is not None
            and self.config_map == artifact_name(self.sha256)
        )

    @property
    def refusal(self) -> str:
        """Why nothing it says is believed; "" when it is."""
        if not self.honest:
            return "its name is not the one of its inputs"
        strangers = [writer or "nobody known" for writer in self.writers if writer != BUILDER_MANAGER]
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


@dataclass(frozen=True, slots=True)
class Workshop:
    """What new builds are made with. toolchain: version of Rust, "" = none are made, None = that is not known here.
    base: address of the published trees, "" = there are none.
    """

    toolchain: str | None
    base: str = ""


def inputs_of(resource: AlgoDeployment) -> Inputs | None:
    """What the object's artifact is built of; None when it is not built, or its sources are not published."""
    reference, tree = resource.spec.artifact.build, resource.metadata.annotations.get(TREE, "")
    if reference is None or not _SHA256.match(tree):
        return None
    return resource.metadata.namespace, tree, reference.path


def build_view(resource: AlgoDeployment, known: Iterable[Build], workshop: Workshop) -> BuildView | None:
    """What the object may know of the build it needs; None when it needs none.

    known: AlgoBuilds of the namespace, at least those of its inputs and the one that has the name of its build.
    """
    reference = resource.spec.artifact.build
    if reference is None:
        return None
    inputs = inputs_of(resource)
    if inputs is None:
        return BuildView(
            BuildState.NO_TREE,
            reason="NoTree",
            message=f"nobody published the sources of {reference.path} at {reference.commit[:8]}: "
            f"an AlgoSource does, and names them in the annotation {TREE}",
        )
    builds = tuple(known)
    mine = [build for build in builds if build.inputs == inputs]
    held = resource.status.artifact.sha256 if resource.status.artifact is not None else ""
    done = _preferred([build for build in mine if build.ready], held, workshop.toolchain)
    if done is not None:
        return _ready(done)
    if workshop.toolchain is None:
        return _seen_from_outside(inputs[1], mine)
    if not workshop.toolchain or not workshop.base:
        missing = "--build-toolchain" if not workshop.toolchain else "--tree-address"
        return BuildView(
            BuildState.NO_TOOLCHAIN,
            tree=inputs[1],
            reason="NoToolchain",
            message=f"the operator was started without {missing}, so nothing is built; start it with that "
            "option, or commit the WASM and set [build].prebuilt = true",
        )
    return _asked(inputs, reference.commit, builds, workshop.toolchain, workshop.base)


def _asked(inputs: Inputs, commit: str, builds: Iterable[Build], toolchain: str, base: str) -> BuildView:
    """The build of these inputs with the present toolchain, which has no result yet."""
    namespace, tree, path = inputs
    name = build_name(tree, path, toolchain)
    wanted = {
        "treeDigest": tree,
        "treeUrl": tree_url(base, namespace, tree),
        "commit": commit,
        "path": path,
        "toolchain": toolchain,
    }
    known = next((build for build in builds if (build.namespace, build.name) == (namespace, name)), None)
    # Nothing is served any more where the sources were when an older one was asked for.
    if known is None or (not known.refusal and known.tree_url != wanted["treeUrl"]):
        return BuildView(BuildState.ABSENT, name, tree=tree, spec=wanted)
    return _open(known, tree)


def _seen_from_outside(tree: str, mine: Iterable[Build]) -> BuildView:
    """Without knowing the toolchain that the operator builds with: the youngest there is."""
    youngest = max(mine, key=lambda build: (build.created, build.name), default=None)
    return _open(youngest, tree) if youngest is not None else BuildView(BuildState.ABSENT, tree=tree)


def _open(build: Build, tree: str) -> BuildView:
    """An AlgoBuild that has no result to be used."""
    again = f"`kubectl -n {build.namespace} delete algobuild {build.name}` starts it anew"
    if build.refusal:
        message = f"AlgoBuild {build.name} is not believed: {build.refusal}; {again}"
        return BuildView(BuildState.FAILED, build.name, tree=tree, reason="BuildRefused", message=message)
    if build.final:
        message = build.message or f"AlgoBuild {build.name} failed; {again}"
        return BuildView(BuildState.FAILED, build.name, tree=tree, reason=build.reason, message=message)
    trouble = f"{build.reason}: {build.message}" if build.reason else ""
    return BuildView(BuildState.WAITING, build.name, tree=tree, reason="Building", message=trouble)


def _preferred(builds: Iterable[Build], held: str, toolchain: str | None) -> Build | None:
    """Of several results of the same sources the one that runs already, else of the present toolchain, else the
    oldest: a new compiler is no reason to replace anything.
    """
    return min(
        builds,
        key=lambda build: (build.sha256 != held, build.toolchain != toolchain, build.created, build.name),
        default=None,
    )


def _ready(build: Build) -> BuildView:
    return BuildView(
        BuildState.READY,
        build.name,
        sha256=build.sha256,
        size_bytes=build.size_bytes or None,
        config_map=build.config_map,
        tree=build.tree,
    )
