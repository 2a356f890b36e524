"""Graphs in the store: one of each id, each change once and only from the state it was decided on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sequence_paper.store.graphing import GraphKey, GraphRow, NodeRow, Placed, Step
from sequence_paper.store.routes import GraphTakenError
from sequence_paper.store.switches import KillSwitchOnError
from support.parents import ACCOUNT, PARENT, leg, order, route

ROW = GraphRow(*ACCOUNT, "g", "digest", 5, [{"edge_id": "e"}])
NODES = [
    NodeRow(*ACCOUNT, "g", name, number, f"graph:g:{name}:0", {"qty_1e8": 100}, None, 1)
    for number, name in enumerate(("order", "after"))
]
STEP = Step({"order": {"steps": 1, "closed": True}}, [Placed(PARENT, route(1), [leg(1)])])


@pytest.fixture
def made(store):
    return store.graphs.create(ROW, NODES)


def test_a_graph_id_is_taken_once_whatever_has_it(store):
    assert store.graphs.create(ROW, NODES) == ROW
    assert store.graphs.create(replace(ROW, content="other"), NODES[:1]) == ROW
    assert store.graphs.get(ROW.key) == (ROW, NODES)
    with pytest.raises(GraphTakenError):
        store.routes.place(PARENT, None, [])
    plain = replace(PARENT, graph_id="plain", order_id="graph:plain:order:0")
    store.routes.place(plain, None, [])
    with pytest.raises(GraphTakenError):
        store.graphs.create(replace(ROW, graph_id="plain"), [])
    assert store.graphs.get(GraphKey("acct_2", "sandbox", "g")) is None


def test_a_step_is_taken_once_and_whole(store, made):
    assert store.graphs.step(made, STEP, 9) == "stored"
    assert store.graphs.step(made, STEP, 9) == "moved"
    row, nodes = store.graphs.get(ROW.key)
    assert (row.version, nodes[0].steps, nodes[0].closed, nodes[1]) == (1, 1, True, NODES[1])
    store.orders.claim(order("graph:g:order:1", status="OPEN"))
    [(parent, [(found, at_venue)])] = store.routes.of_graph(*ROW.key)
    assert (parent, found, at_venue.status) == (PARENT, leg(1), "OPEN")
    assert store.graphs.of_order(*ACCOUNT, "graph:g:after:0") == (ROW.key, "after")
    assert store.graphs.of_order("acct_2", "sandbox", "graph:g:after:0") is None


def test_the_kill_switch_pauses_instead_of_sending(store, made):
    store.switches.put_on(*ACCOUNT, "drill")
    assert store.graphs.step(made, STEP, 9) == "paused"
    row, nodes = store.graphs.get(ROW.key)
    assert (row.paused_at_ns, row.pause_reason, nodes) == (9, "KILL_SWITCH", NODES)
    assert store.routes.of_graph(*ROW.key) == []
    with pytest.raises(KillSwitchOnError):
        store.graphs.resume(ROW.key, 20)
    with pytest.raises(KillSwitchOnError):
        store.graphs.create(replace(ROW, graph_id="new"), [])
    store.switches.clear(*ACCOUNT)
    resumed = store.graphs.resume(ROW.key, 20)
    assert (resumed.paused_at_ns, resumed.paused_ns, resumed.pause_reason) == (0, 11, None)
    assert store.graphs.step(resumed, STEP, 30) == "stored"


def test_the_clock_stands_still_while_it_is_paused(store, made):
    paused = store.graphs.pause(ROW.key, "REQUESTED", 100)
    assert store.graphs.pause(ROW.key, "OTHER", 150) == paused
    assert (paused.clock_ns(130), paused.clock_ns(500)) == (100, 100)
    resumed = store.graphs.resume(ROW.key, 160)
    assert store.graphs.resume(ROW.key, 170) == resumed
    assert resumed.clock_ns(160) == 100
    again = store.graphs.pause(ROW.key, "REQUESTED", 200)
    assert again.clock_ns(999) == 140
    assert store.graphs.step(made, STEP, 210) == "moved"  # it was decided before the pause


def test_no_round_follows_while_its_graph_is_paused(store, made):
    chases = Step({}, [Placed(replace(PARENT, more=True), route(1), [leg(1)])])
    store.graphs.step(made, chases, 9)
    store.graphs.pause(ROW.key, "REQUESTED", 10)
    assert not store.routes.next_round(route(2), [leg(2, 2)])
    store.graphs.resume(ROW.key, 11)
    assert store.routes.next_round(route(2), [leg(2, 2)])


def test_a_cancel_reaches_what_was_sent_and_what_is_to_come(store, made):
    store.graphs.step(made, STEP, 9)
    row = store.graphs.cancel(ROW.key)
    assert row.cancel
    [(parent, _)] = store.routes.of_graph(*ROW.key)
    assert parent.cancel
    later = Step({}, [Placed(replace(PARENT, node_id="after", order_id="x"), None, [])])
    assert store.graphs.step(replace(row, version=1), later, 9) == "moved"
    assert store.graphs.step(row, Step(done=True), 9) == "stored"
    assert store.graphs.live() == []
    assert store.graphs.cancel(ROW.key).done


def test_one_node_is_cancelled_and_amended(store, made):
    store.graphs.step(made, STEP, 9)
    store.graphs.cancel_node(ROW.key, "order")
    row, nodes = store.graphs.get(ROW.key)
    assert (nodes[0].cancelled, nodes[1].cancelled, row.version) == (True, False, 2)
    assert store.routes.by_order(*ACCOUNT, PARENT.order_id).cancel
    slices = [replace(PARENT, order_id=name, node_id=name) for name in ("after.1", "after_1", "afterx1")]
    store.graphs.step(row, Step({}, [Placed(one, None, []) for one in slices]), 9)
    row = store.graphs.cancel_node(ROW.key, "after")
    ended = [parent.order_id for parent, _ in store.routes.of_graph(*ROW.key) if parent.cancel]
    assert ended == [PARENT.order_id, "after.1"]
    assert not store.graphs.amend(made, "after", {"wanted": {"qty_1e8": 7}})
    assert store.graphs.amend(row, "after", {"wanted": {"qty_1e8": 7}}, (PARENT.order_id, {"qty_1e8": 8}))
    assert store.graphs.get(ROW.key)[1][1].wanted == {"qty_1e8": 7}
    assert store.routes.by_order(*ACCOUNT, PARENT.order_id).qty_1e8 == 8


def test_a_live_graph_keeps_the_sandbox_from_being_reset(store, made):
    assert "execution graphs g" in store.sandbox.busy(ACCOUNT[0])
    store.graphs.step(made, Step(done=True), 9)
    assert store.sandbox.busy(ACCOUNT[0]) == ""
