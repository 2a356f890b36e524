"""Order graphs as they are stored: the values that cross the store's seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sequence_paper.store.routing import Parent, Route, RouteLeg
from sequence_paper.store.words import Json, Mode


class GraphKey(NamedTuple):
    account_id: str
    mode: Mode
    graph_id: str


@dataclass(frozen=True, slots=True)
class GraphRow:
    """A graph. `content` is the digest of what the client sent; `edges` as they were sent.

    `version` counts changes, so that what was decided on an older state is not stored. Times are wall clock:
    `paused_at_ns` 0 while it goes on, `paused_ns` the length of all pauses that are over. `max_loss_1e9` pauses it.
    `done`: nothing of it is open, nothing follows.
    """

    account_id: str
    mode: Mode
    graph_id: str
    content: str
    created_ns: int
    edges: list[Json]
    max_loss_1e9: int | None = None
    version: int = 0
    paused_at_ns: int = 0
    paused_ns: int = 0
    pause_reason: str | None = None
    cancel: bool = False
    done: bool = False

    @property
    def key(self) -> GraphKey:
        return GraphKey(self.account_id, self.mode, self.graph_id)

    def clock_ns(self, now_ns: int) -> int:
        """The graph's own time: the wall's, less what it stood still."""
        return (self.paused_at_ns or now_ns) - self.paused_ns


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node, `ordinal` in the order of the request. `order_id` names it among orders.

    `wanted` is what it sends, as order entry understands it; `amend` what its resting order is being changed to, until
    the edge has answered. The rest is the planner's (`graphs.State`), in the graph's own time.
    """

    account_id: str
    mode: Mode
    graph_id: str
    node_id: str
    ordinal: int
    order_id: str
    wanted: Json
    pacing: Json | None
    lot_1e8: int
    activated_ns: int | None = None
    whole: bool = False
    steps: int = 0
    due_ns: int = 0
    cancelled: bool = False
    closed: bool = False
    failure: str | None = None
    amend: Json | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An order of a node with its first round."""

    parent: Parent
    route: Route | None
    legs: Sequence[RouteLeg]


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a graph in one transaction. `nodes`: columns to change, by node; `cancels`: orders to end."""

    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    placed: Sequence[Placed] = ()
    cancels: Sequence[str] = ()
    pause: str | None = None
    done: bool = False
