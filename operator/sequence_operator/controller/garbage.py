"""What nobody needs any more, a day after it was last needed: artifacts (ConfigMaps ``wasm-<64 hex>`` of ours) and
AlgoBuilds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from sequence_operator.cluster.client import OPERATOR, ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import ALGO_BUILDS, CONFIG_MAPS, resource_of
from sequence_operator.controller.builds import Builds
from sequence_operator.controller.freshness import Freshness
from sequence_operator.controller.state import Entries
from sequence_operator.reconcile.build_results import Build, Inputs
from sequence_operator.reconcile.effective import effective
from sequence_operator.spec.meta import rfc3339
from sequence_operator.spec.names import LAST_USED, MANAGED_BY, artifact_name
from sequence_operator.spec.resources import AlgoDeployment

log = structlog.get_logger(__name__)

KEEP = timedelta(hours=24)
REFRESH = timedelta(hours=6)
"""How old "last used" of an artifact in use may become before it is written anew."""

_EVERY = 60  # clean comparisons with the API server, one a minute

_NAME = re.compile(r"wasm-[0-9a-f]{64}\Z")
_SELECTOR = f"app.kubernetes.io/managed-by={MANAGED_BY}"


def named(resources: Iterable[AlgoDeployment]) -> set[tuple[str, str]]:
    """(namespace, ConfigMap) of every artifact that a spec, a record or a history names."""
    found: set[tuple[str, str]] = set()
    for resource in resources:
        namespace, status = resource.metadata.namespace, resource.status
        digests = {resource.spec.artifact.digest, *(entry.sha256 for entry in status.history)}
        digests.add(effective(resource).spec.artifact.digest)  # a rollback names another
        if status.artifact is not None:
            digests.add(status.artifact.sha256)
        if status.pending is not None:
            digests |= {status.pending.from_, status.pending.to}
        found |= {(namespace, artifact_name(digest)) for digest in digests if digest}
        if resource.spec.artifact.config_map_ref is not None:
            found.add((namespace, resource.spec.artifact.config_map_ref.name))
    return found


class Garbage:
    """Collects once an hour, and only right after a comparison that proved that no object is missing from memory.

    collect_trees: removes published trees but those given (namespace and digest) and those younger than so many
    seconds.
    """

    def __init__(
        self,
        cluster: ClusterClient,
        namespaces: Sequence[str],
        entries: Entries,
        builds: Builds,
        freshness: Freshness,
        *,
        collect_trees: Callable[[Collection[tuple[str, str]], float], int],
        now: Callable[[], datetime],
    ) -> None:
        self._collect_trees = collect_trees
        self._cluster, self._namespaces, self._now = cluster, namespaces, now
        self._entries, self._builds, self._freshness = entries, builds, freshness

    async def run(self) -> None:
        """Collect until cancelled."""
        done = 0
        while True:
            await asyncio.sleep(5.0)
            fresh = self._freshness
            if fresh.problem is not None or fresh.rounds < done + _EVERY:
                continue
            done = fresh.rounds
            try:
                await self.once()
            except ClusterError as problem:
                log.warning("garbage not collected", problem=str(problem), hint=problem.hint)

    async def once(self) -> None:
        """One collection. Raises ClusterError."""
        now = self._now()
        await collect_builds(self._cluster, self._builds, self._entries.needs, now)
        in_use = named(entry.resource() for entry in self._entries)
        in_use |= {(build.namespace, build.config_map) for build in self._builds if build.ready}
        await collect(self._cluster, self._namespaces, in_use, now)
        trees = {entry.inputs[:2] for entry in self._entries if entry.inputs is not None}
        trees |= {build.inputs[:2] for build in self._builds if not build.ready}
        self._collect_trees(trees, KEEP.total_seconds())


async def collect_builds(
    cluster: ClusterClient, builds: Builds, needed: Callable[[Inputs], bool], now: datetime
) -> tuple[int, int]:
    """Refresh the AlgoBuilds that some deployment needs, delete those that none has needed for a day.

    Returns how many of each. Raises ClusterError.
    """
    refreshed = deleted = 0
    for build in builds:
        item = _item(build)
        age = now - last_used(item)
        if build.honest and needed(build.inputs):
            if age > REFRESH:
                refreshed += await _refresh(cluster, item, now)
        elif age > KEEP:
            deleted += await _delete(cluster, item)
    return refreshed, deleted


def _item(build: Build) -> Object:
    """As much of the object as the API server would list."""
    return {
        "apiVersion": ALGO_BUILDS.api_version,
        "kind": ALGO_BUILDS.kind,
        "metadata": {
            "name": build.name,
            "namespace": build.namespace,
            "uid": build.uid,
            "resourceVersion": str(build.version),
            "creationTimestamp": build.created,
            "annotations": {LAST_USED: build.last_used},
        },
    }


async def collect(
    cluster: ClusterClient, namespaces: Sequence[str], in_use: set[tuple[str, str]], now: datetime
) -> tuple[int, int]:
    """Refresh what is in use, delete what has not been for a day; returns how many of each.

    in_use must be complete: callers make sure that the watches are. Raises ClusterError.
    """
    refreshed = deleted = 0
    for namespace in namespaces:
        async for item in cluster.pages(CONFIG_MAPS, namespace, selector=_SELECTOR, metadata_only=True):
            name = item["metadata"]["name"]
            if not _NAME.match(name):
                continue
            age = now - last_used(item)
            if (namespace, name) in in_use:
                if age > REFRESH:
                    refreshed += await _refresh(cluster, item, now)
            elif age > KEEP:
                deleted += await _delete(cluster, item)
    return refreshed, deleted


def last_used(item: Object) -> datetime:
    """When it was last named: its annotation, else when it was made (then it never was)."""
    metadata = item["metadata"]
    text = (metadata.get("annotations") or {}).get(LAST_USED) or metadata["creationTimestamp"]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.fromisoformat(metadata["creationTimestamp"])
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


async def _refresh(cluster: ClusterClient, item: Object, now: datetime) -> bool:
    patch = {"metadata": {"annotations": {LAST_USED: rfc3339(now.replace(microsecond=0))}}}
    try:
        await cluster.merge(item, patch, manager=OPERATOR)
    except ClusterError as problem:
        if problem.kind in (Kind.NOT_FOUND, Kind.CONFLICT):
            return False
        raise
    return True


async def _delete(cluster: ClusterClient, item: Object) -> bool:
    metadata, resource = item["metadata"], resource_of(item)
    try:
        gone = await cluster.delete(
            resource,
            metadata["name"],
            metadata["namespace"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],  # an annotation refreshed just now keeps it
        )
    except ClusterError as problem:
        if problem.kind is Kind.CONFLICT:
            return False
        raise
    log.info("collected", kind=resource.kind, namespace=metadata["namespace"], name=metadata["name"])
    return gone
