"""`/v1/stream` end to end: real NATS, API, edges and algos; every channel of the platform."""

from __future__ import annotations

import asyncio
import json

import nats
import orjson
import pytest
from websockets.exceptions import InvalidStatus

from sequence_paper.mesh.wire import route_subject, tca_subject
from support.listener import Listener
from support.processes import PATIENCE, wait_until


def test_nothing_flows_before_a_subscribe_and_every_request_is_answered(trader):
    listener = trader.listen()
    answer = listener.subscribe("orders", "prices:BTC-USD", "prices:NO-NO", "orders")
    assert answer["subscribed"] == ["orders", "prices:BTC-USD"]
    assert answer["rejected"] == ["prices:NO-NO"]
    assert answer["reasons"] == {"prices:NO-NO": "no edge trades NO-NO"}
    assert listener.ask({"unsubscribe": ["orders", "fills"]}) == {"unsubscribed": ["orders"]}
    both = listener.ask({"subscribe": ["fills"], "unsubscribe": ["fills"]})
    assert both == {"subscribed": ["fills"], "rejected": []}
    assert {frame.get("channel") for frame in listener.frames} <= {None, "prices:BTC-USD"}


def test_a_ping_is_answered(trader):
    listener = trader.listen("orders")
    assert listener.socket.ping().wait(PATIENCE)


@pytest.mark.parametrize("channel", ["routing", "tca"])
def test_what_is_told_of_an_account_reaches_its_clients_as_it_is(trader, new_trader, paper, channel):
    """Decisions and reports need several venues and complete orders; here the test tells of one."""
    subject_of = {"routing": route_subject, "tca": tca_subject}[channel]
    mine, stranger = trader.listen(channel), new_trader().listen(channel)
    told = {"cost": 1.5, "legs": [{"venue": "kraken", "text": "ü \u2028"}], "none": None}

    async def tell() -> None:
        client = await nats.connect(paper.nats_url)
        await client.publish(subject_of(trader.get("/account")["account_id"], "sandbox"), orjson.dumps(told))
        await client.close()

    asyncio.run(tell())
    assert mine.first(channel) == told
    assert stranger.ask({"unsubscribe": [channel]}) == {"unsubscribed": [channel]}
    assert stranger.data(channel) == []


def test_many_deployments_are_heard_on_one_connection(trader, algos):
    deps = [trader.deploy(algos["maker"], name=f"mm{n}", start=False) for n in range(5)]
    names = [f"deployment:{dep}" for dep in deps]
    listener = trader.listen(*names)
    assert listener.ask({"unsubscribe": names[:1]}) == {"unsubscribed": names[:1]}
    for dep in deps:
        trader.stop(dep)
    for name, dep in zip(names[1:], deps[1:], strict=True):
        assert listener.first(name, lambda event: event["kind"] == "stopped")["deployment_id"] == dep
    assert [event for event in listener.data(names[0]) if event["kind"] == "stopped"] == []


@pytest.mark.parametrize(
    "request_",
    ["no json", "[]", "{}", '{"subscribe": "orders"}', '{"subscribe": ["fills"], "after": {"fills": -1}}'],
)
def test_what_is_no_request_is_answered_with_words_and_the_connection_lives(trader, request_):
    listener = trader.listen()
    assert listener.ask(request_)["error"]["message"]
    assert listener.subscribe("orders")["subscribed"] == ["orders"]


def test_prices_and_books_are_those_of_both_venues(trader):
    listener = trader.listen("prices:BTC-USD", "book:BTC-USD", "fair_price", "fair_price:BTC")
    both = {"coinbase", "kraken"}
    price = listener.first("prices:BTC-USD", lambda p: set(p["venues"]) == both)
    assert price["source"] == "edge_nbbo"
    book = listener.first("book:BTC-USD", lambda b: set(b["venues"]) == both)
    for side, best_first in (("bids", -1), ("asks", 1)):
        prices = [level[0] for level in book[side]]
        assert prices == sorted(prices, key=lambda px: px * best_first)
        assert 0 < len(prices) <= 100
    # Two symbols on one channel: each comes by itself.
    wait_until(lambda: {f["symbol"] for f in listener.data("fair_price")} == {"BTC-USD", "ETH-USD"}, "both")
    assert {f["symbol"] for f in listener.data("fair_price:BTC")} == {"BTC-USD"}


