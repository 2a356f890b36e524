"""Subjects and payloads on NATS. The database is the truth; the bus only wakes, shows and carries mesh messages.

Ids and labels are ASCII patterns without dots, so they cannot forge a subject; ``token`` checks it all the same.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

MAX_PAYLOAD: Final = 256
_HEAD: Final = struct.Struct("<QQ")
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


class MeshMessage(NamedTuple):
    """One message between two instances. ``sent_ns``: wall clock of the sending edge."""

    sender: int
    sent_ns: int
    payload: bytes


def token(text: str) -> str:
    """``text`` when it can stand between two dots of a subject. Raises ValueError."""
    if not _TOKEN.match(text):
        raise ValueError(f"{text!r} cannot be part of a bus subject")
    return text


def wake_subject(edge_id: str) -> str:
    """Request ``{"deployment_id"}`` -> ``{"labels": {label: {"status", "error"}}}`` after converging."""
    return f"edge.{token(edge_id)}.wake"


def beat_subject(edge_id: str) -> str:
    """Published once per second of wall time, and when something an operator waits for has changed."""
    return f"edge.{token(edge_id)}.beat"


ALL_BEATS: Final = "edge.*.beat"


def event_subject(deployment_id: str) -> str:
    """Published on each change of an instance's status: ``{"deployment_id", "label", "status", "at_ns", ...}``."""
    return f"deployment.{token(deployment_id)}.event"


def mesh_subject(deployment_id: str, sender: str, receiver: str) -> str:
    """From one label to another of the same deployment."""
    return f"mesh.{token(deployment_id)}.{token(sender)}.{token(receiver)}"


def inbox_subject(deployment_id: str, receiver: str) -> str:
    """Everything sent to one label."""
    return f"mesh.{token(deployment_id)}.*.{token(receiver)}"


def sender_of(subject: str) -> str:
    """The sending label of a mesh subject."""
    return subject.split(".")[2]


def encode(message: MeshMessage) -> bytes:
    """16 bytes of head, then the payload. Raises ValueError above 256 bytes of payload."""
    if len(message.payload) > MAX_PAYLOAD:
        raise ValueError(f"a mesh message of {len(message.payload)} bytes; at most {MAX_PAYLOAD}")
    return _HEAD.pack(message.sender, message.sent_ns) + message.payload


def decode(data: bytes) -> MeshMessage:
    """Raises ValueError for what no edge sends."""
    if not _HEAD.size <= len(data) <= _HEAD.size + MAX_PAYLOAD:
        raise ValueError(f"a mesh message of {len(data)} bytes on the wire")
    sender, sent_ns = _HEAD.unpack_from(data)
    return MeshMessage(sender, sent_ns, data[_HEAD.size :])
