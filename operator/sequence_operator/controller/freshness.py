"""Whether the watches still tell us everything: compared, now and then, with what the API server lists.

A watch can fall silent and look healthy. So every minute all versions are listed (metadata only) and held
against what the watches brought; what was missed is caught up with, and `/readyz` says so until a
comparison is clean again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS

log = structlog.get_logger(__name__)

Versions = Callable[[str], dict[str, tuple[int, Object]]]
"""Of one namespace: uid → (resourceVersion as last seen, a shell that names the object)."""


class Freshness:
    """Compares in rounds. ``problem`` is None while all is well; ``rounds`` counts clean ones."""

    def __init__(
        self,
        cluster: ClusterClient,
        namespaces: Sequence[str],
        versions: Versions,
        changed: Callable[[Object], None],
        gone: Callable[[Object], None],
        *,
        interval: float = 60.0,
    ) -> None:
        self._cluster, self._namespaces = cluster, namespaces
        self._versions, self._changed, self._gone = versions, changed, gone
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
        late = 0
        suspects: dict[str, int] = {}
        missing: set[str] = set()
        for namespace in self._namespaces:
            known = self._versions(namespace)
            listed: dict[str, tuple[int, str]] = {}
            async for item in self._cluster.pages(ALGO_DEPLOYMENTS, namespace, metadata_only=True):
                metadata = item["metadata"]
                listed[metadata["uid"]] = (int(metadata["resourceVersion"]), metadata["name"])
            for uid, (version, name) in listed.items():
                if uid in known and known[uid][0] >= version:
                    continue
                suspects[uid] = version
                if self._suspects.get(uid) == version:
                    late += 1
                    await self._catch_up(name, namespace)
            for uid in known.keys() - listed.keys():
                missing.add(uid)
                if uid in self._missing:
                    late += 1
                    self._gone(known[uid][1])
        self._suspects, self._missing = suspects, missing
        if late:
            self.problem = (
                f"the watch missed {late} changes; they were read instead, the process may need a restart"
            )
            log.error("watch is stale", missed=late)
            return False
        self.problem = None
        self.rounds += 1
        return True

    async def _catch_up(self, name: str, namespace: str) -> None:
        try:
            self._changed(await self._cluster.get(ALGO_DEPLOYMENTS, name, namespace))
        except ClusterError as problem:
            if problem.kind is not Kind.NOT_FOUND:
                raise


def shell(name: str, namespace: str, uid: str) -> dict[str, Any]:
    """What `gone` needs of an object."""
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid}}