def test_an_algo_is_heard_on_every_channel_that_is_about_it(trader, algos):
    dep = trader.deploy(algos["maker"], start=False)
    names = (
        "orders",
        "fills",
        f"deployment:{dep}",
        f"logs:{dep}",
        f"mesh:{dep}",
        f"traces:{dep}",
        "routing",
        "tca",
    )
    listener = trader.listen(*names)
    trader.post(f"/deployments/{dep}/start")
    order = listener.first("orders", lambda row: row["status"] == "OPEN")
    stored = trader.get(f"/orders/{order['node_order_id']}")
    assert set(order) == set(stored) - {"fills"}
    fill = listener.first("fills")
    assert fill in trader.fills()
    wait_until(
        lambda: any(r["status"] in ("FILLED", "PARTIALLY_FILLED") for r in listener.data("orders")), "a fill"
    )

    def stages() -> list[str]:
        steps = listener.data(f"traces:{dep}")
        return [step["stage"] for step in steps if step["order_id"] == order["order_id"]]

    wait_until(lambda: len(stages()) >= 2, "its trace is told")
    assert stages()[:2] == ["decision", "submitted"]
    line = listener.first(f"logs:{dep}")
    assert line == trader.get(f"/deployments/{dep}/logs?after={line['seq'] - 1}&limit=1")["logs"][0]
    trader.stop(dep)
    wait_until(lambda: listener.data(f"deployment:{dep}")[-1].get("status") == "stopped", "it stopped")
    events = listener.data(f"deployment:{dep}")
    assert [e["kind"] for e in events if e["kind"] != "instance"] == ["started", "stopped"]
    # Before the start it may still have been loading when the test began to listen; warm it became before or after
    # the start, and that is told as an event of its own.
    moved = [e["status"] for e in events if e["kind"] == "instance" and not e.get("warm")]
    assert [status for status in moved if status != "accepted"] == ["running", "stopped"]
    assert {e["deployment_id"] for e in events} == {dep}
    assert {e["revision"] for e in events} == {1}
    assert listener.dropped() == {}


def test_fills_and_lines_are_complete_and_a_client_can_go_on_where_it_was(trader, algos):
    dep = trader.deploy(algos["maker"], start=False)
    listener = trader.listen("fills", f"logs:{dep}")
    trader.post(f"/deployments/{dep}/start")
    wait_until(lambda: len(listener.data("fills")) >= 3, "fills")
    seen = [frame["seq"] for frame in listener.frames if frame.get("channel") == "fills"]
    late = trader.listen("fills", f"logs:{dep}", after={"fills": seen[0], f"logs:{dep}": 0})
    trader.stop(dep)
    everything = trader.fills()
    wait_until(lambda: len(listener.data("fills")) == len(everything), "all fills")
    assert listener.data("fills") == everything
    wait_until(lambda: len(late.data("fills")) == len(everything) - 1, "all fills but the first")
    assert late.data("fills") == everything[1:]
    lines = trader.logs(dep)
    for one in (listener, late):
        wait_until(lambda one=one: len(one.data(f"logs:{dep}")) == len(lines), "all lines")
        assert one.data(f"logs:{dep}") == lines


def test_messages_of_the_mesh_are_told_one_by_one_and_its_links_once_a_second(trader, algos):
    dep = trader.deploy(algos["pair"], left="kraken", right="coinbase")
    listener = trader.listen(f"mesh:{dep}")

    def counts() -> bool:
        shown = [f for f in listener.data(f"mesh:{dep}") if f["kind"] == "links"]
        return bool(shown) and all(link["count"] > 0 for link in shown[-1]["links"])

    wait_until(counts, "messages flow both ways")
    links = [f["links"] for f in listener.data(f"mesh:{dep}") if f["kind"] == "links"]
    assert {(link["from"], link["to"]) for link in links[-1]} == {("left", "right"), ("right", "left")}
    flow = listener.first(f"mesh:{dep}", lambda said: said["kind"] == "flow")
    assert {flow["from"], flow["to"]} == {"left", "right"}
    assert flow["latency_ns"] > 0


