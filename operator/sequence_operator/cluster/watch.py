"""List, then watch, for ever: what one process that follows one kind of object needs."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

from sequence_operator.cluster.errors import ClusterError, Kind, from_response, unreachable
from sequence_operator.cluster.resources import Resource

if TYPE_CHECKING:
    from sequence_operator.cluster.client import ClusterClient, Object

EventType = Literal["SYNCED", "ADDED", "MODIFIED", "DELETED"]

_SERVER_SECONDS = 240  # the server ends the stream after this long, and it is begun anew where it ended
_SILENCE = 260.0  # seconds without a byte, bookmarks included, after which the connection counts as dead
_GONE = 410


async def follow(
    client: ClusterClient, resource: Resource, namespace: str | None
) -> AsyncGenerator[tuple[EventType, Object], None]:
    """See `ClusterClient.watch`."""
    known: dict[str, Object] = {}
    while True:
        version, listed = await client.list_with_version(resource, namespace)
        present = {str(obj["metadata"]["uid"]): obj for obj in listed}
        for uid in known.keys() - present.keys():
            yield "DELETED", known[uid]
        for uid, obj in present.items():
            before = known.get(uid)
            if before is None or before["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
                yield "MODIFIED" if before else "ADDED", obj
        known = present
        yield "SYNCED", {}
        while version:
            async with aclosing(_stream(client, resource, namespace, version)) as events:
                async for type_, obj in events:
                    version = obj["metadata"]["resourceVersion"] if type_ != "GONE" else ""
                    if type_ not in ("ADDED", "MODIFIED", "DELETED"):
                        continue
                    uid = str(obj["metadata"]["uid"])
                    if type_ == "DELETED":
                        known.pop(uid, None)
                    else:
                        known[uid] = obj
                    yield type_, obj  # type: ignore[misc]


async def _stream(
    client: ClusterClient, resource: Resource, namespace: str | None, version: str
) -> AsyncGenerator[tuple[str, Object], None]:
    """Events since `version` until the server ends the stream; GONE when it no longer knows that version."""
    import aiohttp

    query = {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(_SERVER_SECONDS),
    }
    what = f"watch {resource.full_name}" + (f" in {namespace}" if namespace else "")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=_SILENCE)
    wrapped = await client.request("GET", resource.path(namespace), query=query, timeout=timeout)
    response = wrapped.response
    try:
        if response.status == _GONE:
            yield "GONE", {}
            return
        if response.status >= 300:
            body = await response.read()
            raise from_response(response.status, body, what=what, server=client.server)
        async for line in response.content:
            event = json.loads(line)
            if event["type"] == "ERROR":
                if event["object"].get("code") == _GONE:
                    yield "GONE", {}
                    return
                raise ClusterError(Kind.SERVER, f"{what}: {event['object'].get('message', event['object'])}")
            yield event["type"], event["object"]
    except aiohttp.ClientPayloadError:
        return  # the connection broke in the middle: what was missed is asked for again
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as problem:
        raise unreachable(client.server, problem) from problem
    finally:
        response.close()
