"""`GET /v1/traces`: what edges wrote about orders, as a client sees it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from sequence_paper.api import traces
from sequence_paper.store import Store
from sequence_paper.store import traces as stored
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.routing import Parent, Route, RouteLeg
from sequence_paper.store.traces import KEEP, KEEP_DAYS
from sequence_paper.store.tracing import TraceHead, TraceSteps
from sequence_paper.store.trades import Order

ABOUT = {
    "managed_by": "sequence-operator",
    "uid": "u1",
    "commit": "c0ffee",
    "origin": {"repository": "https://github.com/desk/algos", "path": "live/mm"},
}
BOOK = {"seq": 7, "ts_ns": 5, "state": "ok", "bids": [[99, 10**8]], "asks": [[101, 10**8]]}


def write(
    desk: Any,
    number: int,
    *,
    mode: str = "sandbox",
    dep: str = "dep_x",
    status: str = "OPEN",
    at_ns: int = 1,
    **head: Any,
) -> str:
    """An order with a trace of two steps; returns its id."""
    order = Order(
        order_id=f"graph:{dep}{desk.account.account_id}:main:{number}",
        account_id=desk.account.account_id,
        mode=mode,  # type: ignore[arg-type]
        deployment_id=dep,
        deployment="mm",
        label="main",
        edge_id="venue-edge-kraken",
        venue="kraken",
        instrument_type="spot",
        symbol="BTC-USD",
        side="buy",
        order_type="limit",
        tif="gtc",
        price_1e9=100,
        qty_1e8=5,
        filled_qty_1e8=0,
        filled_notional_1e9=0,
        fees_1e9=0,
        status=status,  # type: ignore[arg-type]
        created_ns=number,
        updated_ns=number,
        client_key=number,
    )
    given = {"metadata": ABOUT, "book": BOOK, "decision_mid_1e9": 100, "arrival_mid_1e9": None} | head
    trace = TraceHead(
        order_id=order.order_id,
        account_id=order.account_id,
        mode=order.mode,
        deployment_id=dep,
        wasm_sha256="ab" * 32,
        at_ns=at_ns,
        **given,
    )
    steps = [("decision", 10, 5, {"callback": "on_book"}), ("venue_ack", 25, 5, {"rests": True})]
    desk.store.commit(
        EdgeWrites(orders=[order], traces=[trace], steps=[TraceSteps(order.order_id, dep, "main", 0, steps)])
    )
    return order.order_id


def test_a_trace_is_an_order_with_its_life(desk: Any) -> None:
    order_id = write(desk, 1)
    answer = desk.ok("GET", f"/traces?node_order_id={order_id}")
    (trace,) = answer["traces"]
    (order,) = desk.ok("GET", f"/orders?node_order_id={order_id}")["orders"]
    assert {name: trace[name] for name in order} == order
    assert (trace["commit"], trace["origin"], trace["uid"]) == ("c0ffee", ABOUT["origin"], "u1")
    assert (trace["wasm_sha256"], trace["book"]) == ("ab" * 32, BOOK)
    assert [(e["stage"], e["ts_ns"], e["feed_ns"]) for e in trace["events"]] == [
        ("decision", 10, 5),
        ("venue_ack", 25, 5),
    ]
    assert (trace["parent"], trace["children"]) == (None, [])
    assert answer["kept"] == {"per_deployment": KEEP, "days": KEEP_DAYS}


def test_newest_first_by_deployment_and_limit(desk: Any) -> None:
    first, second = write(desk, 1), write(desk, 2)
    other = write(desk, 3, dep="dep_y")

    def ids(query: str) -> list[str]:
        return [trace["order_id"] for trace in desk.ok("GET", f"/traces?{query}")["traces"]]

    assert ids("") == [other, second, first]
    assert ids("limit=1") == [other]
    assert ids("deployment_id=dep_x") == [second, first]
    assert ids("deployment_id=dep_none") == ids("node_order_id=nothing") == []
    assert desk.ok("GET", "/traces?limit=1")["limit"] == 1


def test_an_account_and_a_mode_see_only_their_own(desk: Any, new_desk: Any) -> None:
    mine, live = write(desk, 1), write(desk, 2, mode="live")
    stranger = new_desk()
    for asked in ("", f"?node_order_id={mine}", "?deployment_id=dep_x"):
        assert stranger.ok("GET", f"/traces{asked}")["traces"] == []
    assert desk.ok("GET", f"/traces?node_order_id={live}")["traces"] == []
    status, answer, _ = desk("GET", "/traces", key=desk.other_mode())
    assert (status, [trace["order_id"] for trace in answer["traces"]]) == (200, [live])


@pytest.mark.parametrize("metadata", [None, {}, {"commit": 7, "origin": "x", "uid": None}])
def test_whatever_was_registered_as_metadata_is_no_harm(desk: Any, metadata: Any) -> None:
    write(desk, 1, metadata=metadata, book=None, decision_mid_1e9=None)
    (trace,) = desk.ok("GET", "/traces")["traces"]
    assert (trace["commit"], trace["origin"], trace["uid"], trace["book"]) == (None,) * 4


def test_a_key_is_needed_and_the_limit_has_bounds(desk: Any) -> None:
    assert desk("GET", "/traces", key="seq_test_" + "0" * 64)[0] == 401
    for limit in ("0", "1001", "x"):
        assert desk.error(422, "GET", f"/traces?limit={limit}")["error"]["code"] == "VALIDATION_ERROR"


def test_an_order_without_a_venue_has_the_trace_of_its_routing(desk: Any) -> None:
    mine = (desk.account.account_id, "sandbox")
    graph = f"g{desk.account.account_id}"
    parent = Parent(
        order_id=f"graph:{graph}:order:0",
        account_id=mine[0],
        mode="sandbox",
        graph_id=graph,
        node_id="order",
        content="c",
        symbol="BTC-USD",
        side="buy",
        order_type="market",
        tif="ioc",
        policy="sor",
        qty_1e8=5,
        limit_1e9=None,
        venue=None,
        created_ns=100,
        until_ns=200,
    )
    decision = {"est_cost_bps": 1.5, "legs": [{"venue": "kraken", "qty_1e8": 5}], "skipped": {"okx": "stale"}}
    leg = write(desk, 9, parent_id=parent.order_id)
    legs = [RouteLeg(leg, parent.order_id, 1, "venue-edge-kraken", "kraken", {}, 200)]
    desk.store.routes.place(parent, Route(parent.order_id, 1, *mine, 130, decision, []), legs)
    (trace,) = desk.ok("GET", f"/traces?node_order_id={parent.order_id}")["traces"]
    assert (trace["order_id"], trace["children"], trace["status"]) == (parent.order_id, [leg], "OPEN")
    assert [(e["stage"], e["ts_ns"]) for e in trace["events"]] == [("submitted", 100), ("routed", 130)]
    assert trace["events"][1]["detail"]["legs"] == decision["legs"]
    assert (trace["commit"], trace["wasm_sha256"]) == ("c0ffee", "ab" * 32)
    (own,) = desk.ok("GET", f"/traces?node_order_id={leg}")["traces"]
    assert own["parent"] == parent.order_id


@pytest.fixture
def lone_desk(tmp_path: Path) -> Iterator[Any]:
    """An account in a database of its own, where something may be deleted."""
    store = Store(f"sqlite:///{tmp_path / 'alone.db'}")
    yield SimpleNamespace(
        store=store, account=store.accounts.ensure("desk", tier="free", rate_limit_qps=None)
    )
    store.close()


async def test_old_traces_go_in_the_background_also_after_the_store_was_away(
    lone_desk: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(traces, "_TRIM_SECONDS", 0.01)
    monkeypatch.setattr(stored, "KEEP", 2)
    mine = (lone_desk.account.account_id, "sandbox")
    for number in range(5):
        write(lone_desk, number, at_ns=2**62, status="FILLED")
    trim, away, done = lone_desk.store.traces.trim, [True], threading.Event()

    def flaky(now_ns: int) -> int:
        if away:
            away.clear()
            raise sa.exc.OperationalError("select", {}, Exception("locked"))
        gone = int(trim(now_ns))
        done.set()
        return gone

    monkeypatch.setattr(lone_desk.store.traces, "trim", flaky)
    task = asyncio.create_task(traces.keep_trimmed(lone_desk.store))
    assert await asyncio.to_thread(done.wait, 30)
    task.cancel()
    assert any("cannot be deleted now" in record.message for record in caplog.records)
    assert len(lone_desk.store.traces.page(*mine, limit=10)) == 2
