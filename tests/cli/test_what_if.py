"""`sequence trace ID --what-if`: what it prints of two lives, and what it says when the platform has no answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from sequence_operator.cli import what_if_text

Golden = Callable[[str, str], None]

T0 = 1_767_571_200_002_818_803
USD, BTC = 10**9, 10**8


def life(**more: Any) -> dict[str, Any]:
    """A taker that was filled at two prices, at once."""
    fill = {"ts_ns": T0, "liquidity": "taker", "certainty": "certain"}
    return {
        "venue": "kraken",
        "latency": "none",
        "order_type": "gtc",
        "status": "FILLED",
        "sent_ns": T0,
        "arrived_ns": T0,
        "ended_ns": T0,
        "ahead_1e8": None,
        "amended": 0,
        "fills": [
            fill | {"price_1e9": 77_380_100_000_000, "qty_1e8": BTC, "fee_1e9": 201_188_260_000},
            fill | {"price_1e9": 77_381 * USD, "qty_1e8": 2 * BTC, "fee_1e9": 402_381_200_000},
        ],
        "filled_1e8": 3 * BTC,
        "why": None,
        "possible_1e8": 0,
        "avg_price_1e9": 77_380_700_000_000,
        "slippage_bps": 0.801297,
        "fees_1e9": 603_569_460_000,
        "before_fees_1e9": 18_600_000_000,
        "cost_1e9": 622_169_460_000,
        "before_fees_bps": 0.801297,
        "cost_bps": 26.803249,
    } | more


def answer(changed: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """As the replay prints it: what if that order had been made to rest."""
    refused = life(
        order_type="post_only",
        status="REJECTED",
        fills=[],
        filled_1e8=0,
        why="by the venue: a post-only order to buy at 78000000000000 would take the ask of 77380100000000",
        avg_price_1e9=None,
        slippage_bps=None,
        fees_1e9=0,
        before_fees_1e9=24_000_000_000,
        cost_1e9=24_000_000_000,
        before_fees_bps=1.033932,
        cost_bps=1.033932,
    )
    return {
        "schema": "what-if/v1",
        "order_id": "graph:dep_01KXYZ3T9V4Q2M8N7B6C5D4E3F:main:17",
        "deployment": "mm",
        "label": "main",
        "symbol": "BTC-USD",
        "side": "buy",
        "qty_1e8": 3 * BTC,
        "price_1e9": 78_000 * USD,
        "change": "post-only",
        "decided_ns": T0,
        "until_ns": T0 + 800_000_000,
        "decision_mid_1e9": 77_374_500_000_000,
        "until_mid_1e9": 77_382_500_000_000,
        "repeated": {"fills": 12, "events": 4711},
        "original": life(),
        "changed": changed or refused,
        "difference": {
            "filled_1e8": -3 * BTC,
            "fees_1e9": -603_569_460_000,
            "before_fees_1e9": 5_400_000_000,
            "cost_1e9": -598_169_460_000,
            "slippage_bps": None,
            "cost_bps": -25.769317,
        },
        "algo": {"actions_original": 2, "actions_changed": 2, "differs_from_ns": None},
        "source": "generated",
    } | more


def test_two_lives_side_by_side(golden: Golden) -> None:
    golden("what-if.txt", what_if_text.page(answer()))
    golden("what-if.json", json.dumps(answer(), indent=2) + "\n")


def test_a_maker_elsewhere_whose_algo_does_otherwise(golden: Golden) -> None:
    part = {"price_1e9": 77_366_700_000_000, "qty_1e8": BTC, "fee_1e9": 309_466_800_000}
    changed = life(
        venue="coinbase",
        latency="venue",
        order_type="post_only",
        status="PARTIAL",
        arrived_ns=T0 + 12_345_678,
        ended_ns=T0 + 61 * USD,
        ahead_1e8=150_000_000,
        fills=[part | {"ts_ns": T0 + 5 * USD, "liquidity": "maker", "certainty": "likely"}],
        filled_1e8=BTC,
        why="REQUESTED by the algo",
        possible_1e8=BTC // 4,
    )
    algo = {"actions_original": 2, "actions_changed": 1, "differs_from_ns": T0 + 6 * USD}
    page = what_if_text.page(answer(changed, change="venue=coinbase", algo=algo))
    golden("what-if-venue.txt", page)
    assert max(map(len, click.unstyle(page).splitlines())) <= 80
    still = life(status="OPEN", ended_ns=None, why="open")
    assert "still open" in what_if_text.page(answer(still))
    unknown = answer()["difference"] | {"cost_1e9": None, "cost_bps": None}
    assert "there is no mid" in what_if_text.page(answer(difference=unknown))
