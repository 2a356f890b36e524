"""`sequence trace` of orders that an algo really sent, on a real platform: every figure, every way to name one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli.amounts import price, quantity
from sequence_operator.cli.context import save_context
from support.paper import Paper
from support.processes import wait_until
from support.traders import quoter

from ..conftest import Cli

OUTPUT = Path(__file__).parents[3] / "docs" / "output.md"
ORIGIN = {"repository": "https://github.com/desk/algos", "path": "live/quoter"}
METADATA = {"managed_by": "sequence-operator", "uid": "u1", "commit": "3c0ffee1" * 5, "origin": ORIGIN}


class Remote:
    """The platform, asked without the command line."""

    def __init__(self, paper: Paper, key: str) -> None:
        self._paper, self._key = paper, key

    def get(self, path: str) -> Any:
        status, body, _ = self._paper.request("GET", path, self._key)
        assert status == 200, body
        return body

    def post(self, path: str, body: Any = None) -> Any:
        status, answer, _ = self._paper.request("POST", path, self._key, body)
        assert status < 300, answer
        return answer


@pytest.fixture(scope="module")
def remote(paper: Paper) -> Remote:
    """An account of this module's own whose algo has traded and is stopped, so that nothing moves any more."""
    remote = Remote(paper, paper.key("sandbox", account="tracers"))
    body = quoter(metadata=METADATA)
    path = f"/v1/deployments/{remote.post('/v1/deployments', body)['deployment_id']}"

    def traded() -> bool:
        fills, orders = (remote.get(f"/v1/{rows}?limit=1000")[rows] for rows in ("fills", "orders"))
        # The oldest order that was filled could have taken longer and arrived all the same before the stop.
        return len(fills) >= 5 and orders[0]["created_ns"] - fills[-1]["ts_ns"] > 2_000_000_000

    wait_until(traded, "it trades for two seconds of its market", 60)
    remote.post(f"{path}/stop")
    wait_until(lambda: remote.get(path)["status"] == "stopped", "it stops")
    return remote


@pytest.fixture(autouse=True)
def desk(paper: Paper, remote: Remote) -> None:
    save_context("desk", {"base_url": paper.url, "sandbox_api_key": remote._key})


def test_every_order_of_a_run_adds_up_and_equals_the_stored_rows(cli: Cli, remote: Remote) -> None:
    orders = {order["order_id"]: order for order in remote.get("/v1/orders?limit=1000")["orders"]}
    traces = remote.get("/v1/traces?limit=1000")["traces"]
    assert [trace["order_id"] for trace in traces] == list(orders)
    fills = remote.get("/v1/fills?limit=1000")["fills"]
    traded = {fill["node_order_id"] for fill in fills}
    shown = [*sorted(traded)[:4], *[o for o in orders if o not in traded][:4]]
    assert len(shown) > 4
    for order_id in shown:
        done = cli("--sandbox", "trace", order_id, "-o", "json")
        assert done.code == 0, done.err
        data = json.loads(done.out)
        order, steps = orders[order_id], data["steps"]
        assert {name: order[name] for name in data["order"]} == data["order"]
        times = [step["ts_ns"] for step in steps]
        assert [step["delta_ns"] for step in steps] == [0, *(b - a for a, b in pairwise(times))]
        assert min(step["delta_ns"] for step in steps) >= 0
        assert data["sum_ns"] == data["last_minus_first_ns"] == times[-1] - times[0]
        own = [fill for fill in fills if fill["node_order_id"] == order_id][::-1]
        told = [step for step in steps if step["stage"] == "fill"]
        assert [(s["detail"]["fill_id"], s["feed_ns"]) for s in told] == [
            (f["fill_id"], f["ts_ns"]) for f in own
        ]
        for name in ("price_1e9", "qty_1e8", "fee_1e9", "liquidity"):
            assert [step["detail"][name] for step in told] == [fill[name] for fill in own]
        assert data["source"]["commit_url"] == "https://github.com/desk/algos/commit/3c0ffee13c0f"
        _page_shows(cli, data)


def _page_shows(cli: Cli, data: dict[str, Any]) -> None:
    """What the page for people says is what the JSON says."""
    page = cli("--sandbox", "trace", data["order"]["order_id"]).out
    assert "git show 3c0ffee13c0f -- live/quoter" in page
    for step in data["steps"]:
        assert any(
            line.startswith(f"{step['stage']} ") and f"+{step['delta_ns']:,} " in line
            for line in page.splitlines()
        )
        if step["stage"] == "fill":
            detail = step["detail"]
            deal = f"{quantity(detail['qty_1e8'])} @ {price(detail['price_1e9'])} as {detail['liquidity']}"
            assert deal in page
    assert f"{data['sum_ns']:,}  = last - first" in page
    best = data["book"]["bids"][0], data["book"]["asks"][0]
    assert price(best[0][0]) in page
    assert price(best[1][0]) in page


