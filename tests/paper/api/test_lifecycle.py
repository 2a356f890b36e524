"""A deployment's life over HTTP, against edges that speak the protocol."""

from __future__ import annotations

import time

import pytest

from support.processes import wait_until
from support.tiny_edge import REFUSED


def instance(label: str, venue: str = "kraken", **more):
    return {"label": label, "venue": venue, "symbols": ["BTC-USD"], **more}


def test_create_is_answered_when_the_edges_have_taken_it(desk):
    params = [{"name": "size", "slot": 0, "type": "float", "value": 3}]
    metadata = {"managed_by": "sequence-operator", "uid": "u1", "origin": {"repository": "r", "path": "p"}}
    row = desk.create(
        instances=[instance("maker", risk={"max_order_rate": 5}), instance("hedger", "coinbase")],
        risk={"max_position_1e8": 200_000_000, "max_order_rate": 20},
        params=params,
        mesh={"routes": [{"from": "maker", "to": "hedger"}]},
        metadata=metadata,
        on_stop="cancel",
    )
    assert row["deployment_id"].startswith("dep_")
    assert (row["status"], row["desired"], row["revision"]) == ("accepted", "stopped", 1)
    assert (row["pushed_to"], row["capable_edges"], row["size_bytes"]) == (2, 2, 8)
    assert row["symbols"] == ["BTC-USD"]
    assert row["risk"] == {"max_position_1e8": 200_000_000, "max_order_rate": 20}
    assert row["params"] == [{"name": "size", "slot": 0, "type": "float", "value": 3.0}]
    assert row["mesh"] == {"routes": [{"from": "maker", "to": "hedger"}]}
    assert (row["metadata"], row["on_stop"], row["pause"]) == (metadata, "cancel", None)
    maker, hedger = row["instances"]
    assert (maker["edge_id"], hedger["edge_id"]) == ("venue-edge-kraken", "venue-edge-coinbase")
    assert (maker["risk"], hedger["risk"], hedger["params"]) == ({"max_order_rate": 5}, {}, [])
    assert (maker["warm"], maker["live"], maker["error"]) == (True, False, "")
    assert abs(maker["last_heartbeat"] - time.time()) < 60
    assert [edge["edge_id"] for edge in row["edges"]] == ["venue-edge-kraken", "venue-edge-coinbase"]
    assert desk.get(row)["wasm_sha256"] == row["wasm_sha256"]


def test_four_fields_suffice_and_place_it_on_every_edge_that_trades(desk):
    body = {"name": "old", "symbols": ["BTC-USD", "ETH-USD"], "start_immediately": True}
    row = desk.create(**body, instances=None)
    assert (row["status"], row["desired"], row["capable_edges"]) == ("running", "running", 2)
    placed = {i["label"]: i["symbols"] for i in row["instances"]}
    assert placed == {"kraken": ["BTC-USD", "ETH-USD"], "coinbase": ["BTC-USD"]}
    assert all(i["live"] for i in row["instances"])


def test_start_stop_delete(desk):
    row = desk.create()
    path = f"/deployments/{row['deployment_id']}"
    assert desk.ok("POST", f"{path}/start")["status"] == "running"
    assert desk.ok("POST", f"{path}/start")["status"] == "running"
    assert desk.ok("POST", f"{path}/stop")["status"] == "stopped"
    assert desk.ok("POST", f"{path}/stop", {})["revision"] == 1
    assert desk("DELETE", path)[:2] == (204, None)
    for method, gone in (("GET", path), ("DELETE", path), ("POST", f"{path}/start"), ("GET", f"{path}/logs")):
        assert desk.error(404, method, gone)["error"]["code"] == "NOT_FOUND"
    assert desk.ok("GET", "/deployments")["deployments"] == []
    assert desk.create()["deployment_id"] != row["deployment_id"]


