"""Intents of an algo on one edge: to another venue, through the router, refused, over the death of its edge."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.program import main as replay
from support.algos import build_algos
from support.paper import Paper
from support.processes import wait_until
from support.traders import Trader

KRAKEN, BINANCE = 1, 3
SWEEP, CHASE = 0, 1


class Asker:
    """The algo `asker` as deployment ``main`` on kraken; its first intent is sent with the first book."""

    def __init__(
        self, paper: Paper, wasm: bytes, *, risk: dict[str, Any] | None = None, **intent: int
    ) -> None:
        self.trader = Trader(paper)
        body = {
            "name": "asker",
            "wasm_base64": base64.b64encode(wasm).decode(),
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "params": _params(**intent),
            "risk": risk,
            "start_immediately": True,
        }
        status, row = self.trader("POST", "/deployments", {k: v for k, v in body.items() if v is not None})
        assert status == 201, row
        self.id = row["deployment_id"]

    def ask(self, **intent: int) -> None:
        self.trader.ok("PATCH", f"/deployments/{self.id}", {"params": _params(**intent)})

    def told(self, pattern: str) -> list[str]:
        """What the algo logged, oldest first, as far as it matches."""
        lines, after = [], 0
        while True:
            page = self.trader.ok("GET", f"/deployments/{self.id}/logs?limit=1000&after={after}")
            lines += page["logs"]
            if not page["logs"]:
                return [line["message"] for line in lines if re.search(pattern, line["message"])]
            after = page["next"]

    def filled_1e8(self, intent_id: int) -> int:
        return sum(int(text.split()[3]) for text in self.told(f"^fill {intent_id} "))

    def wait_filled(self, intent_id: int, qty: int) -> None:
        wait_until(lambda: self.filled_1e8(intent_id) >= qty, f"intent {intent_id} fills")
        assert self.filled_1e8(intent_id) == qty

    def end_all(self) -> None:
        """Cancel what it asked for and has not ended."""

        def ended() -> bool:
            orders = self.trader.ok("GET", f"/orders?limit=1000&deployment_id={self.id}")["orders"]
            parents = {order["parent_id"] for order in orders if order["parent_id"]}
            open_ = [each for each in parents if not self.trader.ok("GET", f"/orders/{each}")["is_terminal"]]
            for each in open_:
                self.trader("DELETE", f"/orders/{each}")
            return not open_

        wait_until(ended, "all it asked for has ended")

    def captured(self, path: Path, sold: int) -> bool:
        """Kraken's run as far as its edge has told; whether what was sold and how intents ended is in it."""
        asked = "/v1/capsules?deployment=asker&venue=kraken"
        status, content = self.trader.paper.content(asked, self.trader.key)
        assert status == 200, content
        path.write_bytes(content)
        capsule = capsules.read(path)
        told = [json.loads(one.body)["ended"] for one in capsule.heard if one.kind == "intent"]
        sells = [row[5] for row in capsule.stored or [] if row[3] == "sell"]
        return told.count(True) == 2 and sum(sells) == sold

    def held(self) -> dict[str, int]:
        rows = self.trader.ok("GET", "/positions")["positions"]
        assert {row["deployment"] for row in rows} <= {"asker"}
        return {row["venue"]: row["qty_1e8"] for row in rows}


@pytest.fixture
def ask(paper: Paper) -> Iterator[Callable[..., Asker]]:
    """Deploy it; it goes with the test."""
    wasm = build_algos()["asker"]
    askers: list[Asker] = []

    def deploy(**more: Any) -> Asker:
        askers.append(Asker(paper, wasm, **more))
        return askers[-1]

    yield deploy
    for asker in askers:
        asker.trader("DELETE", f"/deployments/{asker.id}")


def _params(
    *, venue: int, qty: int, policy: int = SWEEP, ttl: int = 0, beyond: int = 50
) -> list[dict[str, Any]]:
    values = {"venue": venue, "qty": qty, "policy": policy, "ttl": ttl, "beyond": beyond}
    return [
        {"name": name, "slot": slot, "type": "int", "value": value}
        for slot, (name, value) in enumerate(values.items())
    ]


