"""Edges as processes, with NATS, the API and a database: waking, pacing, the end, mesh, and kill -9."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.paper import Paper
from support.processes import wait_until

SIMULATED = ("--symbols", "BTC-USD", "--pace", "max", "--gate", "1", "--until", "15")
_numbers = itertools.count(1)
LATENCIES = {"kraken": "none", "coinbase": "venue"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """Two edges whose markets go on."""
    paper = Paper(tmp_path_factory.mktemp("live"), dict.fromkeys(LATENCIES, ()))
    try:
        yield paper.start()
    finally:
        paper.stop()


@pytest.fixture
def client(live: Paper) -> Iterator[Client]:
    """An account of the test's own on them; what it deploys goes with it."""
    client = Client(live, f"desk{next(_numbers)}")
    for venue in live.venues:
        wait_until(lambda venue=venue: client.feed_state(f"venue-edge-{venue}") == "live", f"{venue} is live")
    yield client
    client.clear()


class Client:
    """The few requests these tests make."""

    def __init__(self, paper: Paper, account: str = "desk") -> None:
        self.paper, self.key = paper, paper.key(account=account)

    def clear(self) -> None:
        for row in self.get("/v1/deployments")["deployments"]:
            self.paper.request("DELETE", f"/v1/deployments/{row['deployment_id']}", self.key)

    def get(self, path: str) -> Any:
        status, body, _ = self.paper.request("GET", path, self.key)
        assert status == 200, body
        return body

    def post(self, path: str, body: Any = None) -> Any:
        status, answer, _ = self.paper.request("POST", path, self.key, body)
        assert status < 300, answer
        return answer

    def deploy(
        self,
        wasm: bytes,
        venues: dict[str, str],
        *,
        start: bool,
        params: Sequence[int] = (),
        name: str = "mm",
    ) -> str:
        listed = [{"name": f"p{i}", "slot": i, "type": "int", "value": v} for i, v in enumerate(params)]
        body = {
            "name": name,
            "wasm_base64": base64.b64encode(wasm).decode(),
            "symbols": ["BTC-USD"],
            "instances": [
                {"label": label, "venue": venue, "symbols": ["BTC-USD"]} for label, venue in venues.items()
            ],
            "params": listed,
            "start_immediately": start,
        }
        return str(self.post("/v1/deployments", body)["deployment_id"])

    def instances(self, dep: str) -> dict[str, Any]:
        return {i["label"]: i for i in self.get(f"/v1/deployments/{dep}")["instances"]}

    def statuses(self, dep: str) -> set[str]:
        return {i["status"] for i in self.instances(dep).values()}

    def feed_state(self, edge_id: str = "venue-edge-kraken") -> str:
        rows = {row["edge_id"]: row for row in self.get("/v1/edges")["edges"] if row["alive"]}
        return str(rows[edge_id]["feed"]["state"]) if edge_id in rows else ""


def test_a_start_is_answered_by_the_edge_within_the_request(client, algos) -> None:
    dep = client.deploy(algos["maker"], {"main": "kraken"}, start=False, params=(5,))
    assert client.statuses(dep) == {"accepted"}
    assert client.post(f"/v1/deployments/{dep}/start")["instances"][0]["status"] == "running"
    wait_until(lambda: client.instances(dep)["main"]["update_count"] > 3, "books arrive")
    assert client.post(f"/v1/deployments/{dep}/stop")["instances"][0]["status"] == "stopped"
    assert client.paper.edges["kraken"].stop() == 0
    client.paper.edges["kraken"].start()


@dataclass
class Story:
    """One run of a simulated market: what was counted before its start and at its end, and all rows."""

    before: int
    after: int
    rows: list[Any]


