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
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")


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


def ping_subject(edge_id: str) -> str:
    """Request anything -> ``{}``: whether that edge holds a connection to the bus, however busy it is."""
    return f"edge.{token(edge_id)}.ping"


def beat_subject(edge_id: str) -> str:
    """Published once per second of wall time, and when something an operator waits for has changed."""
    return f"edge.{token(edge_id)}.beat"


ALL_BEATS: Final = "edge.*.beat"


def book_subject(venue: str, symbol: str) -> str:
    """Published at most every 25 ms when it changed and once a second anyway: ``{"venue", "symbol", "bids", ...}``.

    A symbol may have characters that a subject may not; which one it is stands in the payload.
    """
    return f"book.{token(venue)}.{_FOREIGN.sub('_', symbol)}"


ALL_BOOKS: Final = "book.>"


def event_subject(deployment_id: str) -> str:
    """What happened to a deployment: ``{"deployment_id", "kind", "revision", "at_ns", ...}``.

    ``kind``: instance and paused (an instance's status moved; then with ``label`` and ``status``), registered, updated,
    started, stopped, deleted (a client's accepted wish).
    """
    return f"deployment.{token(deployment_id)}.event"


def log_subject(deployment_id: str) -> str:
    """``{"n"}``: lines were stored. They are read from the store, by number."""
    return f"log.{token(deployment_id)}"


def trace_subject(deployment_id: str) -> str:
    """One stage of one order's life, after it was stored."""
    return f"trace.{token(deployment_id)}"


def flow_subject(deployment_id: str) -> str:
    """A mesh message that arrived or was dropped."""
    return f"flow.{token(deployment_id)}"


def order_subject(account_id: str, mode: str) -> str:
    """The newest state of an order, as ``GET /v1/orders`` shows it, after it was stored."""
    return f"order.{token(account_id)}.{token(mode)}"


def fill_subject(account_id: str, mode: str) -> str:
    """``{"n"}``: fills were stored. They are read from the store, by number."""
    return f"fill.{token(account_id)}.{token(mode)}"


def route_subject(account_id: str, mode: str) -> str:
    """A routing decision, after it was stored."""
    return f"route.{token(account_id)}.{token(mode)}"


def tca_subject(account_id: str, mode: str) -> str:
    """The report of a completed order."""
    return f"tca.{token(account_id)}.{token(mode)}"


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
