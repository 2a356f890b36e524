"""Whether the watches still tell us everything: compared, now and then, with what the API server lists.

A watch can fall silent and look healthy. So every minute all versions of every kind are listed (metadata
only) and held against what the watches brought; what was missed is caught up with, and `/readyz` says so
until a comparison is clean again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import Resource

log = structlog.get_logger(__name__)

Versions = Callable[[str], dict[str, tuple[int, Object]]]
"""Of one namespace: uid → (resourceVersion as last seen, a shell that names the object)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One kind, what its watch brought so far, and who is told what it missed."""

    resource: Resource
    versions: Versions
    changed: Callable[[Object], None]
    gone: Callable[[Object], None]


@dataclass(slots=True)
class _Round:
    """What one look at everything found."""

    suspects: dict[str, int] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    late: dict[str, int] = field(default_factory=dict)  # kind → changes that the watch did not bring


class Freshness:
    """Compares in rounds. ``problem`` is None while all is well; ``rounds`` counts clean ones."""

    def __init__(
        self,
        cluster: ClusterClient,
        namespaces: Sequence[str],
        kinds: Sequence[Watched],
        *,
        interval: float = 60.0,
    ) -> None:
        self._cluster, self._namespaces, self._kinds = cluster, namespaces, kinds
        self._interval = interval
        self._suspects: dict[str, int] = {}  # uid → version that the watch had not brought at the last look
        self._missing: set[str] = set()  # uids that were listed no more at the last look
        self.problem: str | None = None
        self.rounds = 0

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.compare()
            except ClusterError as problem:
                hint = f"; {problem.hint}" if problem.hint else ""
                self.problem = f"{problem}{hint}"
                log.warning("cannot compare with the API server", problem=str(problem), hint=problem.hint)

    async def compare(self) -> bool:
        """One look; what was missed twice in a row is read and handed on. Returns whether all was well."""
        found = _Round()
        for kind in self._kinds:
            for namespace in self._namespaces:
                await self._look(kind, namespace, found)
        self._suspects, self._missing = found.suspects, found.missing
        if found.late:
            missed = ", ".join(f"{count} of {name}" for name, count in found.late.items())
            self.problem = (
                f"the watch missed changes ({missed}); they were read instead, the process may need a restart"
            )
            log.error("watch is stale", missed=found.late)
            return False
        self.problem = None
        self.rounds += 1
        return True

    async def _look(self, kind: Watched, namespace: str, found: _Round) -> None:
        name_of_kind = kind.resource.plural
        known = kind.versions(namespace)
        listed: dict[str, tuple[int, str]] = {}
        async for item in self._cluster.pages(kind.resource, namespace, metadata_only=True):
            metadata = item["metadata"]
            listed[metadata["uid"]] = (int(metadata["resourceVersion"]), metadata["name"])
        for uid, (version, name) in listed.items():
            if uid in known and known[uid][0] >= version:
                continue
            found.suspects[uid] = version
            if self._suspects.get(uid) == version:
                found.late[name_of_kind] = found.late.get(name_of_kind, 0) + 1
                await self._catch_up(kind, name, namespace)
        for uid in known.keys() - listed.keys():
            found.missing.add(uid)
            if uid in self._missing:
                found.late[name_of_kind] = found.late.get(name_of_kind, 0) + 1
                kind.gone(known[uid][1])

    async def _catch_up(self, kind: Watched, name: str, namespace: str) -> None:
        try:
            kind.changed(await self._cluster.get(kind.resource, name, namespace))
        except ClusterError as problem:
            if problem.kind is not Kind.NOT_FOUND:
                raise


class Seen:
    """The versions of one kind as its watch brought them: all there is to hold against a list."""

    def __init__(self) -> None:
        self._by_namespace: dict[str, dict[str, tuple[int, str]]] = {}

    def put(self, obj: Object) -> None:
        metadata = obj["metadata"]
        known = self._by_namespace.setdefault(metadata["namespace"], {})
        version, _ = known.get(metadata["uid"], (-1, ""))
        known[metadata["uid"]] = (max(version, int(metadata["resourceVersion"])), metadata["name"])

    def drop(self, obj: Object) -> None:
        self._by_namespace.get(obj["metadata"]["namespace"], {}).pop(obj["metadata"]["uid"], None)

    def versions(self, namespace: str) -> dict[str, tuple[int, Object]]:
        known = self._by_namespace.get(namespace, {})
        return {uid: (version, shell(name, namespace, uid)) for uid, (version, name) in known.items()}


def shell(name: str, namespace: str, uid: str) -> dict[str, Any]:
    """What `gone` needs of an object."""
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid}}
