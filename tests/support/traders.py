"""An account that trades over HTTP, and the wait until a platform's books can be routed to."""

from __future__ import annotations

import base64
import itertools
from typing import Any

from support.algos import build_algos
from support.paper import Paper
from support.processes import wait_until

_numbers = itertools.count(1)


class Trader:
    """One account: `trader("GET", path)` gives (status, body)."""

    def __init__(self, paper: Paper, mode: str = "sandbox") -> None:
        self.paper, self.mode = paper, mode
        self.name = f"trader{next(_numbers)}"
        self.key = paper.key(mode, self.name)

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer, _ = self.paper.request(method, f"/v1{path}", self.key, body)
        return status, answer

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self(method, path, body)
        assert status == 200, answer
        return answer

    def clear_kill_switch(self) -> Any:
        """By another key of the account, since this one may not."""
        admin = self.paper.key(self.mode, self.name, admin=True)
        status, answer, _ = self.paper.request("POST", "/v1/kill_switch/clear", admin)
        assert status == 200, answer
        return answer

    def graph(self, graph_id: str) -> Any:
        return self.ok("GET", f"/execution_graphs/{graph_id}")

    def ended(self, graph_id: str) -> Any:
        """The graph once nothing of it is open."""
        return wait_until(
            lambda: found if (found := self.graph(graph_id))["is_terminal"] else None, f"{graph_id} ends"
        )

    def price(self, symbol: str = "BTC-USD") -> int:
        """Mid over the venues, in whole dollars."""
        asked = {"symbol": symbol, "side": "buy", "qty": 0.01}
        return int(self.ok("POST", "/orders/preview", asked)["mid_1e9"]) // 10**9


def ready(paper: Paper, venues: int = 3) -> Paper:
    """Wait until the router may use all books."""
    key = paper.key(account="looker")

    def usable() -> bool:
        body = {"symbol": "BTC-USD", "side": "buy", "qty": 0.01}
        status, answer, _ = paper.request("POST", "/v1/orders/preview", key, body)
        return status == 200 and sum(one["kind"] == "venue" for one in answer["alternatives"]) == venues

    wait_until(usable, f"{venues} books can be routed to")
    return paper


def quoter(**more: Any) -> dict[str, Any]:
    """The body that registers and starts the maker of tests/algos on kraken, quoting so tightly that it trades."""
    return {
        "name": "quoter",
        "wasm_base64": base64.b64encode(build_algos()["maker"]).decode(),
        "symbols": ["BTC-USD"],
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
        "params": [{"name": "half_spread_bps", "slot": 0, "type": "int", "value": 0}],
        "risk": {"max_order_notional_1e9": 10**15, "max_position_1e8": 5_000_000},
        "on_stop": "cancel",
        "start_immediately": True,
        **more,
    }
