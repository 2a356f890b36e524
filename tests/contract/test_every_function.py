"""Every public function of the official client against paper: it works, or it is told by name that this is not there.

The table in docs/official-client.md is what this test saw; `UPDATE_GOLDEN=1` in the environment writes it.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sequence_markets
from sequence_markets import Sequence, SequenceError
from websockets.exceptions import InvalidStatus

from support.paper import Paper
from support.processes import wait_until

TABLE = Path(__file__).resolve().parents[2] / "docs" / "official-client.md"
WORKS = "works"

HEAD = f"""# The official client

What each public function of `sequence-markets` {sequence_markets.__version__} does against `paper`, as
`tests/contract/test_every_function.py` saw it: the test calls them all and fails when this table differs
(`UPDATE_GOLDEN=1` writes it). What paper does not have it answers with 501 and the reason; the client raises that as
`SequenceError`. `cancel` takes a graph id: of an order id the client keeps only `graph`, which is no graph here (404).

| function | request | what happens |
| --- | --- | --- |
"""


class Calls:
    """A client whose requests are written down, and what the functions need that came from earlier ones."""

    def __init__(self, paper: Paper, wasm: Path) -> None:
        key = paper.key("sandbox", "every", admin=True)
        self.client = Sequence(key, base_url=paper.url, max_retries=0)
        self.requests: list[str] = []
        self.wasm = wasm
        asked = self.client._request

        def written(method: str, path: str, body: Any = None) -> Any:
            self.requests.append(f"{method} {_template(path)}")
            return asked(method, path, body)

        self.client._request = written  # type: ignore[method-assign]
        self.deployment = ""
        self.filled = self.resting = self.graph = ""

    def prepare(self) -> None:
        """One order that fills, one that rests."""
        sent = self.client.buy("BTC-USD", 0.01)
        self.filled = sent["node_order_id"]
        wait_until(lambda: self.client.order(self.filled)["is_terminal"], "it fills")
        self.rest()

    def rest(self) -> Any:
        """A new order far from the market."""
        price = self.client.order(self.filled)["avg_fill_price_1e9"] / 1e9 * 0.97
        sent = self.client.buy("BTC-USD", 0.02, limit_price=price, venue="kraken")
        self.resting, self.graph = sent["node_order_id"], sent["graph_id"]
        return sent

    def deploy(self) -> Any:
        row = self.client.deploy_algo("every", str(self.wasm), ["BTC-USD"])
        self.deployment = row["deployment_id"]
        return row

    def nodes(self, count: int) -> list[dict[str, Any]]:
        return [self.client.node(f"n{number}", "BTC-USD", "buy", 0.01) for number in range(count)]

    def several(self) -> Any:
        """A node that rests, and one that waits for its end."""
        price = self.client.order(self.filled)["avg_fill_price_1e9"] / 1e9 * 0.97
        rests = self.client.node("rests", "BTC-USD", "buy", 0.01, limit_price=price)
        nodes = [rests, self.client.node("waits", "BTC-USD", "sell", 0.01)]
        edges = [self.client.edge("rests", "waits", "fill_pct", 0.5)]
        self.graph = self.client.graph(nodes, edges)["graph_id"]

    def twap(self) -> Any:
        [node] = self.nodes(1)
        node["execution"]["pacing"] = {"uniform": {"num_slices": 2, "interval_ms": 10}}
        return self.client.graph([node])

    def batch(self) -> Any:
        builder = self.client.batch("kraken")
        builder.buy("BTC-USD", 0.01).cancel(self.resting)
        builder.end()
        errors = [one for one in builder.responses if "error" in one]
        assert not errors, errors
        return builder.responses

    def heard(self, stream: Any) -> Any:
        async def first() -> Any:
            async for message in stream:
                await stream.aclose()
                return message
            return None

        return asyncio.run(asyncio.wait_for(first(), 30))


STRATEGY = ("s", "python", "main.py", base64.b64encode(b"x").decode())

CALLS: dict[str, Callable[[Calls], Any]] = {
    "health": lambda c: c.client.health() or pytest.fail("not up"),
    "account": lambda c: c.client.account(),
    "edges": lambda c: c.client.edges(),
    "risk_limits": lambda c: c.client.risk_limits(),
    "connect_venue": lambda c: c.client.connect_venue("kraken", "k", "s"),
    "venues": lambda c: c.client.venues(),
    "disconnect_venue": lambda c: c.client.disconnect_venue("kraken"),
    "quote": lambda c: c.client.quote("BTC-USD"),
    "quotes": lambda c: c.client.quotes(["BTC-USD"]),
    "quotes_batch": lambda c: c.client.quotes_batch(["BTC-USD"]),
    "symbols": lambda c: c.client.symbols(),
    "fees": lambda c: c.client.fees("BTC-USD"),
    "price_history": lambda c: c.client.price_history("BTC-USD"),
    "funding_history": lambda c: c.client.funding_history("BTC-USD", "binance"),
    "funding_rates": lambda c: c.client.funding_rates(),
    "funding_rate": lambda c: c.client.funding_rate("binance", "BTC-USD"),
    "markets": lambda c: c.client.markets(),
    "iter_markets": lambda c: list(c.client.iter_markets()),
    "market": lambda c: c.client.market("a-slug"),
    "search_markets": lambda c: c.client.search_markets("btc"),
    "settlement": lambda c: c.client.settlement("a-slug"),
    "redeem": lambda c: c.client.redeem("a-slug", "kalshi"),
    "polymarket_rewards": lambda c: c.client.polymarket_rewards(),
    "preview": lambda c: c.client.preview("BTC-USD", "buy", 0.01),
    "buy": lambda c: c.client.buy("BTC-USD", 0.01),
    "sell": lambda c: c.client.sell("BTC-USD", 0.01),
    "order": lambda c: c.client.order(c.filled),
    "orders": lambda c: c.client.orders(),
    "fills": lambda c: c.client.fills(),
    "amend": lambda c: c.client.amend(c.resting, new_qty=0.015),
    "decrease": lambda c: c.client.decrease(c.resting, 0.005),
    "graph_status": lambda c: c.client.graph_status(c.graph),
    "cancel": lambda c: c.client.cancel(c.graph),
    "graph_resume": lambda c: (c.several(), c.requests.clear(), c.client.graph_resume(c.graph)),
    "graph_cancel": lambda c: c.client.graph_cancel(c.graph),
    "batch": lambda c: (c.rest(), c.requests.clear(), c.batch()),
    "cancel_all_on_venue": lambda c: c.client.cancel_all_on_venue("kraken"),
    "node": lambda c: c.nodes(1),
    "edge": lambda c: c.client.edge("a", "b"),
    "graph": lambda c: c.client.graph(c.nodes(1)),
    "graph, several nodes": lambda c: c.client.graph(c.nodes(2), [c.client.edge("n0", "n1")]),
    "graph, paced": lambda c: c.twap(),
    "positions": lambda c: c.client.positions(),
    "positions_unified": lambda c: c.client.positions_unified(),
    "balances": lambda c: c.client.balances(),
    "perp_positions": lambda c: c.client.perp_positions(),
    "portfolio": lambda c: c.client.portfolio(),
    "deploy_algo": lambda c: c.deploy(),
    "algo_status": lambda c: c.client.algo_status(c.deployment),
    "algo_stop": lambda c: c.client.algo_stop(c.deployment),
    "algo_start": lambda c: c.client.algo_start(c.deployment),
    "algo_logs": lambda c: c.client.algo_logs(c.deployment),
    "algo_mesh": lambda c: c.client.algo_mesh(c.deployment),
    "algo_undeploy": lambda c: c.client.algo_undeploy(c.deployment),
    "algos": lambda c: c.client.algos(),
    "algo": lambda c: c.client.algo("BTC-USD"),
    "algo_start_by_symbol": lambda c: c.client.algo_start_by_symbol("BTC-USD"),
    "algo_stop_by_symbol": lambda c: c.client.algo_stop_by_symbol("BTC-USD"),
    "algo_logs_by_symbol": lambda c: c.client.algo_logs_by_symbol("BTC-USD"),
    "algo_stats": lambda c: c.client.algo_stats("BTC-USD"),
    "create_strategy": lambda c: c.client.create_strategy(*STRATEGY),
    "strategies": lambda c: c.client.strategies(),
    "strategy": lambda c: c.client.strategy("s"),
    "strategy_start": lambda c: c.client.strategy_start("s"),
    "strategy_stop": lambda c: c.client.strategy_stop("s"),
    "strategy_logs": lambda c: c.client.strategy_logs("s"),
    "strategy_delete": lambda c: c.client.strategy_delete("s"),
    "tca": lambda c: c.client.tca(),
    "intel": lambda c: c.client.intel("BTC-USD"),
    "slippage": lambda c: c.client.slippage("BTC-USD"),
    "routing": lambda c: c.client.routing("BTC-USD"),
    "depth": lambda c: c.client.depth("BTC-USD"),
    "forecast": lambda c: c.client.forecast("BTC-USD", "buy", 0.1),
    "execution_live": lambda c: c.client.execution_live(c.filled),
    "execution_review": lambda c: c.client.execution_review(c.filled),
    "execution_summary": lambda c: c.client.execution_summary(),
    "trace": lambda c: c.client.trace(c.filled),
    "stream": lambda c: c.heard(c.client.stream(["prices:BTC-USD"])),
    "stream_new_markets": lambda c: c.heard(c.client.stream_new_markets()),
    "stream_resolved_markets": lambda c: c.heard(c.client.stream_resolved_markets()),
    "kill_switch_engage": lambda c: c.client.kill_switch_engage("test"),
    "kill_switch_clear": lambda c: c.client.kill_switch_clear(),
}
"""In the order in which they can be called."""

ELSEWHERE = {
    "health": "GET /v1/health/live",
    "stream": "WebSocket /v1/stream",
    "stream_new_markets": "WebSocket /v1/ws/new_markets",
    "stream_resolved_markets": "WebSocket /v1/ws/market_resolved",
}
"""What does not go through the client's one request function."""


