"""Traces on both databases: written with their orders, read newest first, kept for so many and so long."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sequence_paper.store import Store, traces
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.tracing import Step, TraceHead, TraceSteps
from sequence_paper.store.trades import Order

DAY = 86_400 * 10**9
BOOK = {"seq": 7, "ts_ns": 5, "state": "ok", "bids": [[99, 10**8]], "asks": [[101, 10**8]]}


class Desk:
    """Writes orders of one account with their traces."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.account = store.accounts.ensure("desk", tier="free", rate_limit_qps=None).account_id

    def write(self, number: int, *, status: str = "OPEN", at_ns: int = 0, **more: Any) -> str:
        order = _order(self.account, number, status, **more)
        head = TraceHead(
            order_id=order.order_id,
            account_id=order.account_id,
            mode=order.mode,
            deployment_id=order.deployment_id,
            wasm_sha256="ab",
            metadata={"commit": "c"},
            book=BOOK,
            decision_mid_1e9=100,
            arrival_mid_1e9=None,
            at_ns=at_ns or time.time_ns(),
            parent_id=more.get("parent_id"),
        )
        steps = TraceSteps(order.order_id, order.deployment_id, "main", 0, [step("decision", number)])
        self.store.commit(EdgeWrites(orders=[order], traces=[head], steps=[steps]))
        return order.order_id

    def ids(self, **wanted: Any) -> list[str]:
        chosen = {"limit": 100} | wanted
        mode = chosen.pop("mode", "sandbox")
        return [order.order_id for order, _ in self.store.traces.page(self.account, mode, **chosen)]


def step(stage: str, ts_ns: int, **detail: Any) -> Step:
    return (stage, ts_ns, 1, detail)


def _order(account: str, number: int, status: str, **more: Any) -> Order:
    owner = {"account_id": account, "mode": "sandbox", "deployment_id": "dep_1", "deployment": "mm"}
    place = {"label": "main", "edge_id": "edge", "venue": "kraken", "instrument_type": "spot"}
    given = {"symbol": "BTC-USD", "side": "buy", "order_type": "limit", "tif": "gtc", "price_1e9": 1}
    amounts = dict.fromkeys(("filled_qty_1e8", "filled_notional_1e9", "fees_1e9"), 0)
    times = {"created_ns": 1, "updated_ns": 1, "qty_1e8": 5, "status": status}
    more.pop("parent_id", None)
    order_id = f"graph:dep_1:main:{number}"
    return Order(**({"order_id": order_id} | owner | place | given | amounts | times | more))


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_a_trace_is_put_together_from_its_pieces(desk: Desk) -> None:
    first = desk.write(1)
    late = [step("venue_ack", 20, rests=True), step("fill", 30, qty_1e8=2**62)]
    desk.store.commit(EdgeWrites(steps=[TraceSteps(first, "dep_1", "main", 1, late)]))
    desk.store.commit(EdgeWrites(steps=[TraceSteps(first, "dep_1", "main", 1, late)]))  # the same piece again
    ((order, trace),) = desk.store.traces.page(desk.account, "sandbox", limit=5)
    assert order.order_id == first
    assert trace.steps == [step("decision", 1), *late]
    assert (trace.head.book, trace.head.metadata) == (BOOK, {"commit": "c"})
    assert (trace.head.decision_mid_1e9, trace.head.arrival_mid_1e9) == (100, None)


def test_a_batch_that_fails_leaves_no_step(desk: Desk) -> None:
    first = desk.write(1)
    broken = _order(desk.account, 2, "OPEN", side=None)
    with pytest.raises(Exception, match=r"(?i)null"):
        desk.store.commit(
            EdgeWrites(orders=[broken], steps=[TraceSteps(first, "dep_1", "main", 1, [step("cancelled", 2)])])
        )
    ((_, trace),) = desk.store.traces.page(desk.account, "sandbox", limit=5)
    assert trace.steps == [step("decision", 1)]


def test_newest_first_and_only_ones_own(desk: Desk) -> None:
    ids = [desk.write(number) for number in (1, 2, 3)]
    other = desk.write(4, mode="live")
    elsewhere = desk.write(5, deployment_id="dep_2")
    assert desk.ids(deployment_id="dep_1") == ids[::-1]
    assert desk.ids(limit=2) == [elsewhere, ids[2]]
    assert desk.ids(order_id=ids[0]) == [ids[0]]
    assert desk.ids(order_id=other) == []
    assert desk.ids(mode="live") == [other]
    assert desk.store.traces.page("acct_other", "sandbox", limit=5) == []


def test_a_parent_knows_its_children(desk: Desk) -> None:
    parent = desk.write(1)
    children = [desk.write(number, parent_id=parent) for number in (2, 3)]
    found = {
        order.order_id: trace for order, trace in desk.store.traces.page(desk.account, "sandbox", limit=5)
    }
    assert found[parent].children == children
    assert {found[child].head.parent_id for child in children} == {parent}


def test_an_edge_goes_on_behind_the_last_step_of_its_open_orders(desk: Desk) -> None:
    first, second = desk.write(1), desk.write(2, status="FILLED")
    more = TraceSteps(first, "dep_1", "main", 1, [step("risk", 10), step("sent", 11)])
    desk.store.commit(EdgeWrites(steps=[more]))
    assert desk.store.traces.ends_on("edge") == {first: (2, 11)}
    assert desk.store.traces.ends_on("elsewhere") == {}
    assert second in desk.ids()


def test_the_oldest_go_when_a_deployment_has_too_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "KEEP", 3)
    still_open = desk.write(1)
    rest = [desk.write(number, status="FILLED") for number in range(2, 8)]
    other = desk.write(8, status="FILLED", deployment_id="dep_2")
    assert desk.store.traces.trim(time.time_ns()) == 3
    assert desk.ids() == [other, *rest[:-4:-1], still_open]
    assert desk.store.traces.trim(time.time_ns()) == 0


def test_what_is_too_old_goes_unless_its_order_is_open(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_BATCH", 2)
    now = 100 * DAY
    old = [desk.write(number, status="CANCELLED", at_ns=now - 31 * DAY) for number in range(5)]
    kept = [desk.write(6, at_ns=now - 31 * DAY), desk.write(7, status="FILLED", at_ns=now - 29 * DAY)]
    assert desk.store.traces.trim(now) == len(old)
    assert desk.ids() == kept[::-1]
    assert set(desk.store.traces.ends_on("edge")) == {kept[0]}
