"""What trading cost: `/v1/tca`, `/v1/analytics/tca` with its parts, `/v1/analytics/execution`."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from sequence_paper.analysis.facts import OrderFacts
from sequence_paper.analysis.quality import quality
from sequence_paper.analysis.report import explanation, order_row, report
from sequence_paper.analysis.timeline import timeline
from sequence_paper.api.answers import described
from sequence_paper.api.platform import Here, Platform, json, needs_key
from sequence_paper.api.tca.answers import (
    ExecutionAnswer,
    QualityAnswer,
    ReportAnswer,
    TcaAnswer,
    TimelineAnswer,
    VenuesAnswer,
)
from sequence_paper.api.tca.facts import order_facts
from sequence_paper.api.tca.scope import InScope, Limit, check
from sequence_paper.store.costs import Scope
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1", tags=["analysis"], dependencies=[needs_key])


@router.get("/tca", responses=described(TcaAnswer))
@router.get("/analytics/tca", responses=described(TcaAnswer))
async def tca(here: Here, scope: InScope, limit: Limit = 1000) -> Response:
    """What the newest orders with fills cost, by every metric, with the formulas. Nothing traded: nulls, not zeros."""
    return json(await here.run(lambda: _tca(here, scope, limit)[0]))


@router.get("/analytics/tca/report", responses=described(ReportAnswer))
async def full_report(here: Here, scope: InScope, limit: Limit = 1000) -> Response:
    """The same with a row an order and the cost over time."""

    def work() -> Json:
        found, orders = _tca(here, scope, limit)
        traded = [order_row(order) for order in orders if order.fills]
        return found | {"rows": traded, "timeline": timeline(orders)}

    return json(await here.run(work))


@router.get("/analytics/tca/timeseries", responses=described(TimelineAnswer))
async def timeseries(here: Here, scope: InScope, limit: Limit = 1000) -> Response:
    """Cost so far, by the time orders ended."""
    return json(await here.run(_part(here, scope, limit, lambda _, orders: timeline(orders))))


@router.get("/analytics/tca/venues", responses=described(VenuesAnswer))
async def venues(here: Here, scope: InScope, limit: Limit = 1000) -> Response:
    """One row a venue."""
    return json(await here.run(_part(here, scope, limit, lambda found, _: {"venues": found["venues"]})))


@router.get("/analytics/tca/quality", responses=described(QualityAnswer))
async def provenance(here: Here, scope: InScope, limit: Limit = 1000) -> Response:
    """How much was measured, and why the rest was not."""
    return json(await here.run(_part(here, scope, limit, quality)))


@router.get("/analytics/execution", responses=described(ExecutionAnswer))
async def execution(here: Here, scope: InScope, limit: Limit = 1000) -> Response:
    """Orders, fills, latency and quality of execution, as groups."""
    return json(await here.run(_part(here, scope, limit, lambda found, _: _groups(found))))


def _tca(here: Platform, scope: Scope, limit: int) -> tuple[Json, list[OrderFacts]]:
    check(here, scope)
    cut = here.store.costs.cut(scope, limit)
    chosen = [*cut.traded, *((order, []) for order in cut.missed)]
    traces = here.store.traces.of([order.order_id for order, _ in chosen])
    orders = order_facts(chosen, traces, here.ticks)
    found = report(orders, cut.counts)
    about = {
        "symbol": scope.symbol,
        "deployment": scope.deployment,
        "venue": scope.venue,
        "since_ns": scope.since_ns,
        "until_ns": scope.until_ns,
        "limit": limit,
    }
    return {"scope": about, **found, **explanation(), "computed_ns": time.time_ns()}, orders


def _part(
    here: Platform, scope: Scope, limit: int, of: Callable[[Json, list[OrderFacts]], Json]
) -> Callable[[], Json]:
    def work() -> Json:
        found, orders = _tca(here, scope, limit)
        return {"scope": found["scope"], **of(found, orders)}

    return work


def _groups(found: Json) -> Json:
    orders = found["orders"]
    total = orders["matched"]
    rates = {
        f"{name}_rate": orders[name] / total if total else None
        for name in ("filled", "rejected", "cancelled")
    }
    return {
        "orders": {"submitted": total, **orders, **rates, "fill_rate": found["fill_rate"]},
        "fills": {"count": found["fills"], "notional_1e9": found["notional_1e9"], "fees": found["fees"]},
        "latency": {"legs": found["latency"], "first_fill_ns": found["first_fill_ns"]},
        "execution_quality": found["metrics"]
        | {"eq_ratio": found["eq_ratio"], "horizons": found["horizons"]},
    }
