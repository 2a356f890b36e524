"""Graphs of several nodes on real edges: what begins when, pauses, amends, ends, and kill -9 at any moment."""

from __future__ import annotations

from typing import Any

from sequence_paper.store import Store
from support.processes import wait_until
from support.traders import Trader


def node(name: str, qty: int, *, price: int | None = None, wait: bool = False, **more: Any) -> dict[str, Any]:
    """`qty` in 10^-8, `price` in dollars."""
    return {
        "node_id": name,
        "instrument": {"symbol": "BTC-USD", "type": "spot", "venue": more.pop("venue", None)},
        "side": more.pop("side", "buy"),
        "order_type": "market" if price is None else {"limit": {"price_1e9": price * 10**9}},
        "quantity": {"fixed": {"qty_1e8": qty}},
        "execution": more,
        "activation": "wait" if wait else "root",
    }


def edge(source: str, target: str, trigger: Any, **more: Any) -> dict[str, Any]:
    return {"from_node": source, "to_node": target, "trigger": trigger, **more}


def after(ms: int) -> dict[str, Any]:
    return {"on_timeout": {"ms": ms}}


def twap(qty: int, slices: int, ms: int) -> dict[str, Any]:
    return node("twap", qty, pacing={"uniform": {"num_slices": slices, "interval_ms": ms}})


def by_name(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["node_id"]: one for one in graph["nodes"]}


def post(trader: Trader, graph_id: str, nodes: list[Any], edges: list[Any] = [], **more: Any) -> Any:  # noqa: B006
    return trader.ok("POST", "/orders", {"graph_id": graph_id, "nodes": nodes, "edges": edges, **more})


def test_one_node_follows_another(trader):
    sent = post(
        trader,
        "pair",
        [node("in", 10**7), node("out", 10**7, side="sell", wait=True)],
        [edge("in", "out", "on_fill_ratio", condition={"fill_ratio_gte": 0.5})],
    )
    assert (sent["graph_id"], sent["node_count"], sent["edge_count"]) == ("pair", 2, 1)
    graph = trader.ended("pair")
    nodes = by_name(graph)
    assert (graph["status"], {one["status"] for one in nodes.values()}) == ("FILLED", {"FILLED"})
    assert graph["edges"][0]["fired"]
    assert graph["edges"][0]["condition"] == {"fill_ratio_gte": 0.5}
    # Each node is an order by its id, with legs that are orders of venues.
    out = trader.ok("GET", f"/orders/{sent['nodes']['out']}")
    assert (out["side"], out["filled_qty_1e8"], out["status"]) == ("sell", 10**7, "FILLED")
    assert sum(fill["qty_1e8"] for fill in out["fills"]) == 10**7
    assert trader.ok("GET", f"/execution/review/{sent['nodes']['out']}")["filled_qty_1e8"] == 10**7
    held = trader.ok("GET", "/positions?include_closed=true")["positions"]
    assert sum(row["qty_1e8"] for row in held) == 0
    again = post(
        trader,
        "pair",
        [node("in", 10**7), node("out", 10**7, side="sell", wait=True)],
        [edge("in", "out", "on_fill_ratio", condition={"fill_ratio_gte": 0.5})],
    )
    assert again["nodes"] == sent["nodes"]
    status, answer = trader(
        "POST", "/orders", {"graph_id": "pair", "symbol": "BTC-USD", "side": "buy", "qty": 1}
    )
    assert (status, answer["error"]["details"][0]["field"]) == (409, "graph_id")


def test_what_fills_is_followed_part_by_part(trader):
    slices = 4
    graph_nodes = [twap(4 * 10**6, slices, 150), node("hedge", 2 * 10**6, side="sell", wait=True)]
    post(trader, "stream", graph_nodes, [edge("twap", "hedge", "on_fill")])
    graph = trader.ended("stream")
    nodes = by_name(graph)
    assert (graph["node_count"], graph["edge_count"]) == (2 + slices, 1 + slices)
    assert [one["qty_1e8"] for one in nodes["twap"]["orders"]] == [10**6] * slices
    assert [one["node_id"] for one in nodes["twap"]["orders"]] == [f"twap.{n}" for n in range(1, slices + 1)]
    times = sorted(one["at_ns"] for one in graph["routes"] if ":twap." in one["parent_id"])
    begun = nodes["twap"]["activated_ns"]
    assert all(at >= begun + number * 150_000_000 for number, at in enumerate(times))
    assert nodes["twap"]["filled_qty_1e8"] == 4 * 10**6
    assert nodes["hedge"]["filled_qty_1e8"] == nodes["hedge"]["sent_qty_1e8"] == 2 * 10**6
    traced = trader.ok("GET", f"/traces?node_order_id={nodes['twap']['node_order_id']}")["traces"]
    assert [one["node_id"] for one in traced] == [f"twap.{n}" for n in range(slices, 0, -1)]
    execution = trader.ok("GET", f"/execution/live/{nodes['hedge']['node_order_id']}")
    assert execution["filled_qty_1e8"] == 2 * 10**6


