"""`/v1/capsules`: what a run of an account's algos depended on, as a file that repeats it.

The answer has no digest yet: whoever fetches it repeats the run, compares the fills with those inside, and writes the
digest (`python -m sequence_paper.replay --seal FILE`). So a capsule is proven where it is used, and not in the API.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.platform import Here, Platform, Who, needs_key
from sequence_paper.api.tca.scope import moment_ns
from sequence_paper.replay.capsule import SUFFIX, packed
from sequence_paper.replay.capture import CaptureError, capture, run_at
from sequence_paper.store.inputs import wanted
from sequence_paper.store.records import Caller, EdgeInput
from sequence_paper.store.words import OPEN_ORDER_STATUSES

router = APIRouter(prefix="/v1", tags=["capsules"], dependencies=[needs_key])


@router.get("/capsules", response_class=Response)
async def capsules(
    here: Here,
    who: Who,
    node_order_id: str | None = None,
    deployment: str | None = None,
    venue: str | None = None,
    from_: Annotated[str | None, Query(alias="from")] = None,
    to: str | None = None,
) -> Response:
    """From the beginning of an edge's run to the end of an order (`node_order_id`), or to the feed time `to` for a
    `deployment`; `from` only has to lie in the run. 409 says why something cannot be repeated."""
    if (node_order_id is None) == (deployment is None):
        raise invalid("node_order_id", "give either node_order_id or deployment")

    def work() -> bytes:
        try:
            if node_order_id is not None:
                return _of_order(here, who, node_order_id)
            return _of_deployment(here, who, str(deployment), venue, from_, to)
        except CaptureError as error:
            raise ApiError(409, str(error)) from error

    headers = {"Content-Disposition": f'attachment; filename="run{SUFFIX}"'}
    return Response(await here.run(work), headers=headers, media_type="application/zstd")


def _of_order(here: Platform, who: Caller, order_id: str) -> bytes:
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
    about = {
        "order_id": order_id,
        "deployment": order.deployment,
        "label": order.label,
        "run_ns": run.run_ns,
    }
    return packed(capture(store, run, account_id, who.mode, order.updated_ns, about))


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
    now_ns = next(edge.feed["clock_ns"] for edge in store.edges.all() if edge.edge_id == run.edge_id)
    since_ns, to_ns = moment_ns("from", from_) or start_ns, moment_ns("to", to) or now_ns
    if not start_ns <= since_ns <= to_ns <= now_ns:
        raise CaptureError(
            f"the run of {run.edge_id} reaches from {start_ns} to {now_ns} (feed time, ns): "
            f"{since_ns} to {to_ns} is not within it"
        )
    about = {"deployment": name, "from_ns": since_ns, "run_ns": run.run_ns}
    return packed(capture(store, run, account_id, who.mode, to_ns, about))


def _ran(here: Platform, who: Caller, run: EdgeInput, name: str) -> bool:
    rows = here.store.inputs.of_run(run.edge_id, run.run_ns, who.account.account_id, who.mode)
    return any(row.kind == "apply" and wanted(row.body).name == name for row in rows)
