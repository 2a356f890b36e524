"""The official client from PyPI, unmodified, against paper: what a user's script does today must go on working."""

from __future__ import annotations

from pathlib import Path

import pytest
from sequence_markets import Sequence, SequenceError

from support.paper import Paper
from support.processes import wait_until

from .conftest import FEEDS


@pytest.fixture(scope="module")
def client(paper: Paper) -> Sequence:
    client = Sequence(paper.key("sandbox", "client"), base_url=paper.url, max_retries=0)

    def alive() -> bool:
        return sum(edge["alive"] for edge in client.edges()["edges"]) == 2

    wait_until(alive, "both edges beat")
    return client


def test_health_and_account(client: Sequence) -> None:
    assert client.health() is True
    account = client.account()
    assert account["mode"] == "sandbox"
    assert account["account_id"].startswith("acct_")
    assert account["rate_limit_qps"] == 1000


def test_a_life_of_a_deployment(client: Sequence, wasm: Path) -> None:
    deployed = client.deploy_algo("starter", str(wasm), ["BTC-USD"])
    identifier = deployed["deployment_id"]
    assert deployed["size_bytes"] == wasm.stat().st_size
    assert deployed["capable_edges"] == 2  # placed on every edge that trades the symbol

    wait_until(lambda: client.algo_status(identifier)["status"] == "running", "it runs")
    status = client.algo_status(identifier)
    assert status["pushed_to"] == 2
    assert {edge["edge_id"] for edge in status["edges"]} == {"venue-edge-kraken", "venue-edge-coinbase"}

    wait_until(lambda: client.orders()["total"] > 0, "it quotes")
    orders = client.orders(limit=5, symbol="BTC-USD")
    assert 0 < len(orders["orders"]) <= 5
    one = client.order(orders["orders"][0]["node_order_id"])
    assert one["symbol"] == "BTC-USD"

    wait_until(lambda: client.fills()["fills"], "it trades", 120)
    fill = client.fills()["fills"][0]
    assert fill["qty_1e8"] > 0
    assert fill["price_1e9"] > 0
    # Two fills may have made it flat again, and flat positions are not listed.
    wait_until(lambda: client.positions_unified()["positions"], "it holds something", 120)

    (trace,) = client.trace(fill["node_order_id"])["traces"]
    assert (trace["order_id"], trace["deployment_id"]) == (fill["node_order_id"], identifier)
    assert [event["stage"] for event in trace["events"]][:2] == ["decision", "submitted"]
    assert fill["fill_id"] in {e["detail"].get("fill_id") for e in trace["events"] if e["stage"] == "fill"}
    assert client.trace("graph:nothing:of:it")["traces"] == []

    assert isinstance(client.algo_logs(identifier)["logs"], list)
    assert len(client.algo_mesh(identifier)["instances"]) == 2

    client.algo_stop(identifier)
    wait_until(
        lambda: client.algo_status(identifier)["status"] in ("stopped", "accepted"), "it is stopped", 30
    )
    client.algo_start(identifier)
    wait_until(lambda: client.algo_status(identifier)["status"] == "running", "it runs again")

    client.algo_undeploy(identifier)
    with pytest.raises(SequenceError) as gone:
        client.algo_status(identifier)
    assert gone.value.status == 404


def test_a_name_is_taken_once(client: Sequence, wasm: Path) -> None:
    first = client.deploy_algo("taken", str(wasm), ["BTC-USD"])
    with pytest.raises(SequenceError) as refused:
        client.deploy_algo("taken", str(wasm), ["BTC-USD"])
    assert refused.value.status == 409
    assert "taken" in refused.value.message
    client.algo_undeploy(first["deployment_id"])


def test_errors_reach_the_user_as_words(client: Sequence, paper: Paper, tmp_path: Path) -> None:
    with pytest.raises(SequenceError) as unknown:
        client.algo_status("dep_nothing")
    assert unknown.value.status == 404

    text = tmp_path / "not.wasm"
    text.write_text("hello")
    with pytest.raises(SequenceError) as refused:
        client.deploy_algo("text", str(text), ["BTC-USD"])
    assert refused.value.status in (400, 422)
    assert "WASM" in refused.value.message.upper()

    with pytest.raises(SequenceError) as stranger:
        Sequence("seq_test_" + "0" * 64, base_url=paper.url, max_retries=0).account()
    assert stranger.value.status == 401


def test_modes_do_not_see_each_other(client: Sequence, paper: Paper, wasm: Path) -> None:
    live = Sequence(paper.key("live", "client"), base_url=paper.url, max_retries=0)
    mine = client.deploy_algo("apart", str(wasm), ["BTC-USD"])["deployment_id"]
    with pytest.raises(SequenceError) as hidden:
        live.algo_status(mine)
    assert hidden.value.status == 404
    theirs = live.deploy_algo("apart", str(wasm), ["BTC-USD"])["deployment_id"]
    assert theirs != mine
    client.algo_undeploy(mine)
    assert live.algo_status(theirs)["name"] == "apart"
    live.algo_undeploy(theirs)