@pytest.fixture(scope="module")
def calls(paper: Paper, wasm: Path) -> Calls:
    calls = Calls(paper, wasm)
    calls.prepare()
    wait_until(lambda: calls.client.slippage("BTC-USD")["venues"], "the market is recorded")
    return calls


def test_every_function_is_in_the_table() -> None:
    public = {name for name, what in inspect.getmembers(Sequence, callable) if not name.startswith("_")}
    assert public == {name.partition(",")[0] for name in CALLS}


def test_the_table_is_what_happens(calls: Calls) -> None:
    seen = HEAD + "".join(_row(calls, name) for name in CALLS)
    if os.environ.get("UPDATE_GOLDEN"):
        TABLE.write_text(seen)
    assert seen == TABLE.read_text()


def _row(calls: Calls, name: str) -> str:
    calls.requests.clear()
    outcome = _outcome(calls, name)
    asked = ELSEWHERE.get(name) or "; ".join(dict.fromkeys(calls.requests)) or "none"
    return f"| `{name}` | {asked} | {outcome} |\n"


def _outcome(calls: Calls, name: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            CALLS[name](calls)
        except SequenceError as error:
            status, message = error.status, error.message
        except InvalidStatus as error:
            status, message = error.response.status_code, str(error.response.body)
        else:
            return WORKS
    assert status == 501, f"{name}: {status} {message}"
    path = ELSEWHERE.get(name, calls.requests[-1] if calls.requests else "").split("{")[0].split()[-1]
    assert path in message, f"{name} is not named: {message}"
    return f"501: {_template(_message(message))}"


def _message(text: str) -> str:
    found = re.search(r'"message":"(.*?)","request_id"', text)
    return found.group(1) if found else text


def _template(text: str) -> str:
    """Without queries and with names in place of ids."""
    text = re.sub(r"\?[^ ]*", "", text)
    text = re.sub(r"/graph_[0-9A-Za-z]+", "/{graph_id}", text)
    text = re.sub(r"/strategies/s\b", "/strategies/{strategy_id}", text)
    text = re.sub(r"/graph(%3A|:)[^ /]+", "/{node_order_id}", text)
    text = re.sub(r"/dep_[0-9A-Za-z]+", "/{deployment_id}", text)
    return text.replace("/BTC-USD", "/{symbol}").replace("/a-slug", "/{slug}").replace("/kraken", "/{venue}")
