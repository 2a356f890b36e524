"""`/v1/deployments/{id}/…`: logs and metrics of one deployment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.api.answers import LogsAnswer, described
from sequence_paper.api.deployments import not_found
from sequence_paper.api.fleet import EdgeView
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.rows import unrealized
from sequence_paper.store.deployments import NotRegisteredError, Registration
from sequence_paper.store.records import Caller, Instance
from sequence_paper.store.trades import Position
from sequence_paper.store.views import log_view
from sequence_paper.store.words import LEVELS, Json

router = APIRouter(prefix="/v1/deployments/{deployment_id}", tags=["deployments"], dependencies=[needs_key])

Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "trace", "debug", "info", "warn", "error"]


@router.get("/logs", responses=described(LogsAnswer))
async def logs(
    deployment_id: str,
    here: Here,
    who: Who,
    limit: Annotated[int, Query(ge=1, le=5000)] = 200,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="only lines with a greater seq")] = None,
    level: Annotated[Level | None, Query(description="this level and above")] = None,
    label: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """Log lines, oldest first: the newest, or with `after` the next ones. To follow, pass `next` as `after`."""
    least = LEVELS.index(level.upper()) if level is not None else 0

    def work() -> Json:
        registered(here, who, deployment_id)
        read = here.store.logs
        head = read.head(deployment_id)  # before the lines: `next` must not pass one that we did not see
        found = read.read(deployment_id, limit=limit, after=after, level=least, label=label)
        shown = [log_view(stored) for stored in found]
        full = len(found) == limit
        last = found[-1].seq if found else 0
        return {"logs": shown, "next": last if full else max(last, head, after or 0)}

    return json(await here.run(work))


@router.get("/metrics")
async def metrics(deployment_id: str, here: Here, who: Who) -> Response:
    """What each instance has done since registration, and the sum; `pnl_1e9` is realized + unrealized − fees.

    Fills, realized result and fees are of this registration; positions and the unrealized result are of the
    deployment's name, since positions outlive registrations.
    """

    def work() -> Json:
        found = registered(here, who, deployment_id)
        account = who.account.account_id
        done = here.store.fills.totals(account, who.mode, deployment_id)
        named = here.store.positions.of_account(account, who.mode, found.deployment.name)
        positions = [position for _, position in named]
        edges = here.fleet()
        rows = [
            _metrics(instance, edges.get(instance.edge_id), done.get(instance.label, (0, 0, 0)), positions)
            for instance in found.instances
        ]
        return {"deployment_id": deployment_id, "instances": rows, "totals": _totals(rows, found, positions)}

    return json(await here.run(work))


def _metrics(
    instance: Instance, edge: EdgeView | None, done: tuple[int, int, int], positions: list[Position]
) -> Json:
    seen = instance.observed
    held = [p for p in positions if p.venue == instance.venue and p.symbol in instance.symbols]
    fills, realized, fees = done
    return {
        "label": instance.label,
        "venue": instance.venue,
        "edge_id": instance.edge_id,
        "callbacks": seen.callbacks,
        "callback_latency_ns": {"p50": seen.latency_p50_ns, "p99": seen.latency_p99_ns},
        "update_count": seen.update_count,
        "orders": asdict(seen.orders),
        "fills": fills,
        "position_1e8": sum(p.qty_1e8 for p in held),
        "realized_pnl_1e9": realized,
        "unrealized_pnl_1e9": sum(unrealized(p) for p in held),
        "fees_1e9": fees,
        "feed": edge.feed if edge is not None else None,
    }


def _totals(rows: list[Json], found: Registration, positions: list[Position]) -> Json:
    # Two instances on one venue and symbol share a position: it counts once.
    places = {(i.venue, symbol) for i in found.instances for symbol in i.symbols}
    open_result = sum(unrealized(p) for p in positions if (p.venue, p.symbol) in places)
    realized, fees = (sum(row[name] for row in rows) for name in ("realized_pnl_1e9", "fees_1e9"))
    return {
        "orders": sum(row["orders"]["submitted"] for row in rows),
        "fills": sum(row["fills"] for row in rows),
        "callbacks": sum(row["callbacks"] for row in rows),
        "realized_pnl_1e9": realized,
        "unrealized_pnl_1e9": open_result,
        "fees_1e9": fees,
        "pnl_1e9": realized + open_result - fees,
    }


def registered(here: Platform, who: Caller, deployment_id: str) -> Registration:
    try:
        return here.store.deployments.get(who.account.account_id, who.mode, deployment_id)
    except NotRegisteredError as error:
        raise not_found(deployment_id) from error