def _stories(paper: Paper, wasm: bytes) -> dict[str, Story]:
    """By venue: the same algo alone on each of two edges whose latencies differ."""
    client = Client(paper)
    deps, before = {}, {}
    for venue in LATENCIES:
        edge_id = f"venue-edge-{venue}"
        wait_until(lambda edge_id=edge_id: client.feed_state(edge_id) == "waiting", f"{edge_id} waits")
        deps[venue] = dep = client.deploy(wasm, {"main": venue}, start=False, params=(0,), name=venue)
        wait_until(lambda dep=dep: client.instances(dep)["main"]["warm"], "it is warm")
        before[venue] = client.instances(dep)["main"]["update_count"]
        client.post(f"/v1/deployments/{dep}/start")
    for venue in LATENCIES:
        wait_until(lambda v=venue: client.feed_state(f"venue-edge-{v}") == "ended", "the feed ends")
    return {venue: _story(client, dep, before[venue]) for venue, dep in deps.items()}


def _story(client: Client, dep: str, before: int) -> Story:
    volatile = {
        "order_id",
        "node_order_id",
        "graph_id",
        "fill_id",
        "id",
        "deployment_id",
        "account_id",
        "seq",
    }
    of = f"?limit=500&deployment_id={dep}"
    rows = client.get(f"/v1/orders{of}")["orders"] + client.get(f"/v1/fills{of}")["fills"]
    assert client.statuses(dep) == {"running"}
    after = client.instances(dep)["main"]["update_count"]
    return Story(before, after, [{k: v for k, v in row.items() if k not in volatile} for row in rows])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, algos) -> list[dict[str, Story]]:
    """Two of them, each on a platform of its own."""
    told = []
    for number in range(2):
        feeds = {venue: (*SIMULATED, "--latency", latency) for venue, latency in LATENCIES.items()}
        paper = Paper(tmp_path_factory.mktemp(f"run{number}"), feeds)
        try:
            told.append(_stories(paper.start(), algos["maker"]))
        finally:
            paper.stop()
    return told


def test_time_waits_for_the_gate_and_stops_at_the_end(runs) -> None:
    for story in runs[0].values():
        assert story.before == 0
        assert story.after > 100
        assert story.rows


@pytest.mark.parametrize("venue", LATENCIES)
def test_two_runs_are_equal(runs, venue) -> None:
    first, second = (run[venue].rows for run in runs)
    assert first == second
    assert any("liquidity" in row for row in first), "a run without fills proves little"


def test_messages_cross_between_edge_processes(client, algos) -> None:
    dep = client.deploy(algos["pair"], {"left": "kraken", "right": "coinbase"}, start=True)

    def links() -> Any:
        found = {(i["from"], i["to"]): i for i in client.get(f"/v1/deployments/{dep}/mesh")["links"]}
        return found if len(found) == 2 and all(i["count"] >= 2 for i in found.values()) else None

    for link in wait_until(links, "messages flow both ways").values():
        assert link["dropped"] == 0
        assert 0 < link["p50_ns"] < 10**9
    logs = client.get(f"/v1/deployments/{dep}/logs?limit=100")["logs"]
    assert {(line["label"], "from left" in line["message"]) for line in logs} == {
        ("right", True),
        ("left", False),
    }


def test_an_algo_compares_the_venues_of_two_edge_processes_and_takes_new_parameters(client, algos) -> None:
    dep = client.deploy(algos["multi03"], {"main": "kraken"}, start=True)
    pools = client.deploy(algos["look04"], {"main": "kraken"}, start=True, name="pools")
    quoting = client.deploy(algos["maker"], {"main": "kraken"}, start=True, params=(5,), name="quoting")

    def lines(of: str) -> list[str]:
        return [line["message"] for line in client.get(f"/v1/deployments/{of}/logs?limit=1000")["logs"]]

    wait_until(lambda: any(" of 2: " in line for line in lines(dep)), "both venues are compared")
    assert any(line.startswith("venue 2 2: 20 ") for line in lines(dep))
    wait_until(lambda: any(line.startswith("pool ") for line in lines(pools)), "pools are seen")
    assert any(line.startswith("chain 0 base ") for line in lines(pools))
    wait_until(lambda: "config 1 half spread 5" in lines(quoting), "the algo has its parameters")
    body = {"params": [{"name": "p0", "slot": 0, "type": "int", "value": 9}]}
    assert client.paper.request("PATCH", f"/v1/deployments/{quoting}", client.key, body)[0] == 200
    wait_until(lambda: "config 2 half spread 9" in lines(quoting), "and new ones without a restart")
    (row,) = client.get(f"/v1/deployments/{quoting}/metrics")["instances"]
    assert "vpin_1e4" in row["feed"]["features_absent"]