def test_a_pause_holds_what_is_to_come_and_resume_goes_on(trader):
    low = trader.price() - 2000
    nodes = [node("rest", 10**6, price=low), node("later", 10**6, wait=True), node("slow", 10**6, wait=True)]
    edges = [edge("rest", "later", "on_cancel"), edge("rest", "slow", after(400))]
    sent = post(trader, "held", nodes, edges)
    assert sent["status"] == "OPEN"
    assert trader.ok("POST", "/execution_graphs/held/pause")["status"] == "PAUSED"
    trader.ok("DELETE", f"/orders/{sent['nodes']['rest']}")
    graph = trader.graph("held")
    assert graph["pause"]["reason"] == "REQUESTED"
    assert {name: one["status"] for name, one in by_name(graph).items()} == {
        "rest": "CANCELLED",
        "later": "NEW",
        "slow": "NEW",
    }
    assert not graph["is_terminal"]
    trader.ok("POST", "/execution_graphs/held/resume")
    graph = trader.ended("held")
    assert {name: one["status"] for name, one in by_name(graph).items()} == {
        "rest": "CANCELLED",
        "later": "FILLED",
        "slow": "FILLED",
    }
    assert graph["status"] == "PARTIAL"
    plain = trader.ok("POST", "/orders", {"symbol": "BTC-USD", "side": "buy", "qty": 0.01})
    assert trader("POST", f"/execution_graphs/{plain['graph_id']}/pause")[0] == 409
    assert trader("POST", "/execution_graphs/none/resume")[0] == 404


def test_a_bracket_ends_with_one_exit(trader):
    price = trader.price()
    nodes = [
        node("entry", 10**6),
        node("profit", 10**6, side="sell", price=price + 3000, wait=True),
        node("loss", 10**6, side="sell", wait=True),
    ]
    edges = [
        edge("entry", "profit", "on_full_fill"),
        edge("profit", "loss", after(300)),
        edge("loss", "profit", "on_first_fill", action="cancel"),
    ]
    post(trader, "bracket", nodes, edges)
    graph = trader.ended("bracket")
    assert {name: one["status"] for name, one in by_name(graph).items()} == {
        "entry": "FILLED",
        "profit": "CANCELLED",
        "loss": "FILLED",
    }


def test_nodes_are_amended_before_and_after_they_are_sent(trader):
    low = trader.price() - 2000
    nodes = [node("rest", 10**6, price=low, venue="kraken"), node("then", 10**6, price=low, wait=True)]
    sent = post(trader, "amend", nodes, [edge("rest", "then", "on_cancel")])
    path = "/execution_graphs/amend/nodes"
    change = {"new_qty_1e8": 2 * 10**6, "new_constraints": {"max_price_1e9": (low - 5) * 10**9}}
    trader.ok("PATCH", f"{path}/rest", change)
    trader.ok("PATCH", f"/orders/{sent['nodes']['then']}", change)
    nodes = by_name(trader.graph("amend"))
    [child] = nodes["rest"]["children"]
    assert (child["qty_1e8"], child["price_1e9"]) == (2 * 10**6, (low - 5) * 10**9)
    assert {(one["qty_1e8"], one["price_1e9"]) for one in nodes.values()} == {(2 * 10**6, (low - 5) * 10**9)}
    trader.ok("PATCH", f"/orders/{child['node_order_id']}", {"new_qty_1e8": 19 * 10**5})
    assert by_name(trader.graph("amend"))["rest"]["qty_1e8"] == 19 * 10**5
    trader.ok("PATCH", f"{path}/rest", {"new_qty_1e8": 2 * 10**6})
    status, answer = trader("PATCH", f"{path}/rest", {"new_qty_1e8": 1})  # below the venue's minimum
    assert status == 409, answer
    assert by_name(trader.graph("amend"))["rest"]["qty_1e8"] == 2 * 10**6
    assert trader("PATCH", f"{path}/nobody", change)[0] == 404
    assert trader("PATCH", f"{path}/rest", {})[0] == 422
    done = trader.ok("DELETE", f"/orders/{sent['nodes']['rest']}")
    assert done["status"] == "CANCELLED"
    wait_until(lambda: by_name(trader.graph("amend"))["then"]["children"], "the next one is sent")
    assert by_name(trader.graph("amend"))["then"]["children"][0]["qty_1e8"] == 2 * 10**6
    assert trader("PATCH", f"{path}/rest", change)[0] == 409
    # The end of the whole graph reaches every node, and is told again as it is.
    assert trader.ok("DELETE", "/execution_graphs/amend")["status"] == "CANCELLED"
    assert trader.ended("amend")["status"] == "CANCELLED"
    assert trader.ok("DELETE", "/execution_graphs/amend")["status"] == "CANCELLED"


