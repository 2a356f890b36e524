"""Kubernetes Events: what `kubectl describe` shows beneath an object."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Literal

from sequence_operator.cluster.client import OPERATOR, ClusterClient, Object
from sequence_operator.cluster.resources import EVENTS

MAX_NOTE = 1024  # bytes the API server takes


def event_object(
    about: Object,
    *,
    type_: Literal["Normal", "Warning"],
    reason: str,
    note: str,
    now: datetime,
    instance: str,
) -> Object:
    """An Event about an object (apiVersion, kind and metadata with uid); note is cut to what the server
    takes.
    """
    metadata = about["metadata"]
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The name is unique per moment and reason, as client-go makes them; a dot keeps it a valid name.
    name = f"{metadata['name'][:220]}.{int(now.timestamp() * 1e6):x}{os.urandom(2).hex()}"
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": type_,
        "reason": reason,
        "message": note.encode()[:MAX_NOTE].decode(errors="ignore"),
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "source": {"component": OPERATOR},
        "reportingComponent": OPERATOR,
        "reportingInstance": instance,
    }


async def emit(
    client: ClusterClient,
    about: Object,
    *,
    type_: Literal["Normal", "Warning"],
    reason: str,
    note: str,
    instance: str = OPERATOR,
) -> None:
    """Create one Event. Raises ClusterError; the caller decides whether that matters."""
    event = event_object(
        about, type_=type_, reason=reason, note=note, now=datetime.now(UTC), instance=instance
    )
    await client.create(event, manager=OPERATOR)
