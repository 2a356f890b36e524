"""One declared algo → the AlgoDeployment that is applied for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sequence_operator.reconcile.sources.fields import owned
from sequence_operator.reconcile.sources.model import Live, Snapshot
from sequence_operator.reconcile.sources.reading import Declared
from sequence_operator.spec.names import (
    ADOPT_FROM,
    AUTHOR,
    CLUSTER_GONE,
    SOURCE_LABEL,
    SOURCE_MANAGER,
    TREE,
    Mode,
)
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import AlgoSource, Artifact, BuildRef, Origin

_AUTHOR_MAX = 256


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which commit an algo is of: the one that last changed anything of it, and the one that last changed what is
    compiled. A commit that leaves both alone writes nothing, and a person's stop or rollback outlives it."""

    commit: str
    build_commit: str
    author: str


def recorded(live: Live) -> Provenance | None:
    """What the object says, as far as the source itself wrote it there; else None."""
    fields = owned(live.obj, SOURCE_MANAGER)
    spec = live.obj["spec"]
    build = (spec.get("artifact") or {}).get("build") or {}
    if not live.commit or not _has(fields, "f:spec", "f:origin", "f:commit"):
        return None
    if build and not _has(fields, "f:spec", "f:artifact", "f:build", "f:commit"):
        return None
    return Provenance(live.commit, build.get("commit", ""), live.annotation(AUTHOR))


def changed(declared: Declared, snapshot: Snapshot, live: Live | None) -> Provenance:
    """Of an algo that this commit changes. The commit of the build stays while its inputs do."""
    fresh = Provenance(snapshot.commit, snapshot.commit, _author(snapshot.author))
    before = recorded(live) if live is not None else None
    if live is None or before is None or not before.build_commit:
        return fresh
    build = live.obj["spec"]["artifact"]["build"]
    same = (build.get("url"), build.get("path")) == (snapshot.repository, declared.folder)
    if same and live.annotation(TREE) == declared.source.tree:
        return Provenance(fresh.commit, before.build_commit, fresh.author)
    return fresh


def rendered(
    source: AlgoSource,
    mode: Mode,
    declared: Declared,
    snapshot: Snapshot,
    provenance: Provenance,
    uid: str = "",
) -> dict[str, Any]:
    """The object to apply. uid: of the object it changes, so that one made anew meanwhile is not taken for it."""
    obj = algo_deployment(
        declared.file,
        namespace=source.metadata.namespace,
        account=source.spec.account_ref.name,
        mode=mode,
        artifact=_artifact(declared, snapshot, provenance),
        origin=Origin(repository=snapshot.repository, commit=provenance.commit, path=declared.path),
        with_state=True,
        labels={SOURCE_LABEL: source.metadata.name},
        annotations=_annotations(source, declared, provenance),
    )
    if uid:
        obj["metadata"]["uid"] = uid
    return obj


def _artifact(declared: Declared, snapshot: Snapshot, provenance: Provenance) -> Artifact:
    if declared.source.wasm_sha256:
        return stored(declared.source.wasm_sha256)
    commit = provenance.build_commit or provenance.commit
    return Artifact(build=BuildRef(url=snapshot.repository, commit=commit, path=declared.folder))


def _annotations(source: AlgoSource, declared: Declared, provenance: Provenance) -> dict[str, str]:
    gone = source.metadata.annotations.get(CLUSTER_GONE, "") if source.spec.adopt == "SameOrigin" else ""
    notes = {
        TREE: "" if declared.source.wasm_sha256 else declared.source.tree,
        AUTHOR: provenance.author,
        ADOPT_FROM: gone.strip(),
    }
    return {key: value for key, value in notes.items() if value}


def _author(author: str) -> str:
    return "".join(c for c in author if c.isprintable())[:_AUTHOR_MAX]


def _has(fields: Mapping[str, Any], *address: str) -> bool:
    for step in address:
        if step not in fields:
            return False
        fields = fields[step] or {}
    return True