def test_a_refusal_of_the_edge_is_told_in_its_own_words(desk):
    row = desk.create(wasm=REFUSED)
    assert (row["status"], row["pushed_to"], row["capable_edges"]) == ("rejected", 0, 1)
    assert row["instances"][0]["error"] == "the module is refused: it is bad"
    assert row["edges"][0]["error"] == "the module is refused: it is bad"
    assert desk.ok("POST", f"/deployments/{row['deployment_id']}/start")["status"] == "rejected"
    assert desk("DELETE", f"/deployments/{row['deployment_id']}")[0] == 204


def test_a_name_is_taken_once_and_the_answer_says_by_whom(desk):
    row = desk.create("mm")
    refused = desk.error(409, "POST", "/deployments", create_again("mm"))
    assert refused["error"]["code"] == "CONFLICT"
    assert refused["error"]["details"][0]["field"] == "name"
    assert refused["deployment_id"] == row["deployment_id"]


def create_again(name: str):
    body = {"name": name, "wasm_base64": "AGFzbQEAAAA=", "instances": [instance("main")]}
    return body | {"start_immediately": False}


def test_modes_and_accounts_are_apart(desk, new_desk):
    row = desk.create("mm")
    path = f"/deployments/{row['deployment_id']}"
    live = desk.other_mode()
    for key in (live, new_desk().key):
        assert desk("GET", "/deployments", key=key)[1]["deployments"] == []
        for method, asked in (("GET", path), ("DELETE", path), ("POST", f"{path}/stop"), ("PATCH", path)):
            assert desk(method, asked, {"risk": {}} if method == "PATCH" else None, key=key)[0] == 404
    assert desk("POST", "/deployments", create_again("mm"), key=live)[0] == 201
    assert desk("GET", "/account", key=live)[1]["mode"] == "live"
    assert desk.get(row)["status"] == "accepted"


class TestPatch:
    def test_a_change_reaches_the_edge_and_counts_once(self, desk):
        row = desk.create(
            instances=[instance("a", risk={"max_order_rate": 5}), instance("b")],
            risk={"max_order_rate": 20, "max_open_orders": 4},
            params=[{"name": "size", "slot": 0, "type": "int", "value": 1}],
        )
        path = f"/deployments/{row['deployment_id']}"
        change = {
            "risk": {"max_order_rate": 10},
            "params": [{"name": "size", "slot": 0, "type": "int", "value": 2}],
            "mesh": {"routes": []},
            "metadata": {"commit": "c"},
            "on_stop": "cancel",
            "instances": [
                {
                    "label": "b",
                    "risk": {"max_order_rate": 7},
                    "params": [{"name": "size", "type": "int", "value": 9}],
                }
            ],
            "if_revision": 1,
        }
        changed = desk.ok("PATCH", path, change)
        assert changed["revision"] == 2
        assert changed["risk"] == {"max_order_rate": 10}
        assert changed["params"][0]["value"] == 2
        assert (changed["mesh"], changed["metadata"], changed["on_stop"]) == (
            {"routes": []},
            {"commit": "c"},
            "cancel",
        )
        assert [i["risk"] for i in changed["instances"]] == [{"max_order_rate": 5}, {"max_order_rate": 7}]
        assert [i["params"] for i in changed["instances"]] == [
            [],
            [{"name": "size", "type": "int", "value": 9}],
        ]
        assert [i["applied_revision"] for i in changed["instances"]] == [2, 2]
        again = desk.ok("PATCH", path, {**change, "if_revision": 2})
        assert again["revision"] == 2
        wanted = {
            (w.label, w.risk["max_order_rate"], w.params[0]["value"])
            for w in desk.store.instances.desired_on("venue-edge-kraken")
            if w.deployment_id == row["deployment_id"]
        }
        assert wanted == {("a", 5, 2), ("b", 7, 9)}

    def test_null_clears_and_absent_keeps(self, desk):
        row = desk.create(risk={"max_order_rate": 9}, mesh={"routes": []}, metadata={"a": 1})
        path = f"/deployments/{row['deployment_id']}"
        changed = desk.ok("PATCH", path, {"mesh": None})
        assert (changed["mesh"], changed["risk"], changed["metadata"]) == (
            None,
            {"max_order_rate": 9},
            {"a": 1},
        )
        assert desk.ok("PATCH", path, {"risk": None})["risk"] == {}

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"risk": {"max_order_rate": 0}}, "risk.max_order_rate"),
            ({"risk": {"max_order_rte": 1}}, "risk.max_order_rte"),
            ({"risk": {"max_order_rate": 3}}, "instances.0.risk.max_order_rate"),
            ({"instances": [{"label": "zz"}]}, "instances"),
            (
                {"instances": [{"label": "main", "risk": {"max_order_rate": 99}}]},
                "instances.0.risk.max_order_rate",
            ),
            ({"mesh": {"routes": [{"from": "main", "to": "zz"}]}}, "mesh.routes.0.to"),
            ({"on_stop": "explode"}, "on_stop"),
            ({"if_revision": "one"}, "if_revision"),
        ],
    )
    def test_a_bad_change_changes_nothing(self, desk, change, field):
        row = desk.create(
            instances=[instance("main", risk={"max_order_rate": 5})], risk={"max_order_rate": 9}
        )
        refused = desk.error(422, "PATCH", f"/deployments/{row['deployment_id']}", change)
        assert refused["error"]["details"][0]["field"] == field
        assert desk.get(row)["revision"] == 1

    def test_a_stale_revision_is_refused(self, desk):
        row = desk.create()
        path = f"/deployments/{row['deployment_id']}"
        desk.ok("PATCH", path, {"on_stop": "cancel"})
        refused = desk.error(409, "PATCH", path, {"on_stop": "keep", "if_revision": 1})
        assert refused["error"]["details"][0]["field"] == "revision"
        assert refused["revision"] == 2