def test_an_id_may_be_given_in_part_or_as_the_algo_knows_it(cli: Cli, remote: Remote) -> None:
    orders = remote.get("/v1/orders?limit=1000")["orders"]
    order = orders[0]
    names = {order["order_id"], order["order_id"].removeprefix("graph:")}
    unique = [o["client_order_id"] for o in orders].count(order["client_order_id"]) == 1
    for asked in names | ({order["client_order_id"]} if unique else set()):
        done = cli("--sandbox", "trace", asked, "-o", "name")
        assert (done.code, done.out) == (0, order["order_id"] + "\n"), done.err


def test_an_id_that_fits_several_orders_lists_them(cli: Cli, remote: Remote) -> None:
    newest = remote.get("/v1/orders?limit=1000")["orders"]
    done = cli("--sandbox", "trace", f"graph:{newest[0]['deployment_id']}")
    assert (done.code, done.out) == (2, "")
    assert f"fits {len(newest)} orders" in done.err
    assert all(order["order_id"] in done.err for order in newest[:10])
    assert done.err.rstrip().endswith(f"hint: sequence --sandbox trace {newest[0]['order_id']}")


def test_what_if_it_had_taken_longer(cli: Cli, remote: Remote) -> None:
    """The run of the real edge, repeated here twice."""
    oldest = remote.get("/v1/orders?limit=1000")["orders"][::-1]
    order = next(order for order in oldest if order["status"] == "FILLED")

    def answer() -> dict[str, Any] | None:
        """It goes as far as the edge said last that it came: at first not so far that the order could arrive."""
        done = cli("--sandbox", "trace", order["order_id"], "--what-if", "latency=250", "-o", "json")
        assert done.code == 0 or "too new" in done.err, done.err
        data: dict[str, Any] = json.loads(done.out) if done.code == 0 else {}
        return data if data and data["changed"]["arrived_ns"] is not None else None

    data = wait_until(answer, "the order arrived in the changed run too")
    documented = OUTPUT.read_text().partition("## `what-if/v1`")[2].partition("\n## ")[0]
    keys = [*data, *data["original"], *data["original"]["fills"][0], *data["difference"], *data["algo"]]
    assert [key for key in keys if f"`{key}`" not in documented] == []
    stored = [
        fill
        for fill in remote.get("/v1/fills?limit=1000")["fills"][::-1]
        if fill["node_order_id"] == order["order_id"]
    ]
    names = ("ts_ns", "price_1e9", "qty_1e8", "fee_1e9", "liquidity", "certainty")
    assert [[f[n] for n in names] for f in data["original"]["fills"]] == [
        [f[n] for n in names] for f in stored
    ]
    assert (data["original"]["latency"], data["changed"]["latency"]) == ("none", "constant:250")
    assert data["changed"]["arrived_ns"] - data["changed"]["sent_ns"] == 500_000_000


def test_a_question_without_an_answer(cli: Cli, remote: Remote) -> None:
    order_id = remote.get("/v1/orders?limit=1000")["orders"][-1]["order_id"]
    for asked, change, code, why in [
        (order_id, "sideways", 2, "no change of an order: say venue=NAME"),
        (order_id, "venue=coinbase", 6, "there is no edge at coinbase"),
        (order_id, "post-only", 1, "post-only as it is"),
        ("graph:nothing:of:it", "post-only", 5, "there is no sandbox order"),
    ]:
        done = cli("--sandbox", "trace", asked, "--what-if", change)
        assert (done.code, done.out) == (code, ""), done.err
        assert why in done.err


def test_no_such_order(cli: Cli, remote: Remote) -> None:
    done = cli("--sandbox", "trace", "graph:nothing:of:it")
    assert (done.code, done.out) == (5, "")
    kept = remote.get("/v1/traces?limit=1")["kept"]
    for words in (
        "error: there is no sandbox order 'graph:nothing:of:it'",
        "graph:dep_01…:main:7",
        f"the newest {kept['per_deployment']:,} orders of a deployment, for at most {kept['days']} days",
        "hint: sequence --sandbox status",
    ):
        assert words in done.err
    assert cli("--sandbox", "trace", " ").code == 2


class _Bare(BaseHTTPRequestHandler):
    """A platform without these paths."""

    def do_GET(self) -> None:
        body = b'{"error":{"code":"NOT_FOUND","message":"no such path","request_id":"r"}}'
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def bare() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Bare)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_platform_without_traces(cli: Cli, bare: HTTPServer, remote: Remote, status: int) -> None:
    bare.status = status  # type: ignore[attr-defined]
    save_context("desk", {"base_url": f"http://127.0.0.1:{bare.server_port}", "sandbox_api_key": remote._key})
    done = cli("--sandbox", "trace", "P-8f3a1b2c")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: this platform has no traces\n")
    assert "hint:" in done.err