def test_a_loss_pauses_a_graph(trader):
    nodes = [node("first", 10**7), node("second", 10**7, wait=True)]
    post(
        trader, "loss", nodes, [edge("first", "second", after(600))], risk={"runtime": {"max_loss_usd": 0.01}}
    )
    graph = wait_until(
        lambda: found if (found := trader.graph("loss"))["status"] == "PAUSED" else None, "fees are a loss"
    )
    assert graph["pause"]["reason"] == "MAX_LOSS"
    assert by_name(graph)["second"]["status"] == "NEW"
    assert trader.ok("DELETE", "/execution_graphs/loss")["status"] == "PARTIAL"


def test_the_kill_switch_and_the_sandbox_know_of_nodes(trader):
    low = trader.price() - 2000
    nodes = [node("rest", 10**6, price=low), node("then", 10**6, wait=True)]
    post(trader, "killed", nodes, [edge("rest", "then", "on_cancel")])
    status, answer = trader("POST", "/sandbox/reset")
    assert (status, "execution graphs killed" in answer["error"]["message"]) == (409, True)
    trader.ok("POST", "/kill_switch", {"reason": "drill"})
    assert trader("POST", "/orders", {"nodes": [node("a", 1), node("b", 1)]})[0] == 409
    assert trader("PATCH", "/execution_graphs/killed/nodes/then", {"new_qty_1e8": 2})[0] == 409
    node_id = by_name(trader.graph("killed"))["rest"]["node_order_id"]
    trader.ok("DELETE", f"/orders/{node_id}")
    graph = wait_until(
        lambda: found if (found := trader.graph("killed"))["status"] == "PAUSED" else None, "it pauses"
    )
    assert graph["pause"]["reason"] == "KILL_SWITCH"
    assert trader("POST", "/execution_graphs/killed/resume")[0] == 409
    trader.clear_kill_switch()
    trader.ok("POST", "/execution_graphs/killed/resume")
    assert by_name(trader.ended("killed"))["then"]["status"] == "FILLED"


