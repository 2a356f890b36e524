"""`/v1/capsules`: what a run of an account's algos depended on, as a file that repeats it.

The answer has no digest yet: whoever fetches it repeats the run, compares the fills with those inside, and writes the
digest (`python -m sequence_paper.replay --seal FILE`). So a capsule is proven where it is used, and not in the API.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.platform import Here, Platform, Who, needs_key
from sequence_paper.api.tca.scope import moment_ns
from sequence_paper.replay.capsule import SUFFIX, packed
from sequence_paper.replay.capture import CaptureError, capture, market_beside, run_at
from sequence_paper.replay.change import Change, WhatIfError, parse
from sequence_paper.store.inputs import wanted
from sequence_paper.store.records import Caller, EdgeInput
from sequence_paper.store.words import OPEN_ORDER_STATUSES

router = APIRouter(prefix="/v1", tags=["capsules"], dependencies=[needs_key])

_LONGER_NS: Final = 600 * 10**9
"""Feed time behind an order's end in which it may live on when something about it is changed."""


@router.get("/capsules", response_class=Response)
async def capsules(
    here: Here,
    who: Who,
    node_order_id: str | None = None,
    deployment: str | None = None,
    venue: str | None = None,
    from_: Annotated[str | None, Query(alias="from")] = None,
    to: str | None = None,
    what_if: str | None = None,
) -> Response:
    """From the beginning of an edge's run to the end of an order (`node_order_id`), or to the feed time `to` for a
    `deployment`; `from` only has to lie in the run. 409 says why something cannot be repeated.

    `what_if` (of an order: `venue=NAME`, `latency=PROFILE`, `post-only`): with all that this question needs besides,
    up to ten minutes of what came after, and the other venue's market."""
    if (node_order_id is None) == (deployment is None):
        raise invalid("node_order_id", "give either node_order_id or deployment")
    if what_if is not None and node_order_id is None:
        raise invalid("what_if", "it is a question about one order: give node_order_id")
    try:
        change = parse(what_if) if what_if is not None else None
    except WhatIfError as error:
        raise invalid("what_if", f"{error}: {error.hint}") from None

    def work() -> bytes:
        try:
            if node_order_id is not None:
                return _of_order(here, who, node_order_id, change)
            return _of_deployment(here, who, str(deployment), venue, from_, to)
        except CaptureError as error:
            raise ApiError(409, str(error)) from error

    headers = {"Content-Disposition": f'attachment; filename="run{SUFFIX}"'}
    return Response(await here.run(work), headers=headers, media_type="application/zstd")


def _of_order(here: Platform, who: Caller, order_id: str, change: Change | None) -> bytes:
    store, account_id = here.store, who.account.account_id
    found, _ = store.orders.page(account_id, who.mode, limit=1, offset=0, order_id=order_id)
    if not found:
        raise ApiError(404, f"no order {order_id!r} at a venue", field="node_order_id")
    order = found[0]
    trace = store.traces.of([order_id]).get(order_id)
    if trace is None:
        raise CaptureError("there is no trace of this order any more, so nobody knows in which run it was")
    if order.status in OPEN_ORDER_STATUSES:
        raise CaptureError("this order is still open: wait for its end, or name the deployment and a time")
    run = run_at(store, order.edge_id, trace.head.at_ns)
    # Its row says when it ended at the venue, its trace when that was heard of.
    ended_ns = max(order.updated_ns, *(step[3].get("heard_ns", step[2]) for step in trace.steps))
    about = {
        "order_id": order_id,
        "deployment": order.deployment,
        "label": order.label,
        "symbol": order.symbol,
        "status": order.status,
        "created_ns": order.created_ns,
        "ended_ns": ended_ns,
        "run_ns": run.run_ns,
    }
    newest = run == store.inputs.runs(order.edge_id)[0]
    needs_more = change is not None or run.body["feed"]["kind"] == "live"
    if newest and needs_more and ended_ns > _now_ns(here, run):
        raise CaptureError(
            "the end of this order is too new: how its market went on is known within a second"
        )
    if change is None:
        return packed(capture(store, run, account_id, who.mode, ended_ns, about))
    longer_ns = min(_now_ns(here, run), ended_ns + _LONGER_NS) if newest else ended_ns
    made = capture(store, run, account_id, who.mode, ended_ns, about, at_most_ns=longer_ns)
    if change.kind == "venue" and change.value != order.venue:
        made = replace(made, aside=market_beside(store, change.value, trace.head.at_ns, made.feed.to_ns))
    return packed(made)


def _of_deployment(
    here: Platform, who: Caller, name: str, venue: str | None, from_: str | None, to: str | None
) -> bytes:
    store, account_id = here.store, who.account.account_id
    runs = [runs[0] for edge in store.edges.all() if (runs := store.inputs.runs(edge.edge_id))]
    fitting = [run for run in runs if _ran(here, who, run, name) and venue in (None, run.body["venue"])]
    if not fitting:
        raise ApiError(404, f"{name!r} ran on no edge since it was started", field="deployment")
    if len(fitting) > 1:
        venues = ", ".join(sorted(run.body["venue"] for run in fitting))
        raise invalid("venue", f"{name} runs at several: {venues}")
    [run] = fitting
    start_ns = run.body["feed"]["start_ns"]
    now_ns = _now_ns(here, run)
    since_ns, to_ns = moment_ns("from", from_) or start_ns, moment_ns("to", to) or now_ns
    if not start_ns <= since_ns <= to_ns <= now_ns:
        raise CaptureError(
            f"the run of {run.edge_id} reaches from {start_ns} to {now_ns} (feed time, ns): "
            f"{since_ns} to {to_ns} is not within it"
        )
    about = {"deployment": name, "from_ns": since_ns, "run_ns": run.run_ns}
    return packed(capture(store, run, account_id, who.mode, to_ns, about))


def _now_ns(here: Platform, run: EdgeInput) -> int:
    """How far an edge has come, as it said last (feed time)."""
    return int(next(edge.feed["clock_ns"] for edge in here.store.edges.all() if edge.edge_id == run.edge_id))


def _ran(here: Platform, who: Caller, run: EdgeInput, name: str) -> bool:
    rows = here.store.inputs.of_run(run.edge_id, run.run_ns, who.account.account_id, who.mode)
    return any(row.kind == "apply" and wanted(row.body).name == name for row in rows)
