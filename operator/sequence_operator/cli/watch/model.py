"""Everything the view knows, and how each piece of news changes it. No I/O, no clock, no terminal."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Phase = Literal["connecting", "live", "lost", "polling"]

MAX_ORDERS = 500
MAX_FILLS = 500
MAX_FLOWS = 200
MAX_LOGS = 1000
HISTORY = 120
"""Seconds of latency kept for the sparkline: one value a second."""

OPEN = ("NEW", "OPEN", "PARTIALLY_FILLED")


@dataclass(frozen=True, slots=True)
class Link:
    """How the view is fed. `since`: Unix seconds of the last change; `why`: of a loss."""

    phase: Phase = "connecting"
    since: float = 0.0
    why: str = ""


@dataclass(slots=True)
class Edge:
    """One edge of the deployment. `p99`: callback latency (ns) once a second, None where it told nothing."""

    row: Json
    heard: float = 0.0
    p99: deque[float | None] = field(default_factory=lambda: deque(maxlen=HISTORY))


@dataclass(slots=True)
class Model:
    """A deployment as it was last heard of. Rows are those of the platform's answers, unchanged."""

    name: str
    mode: str
    deployment_id: str
    status: str = "-"
    instances: list[Json] = field(default_factory=list)
    orders: dict[str, Json] = field(default_factory=dict)
    fills: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_FILLS))
    edges: dict[str, Edge] = field(default_factory=dict)
    links: list[Json] = field(default_factory=list)
    flows: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_FLOWS))
    logs: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_LOGS))
    link: Link = Link()
    bus: bool | None = None
    dropped: int = 0
    flow_count: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    _seen_fills: set[str] = field(default_factory=set)
    _last_log: int = -1

    # -- what the platform says ----------------------------------------------------------------------------------

    def deployment(self, row: Json) -> None:
        """The full row of the deployment."""
        self.status = str(row.get("status") or "-")
        self.instances = list(row.get("instances") or [])

    def instance(self, event: Json) -> None:
        """A change of one instance's status; all of one kind are the deployment's, a mixture is degraded."""
        for instance in self.instances:
            if instance.get("label") == event.get("label"):
                instance.update(
                    {key: event[key] for key in ("status", "error", "pause_reason") if key in event}
                )
        words = {str(instance.get("status")) for instance in self.instances}
        if words:
            self.status = words.pop() if len(words) == 1 else "degraded"

    def order(self, row: Json) -> bool:
        """A new state of an order; False when it is not of this deployment or older than what is known."""
        if row.get("deployment_id") != self.deployment_id:
            return False
        order_id = str(row["order_id"])
        known = self.orders.get(order_id)
        if known is not None and (known.get("updated_ns") or 0) > (row.get("updated_ns") or 0):
            return False
        if known == row:
            return False
        self.orders.pop(order_id, None)
        self.orders[order_id] = row
        if len(self.orders) > MAX_ORDERS:
            self._forget_an_order()
        return True

    def fill(self, row: Json) -> bool:
        """An execution; False when it is not of this deployment or known already."""
        fill_id = str(row.get("fill_id"))
        if row.get("deployment_id") != self.deployment_id or fill_id in self._seen_fills:
            return False
        if len(self.fills) == MAX_FILLS:
            self._seen_fills.discard(str(self.fills[0].get("fill_id")))
        self._seen_fills.add(fill_id)
        self.fills.append(row)
        return True

    def edge_rows(self, rows: Iterable[Json], bus: bool | None, now: float) -> None:
        """All edges of the platform, once a second; those that host this deployment are kept."""
        self.bus = bus
        mine = {instance.get("edge_id") for instance in self.instances}
        for row in rows:
            edge_id = str(row.get("edge_id"))
            if edge_id not in mine:
                continue
            edge = self.edges.setdefault(edge_id, Edge(row))
            edge.row, edge.heard = row, now
            latency = row.get("callback_latency_ns") or {}
            edge.p99.append(latency.get("p99") if row.get("alive") else None)

    def mesh(self, data: Json) -> None:
        """Measured links, or one message that passed."""
        if data.get("kind") == "links" or "links" in data:
            self.links = list(data.get("links") or [])
        else:
            self.flows.append(data)
            self.flow_count += 1 + int(data.get("skipped") or 0)

    def log(self, row: Json) -> bool:
        """A log record; False when it was shown already."""
        seq = row.get("seq")
        if isinstance(seq, int):
            if seq <= self._last_log:
                return False
            self._last_log = seq
        self.logs.append(row)
        return True

    # -- how it is heard -----------------------------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """The stream is there (again)."""
        self.link = Link("live", now)

    def lost(self, now: float, why: str) -> None:
        """The stream ended; what is shown stays, and ages. The first loss is the one that is dated."""
        since = self.link.since if self.link.phase == "lost" else now
        self.link = Link("lost", since, why)
        self.bus = None

    def polling(self, now: float, why: str) -> None:
        """There is no stream: what is shown comes from asking."""
        if self.link.phase != "polling":
            self.link = Link("polling", now, why)

    @property
    def open_orders(self) -> int:
        """Of those that are shown."""
        return sum(1 for row in self.orders.values() if row.get("status") in OPEN)

    def _forget_an_order(self) -> None:
        """The oldest that has ended; when all are open, the oldest."""
        ended = (key for key, row in self.orders.items() if row.get("status") not in OPEN)
        del self.orders[next(ended, next(iter(self.orders)))]
