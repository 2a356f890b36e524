"""Parent orders, how they were routed, and the legs that went to edges: the values that cross the store's seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sequence_paper.store.words import Json, Mode

Policy = Literal["sor", "ioc_sweep", "aggressive_chase"]


@dataclass(frozen=True, slots=True)
class Parent:
    """An order as it was given to the platform; its parts at venues are rows of `orders` with this `parent_id`.

    `content` is the digest of what the client sent, so that the same `graph_id` twice is told from a conflict. Times
    are wall clock; after `until_ns` no leg may begin. `origin` names the instance that asked for it (an intent), None
    when a client did. `more` says that further rounds may follow; `cancel` that somebody wants it to end; `failure`
    why nothing was sent. `terms`: what else each leg is asked with (`ttl_ms`, `expire_ns`, `reduce_only`).
    """

    order_id: str
    account_id: str
    mode: Mode
    graph_id: str
    node_id: str
    content: str
    symbol: str
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    tif: Literal["gtc", "gtd", "ioc", "fok", "post_only"]
    policy: Policy
    qty_1e8: int
    limit_1e9: int | None
    venue: str | None
    created_ns: int
    until_ns: int
    origin: Json | None = None
    more: bool = False
    cancel: bool = False
    failure: str | None = None
    terms: Json | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A decision of the router for a parent. `books` are what it was made from; `round` counts from 1."""

    parent_id: str
    round: int
    account_id: str
    mode: Mode
    at_ns: int
    decision: Json
    books: list[Json]


@dataclass(frozen=True, slots=True)
class RouteLeg:
    """One order for one edge. `request` is what the edge is asked; `answered`: its row in `orders` exists."""

    order_id: str
    parent_id: str
    round: int
    edge_id: str
    venue: str
    request: Json
    until_ns: int
    answered: bool = False
