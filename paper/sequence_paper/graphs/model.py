"""What a graph is made of, what is remembered of it, and what is known of its orders.

Quantities are `_1e8`, times nanoseconds of the graph's own clock: the wall's, which stands still while it is paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Trigger = Literal[
    "on_accepted",
    "on_first_fill",
    "on_fill",
    "on_full_fill",
    "on_fill_ratio",
    "on_timeout",
    "on_cancel",
    "on_done",
]
TRIGGERS: Final[tuple[str, ...]] = get_args(Trigger)
ONE_1E9: Final = 10**9
"""A ratio of one."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """`slices` orders of equal size, `interval_ns` apart, the first at once."""

    slices: int
    interval_ns: int


@dataclass(frozen=True, slots=True)
class Node:
    """One quantity to trade. `lot_1e8`: what it can be traded in; the rest below one lot is never sent."""

    node_id: str
    qty_1e8: int
    pacing: Pacing | None = None
    lot_1e8: int = 1

    @property
    def whole_1e8(self) -> int:
        """What can be traded of it."""
        return self.lots(self.qty_1e8)

    def lots(self, qty_1e8: int) -> int:
        """Rounded down to whole lots, never below 0."""
        return max(0, qty_1e8) // self.lot_1e8 * self.lot_1e8


@dataclass(frozen=True, slots=True)
class Edge:
    """When something happened to `source`, `target` begins; or ends, if the edge `cancels`."""

    edge_id: str
    source: str
    target: str
    trigger: Trigger
    ratio_1e9: int = 0
    after_ns: int = 0
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: Sequence[Node]
    edges: Sequence[Edge] = ()

    def into(self, node_id: str) -> list[Edge]:
        """The edges by which a node may begin."""
        return [edge for edge in self.edges if edge.target == node_id and not edge.cancels]


@dataclass(frozen=True, slots=True)
class State:
    """What is stored of a node. The orders that it sent are counted by `steps`.

    `whole`: all of it may be sent; else as much as the fills of other nodes release. `due_ns`: of the next slice.
    `cancelled`: it has to end. `closed`: it sends nothing more; `failure` says why it never did.
    """

    activated_ns: int | None = None
    whole: bool = False
    steps: int = 0
    due_ns: int = 0
    cancelled: bool = False
    closed: bool = False
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store and the market say of a node now.

    `sent_1e8`: sum of its orders, whatever became of them. `filled_1e8`: sum of the fills stored for them, each of
    which is there once. `accepted`: a venue took one; `refused`: none was, of those that were sent. `sendable`: a
    venue that it may go to shows a book to trade on, whose smallest order is `minimum_1e8`.
    """

    sent_1e8: int = 0
    filled_1e8: int = 0
    is_open: bool = False
    accepted: bool = False
    refused: bool = False
    sendable: bool = True
    minimum_1e8: int = 1
