"""`/v1/traces`: the life of each order, from the book that caused it to its end."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from sequence_paper.api.answers import Answer, described
from sequence_paper.api.parent_trace import node_traces, origin_view
from sequence_paper.api.platform import Here, Who, json, needs_key
from sequence_paper.api.reading_answers import OrderAnswer
from sequence_paper.store import Store
from sequence_paper.store.traces import KEEP, KEEP_DAYS
from sequence_paper.store.tracing import Trace
from sequence_paper.store.trades import Order
from sequence_paper.store.views import order_view
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["traces"], dependencies=[needs_key])

_TRIM_SECONDS: Final = 60.0


class StepAnswer(Answer):
    """One stage: `ts_ns` on the edge's wall clock, which never steps back within an order, `feed_ns` on the feed's
    (null for the router, which looks at several feeds)."""

    stage: Literal[
        "decision",
        "submitted",
        "risk",
        "routed",
        "sent",
        "venue_ack",
        "fill",
        "amended",
        "amend_rejected",
        "cancelled",
        "rejected",
        "restored",
    ]
    ts_ns: int
    feed_ns: int | None
    detail: dict[str, Any]


class DecisionBookAnswer(Answer):
    """The order's own venue as the algo saw it: at most 20 levels `[price_1e9, qty_1e8]` a side, best first."""

    seq: int
    ts_ns: int
    state: str
    bids: list[list[int]]
    asks: list[list[int]]


class TraceAnswer(OrderAnswer):
    """An order with its life. `commit` and `origin` are what the deployment was registered with when it decided."""

    commit: str | None
    origin: dict[str, Any] | None
    managed_by: str | None
    uid: str | None
    wasm_sha256: str | None
    decision_mid_1e9: int | None
    arrival_mid_1e9: int | None
    book: DecisionBookAnswer | None
    events: list[StepAnswer]
    parent: str | None
    children: list[str] = Field(default_factory=list)


class KeptAnswer(Answer):
    """How many traces a deployment keeps and for how long; those of open orders are kept in any case."""

    per_deployment: int
    days: int


class TracesAnswer(Answer):
    """Newest first."""

    traces: list[TraceAnswer]
    limit: int
    kept: KeptAnswer


@router.get("/traces", responses=described(TracesAnswer))
async def traces(
    here: Here,
    who: Who,
    node_order_id: str | None = None,
    deployment_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Traces of orders, newest first."""

    def work() -> list[Json]:
        found = here.store.traces.page(
            who.account.account_id,
            who.mode,
            limit=limit,
            order_id=node_order_id,
            deployment_id=deployment_id,
        )
        if not found and node_order_id is not None:
            return node_traces(here.store, who.account.account_id, who.mode, node_order_id, limit)
        return [_trace(order, trace) for order, trace in found]

    kept = {"per_deployment": KEEP, "days": KEEP_DAYS}
    return json({"traces": await here.run(work), "limit": limit, "kept": kept})


def _trace(order: Order, trace: Trace) -> Json:
    head = trace.head
    return order_view(order) | {
        **origin_view(trace),
        "decision_mid_1e9": head.decision_mid_1e9,
        "arrival_mid_1e9": head.arrival_mid_1e9,
        "book": head.book,
        "events": [
            {"stage": stage, "ts_ns": ts_ns, "feed_ns": feed_ns, "detail": detail}
            for stage, ts_ns, feed_ns, detail in trace.steps
        ],
        "parent": head.parent_id,
        "children": trace.children,
    }


async def keep_trimmed(store: Store) -> None:
    """Until cancelled: delete traces that are kept no longer."""
    while True:
        await asyncio.sleep(_TRIM_SECONDS)
        try:
            gone = await asyncio.to_thread(store.traces.trim, time.time_ns())
        except sa.exc.SQLAlchemyError as error:
            log.error("old traces cannot be deleted now: %s", str(error).splitlines()[0])
        else:
            if gone:
                log.info("%d old traces deleted", gone)
