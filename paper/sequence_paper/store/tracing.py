"""The life of an order as its edge saw it: the values that cross the store's seam.

Two clocks stand in every step: `ts_ns` is the wall clock of the edge's process (one anchor and a monotonic counter, so
it never steps back within an order), `feed_ns` the time of the market data, which a replay simulates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from sequence_paper.store.words import Json, Mode

Step: TypeAlias = tuple[str, int, int, Json]
"""(stage, ts_ns, feed_ns, detail). Stages: `decision`, `submitted`, `risk`, `routed`, `sent`, `venue_ack`, `fill`,
`amended`, `amend_rejected`, `cancelled`, `rejected`, and `restored` after a restart of the edge. A plain tuple, because
an edge makes some for each order and nothing is cheaper."""


class TraceHead(NamedTuple):
    """What belongs to the whole trace, written once.

    `book` is `{"seq", "ts_ns", "state", "bids", "asks"}` of the order's own venue when the algo decided, None for an
    order that was older than this record of it. `metadata` is the deployment's at that moment, so that an order leads
    to the commit it came from whatever was pushed since. Mids are None when a side of the book was empty.
    """

    order_id: str
    account_id: str
    mode: Mode
    deployment_id: str
    wasm_sha256: str
    metadata: Json | None
    book: dict[str, Any] | None
    decision_mid_1e9: int | None
    arrival_mid_1e9: int | None
    at_ns: int
    parent_id: str | None = None


@dataclass(slots=True)
class TraceSteps:
    """Consecutive steps of one order that are written together; `first` is the number of the first, from 0."""

    order_id: str
    deployment_id: str
    label: str
    first: int
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole trace as it is read."""

    head: TraceHead
    steps: list[Step]
    children: list[str]
