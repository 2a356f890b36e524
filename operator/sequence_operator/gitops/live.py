"""The AlgoDeployments of the namespaces that have sources, as the watch brings them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.reconcile.sources import Live
from sequence_operator.spec.names import OPERATOR_MANAGER, TREE


@dataclass(slots=True)
class _Namespace:
    """objects by name; marks: what a plan depends on, by uid; gone: deleted while the first list was under way."""

    objects: dict[str, Object] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    live: dict[str, Live] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    complete: bool = False


class Deployments:
    """Knows nothing of a namespace before `follow`, so that whoever uses no git pays nothing.

    differs: called with namespace and name when one changed in something that a plan depends on.
    """

    def __init__(self, cluster: ClusterClient, differs: Callable[[str, str], None]) -> None:
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
        name, uid = metadata["name"], metadata["uid"]
        before = known.objects.get(name)
        if before is not None and _version(before) >= _version(obj):
            return False
        slim = _slim(obj)
        known.objects[name] = slim
        known.live.pop(name, None)
        mark = _mark(slim)
        if before is not None and before["metadata"]["uid"] != uid:
            known.marks.pop(before["metadata"]["uid"], None)
        if known.marks.get(uid) != mark:
            known.marks[uid] = mark
            if not quiet:
                self._differs(metadata["namespace"], name)
        return True

    def drop(self, obj: Object) -> None:
        """An object that is there no more."""
        metadata = obj["metadata"]
        known = self._namespaces.get(metadata["namespace"])
        if known is None:
            return
        if not known.complete:
            known.gone.add(metadata["uid"])
        if known.marks.pop(metadata["uid"], None) is None:
            return
        present = known.objects.get(metadata["name"])
        if present is not None and present["metadata"]["uid"] == metadata["uid"]:
            del known.objects[metadata["name"]]
            known.live.pop(metadata["name"], None)
        self._differs(metadata["namespace"], metadata["name"])

    def live(self, namespace: str) -> Mapping[str, Live]:
        """All of a namespace by name, for a plan."""
        known = self._namespaces.get(namespace)
        if known is None:
            return {}
        for name in known.objects.keys() - known.live.keys():
            known.live[name] = Live.of(known.objects[name])
        return dict(known.live)

    def label(self, namespace: str, name: str, label: str) -> str:
        known = self._namespaces.get(namespace)
        obj = known.objects.get(name) if known is not None else None
        return str(((obj or {}).get("metadata", {}).get("labels") or {}).get(label, ""))

    def trees(self, namespace: str) -> set[str]:
        """Digests of the trees that builds of these objects may still need."""
        known = self._namespaces.get(namespace)
        objects = known.objects.values() if known is not None else ()
        return {str((obj["metadata"].get("annotations") or {}).get(TREE, "")) for obj in objects}


def _version(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _slim(obj: Object) -> Object:
    """Without the parts of the status that no plan looks at: they are most of it, and change most."""
    status = obj.get("status") or {}
    return {**obj, "status": {"state": status["state"]} if "state" in status else {}}


def _mark(obj: Object) -> str:
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
    )
    return json.dumps(parts, sort_keys=True)
