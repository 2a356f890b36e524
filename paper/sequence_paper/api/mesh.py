"""`/v1/deployments/{id}/mesh`: which label runs where, and what lies between each two of them."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from sequence_paper.api.answers import Answer, described
from sequence_paper.api.inside import registered
from sequence_paper.api.mesh_view import mesh_view
from sequence_paper.api.platform import Here, Who, json, needs_key
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1/deployments/{deployment_id}", tags=["deployments"], dependencies=[needs_key])


class PlaceAnswer(Answer):
    """Where an instance is; `alive` says whether its edge is there now."""

    label: str
    venue: str
    edge_id: str
    region: str | None
    alive: bool
    feed: Json | None
    status: str


class MessagesAnswer(Answer):
    """Counts since registration; percentiles over the window. `reasons` says what `dropped` is made of."""

    sent: int
    count: int = Field(description="delivered")
    dropped: int
    lost: int = Field(description="gaps in the sender's numbers, as the receiver saw them")
    reordered: int
    reasons: dict[str, int]
    p50_ns: int | None
    p99_ns: int | None
    last_ns: int | None


class ProbesAnswer(Answer):
    """Of the two edges; counts and percentiles over the window."""

    count: int
    lost: int
    reordered: int
    p50_ns: int | None
    p99_ns: int | None
    last_ns: int | None


class LinkAnswer(Answer):
    """One ordered pair of labels. `p50_ns`, `p99_ns` and `last_ns` are of `source`; `count`, `dropped` of messages."""

    from_: str = Field(alias="from")
    to: str
    p50_ns: int | None
    p99_ns: int | None
    count: int
    dropped: int
    last_ns: int | None
    source: Literal["message", "probe"]
    stale: bool = Field(description="nothing was measured for some seconds: the figures are of the past")
    allowed: bool = Field(description="whether the routes let messages pass")
    offset_ns: int | None = Field(
        description="the receiver's clock minus the sender's, in the middle of its bounds"
    )
    offset_bound_ns: int | None
    messages: MessagesAnswer
    probes: ProbesAnswer


class MeshAnswer(Answer):
    """`window_ns`: how far back percentiles reach. `routes` null: all to all."""

    deployment_id: str
    as_of_ns: int
    window_ns: int
    routes: list[dict[str, str]] | None
    bus: bool = Field(description="whether the API has the message bus now; without it no message passes")
    instances: list[PlaceAnswer]
    links: list[LinkAnswer]


@router.get("/mesh", responses=described(MeshAnswer))
async def mesh(deployment_id: str, here: Here, who: Who) -> Response:
    """Where each label runs, and what was measured on every ordered pair of labels, silent and forbidden ones too."""
    found = await here.run(lambda: mesh_view(here.store, here.fleet(), registered(here, who, deployment_id)))
    return json(found | {"bus": here.bus.connected})
