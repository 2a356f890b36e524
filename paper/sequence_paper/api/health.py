"""`/v1/health`: no key needed."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from sequence_paper.api.platform import Here, json

router = APIRouter(prefix="/v1/health", tags=["health"])


@router.get("")
async def health(here: Here) -> Response:
    """200 when the database answers. `bus` away means: readings work, changes reach the edges within seconds."""
    edges = await here.run(here.fleet)
    return json(
        {
            "status": "ok",
            "database": "ok",
            "bus": "ok" if here.bus.connected else "away",
            "edges": {edge_id: "connected" if edge.alive else "away" for edge_id, edge in edges.items()},
        }
    )


@router.get("/live")
async def live() -> Response:
    """200 when the process answers."""
    return json({"status": "ok"})
