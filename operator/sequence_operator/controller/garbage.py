"""Artifacts nobody names any more: ConfigMaps ``wasm-<64 hex>`` of ours, a day after they were last named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from sequence_operator.cluster.client import OPERATOR, ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import CONFIG_MAPS
from sequence_operator.spec.meta import rfc3339
from sequence_operator.spec.names import LAST_USED, MANAGED_BY, artifact_name
from sequence_operator.spec.resources import AlgoDeployment

log = structlog.get_logger(__name__)

KEEP = timedelta(hours=24)
REFRESH = timedelta(hours=6)
"""How old "last used" of an artifact in use may become before it is written anew."""

_NAME = re.compile(r"wasm-[0-9a-f]{64}\Z")
_SELECTOR = f"app.kubernetes.io/managed-by={MANAGED_BY}"


def named(resources: Iterable[AlgoDeployment]) -> set[tuple[str, str]]:
    """(namespace, ConfigMap) of every artifact that a spec, a record or a history names."""
    found: set[tuple[str, str]] = set()
    for resource in resources:
        namespace, status = resource.metadata.namespace, resource.status
        digests = {resource.spec.artifact.digest, *(entry.sha256 for entry in status.history)}
        if status.artifact is not None:
            digests.add(status.artifact.sha256)
        if status.pending is not None:
            digests |= {status.pending.from_, status.pending.to}
        found |= {(namespace, artifact_name(digest)) for digest in digests if digest}
        if resource.spec.artifact.config_map_ref is not None:
            found.add((namespace, resource.spec.artifact.config_map_ref.name))
    return found


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
    """When the artifact was last named: its annotation, else when it was made (then it never was)."""
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
    metadata = item["metadata"]
    try:
        gone = await cluster.delete(
            CONFIG_MAPS,
            metadata["name"],
            metadata["namespace"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],  # an annotation refreshed just now keeps it
        )
    except ClusterError as problem:
        if problem.kind is Kind.CONFLICT:
            return False
        raise
    log.info("artifact deleted", namespace=metadata["namespace"], name=metadata["name"])
    return gone