class TestList:
    def test_rows_are_those_of_the_single_get_and_the_etag_moves_with_what_matters(self, desk):
        row = desk.create()
        path = f"/deployments/{row['deployment_id']}"
        _, listed, headers = desk("GET", "/deployments")
        assert listed["total"] == 1
        steady = {"last_heartbeat", "update_count", "orders", "positions"}
        assert strip(listed["deployments"][0], steady) == strip(desk.get(row), steady)
        etag = headers["etag"]
        # Heartbeats and counters go on; that alone does not make the list new.
        wait_until(
            lambda: desk.get(row)["instances"][0]["update_count"] > row["instances"][0]["update_count"] + 2,
            "counters move",
        )
        status, body, headers = desk("GET", "/deployments", headers={"If-None-Match": etag})
        assert (status, body, headers["etag"]) == (304, None, etag)
        for change in (
            lambda: desk.ok("PATCH", path, {"metadata": {"a": 1}}),
            lambda: desk.ok("POST", f"{path}/start"),
            lambda: desk.ok("POST", f"{path}/stop"),
            lambda: desk.create("another"),
        ):
            change()
            status, body, headers = desk("GET", "/deployments", headers={"If-None-Match": etag})
            assert (status, headers["etag"] == etag) == (200, False)
            etag = headers["etag"]

    def test_open_orders_coming_to_an_end_are_news(self, desk, edges):
        row = desk.create()
        edges["kraken"].open_orders = 3
        try:
            wait_until(lambda: desk.get(row)["orders"]["open"] == 3, "orders are open")
            etag = desk("GET", "/deployments")[2]["etag"]
        finally:
            edges["kraken"].open_orders = 0
        wait_until(
            lambda: desk("GET", "/deployments", headers={"If-None-Match": etag})[0] == 200, "they ended"
        )


def strip(row, names):
    if isinstance(row, dict):
        return {key: strip(value, names) for key, value in row.items() if key not in names}
    return [strip(value, names) for value in row] if isinstance(row, list) else row


