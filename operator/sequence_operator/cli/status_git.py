"""The part of `sequence status` that comes from git: sources, builds, and what a person laid over them."""

from typing import Any

from sequence_operator.cli.conditions import condition
from sequence_operator.cli.overrides import in_force
from sequence_operator.cli.ownership import written_in_git
from sequence_operator.cluster import ClusterClient, ClusterError, Kind
from sequence_operator.cluster.resources import ALGO_BUILDS, ALGO_SOURCES
from sequence_operator.spec.names import AUTHOR, TREE

Json = dict[str, Any]
_ABSENT = (Kind.MISSING_CRD, Kind.FORBIDDEN)
"""A cluster where these kinds are not installed, or not for this user to see: then nothing is known of git."""


async def sources(client: ClusterClient, namespace: str) -> list[Json]:
    """Every AlgoSource of the namespace in short; empty where none can be seen."""
    try:
        return [_source(obj) for obj in await client.list(ALGO_SOURCES, namespace)]
    except ClusterError as problem:
        if problem.kind in _ABSENT:
            return []
        raise


async def gather(client: ClusterClient, obj: Json) -> Json:
    """Of one AlgoDeployment: what overrides it, where git says so, how the source is, and its build.

    Keys: override, rollback, denied_digests, source, build; null or empty where there is none.
    """
    return {
        **in_force(obj),
        "denied_digests": (obj.get("status") or {}).get("deniedDigests") or [],
        "source": await _own_source(client, obj),
        "build": await _own_build(client, obj),
    }


async def _own_source(client: ClusterClient, obj: Json) -> Json | None:
    owner = written_in_git(obj)
    if not owner.source:
        return None
    annotations = obj["metadata"].get("annotations") or {}
    found = next(
        (s for s in await sources(client, obj["metadata"]["namespace"]) if s["name"] == owner.source), None
    )
    problems = [p for p in (found or {}).get("problems", []) if p["path"] in ("", owner.path)]
    return {
        "name": owner.source,
        "repository": owner.repository,
        "path": owner.path,
        "commit": owner.commit,
        "author": annotations.get(AUTHOR) or None,
        "state_at": owner.state_at or None,
        "present": found is not None,
        "ready": (found or {}).get("ready"),
        "observed_commit": (found or {}).get("commit"),
        "problems": problems,
    }


def _source(obj: Json) -> Json:
    spec, status = obj["spec"], obj.get("status") or {}
    ready, stalled = condition(obj, "Ready"), condition(obj, "Stalled")
    told = stalled if stalled.true else ready
    return {
        "name": obj["metadata"]["name"],
        "url": spec["url"],
        "commit": status.get("observedCommit") or None,
        "algos": (status.get("summary") or {}).get("algos") or str(len(status.get("inventory") or [])),
        "suspended": bool(spec.get("suspend")),
        "ready": {"status": ready.status, "reason": told.reason, "message": told.message},
        "problems": [
            {key: problem.get(key, "") for key in ("path", "line", "column", "message")}
            for problem in status.get("problems") or []
        ],
    }


async def _own_build(client: ClusterClient, obj: Json) -> Json | None:
    """The build of what the spec names: the one that succeeded, else the newest."""
    reference = obj["spec"]["artifact"].get("build")
    tree = (obj["metadata"].get("annotations") or {}).get(TREE, "")
    if reference is None or not tree:
        return None
    try:
        listed = await client.list(ALGO_BUILDS, obj["metadata"]["namespace"])
    except ClusterError as problem:
        if problem.kind in _ABSENT:
            return None
        raise
    inputs = (tree, reference["path"])
    same = [build for build in listed if (build["spec"]["treeDigest"], build["spec"]["path"]) == inputs]
    if not same:
        return None
    chosen = max(
        same, key=lambda build: (_phase(build) == "Succeeded", build["metadata"]["creationTimestamp"])
    )
    status, stalled, ready = (
        chosen.get("status") or {},
        condition(chosen, "Stalled"),
        condition(chosen, "Ready"),
    )
    told = stalled if stalled.true else ready
    return {
        "name": chosen["metadata"]["name"],
        "phase": _phase(chosen),
        "commit": reference["commit"],
        "toolchain": chosen["spec"]["toolchain"],
        "sha256": status.get("sha256") or None,
        "seconds": status.get("seconds"),
        "sandboxed": status.get("sandboxed"),
        "attempts": status.get("attempts", 0),
        "reason": told.reason,
        "message": told.message,
        "log": status.get("log") or [],
    }


def _phase(build: Json) -> str:
    return (build.get("status") or {}).get("phase") or "Pending"
