"""Subjects and payloads on NATS. The database is the truth; the bus only wakes, shows and carries mesh messages.

Ids and labels are ASCII patterns without dots, so they cannot forge a subject; ``token`` checks it all the same.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

MAX_PAYLOAD: Final = 256
_HEAD: Final = struct.Struct("<QQQ")
_PROBE: Final = struct.Struct("<BQQQQ")
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")


class MeshMessage(NamedTuple):
    """One message between two instances.

    ``seq`` counts what the process that began at ``epoch_ns`` has sent on this pair of labels: it shows what was lost.
    ``sent_ns``: wall clock of the sending edge when the algo sent it.
    """

    epoch_ns: int
    seq: int
    sent_ns: int
    payload: bytes


class Probe(NamedTuple):
    """A question from one edge to another (``heard_ns`` 0), or the answer, which carries the question's numbers."""

    is_answer: bool
    number: int
    sent_ns: int
    heard_ns: int = 0
    answered_ns: int = 0


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


def gateway_subject(edge_id: str) -> str:
    """Request ``{"op": submit|cancel|amend, "order_id", …}`` -> ``{"order"}`` after the commit, or ``{"error"}``."""
    return f"edge.{token(edge_id)}.order"


def switch_subject(edge_id: str) -> str:
    """Request ``{}`` -> ``{}`` once the edge has read the kill switches anew, or ``{"error"}``."""
    return f"edge.{token(edge_id)}.switch"


def funds_subject(edge_id: str) -> str:
    """Request ``{"account_id"}`` -> ``{}`` once the edge has read what it has anew, or ``{"error"}``."""
    return f"edge.{token(edge_id)}.funds"


def reset_subject(edge_id: str) -> str:
    """Request ``{"account_id"}`` -> ``{}`` once nothing of its sandbox is held there, or ``{"error"}``."""
    return f"edge.{token(edge_id)}.reset"


INTENTS: Final = "intents"
"""A wake for the API: ``{"n"}`` rows of intents were stored."""


def intents_subject(edge_id: str) -> str:
    """A wake for the edge that hosts an algo: something happened to one of its intents."""
    return f"edge.{token(edge_id)}.intents"


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


def books_subject(symbol: str) -> str:
    """The books of one symbol at every venue, and of symbols that a subject does not tell from it."""
    return f"book.*.{_FOREIGN.sub('_', symbol)}"


def pools_subject(symbol: str) -> str:
    """Once a second, by the API: ``{"symbol", "chain", "pools"}``; numbers that 64 bits do not hold are strings."""
    return f"pools.{_FOREIGN.sub('_', symbol)}"


def event_subject(deployment_id: str) -> str:
    """What happened to a deployment: ``{"deployment_id", "kind", "revision", "at_ns", ...}``.

    ``kind``: instance and paused (an instance's status moved, or it became ``warm``; then with ``label`` and
    ``status``), registered, updated, started, stopped, deleted (a client's accepted wish).
    """
    return f"deployment.{token(deployment_id)}.event"


def log_subject(deployment_id: str) -> str:
    """``{"n"}``: lines were stored. They are read from the store, by number."""
    return f"log.{token(deployment_id)}"


def trace_subject(deployment_id: str) -> str:
    """One stage of one order's life, after it was stored."""
    return f"trace.{token(deployment_id)}"


def order_subject(account_id: str, mode: str) -> str:
    """The newest state of an order, as ``GET /v1/orders`` shows it, after it was stored."""
    return f"order.{token(account_id)}.{token(mode)}"


ALL_ORDERS: Final = "order.>"


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


def probe_subject(sender: str, receiver: str) -> str:
    """From one edge to another."""
    return f"probe.{token(sender)}.{token(receiver)}"


def probes_subject(receiver: str) -> str:
    """Every probe and answer sent to one edge."""
    return f"probe.*.{token(receiver)}"


def prober_of(subject: str) -> str:
    """The edge that sent a probe or an answer."""
    return subject.split(".")[1]


def flow_subject(deployment_id: str) -> str:
    """``{"from", "to", "bytes", "latency_ns", "at_ns", "dropped", "skipped"}`` per delivered or dropped message."""
    return f"flow.{token(deployment_id)}"


def encode(message: MeshMessage) -> bytes:
    """24 bytes of head, then the payload. Raises ValueError above 256 bytes of payload."""
    if len(message.payload) > MAX_PAYLOAD:
        raise ValueError(f"a mesh message of {len(message.payload)} bytes; at most {MAX_PAYLOAD}")
    return _HEAD.pack(message.epoch_ns, message.seq, message.sent_ns) + message.payload


def decode(data: bytes) -> MeshMessage:
    """Raises ValueError for what no edge sends."""
    if not _HEAD.size <= len(data) <= _HEAD.size + MAX_PAYLOAD:
        raise ValueError(f"a mesh message of {len(data)} bytes on the wire")
    epoch_ns, seq, sent_ns = _HEAD.unpack_from(data)
    return MeshMessage(epoch_ns, seq, sent_ns, data[_HEAD.size :])


def encode_probe(probe: Probe) -> bytes:
    """33 bytes."""
    return _PROBE.pack(*probe)


def decode_probe(data: bytes) -> Probe:
    """Raises ValueError for what no edge sends."""
    if len(data) != _PROBE.size or data[0] > 1:
        raise ValueError(f"a probe of {len(data)} bytes on the wire")
    is_answer, *times = _PROBE.unpack(data)
    return Probe(bool(is_answer), *times)