def test_edges_are_told_with_what_they_host(trader, algos):
    dep = trader.deploy(algos["maker"])
    listener = trader.listen("edges")

    def hosted(state: dict) -> bool:
        rows = {row["edge_id"]: row for row in state["edges"]}
        return bool(rows["venue-edge-kraken"]["callback_latency_ns"])

    state = listener.first("edges", hosted)
    row = next(row for row in state["edges"] if row["edge_id"] == "venue-edge-kraken")
    assert state["bus"] is True
    assert row["instances"] >= 1
    assert 0 < row["callback_latency_ns"]["p50"] <= row["callback_latency_ns"]["p99"]
    trader.stop(dep)


def test_nobody_hears_another_account_nor_another_mode(new_trader, algos):
    mine, stranger = new_trader(), new_trader()
    live = mine.other_mode()
    dep = mine.deploy(algos["maker"], start=False)
    listeners = [who.listen("orders", "fills") for who in (mine, stranger, live)]
    for listener in listeners[1:]:
        names = [f"{family}:{dep}" for family in ("deployment", "logs", "traces", "mesh")]
        answer = listener.subscribe(*names)
        assert answer["subscribed"] == []
        assert set(answer["reasons"].values()) == {f"no deployment {dep} in this account and mode"}
    mine.post(f"/deployments/{dep}/start")
    listeners[0].first("fills")
    mine.stop(dep)
    for listener in listeners[1:]:
        assert listener.ask({"unsubscribe": ["orders"]}) == {"unsubscribed": ["orders"]}
        assert [frame for frame in listener.frames if "channel" in frame] == []
    live.end()


def test_a_handshake_without_a_right_is_refused_with_words(trader, paper):
    for key in (None, "seq_test_" + "0" * 64):
        with pytest.raises(InvalidStatus) as refused:
            Listener(paper, key)
        assert refused.value.response.status_code == 401
        assert json.loads(refused.value.response.body)["error"]["code"] == "UNAUTHORIZED"
    refusals = [call for call in paper.calls() if call["path"] == "/v1/stream" and call["status"] == 401]
    assert refusals, "the call log has it"


def test_a_ticket_opens_one_stream_as_its_owner(trader, paper, algos):
    dep = trader.deploy(algos["maker"], start=False)
    ticket = trader.get("/ws/ticket")["ticket"]
    listener = Listener(paper, ticket=ticket)
    assert listener.subscribe(f"logs:{dep}")["subscribed"] == [f"logs:{dep}"]
    with pytest.raises(InvalidStatus) as used:
        Listener(paper, ticket=ticket)
    assert used.value.response.status_code == 401
    listener.close()
    assert ticket not in paper.api.output(), "no secret in the log"
    assert ticket not in paper.call_log.read_text()


def test_a_connection_takes_from_the_account_s_rate_and_is_logged(paper):
    key = paper.key(account="hasty", qps=1)
    first, second = Listener(paper, key), Listener(paper, key)
    with pytest.raises(InvalidStatus) as refused:
        Listener(paper, key)
    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    for one in (first, second):
        one.close()
    opened = [call for call in paper.calls() if call["path"] == "/v1/stream" and call["status"] == 101]
    assert opened and opened[-1]["account_id"].startswith("acct_")


def test_another_path_answers_the_handshake_like_a_request(paper, trader):
    from websockets.sync.client import connect

    address = paper.url.replace("http", "ws", 1)
    for path, status in (("/v1/ws/new_markets", 501), ("/v1/nothing", 404)):
        with pytest.raises(InvalidStatus) as refused:
            connect(address + path, additional_headers={"Authorization": f"Bearer {trader.key}"})
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["error"]["message"]