def test_a_hosted_path_that_is_not_ours_says_so(client: Sequence) -> None:
    with pytest.raises(SequenceError) as absent:
        client.funding_rates()
    assert absent.value.status == 501
    assert absent.value.message


def test_venues_limits_and_capital(client: Sequence) -> None:
    def connected() -> set[str]:
        return {row["venue"] for row in client.venues()["credentials"]}

    wait_until(lambda: connected() == set(FEEDS), "both venues are connected", 60)
    assert client.risk_limits()["limits"]["max_open_orders"] == 32
    assert set(client.account()["capital"]) == {"available_usd_1e9", "cash_usd_1e9", "nav_usd_1e9"}


def test_orders_without_an_algo(client: Sequence) -> None:
    wait_until(
        lambda: len(client.preview("BTC-USD", "buy", 0.01)["candidate_venues"]) > 0, "books are routed to"
    )
    sent = client.buy("BTC-USD", 0.02)
    assert sent["node_count"] == 1
    parent = sent["node_order_id"]
    wait_until(lambda: client.order(parent)["is_terminal"], "it ends")
    assert client.order(parent)["status"] == "FILLED"
    assert client.graph_status(sent["graph_id"])["status"] == "FILLED"
    price = client.order(parent)["avg_fill_price_1e9"] / 1e9

    resting = client.buy("BTC-USD", 0.02, limit_price=price * 0.97, venue="coinbase")
    assert resting["status"] == "OPEN"
    assert client.amend(resting["node_order_id"], new_price=price * 0.96)["status"] == "OPEN"
    client.cancel(resting["graph_id"])
    assert client.order(resting["node_order_id"])["status"] == "CANCELLED"
    client.graph_cancel(resting["graph_id"])  # one that has ended stays as it is

    # As in the client's own words: sell the whole hedge once half of the first is filled.
    nodes = [client.node("spot", "BTC-USD", "buy", 0.02), client.node("hedge", "BTC-USD", "sell", 0.02)]
    hedged = client.graph(nodes, edges=[client.edge("spot", "hedge", trigger="fill_pct", value=0.5)])
    assert (hedged["node_count"], hedged["edge_count"]) == (2, 1)
    wait_until(lambda: client.graph_status(hedged["graph_id"])["is_terminal"], "both are traded")
    graph = client.graph_status(hedged["graph_id"])
    assert [node["filled_qty_1e8"] for node in graph["nodes"]] == [2_000_000, 2_000_000]
    assert client.order(graph["nodes"][1]["node_order_id"])["side"] == "sell"
    with pytest.raises(SequenceError, match="is a cycle"):
        client.graph(nodes, [client.edge("spot", "hedge"), client.edge("hedge", "spot")])
    with pytest.raises(SequenceError, match="no execution graph"):
        client.cancel("graph:anything:order:0")  # its own way of cutting an id gives "graph"


def test_what_an_order_would_cost_and_did_cost(client: Sequence) -> None:
    routing = client.routing("BTC-USD", "buy", 0.5)
    assert routing["legs"]
    # The two venues show different markets here, so that a sale may well cost less than nothing.
    assert client.forecast("BTC-USD", "sell", 0.5)["now"]["est_cost_bps"] is not None
    sent = client.sell("BTC-USD", 0.02)
    parent = sent["node_order_id"]
    wait_until(lambda: client.execution_live(parent)["is_terminal"], "it ends")
    review = client.execution_review(parent)
    assert review["filled_qty_1e8"] == 2_000_000
    assert review["cost_bps"] is not None
    assert client.execution_summary()["by_status"]["FILLED"] >= 1


def test_what_the_market_offers(client: Sequence) -> None:
    wait_until(lambda: len(client.slippage("BTC-USD")["venues"]) == 2, "both edges record")
    assert [row["venue"] for row in client.intel("BTC-USD")["venues"]] == sorted(FEEDS)
    curve = client.slippage("BTC-USD", side="sell")
    assert [point["size_usd"] for point in curve["venues"][0]["points"]] == [
        1_000,
        10_000,
        100_000,
        1_000_000,
    ]
    depth = client.depth("BTC-USD")
    assert depth["bids"] and depth["asks"] and set(depth["books"]) == set(FEEDS)
    split = client.routing("BTC-USD", side="buy", qty=0.5)
    assert split["qty_1e8"] == 50_000_000
    assert split["routed_1e8"] + split["unfilled_1e8"] == 50_000_000
    wait_until(lambda: client.price_history("BTC-USD", fidelity_secs=0)["points"], "something was traded")
    tick = client.price_history("BTC-USD", fidelity_secs=0, limit=1)["points"][0]
    assert set(tick) == {"ts_ns", "price_1e9", "qty_1e8", "side", "venue_id"}
    assert client.price_history("BTC-USD", range="1h", fidelity_secs=1)["points"]