def test_a_killed_edge_comes_back_with_what_it_had(client, algos) -> None:
    edge = client.paper.edges["kraken"]
    dep = client.deploy(algos["maker"], {"main": "kraken"}, start=True, params=(0,))
    fills: list[Any] = []
    for _ in range(3):
        wait_until(lambda: client.instances(dep)["main"]["orders"]["open"] > 0, "orders rest")
        edge.kill()
        known = client.get("/v1/fills?limit=500")["fills"]
        assert known[len(known) - len(fills) :] == fills  # newest first: nothing stored went away
        fills = known
        seen = client.instances(dep)["main"]["update_count"]
        edge.start()
        wait_until(lambda n=seen: client.instances(dep)["main"]["update_count"] > n, "it runs again")
        assert client.statuses(dep) == {"running"}
    edge.kill()  # it would trade on between the two questions
    _all_traced(client, dep)
    held = sum(
        (1 if fill["side"] == "buy" else -1) * fill["qty_1e8"]
        for fill in client.get("/v1/fills?limit=500")["fills"]
    )
    positions = client.get("/v1/positions?include_closed=true")["positions"]
    assert sum(p["qty_1e8"] for p in positions if p["instrument"]["symbol"].startswith("BTC")) == held
    edge.start()


def _all_traced(client: Client, dep: str) -> None:
    """Every order has a trace on one clock that says what the order, its fills and its counters say."""
    orders = {o["order_id"]: o for o in client.get("/v1/orders?limit=1000")["orders"]}
    fills: dict[str, int] = {}
    for fill in client.get("/v1/fills?limit=1000")["fills"]:
        fills[fill["fill_id"]] = fill["qty_1e8"]
    traces = client.get(f"/v1/traces?deployment_id={dep}&limit=1000")["traces"]
    assert {trace["order_id"] for trace in traces} == set(orders) != set()
    traced: dict[str, int] = {}
    for trace in traces:
        events = trace["events"]
        times = [event["ts_ns"] for event in events]
        assert times == sorted(times)
        assert [event["stage"] for event in events[:3]] == ["decision", "submitted", "risk"]
        assert trace["book"]["bids"] and trace["book"]["asks"]
        own = [event["detail"] for event in events if event["stage"] == "fill"]
        traced |= {fill["fill_id"]: fill["qty_1e8"] for fill in own}
        assert sum(fill["qty_1e8"] for fill in own) == trace["filled_qty_1e8"]
        ended = events[-1]["stage"] in ("cancelled", "rejected") or trace["status"] == "FILLED"
        assert ended == trace["is_terminal"]
    assert traced == fills
    assert any(event["stage"] == "restored" for trace in traces for event in trace["events"])


def test_an_edge_lives_without_the_bus(client, algos) -> None:
    running = client.paper
    running.nats.kill()
    dep = client.deploy(algos["maker"], {"main": "kraken"}, start=True)
    wait_until(lambda: client.statuses(dep) == {"running"}, "the edge looks by itself")
    running.nats.start()
    wait_until(lambda: "the bus is back" in running.edges["kraken"].output(), "the bus is back")
    assert client.post(f"/v1/deployments/{dep}/stop")["instances"][0]["status"] == "stopped"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--venue", "nowhere"), "nowhere"),
        (("--venue", "kraken", "--symbols", "DOGE-USD"), "DOGE-USD"),
        (("--venue", "kraken", "--feed", "replay:nothing"), "nothing"),
        (("--venue", "kraken", "--pace", "fast"), "--pace 'fast' is not a pace"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: Sequence[str], says: str
) -> None:
    from sequence_paper.edge.program import main

    common = ("--db", f"sqlite:///{tmp_path / 'x.db'}", "--nats", "nats://127.0.0.1:1")
    assert main([*arguments, *common]) == 2
    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert says in line["message"]