def test_a_bad_graph_is_refused_with_every_problem(trader):
    nodes = [
        node("a", 0),
        node("a", 10**6, venue="okx"),
        node("b", 10**6, price=0, tif="fok", wait=True),
        node("c", 10**6, tif="gtd", ttl_ms=5),
    ]
    nodes[2]["instrument"]["type"] = "perp"
    edges = [
        edge("a", "nobody", "on_fill_ratio", condition={"fill_ratio_gte": 1.5}),
        edge("b", "c", after(-5)),
        edge("c", "b", "sometimes"),
    ]
    body = {"graph_id": "bad", "nodes": nodes, "edges": edges, "risk": {"runtime": {"max_loss_usd": -1}}}
    status, answer = trader("POST", "/orders", body)
    assert status == 422
    fields = {one["field"] for one in answer["error"]["details"]}
    assert fields == {
        "nodes.0.quantity.fixed.qty_1e8",
        "nodes.1.node_id",
        "nodes.2.instrument.type",
        "nodes.2.order_type.limit.price_1e9",
        "nodes.3.execution.tif",
        "nodes.3.activation",
        "edges.0.to_node",
        "edges.0.condition.fill_ratio_gte",
        "edges.1.trigger.on_timeout.ms",
        "edges.2.trigger",
        "edges",
        "risk.runtime.max_loss_usd",
    }
    elsewhere = [node("a", 10**6, venue="okx"), node("b", 10**6)]
    elsewhere[1]["instrument"]["symbol"] = "NO-USD"
    status, answer = trader("POST", "/orders", {**body, "nodes": elsewhere, "edges": [], "risk": {}})
    assert {one["field"] for one in answer["error"]["details"]} == {
        "nodes.0.instrument.venue",
        "nodes.1.instrument.symbol",
    }
    body = {"graph_id": "bad", "nodes": [twap(10**4, 9, 100)]}  # less than the smallest order of all venues
    status, answer = trader("POST", "/orders", body)
    assert [one["field"] for one in answer["error"]["details"]] == [
        "nodes.0.execution.pacing.uniform.num_slices"
    ]
    rich = {"risk": {"admission": {"max_notional_usd": 100}}, "nodes": [node("a", 10**6), node("b", 10**6)]}
    status, answer = trader("POST", "/orders", {"graph_id": "bad", **rich})
    assert [one["field"] for one in answer["error"]["details"]] == ["risk.admission.max_notional_usd"]
    assert trader("GET", "/execution_graphs/bad")[0] == 404
    assert trader.ok("GET", "/orders")["total"] == 0


def test_a_preview_shows_the_nodes(trader):
    nodes = [twap(10**7, 5, 1000), node("out", 10**7, side="sell", wait=True)]
    shown = trader.ok(
        "POST", "/orders/preview", {"nodes": nodes, "edges": [edge("twap", "out", "on_full_fill")]}
    )
    assert [(one["node_id"], one["activation"], one["num_slices"]) for one in shown["nodes"]] == [
        ("twap", "root", 5),
        ("out", "wait", None),
    ]
    assert all(one["candidate_venues"] and one["legs"] for one in shown["nodes"])
    assert shown["estimated_fee_1e9"] == sum(one["estimated_fee_1e9"] for one in shown["nodes"]) > 0
    assert trader.ok("GET", "/orders")["total"] == 0


def test_kill_9_loses_and_doubles_no_order(paper, trader):
    nodes = [twap(2 * 10**7, 20, 200), node("hedge", 2 * 10**7, side="sell", wait=True)]
    nodes.append(node("last", 10**6, wait=True))
    edges = [edge("twap", "hedge", "on_fill"), edge("hedge", "last", "on_done")]
    post(trader, "kills", nodes, edges)

    def under_way(count: int) -> None:
        wait_until(lambda: len(by_name(trader.graph("kills"))["hedge"]["orders"]) >= count, "it is under way")

    under_way(3)
    paper.api.kill()
    paper.api.start()
    wait_until(paper.api_healthy, "the API answers")
    under_way(8)
    paper.edges["kraken"].kill()
    paper.edges["kraken"].start()
    graph = trader.ended("kills")
    nodes = by_name(graph)
    sent = {name: [one["qty_1e8"] for one in found["orders"]] for name, found in nodes.items()}
    assert sent["twap"] == [10**6] * 20
    assert len(sent["last"]) == 1
    legs = [leg["node_order_id"] for one in nodes.values() for leg in one["children"]]
    assert len(set(legs)) == len(legs)
    assert nodes["hedge"]["sent_qty_1e8"] <= nodes["twap"]["filled_qty_1e8"]
    # Nothing released stays unsent but what is less than any venue takes.
    assert nodes["twap"]["filled_qty_1e8"] - nodes["hedge"]["sent_qty_1e8"] < 10_000
    fills = trader.ok("GET", "/fills?limit=1000")["fills"]
    store = Store(paper.db)
    try:
        wait_until(lambda: not store.routes.unfinished(), "every leg is answered or given up")
    finally:
        store.close()
    assert {one["node_order_id"] for one in fills} <= set(legs)
    signed = sum(one["qty_1e8"] * (1 if one["side"] == "buy" else -1) for one in fills)
    held = trader.ok("GET", "/positions?include_closed=true")["positions"]
    assert sum(row["qty_1e8"] for row in held) == signed
    assert sum(one["filled_qty_1e8"] for one in nodes.values()) == sum(one["qty_1e8"] for one in fills)