def test_a_pause_waits_for_its_acknowledgement(desk, edges):
    row = desk.create(instances=[instance("fragile"), instance("sturdy")], start_immediately=True)
    path = f"/deployments/{row['deployment_id']}"
    edges["kraken"].pause("fragile", "TRAP: unreachable")
    paused = wait_until(lambda: (r := desk.get(row))["pause"] and r, "it pauses")
    assert (paused["status"], paused["pause_reason"]) == ("paused", "TRAP: unreachable")
    assert [i["status"] for i in paused["instances"]] == ["paused", "running"]
    assert paused["pause"]["label"] == "fragile"
    for body in (None, {}, {"acknowledge": "pause_other"}):
        refused = desk.error(409, "POST", f"{path}/start", body)
        assert refused["error"]["details"][0]["field"] == "acknowledge"
        assert refused["pause"] == paused["pause"]
    resumed = desk.ok("POST", f"{path}/start", {"acknowledge": paused["pause"]["id"]})
    assert (resumed["status"], resumed["pause"]) == ("running", None)


class TestEdgesAway:
    def test_an_edge_that_never_was_is_waited_for(self, desk):
        row = desk.create(instances=[instance("main", "cryptocom")])
        assert (row["status"], row["pushed_to"], row["capable_edges"]) == ("pending", 0, 1)
        assert row["instances"][0]["error"] == "no edge venue-edge-cryptocom has ever connected"
        assert desk.ok("POST", f"/deployments/{row['deployment_id']}/start")["desired"] == "running"
        assert desk("DELETE", f"/deployments/{row['deployment_id']}")[0] == 204

    def test_instances_of_an_edge_that_left_are_pending_and_come_back(self, desk, own_edge):
        row = desk.create(instances=[instance("main", "okx", symbols=["OKX-USD"])], start_immediately=True)
        assert row["status"] == "running"
        own_edge.stop()
        away = desk.get(row)
        assert (away["status"], away["instances"][0]["live"]) == ("pending", False)
        assert away["instances"][0]["error"] == "venue-edge-okx is not connected"
        own_edge.start()
        back = wait_until(lambda: (r := desk.get(row))["status"] == "running" and r, "it is back")
        assert back["instances"][0]["error"] == ""

    def test_an_edge_that_was_killed_is_noticed_by_its_silence(self, desk, own_edge):
        row = desk.create(instances=[instance("main", "okx", symbols=["OKX-USD"])], start_immediately=True)
        own_edge.vanish()
        wait_until(lambda: desk.get(row)["status"] == "pending", "its beat has grown old")
        own_edge.start()
        wait_until(lambda: desk.get(row)["instances"][0]["live"], "it runs again")

    def test_what_an_absent_edge_holds_is_deleted_when_it_is_back(self, desk, own_edge):
        row = desk.create("mm", instances=[instance("main", "okx", symbols=["OKX-USD"]), instance("other")])
        path = f"/deployments/{row['deployment_id']}"
        own_edge.stop()
        status, left, _ = desk("DELETE", path)
        assert (status, left["deleting"], left["status"]) == (202, True, "pending")
        assert [i["label"] for i in left["instances"]] == ["main"]
        assert desk.ok("GET", "/deployments")["deployments"][0]["deleting"] is True
        assert "being deleted" in desk.error(409, "POST", f"{path}/start")["error"]["message"]
        taken = desk.error(409, "POST", "/deployments", create_again("mm"))
        assert "waits for an edge" in taken["error"]["message"]
        own_edge.start()
        wait_until(lambda: desk("GET", path)[0] == 404, "it is gone")
        desk.create("mm")

    def test_nothing_is_placed_on_an_edge_that_is_away(self, desk, own_edge):
        own_edge.stop()
        body = {"name": "old", "wasm_base64": "AGFzbQEAAAA=", "symbols": ["OKX-USD"]}
        status, answer, headers = desk("POST", "/deployments", body)
        assert (status, headers["retry-after"]) == (503, "2")
        assert "OKX-USD" in answer["error"]["message"]
        own_edge.start()
        assert desk.ok("POST", "/deployments", body, 201)["status"] == "accepted"
