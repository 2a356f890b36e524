"""The values that cross the store's seam: what the API registers, what an edge reads and what an edge writes.

Integers only. Suffixes give the unit: `_1e8` quantity, `_1e9` price or money in the quote currency, `_ns` nanoseconds.
`*_ns` of orders, fills, trades and positions are on the feed's clock (which a replay simulates); `heartbeat_ns`,
`beat_ns`, `created_at_ns` and `ts_ns` of logs are wall-clock time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sequence_paper.store.intents import Intent
from sequence_paper.store.mesh_records import MeshWrites
from sequence_paper.store.tracing import TraceHead, TraceSteps
from sequence_paper.store.trades import Fill, Order, Position
from sequence_paper.store.words import Desired, InstanceStatus, InstrumentType, Json, Mode, OnStop


@dataclass(frozen=True, slots=True)
class Account:
    """`rate_limit_qps` is the refill of the token bucket all keys of the account share; its capacity is twice that."""

    account_id: str
    name: str
    tier: str
    rate_limit_qps: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a valid key belongs to, and which half of the account it may see. `admin`: it may clear a kill switch."""

    account: Account
    mode: Mode
    admin: bool = False


@dataclass(frozen=True, slots=True)
class NewInstance:
    """One instance as a client registers it. `risk` and `params` are the overrides as written, not yet merged."""

    label: str
    venue: str
    instrument_type: InstrumentType
    symbols: list[str]
    edge_id: str
    risk: Json | None = None
    params: list[Json] | None = None


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """A registration.

    `params` is `[{name, slot, type, value}]`, `mesh` is `{"routes": [{"from", "to"}]}` or None (all to all).
    """

    name: str
    wasm: bytes
    symbols: list[str]
    instances: list[NewInstance]
    desired: Literal["running", "stopped"]
    risk: Json | None = None
    params: list[Json] | None = None
    mesh: Json | None = None
    on_stop: OnStop = "keep"
    manifest: str | None = None
    metadata: Json | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One registered deployment. `revision` counts accepted changes of the configuration, `starts` counts start orders.

    `pause` is `{"id", "reason", "at_ns", "label"}` while a pause waits for somebody to acknowledge it.
    """

    deployment_id: str
    account_id: str
    mode: Mode
    name: str
    wasm_sha256: str
    size_bytes: int
    symbols: list[str]
    risk: Json | None
    params: list[Json] | None
    mesh: Json | None
    on_stop: OnStop
    manifest: str | None
    metadata: Json | None
    desired: Desired
    revision: int
    starts: int
    pause: Json | None
    created_at_ns: int
    updated_at_ns: int


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """Since registration: `open` is a level, the others only grow. `filled` counts orders, not fills."""

    open: int = 0
    submitted: int = 0
    filled: int = 0
    rejected: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Observation:
    """What an edge reached with one instance; it replaces the last one.

    `applied_revision` and `applied_starts` echo the `DesiredInstance` this state answers, so that the API can tell
    "not there yet" from "there, and this is the result". `error` explains `rejected`; `pause_reason` explains `paused`.
    """

    deployment_id: str
    label: str
    status: InstanceStatus
    warm: bool
    applied_revision: int
    applied_starts: int
    heartbeat_ns: int
    error: str = ""
    pause_reason: str | None = None
    update_count: int = 0
    callbacks: int = 0
    latency_p50_ns: int | None = None
    latency_p99_ns: int | None = None
    orders: OrderCounts = field(default_factory=OrderCounts)


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as stored: registration and the edge's last observation (pending: never loaded)."""

    deployment_id: str
    label: str
    ordinal: int
    venue: str
    instrument_type: InstrumentType
    edge_id: str
    symbols: list[str]
    risk: Json | None
    params: list[Json] | None
    observed: Observation
    deployed_at_ns: int | None


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a mesh route. `ordinal` is unique in the deployment: mesh id = ordinal + 1."""

    label: str
    ordinal: int
    edge_id: str


@dataclass(frozen=True, slots=True)
class DesiredInstance:
    """All an edge needs to host one instance. `risk` and `params` are effective: overrides merged.

    `desired` deleted: cancel its orders, unload it, then call `Store.instances.removed`. A paused or trapped instance
    runs again only when `starts` has grown past the `applied_starts` it paused under. `last` is what this or an
    earlier edge process observed, to carry counters over a restart.
    """

    deployment_id: str
    name: str
    account_id: str
    mode: Mode
    label: str
    ordinal: int
    venue: str
    instrument_type: InstrumentType
    symbols: list[str]
    desired: Desired
    revision: int
    starts: int
    wasm_sha256: str
    risk: Json
    params: list[Json]
    on_stop: OnStop
    peers: list[Peer]
    """Where this instance may send to."""
    hears: list[Peer]
    """Who may send to this instance."""
    last: Observation
    metadata: Json | None = None
    """The deployment's, kept with the traces of its orders."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line an instance (or its edge about it) wrote. `level` is an index into `LEVELS`."""

    deployment_id: str
    label: str
    edge_id: str
    level: int
    message: str
    ts_ns: int


@dataclass(frozen=True, slots=True)
class StoredLogLine:
    """`seq` grows by one per line of a deployment, in the order in which lines became readable."""

    seq: int
    line: LogLine


@dataclass(frozen=True, slots=True)
class EdgeInfo:
    """An edge as it announced itself. `feed` says what stands behind the venue's name: `{"kind": "replay", …}`."""

    edge_id: str
    venue: str
    instrument_type: InstrumentType
    symbols: list[str]
    region: str
    feed: Json
    started_ns: int
    beat_ns: int


InputKind = Literal["run", "apply", "unload", "funds", "switch", "reset", "outside"]
"""A run begins · an instance is brought to a desired state · it goes · what an account has is read anew · its kill
switch is put on or cleared · its positions are forgotten · something happens that cannot be repeated."""
HeardKind = Literal["message", "book", "silent", "pools", "guest", "order", "cancel", "amend", "intent"]
"""A mesh message of another edge · a book of another venue · nothing of it for too long · the pools of a symbol ·
somebody who has no instance here · and what is asked for him, or for an algo's order by somebody else ·
what became of an intent."""


@dataclass(frozen=True, slots=True)
class EdgeInput:
    """`taken` events and the time `feed_ns` came before it. `account_id` and `mode` are empty for `run`."""

    edge_id: str
    run_ns: int
    n: int
    taken: int
    feed_ns: int
    account_id: str
    mode: str
    kind: InputKind
    body: Json


class Heard(NamedTuple):
    """What came over the bus, at its place as in `EdgeInput`, whose numbers it shares. `body`: JSON."""

    n: int
    taken: int
    feed_ns: int
    kind: HeardKind
    body: bytes


@dataclass(frozen=True, slots=True)
class HeardBlock:
    """The next piece of what an edge heard in a run: packed, to be read behind all pieces before it."""

    edge_id: str
    run_ns: int
    n: int
    content: bytes


@dataclass(frozen=True, slots=True)
class EdgeWrites:
    """Everything an edge wants to be true at the same moment; written in one transaction by `Store.commit`."""

    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    mesh: MeshWrites = field(default_factory=MeshWrites)
    logs: list[LogLine] = field(default_factory=list)
    traces: list[TraceHead] = field(default_factory=list)
    steps: list[TraceSteps] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    inputs: list[EdgeInput] = field(default_factory=list)
    heard: list[HeardBlock] = field(default_factory=list)
