"""What `/v1/capsules` answers with, from what the store has kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.platform import Platform
from sequence_paper.api.tca.scope import moment_ns
from sequence_paper.replay.capsule import packed
from sequence_paper.replay.capture import CaptureError, capture, market_beside, run_at
from sequence_paper.replay.change import Change, WhatIfError, parse
from sequence_paper.store.inputs import wanted
from sequence_paper.store.records import Caller, EdgeInput
from sequence_paper.store.words import OPEN_ORDER_STATUSES

_LONGER_NS: Final = 600 * 10**9
"""Feed time behind an order's end in which it may live on when something about it is changed."""


def change_of(what_if: str) -> Change:
    """Raises ApiError when it is no change."""
    try:
        return parse(what_if)
    except WhatIfError as error:
        raise invalid("what_if", f"{error}: {error.hint}") from None


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except CaptureError as error:
        raise ApiError(409, str(error)) from error


@_refusing()
def of_order(here: Platform, who: Caller, order_id: str, change: Change | None) -> bytes:
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


@_refusing()
def of_deployment(
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
