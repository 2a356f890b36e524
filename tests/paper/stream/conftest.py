"""A platform with two real edges, and algos that trade on it; each test has an account of its own."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.algos import build_algos
from support.listener import Listener
from support.paper import Paper
from support.processes import wait_until

# At twenty times the pace of time resting orders fill within seconds; a recording would end within two minutes.
FEEDS = {"kraken": ("--seed", "7", "--pace", "20"), "coinbase": ("--seed", "7")}
_numbers = itertools.count(1)


class Trader:
    """One account and mode: requests, deployments, listeners."""

    def __init__(self, paper: Paper, mode: str = "sandbox", account: str = "") -> None:
        self.paper, self.account = paper, account or f"trader{next(_numbers)}"
        self.key = paper.key(mode, self.account)
        self.listeners: list[Listener] = []

    def other_mode(self) -> Trader:
        return Trader(self.paper, "live", self.account)

    def get(self, path: str) -> Any:
        status, body, _ = self.paper.request("GET", f"/v1{path}", self.key)
        assert status == 200, body
        return body

    def post(self, path: str, body: Any = None) -> Any:
        status, answer, _ = self.paper.request("POST", f"/v1{path}", self.key, body)
        assert status < 300, answer
        return answer

    def deploy(self, wasm: bytes, *, name: str = "mm", start: bool = True, **labels: str) -> str:
        instances = [
            {"label": label, "venue": venue, "symbols": ["BTC-USD"]}
            for label, venue in (labels or {"main": "kraken"}).items()
        ]
        half = {"name": "half", "slot": 0, "type": "int", "value": 0}  # it quotes at the mid, and fills soon
        body = {
            "name": name,
            "wasm_base64": base64.b64encode(wasm).decode(),
            "instances": instances,
            "params": [half],
            "on_stop": "cancel",  # so that a stop is the end of all fills
            "start_immediately": start,
        }
        return str(self.post("/deployments", body)["deployment_id"])

    def stop(self, dep: str) -> None:
        """Stopped by its edges, however busy they are: from here on nothing of it fills any more."""
        self.post(f"/deployments/{dep}/stop")

        def stopped() -> bool:
            instances = self.get(f"/deployments/{dep}")["instances"]
            return all(instance["status"] in ("stopped", "accepted") for instance in instances)

        wait_until(stopped, "every edge has stopped it")

    def fills(self) -> list[Any]:
        """All of them, oldest first."""
        found: list[Any] = []
        while True:
            page = self.get(f"/fills?limit=1000&offset={len(found)}")
            found += page["fills"]
            if not page["has_more"]:
                return found[::-1]

    def logs(self, dep: str) -> list[Any]:
        """All of them, oldest first."""
        found: list[Any] = []
        while page := self.get(
            f"/deployments/{dep}/logs?limit=5000&after={found[-1]['seq'] if found else 0}"
        )["logs"]:
            found += page
        return found

    def listen(self, *channels: str, **more: Any) -> Listener:
        """A listener that has been told that it hears these."""
        listener = Listener(self.paper, self.key)
        self.listeners.append(listener)
        if channels:
            assert listener.subscribe(*channels, **more)["subscribed"] == list(channels)
        return listener

    def end(self) -> None:
        for listener in self.listeners:
            listener.close()


@pytest.fixture(scope="session")
def algos() -> dict[str, bytes]:
    return build_algos()


@pytest.fixture(scope="package")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    paper = Paper(tmp_path_factory.mktemp("stream"), FEEDS)
    try:
        yield ready(paper.start())
    finally:
        paper.stop()


def ready(paper: Paper) -> Paper:
    """As soon as every edge shows its books."""
    key = paper.key(account="looker")

    def live() -> bool:
        rows = paper.request("GET", "/v1/edges", key)[1]["edges"]
        return len(rows) == len(paper.venues) and all(row["alive"] for row in rows)

    wait_until(live, "every edge is there")
    return paper


@pytest.fixture
def new_trader(paper: Paper) -> Iterator[Callable[..., Trader]]:
    traders: list[Trader] = []

    def make(on: Paper = paper, **more: Any) -> Trader:
        traders.append(Trader(on, **more))
        return traders[-1]

    yield make
    for trader in traders:
        trader.end()


@pytest.fixture
def trader(new_trader: Callable[..., Trader]) -> Trader:
    return new_trader()