def test_an_intent_is_traded_at_another_venue_and_told_to_the_algo(ask):
    asker = ask(venue=BINANCE, qty=2_000_000)
    asker.wait_filled(1, 2_000_000)
    assert asker.held() == {"binance": 2_000_000}
    [order] = asker.trader.ok("GET", "/orders")["orders"]
    assert (order["venue"], order["edge_id"]) == ("binance", "venue-edge-binance")
    assert (order["deployment"], order["label"], order["client_order_id"]) == ("asker", "main", "1")
    parent = asker.trader.ok("GET", f"/orders/{order['parent_id']}")
    assert (parent["status"], parent["deployment_id"]) == ("FILLED", asker.id)
    # Its own position is that of its own venue.
    assert asker.told("^fill 1 ")[-1].endswith("here 0")


def test_venue_0_is_the_router_and_own_fills_are_told_once(ask, tmp_path):
    asker = ask(venue=0, qty=3_000_000)
    asker.wait_filled(1, 3_000_000)
    asker.ask(venue=KRAKEN, qty=-1_000_000)
    asker.wait_filled(2, 1_000_000)
    held = asker.held()
    assert held["kraken"] <= -1_000_000 + 3_000_000
    assert sum(held.values()) == 2_000_000
    assert len({order["parent_id"] for order in asker.trader.ok("GET", "/orders")["orders"]}) == 2
    # The edge's run is repeated with the legs that came to it, and what the algo was told of the others.
    path = tmp_path / "asker.seqcap"
    wait_until(lambda: asker.captured(path, sold=1_000_000), "the edge has come so far")
    assert replay([str(path), "--seal"]) == 0


def test_a_chase_goes_on_until_it_is_filled(ask):
    asker = ask(venue=BINANCE, qty=300_000_000, policy=CHASE, ttl=60_000)
    asker.wait_filled(1, 300_000_000)


def test_a_sweep_beyond_its_limit_ends_without_a_word(ask):
    asker = ask(venue=BINANCE, qty=1_000_000, beyond=-500)
    wait_until(lambda: asker.told("^asked 1"), "it asks")
    # The next one is told, so the first is over; nothing was said of it.
    asker.ask(venue=BINANCE, qty=1_000_000)
    asker.wait_filled(2, 1_000_000)
    assert asker.told("(fill|intent) 1 ") == []


@pytest.mark.parametrize(
    ("intent", "risk", "code"),
    [
        ({"venue": 200, "qty": 1_000_000}, None, 105),
        ({"venue": 9, "qty": 1_000_000}, None, 105),  # a known id, but no such edge
        ({"venue": BINANCE, "qty": 1}, None, 2),  # below the venue's minimum
        ({"venue": BINANCE, "qty": 1_000_000, "policy": 7}, None, 2),
        ({"venue": BINANCE, "qty": 5_000_000}, {"max_position_1e8": 1_000_000}, 101),
        ({"venue": BINANCE, "qty": 5_000_000}, {"max_order_notional_1e9": 10**9}, 100),
    ],
)
def test_refusals_come_back_as_the_code_of_their_cause(ask, intent, risk, code):
    asker = ask(risk=risk, **intent)
    wait_until(lambda: asker.told("^intent 1 rejected"), "it is refused")
    assert asker.told("^intent 1 rejected") == [f"intent 1 rejected: {code}"]
    assert asker.held() == {}


def test_fills_made_while_its_edge_was_dead_are_told_when_it_is_back(paper, ask):
    # More than is shown: it takes what is there, and then whatever comes, until somebody ends it.
    asker = ask(venue=BINANCE, qty=10**12, policy=CHASE, ttl=60_000, beyond=3)
    wait_until(lambda: asker.told("^fill 1 "), "it begins to fill")
    paper.edges["kraken"].kill()
    filled = asker.held().get("binance", 0)
    wait_until(lambda: asker.held().get("binance", 0) > filled, "it fills on while nobody hears of it")
    told = asker.filled_1e8(1)
    paper.edges["kraken"].start()
    wait_until(lambda: asker.filled_1e8(1) > told, "the rest is told")
    # Nothing was told twice and nothing is left out, by everything it ever asked for.
    asker.end_all()
    wait_until(lambda: asker.filled_1e8(1) == asker.held().get("binance", 0), "all of it is told")
