"""From what a store has kept of an edge's run to a capsule. What cannot be repeated exactly is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from sequence_paper.feed.errors import FeedError
from sequence_paper.replay.capsule import Capsule, FeedSlice, RecordedMarket
from sequence_paper.replay.compare import rows
from sequence_paper.replay.make import made_by, slice_of
from sequence_paper.replay.source import cut
from sequence_paper.store import Store
from sequence_paper.store.inputs import wanted
from sequence_paper.store.records import EdgeInput, Heard
from sequence_paper.store.trades import Fill
from sequence_paper.store.words import Json, Mode

Key = tuple[str, str]
"""(deployment id, label)"""


class CaptureError(Exception):
    """There can be no capsule of this; the message says why."""


def run_at(store: Store, edge_id: str, wall_ns: int) -> EdgeInput:
    """The beginning of the run that an edge was in at a moment. Raises CaptureError."""
    found = next((run for run in store.inputs.runs(edge_id) if run.run_ns <= wall_ns), None)
    if found is None:
        raise CaptureError(f"{edge_id} keeps nothing of a run so old: the newest 20 are kept")
    return found


def capture(
    store: Store,
    run: EdgeInput,
    account_id: str,
    mode: Mode,
    to_ns: int,
    about: Json,
    *,
    at_most_ns: int = 0,
) -> Capsule:
    """Everything an account ran on an edge from the run's beginning to `to_ns` (feed time), without its digest.

    `at_most_ns`: how much further it may go, as far as that can be repeated. Raises CaptureError.
    """
    told = store.inputs.of_run(run.edge_id, run.run_ns, account_id, mode)
    blocked = [row.feed_ns - 1 for row in told if row.kind == "outside" and row.feed_ns > to_ns]
    to_ns = max(to_ns, min([at_most_ns, *blocked]))
    told = [row for row in told if row.feed_ns <= to_ns]
    strange = sorted({row.body["what"] for row in told if row.kind == "outside"})
    if strange:
        raise CaptureError(
            f"something reached this account on {run.edge_id} that no repetition can bring: {', '.join(strange)}"
        )
    told = [row for row in told if row.kind in ("apply", "unload", "funds", "switch", "reset")]
    body, feed = run.body, run.body["feed"]
    if to_ns < feed["start_ns"]:
        raise CaptureError(
            f"the run of {run.edge_id} begins at {feed['start_ns']} (feed time, ns), after that"
        )
    market, heard = market_of(run, to_ns), store.inputs.heard(run, account_id, mode, to_ns)
    return Capsule(
        venue=market.venue,
        instrument_type=body["instrument_type"],
        symbols=market.symbols,
        feed=market.feed,
        inputs=told,
        modules=_modules(store, told),
        until_ns=body["until_ns"],
        latency=body["latency"],
        fees=body.get("fees", "base"),
        stored=rows(_fills(store, run, told, heard, account_id, mode, to_ns)),
        made_by=made_by(),
        about=about,
        frames=market.frames,
        heard=heard,
    )


def market_of(run: EdgeInput, to_ns: int) -> RecordedMarket:
    """What the venue of a run showed until then. Raises CaptureError."""
    body, feed = run.body, run.body["feed"]
    venue, symbols = body["venue"], body["symbols"]
    if feed["kind"] == "live" and "recorded" not in feed:
        raise CaptureError(
            f"{run.edge_id} follows a live venue and records nothing: `sequence up --feed live --record DIR` keeps "
            "what is needed"
        )
    try:
        if feed["kind"] == "live":
            return _connection(run, to_ns)
        part, frames = slice_of(feed["words"], feed["seed"], venue, symbols, feed["start_ns"], to_ns)
    except FeedError as error:
        raise CaptureError(str(error)) from error
    return RecordedMarket(venue, symbols, part, frames)


def _connection(run: EdgeInput, to_ns: int) -> RecordedMarket:
    """What was recorded of a live venue. Raises FeedError."""
    body, feed = run.body, run.body["feed"]
    path = Path(feed["recorded"])
    frames, _ = cut(path, 0, to_ns)
    part = FeedSlice(f"live:{path.name}", feed["seed"], feed["start_ns"], to_ns, cut=True, live=True)
    return RecordedMarket(body["venue"], body["symbols"], part, frames)


def market_beside(store: Store, venue: str, wall_ns: int, to_ns: int) -> RecordedMarket:
    """What another venue showed to its own edge at the same time. Raises CaptureError: nothing of it is known."""
    edges = [edge.edge_id for edge in store.edges.all() if edge.venue == venue]
    if not edges:
        raise CaptureError(
            f"there is no edge at {venue}, so nothing is known of its market: `sequence up` starts one for every "
            "venue that --venues names"
        )
    return market_of(run_at(store, edges[0], wall_ns), to_ns)


def _modules(store: Store, told: Sequence[EdgeInput]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for digest in {wanted(row.body).wasm_sha256 for row in told if row.kind == "apply"}:
        wasm = store.artifacts.get(digest)
        if wasm is None:
            raise CaptureError(f"the module {digest[:12]} that ran is not stored any more")
        found[digest] = wasm
    return found


def _fills(
    store: Store,
    run: EdgeInput,
    told: Sequence[EdgeInput],
    heard: Sequence[Heard],
    account_id: str,
    mode: Mode,
    to_ns: int,
) -> list[Fill]:
    """Those of this run: an instance numbers its orders on over all runs, so the run's first and last number bound
    them; orders from outside are named by what was heard."""
    above, below = _first_numbers(told), _next_numbers(store, run, told)
    outside = {orjson.loads(one.body)["row"]["order_id"] for one in heard if one.kind == "order"}
    found = []
    for fill in store.inputs.fills_on(run.edge_id, account_id, mode, to_ns):
        key = (fill.deployment_id, fill.label)
        if fill.order_id in outside or (
            fill.order_id.startswith(f"graph:{key[0]}:{key[1]}:")
            and key in above
            and (own := fill.order_id.rpartition(":")[2]).isdigit()
            and above[key] < (number := int(own)) <= below.get(key, number)
        ):
            found.append(fill)
    return found


def _first_numbers(told: Sequence[EdgeInput]) -> dict[Key, int]:
    """By instance: the number of its last order before the run."""
    found: dict[Key, int] = {}
    for row in told:
        if row.kind == "apply":
            want = wanted(row.body)
            before = want.last.orders.submitted + want.last.orders.rejected
            found.setdefault((want.deployment_id, want.label), before)
    return found


def _next_numbers(store: Store, run: EdgeInput, told: Sequence[EdgeInput]) -> dict[Key, int]:
    """By instance: the number of its last order in the run, if the edge has begun another since."""
    later = [other for other in store.inputs.runs(run.edge_id) if other.run_ns > run.run_ns]
    if not later or not told:
        return {}
    found: dict[Key, int] = {}
    for other in reversed(later):
        rows_ = store.inputs.of_run(other.edge_id, other.run_ns, told[0].account_id, told[0].mode)
        for key, number in _first_numbers(rows_).items():
            found.setdefault(key, number)
    return found
