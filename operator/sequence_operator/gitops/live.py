"""The AlgoDeployments of the namespaces that have sources, as the watch brings them.

They are kept as JSON text, a seventh of what the same costs as Python objects: most are never looked at, and a plan
takes one after the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.reconcile.sources import Live, build_failure
from sequence_operator.spec.names import OPERATOR_MANAGER, SOURCE_LABEL, TREE


class Packed(Mapping[str, Any]):
    """An object as JSON text, read anew at every access."""

    __slots__ = ("_text",)

    def __init__(self, obj: Mapping[str, Any]) -> None:
        self._text = json.dumps(obj, separators=(",", ":")).encode()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 -- whatever the API server sent
        return json.loads(self._text)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(json.loads(self._text))

    def __len__(self) -> int:
        return len(json.loads(self._text))


@dataclass(frozen=True, slots=True)
class _Known:
    """uid and version of what `obj` says; mark: digest of what a plan depends on."""

    uid: str
    version: int
    mark: bytes
    obj: Packed


@dataclass(slots=True)
class _Namespace:
    """objects and what was made of them, by name; gone: uids deleted while the first list was under way."""

    objects: dict[str, _Known] = field(default_factory=dict)
    live: dict[str, Live] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    complete: bool = False


class Deployments:
    """Knows nothing of a namespace before `follow`, so that whoever uses no git pays nothing.

    differs: called with namespace, name and the label of its source (as it is, or was when it went) when one changed
    in something that a plan depends on.
    """

    def __init__(self, cluster: ClusterClient, differs: Callable[[str, str, str], None]) -> None:
        self._cluster, self._differs = cluster, differs
        self._namespaces: dict[str, _Namespace] = {}

    async def follow(self, namespace: str) -> None:
        """Know all objects of a namespace from now on: one list, once. Raises ClusterError."""
        known = self._namespaces.setdefault(namespace, _Namespace())
        if known.complete:
            return
        known.gone.clear()
        async for obj in self._cluster.pages(ALGO_DEPLOYMENTS, namespace):
            if obj["metadata"]["uid"] not in known.gone:
                self.put(obj)
        known.gone.clear()
        known.complete = True

    def leave(self, namespace: str) -> None:
        """Forget a namespace that has no source any more."""
        self._namespaces.pop(namespace, None)

    def put(self, obj: Object, *, quiet: bool = False) -> bool:
        """An object as it is now; False when a newer one is known already. quiet: it is what a source itself wrote."""
        metadata = obj["metadata"]
        known = self._namespaces.get(metadata["namespace"])
        if known is None:
            return False
        name, version = metadata["name"], int(metadata["resourceVersion"])
        before = known.objects.get(name)
        if before is not None and before.version >= version:
            return False
        mark = _mark(obj)
        known.objects[name] = _Known(metadata["uid"], version, mark, Packed(_slim(obj)))
        known.live.pop(name, None)
        if not quiet and (before is None or (before.uid, before.mark) != (metadata["uid"], mark)):
            self._differs(metadata["namespace"], name, _source(obj))
        return True

    def drop(self, obj: Object) -> None:
        """An object that is there no more; only its metadata's name, namespace and uid are looked at."""
        metadata = obj["metadata"]
        known = self._namespaces.get(metadata["namespace"])
        if known is None:
            return
        if not known.complete:
            known.gone.add(metadata["uid"])
        present = known.objects.get(metadata["name"])
        if present is not None and present.uid == metadata["uid"]:
            del known.objects[metadata["name"]]
            known.live.pop(metadata["name"], None)
            self._differs(metadata["namespace"], metadata["name"], _source(present.obj))

    def live(self, namespace: str) -> Mapping[str, Live]:
        """All of a namespace by name, for a plan."""
        known = self._namespaces.get(namespace)
        if known is None:
            return {}
        for name in known.objects.keys() - known.live.keys():
            packed = known.objects[name].obj
            known.live[name] = replace(Live.of(dict(packed)), obj=packed)
        return dict(known.live)

    def trees(self, namespace: str) -> set[str]:
        """Digests of the trees that builds of these objects may still need."""
        known = self._namespaces.get(namespace)
        objects = known.objects.values() if known is not None else ()
        return {str((each.obj["metadata"].get("annotations") or {}).get(TREE, "")) for each in objects}


def _source(obj: Mapping[str, Any]) -> str:
    """The AlgoSource that applied it, "" without."""
    return str((obj["metadata"].get("labels") or {}).get(SOURCE_LABEL, ""))


def _slim(obj: Object) -> Object:
    """Without the parts of the status that no plan looks at: they are most of it, and change most."""
    status = obj.get("status") or {}
    kept = {"state": status["state"]} if "state" in status else {}
    if build_failure(obj):
        kept["conditions"] = [c for c in status["conditions"] if c["type"] == "ArtifactReady"]
    return {**obj, "status": kept}


def _mark(obj: Object) -> bytes:
    """What a plan depends on but the state, which counts for the brake and must not wake anybody."""
    metadata: dict[str, Any] = obj["metadata"]
    managers = [
        (entry.get("manager"), entry.get("operation"))
        for entry in metadata.get("managedFields") or ()
        if not entry.get("subresource") and entry.get("manager") != OPERATOR_MANAGER
    ]
    parts = (
        metadata.get("generation"),
        metadata.get("labels"),
        metadata.get("annotations"),
        metadata.get("deletionTimestamp"),
        sorted(map(str, managers)),
        build_failure(obj),
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
