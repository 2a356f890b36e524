"""`sequence intel` word for word, its JSON as documented, and what it says where there is nothing to show."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli import intel_text
from sequence_operator.cli.context import save_context
from sequence_operator.cli.intel import collect
from support.paper import Paper
from support.plainplatform import PlainPlatform

NOW = 1_767_323_105 * 10**9
USD = 10**9
FEED = {
    "kind": "generated",
    "state": "live",
    "symbols": ["BTC-USD"],
    "clock_ns": NOW,
    "source": "generated (seed 7)",
}
SIZES = [1_000, 10_000, 100_000, 1_000_000]


def venue(name: str, bid: int, **more: Any) -> dict[str, Any]:
    spread = {"mean": 0.214, "p25": 0.128, "p50": 0.128, "p75": 0.255, "p90": 0.383, "ns": 3_600 * 10**9}
    depth = {"band_bps": 10, "n": 600, "bid_1e9": 1_985_054 * USD, "bid_at_least": False}
    depth |= {"ask_1e9": 1_645_243 * USD, "ask_at_least": True}
    return {
        "venue": name,
        "edge_id": f"venue-edge-{name}",
        "alive": True,
        "feed": FEED,
        "fees": {"maker_bps": 16.0, "taker_bps": 26.0},
        "now": {
            "state": "ok",
            "bid_px_1e9": bid * USD,
            "bid_sz_1e8": 18_720_000,
            "ask_px_1e9": (bid + 1) * USD,
            "ask_sz_1e8": 72_580_000,
            "spread_bps": 0.1277,
            "ts_ns": NOW,
            "age_ms": 120,
        },
        "measured": {
            "source": "generated (seed 7)",
            "run_ns": 5,
            "first_ns": NOW - 3_600 * 10**9,
            "last_ns": NOW,
            "spread_bps": spread,
            "regime": "normal",
            "depth": depth,
            "quotes": 120_412,
            "trades": 24_100,
            "quote_to_trade": 4.996,
            "traded_1e8": 641_234_000_000,
            "turnover_1e9": 502_000_000 * USD,
            "suspect": {"quotes": 3, "ns": 12 * 10**9, "samples": 2},
        },
        "share": 0.62,
    } | more


def points(base: float, *, short: int = 0) -> list[dict[str, Any]]:
    out = []
    for n, size in enumerate(SIZES):
        p50, p90, missed = base * 4**n, base * 5**n, short if n == 3 else 0
        fee = {"all_in_p50_bps": p50 + 26, "all_in_p90_bps": None if missed else p90 + 26}
        row = {"size_usd": size, "n": 600 - missed, "short": missed, "p50_bps": p50}
        out.append(row | {"p90_bps": None if missed else p90} | fee)
    return out


def curve(name: str, base: float, **more: Any) -> dict[str, Any]:
    ends = {"first_ns": NOW - 3_600 * 10**9, "last_ns": NOW, "suspect": 2, "run_ns": 5}
    row = {"venue": name, "source": "generated (seed 7)", "taker_bps": 26.0, "n": 600, "points": points(base)}
    return row | ends | more


VENUES = {
    "window_s": 3_600,
    "note": None,
    "rules": {"spread": "1e4·(ask-bid)/mid"},
    "venues": [
        venue("binance", 78_338),
        venue("coinbase", 78_336, share=0.38, feed=FEED | {"source": "replay of a day"}),
        venue("kraken", 78_300, alive=False, now=None, measured=None, share=None),
    ],
}
CURVES = {
    "every_s": 6,
    "sizes_usd": SIZES,
    "venues": [curve("binance", 0.02), curve("coinbase", 0.05, points=points(0.05, short=90))],
    "routed": curve("", 0.015, venues=["binance", "coinbase"], reason=None),
}
LEG = {
    "venue": "binance",
    "kind": "book",
    "qty_1e8": 150_000_000,
    "worst_px_1e9": 78_344 * USD,
    "est_avg_px_1e9": 78_340_123_456_789,
    "est_notional_1e9": 117_510 * USD,
    "est_fee_1e9": 117 * USD,
    "gas_1e9": 0,
    "slices": [[78_339 * USD, 150_000_000]],
    "levels": 6,
    "taker_bps": 10.0,
    "dearest_all_in_1e9": 78_422_344_000_000,
}
SPLIT = {
    "qty_1e8": 200_000_000,
    "routed_1e8": 150_000_000,
    "unfilled_1e8": 50_000_000,
    "bid_1e9": 78_338 * USD,
    "ask_1e9": 78_339 * USD,
    "mid_1e9": 78_338_500_000_000,
    "est_avg_px_1e9": 78_340_123_456_789,
    "est_notional_1e9": 117_510 * USD,
    "est_fees_1e9": 117 * USD,
    "est_total_1e9": 117_627 * USD,
    "est_cost_bps": 10.21,
    "gas_1e9": 0,
    "exact": True,
    "legs": [LEG],
    "next": {"venue": "coinbase", "px_1e9": 78_337 * USD, "all_in_1e9": 78_807_022_000_000},
    "alternatives": [
        {
            "name": "binance",
            "kind": "venue",
            "qty_1e8": 150_000_000,
            "est_total_1e9": 1,
            "est_cost_bps": 1.0,
            "split": {},
        }
    ],
    "pools": [
        {
            "name": "weth-usdc-5",
            "source": "generated",
            "spot_1e9": 78_340 * USD,
            "gas_1e9": 12 * USD,
            "gas_bps": 0.77,
            "break_even_1e8": 1_420_000_000,
            "alone_bps": 35.4,
            "would_take_1e8": 0,
        }
    ],
    "pools_note": None,
    "skipped": {"kraken": "its edge was last heard 9000 ms ago", "weth-usdc-5": "priced only"},
    "books": [{"venue": "binance", "edge_id": "e", "seq": 5, "state": "ok", "ts_ns": NOW, "age_ms": 120}],
}


@pytest.fixture
def data() -> dict[str, Any]:
    return collect("BTC-USD", "buy", VENUES, CURVES, SPLIT)


def test_everything_there_is_to_see(data: dict[str, Any], golden: Callable[[str, str], None]) -> None:
    shown = intel_text.text(data, wide=False)
    golden("intel.txt", shown)
    tables, _, notes = shown.rpartition("\n\n")
    assert max(map(len, tables.splitlines())) <= 80
    assert "not kraken" in tables and "now" in notes
    golden("intel-wide.txt", intel_text.text(data, wide=True))


def test_json_is_as_documented(data: dict[str, Any], golden: Callable[[str, str], None]) -> None:
    golden("intel.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    documented = (Path(__file__).parents[2] / "docs" / "output.md").read_text()
    section = documented.partition("## `intel/v1`")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z0-9_]+)`", section))
    own = dict(data)
    own.pop("rules")  # its keys are words of the platform
    own["route"] = {**data["route"], "skipped": {}}
    for row in own["venues"]:
        row["feed"] = None  # as in /v1/edges
    assert keys(own) <= named, f"not in docs/output.md: {sorted(keys(own) - named)}"


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


def test_a_platform_of_another_shape_is_shown_as_far_as_it_goes() -> None:
    odd = {"venues": ["kraken", {"venue": "okx"}]}
    data = collect("BTC-USD", "sell", odd, {"sizes_usd": [1], "venues": [{"venue": "okx"}]}, {})
    shown = intel_text.text(data, wide=True)
    assert re.search(r"^okx +away", shown, re.MULTILINE)
    assert "nothing is recorded" in shown and "nowhere to sell" in shown


def test_what_a_platform_writes_cannot_steer_the_terminal() -> None:
    evil = VENUES | {"venues": [venue("a\x1b[31m", 1)]}
    assert "\x1b" not in intel_text.text(collect("BTC-USD", "buy", evil, CURVES, SPLIT), wide=True)


def test_a_curve_that_no_sample_reached_says_so() -> None:
    nothing = [
        dict.fromkeys(point, None) | {"size_usd": s, "n": 0, "short": 9}
        for s, point in zip(SIZES, points(1.0), strict=True)
    ]
    half = points(1.0)[:3] + nothing[3:]
    curves = CURVES | {"venues": [curve("binance", 1, points=half)], "routed": None}
    shown = intel_text.text(collect("BTC-USD", "buy", VENUES, curves, SPLIT), wide=False)
    assert "$1,000,000  the recorded books do not reach it" in shown
    curves = CURVES | {"venues": [curve("binance", 1, points=nothing)], "routed": None}
    assert "full width" not in intel_text.text(collect("BTC-USD", "buy", VENUES, curves, SPLIT), wide=False)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(999, "$999"), (1_000, "$1.0k"), (35_400, "$35k"), (1_985_054, "$2.0M"), (12 * 10**9, "$12B")],
)
def test_money_in_short(amount: int, text: str) -> None:
    assert intel_text.short_usd(amount) == text


# -- against a real API ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """Paper without any edge."""
    paper = Paper(tmp_path_factory.mktemp("paper"), {})
    try:
        yield paper.start()
    finally:
        paper.stop()


def at(url: str, key: str) -> None:
    save_context("test", {"base_url": url, "sandbox_api_key": key})


def test_a_platform_that_recorded_nothing_says_so(empty: Paper, cli: Any) -> None:
    at(empty.url, empty.key())
    done = cli("--sandbox", "--context", "test", "intel", "BTC-USD")
    assert done.code == 0, done.err
    assert "No venue has shown BTC-USD yet." in done.out
    assert "nothing is recorded yet" in done.out and "nowhere to buy 1 BTC-USD" in done.out


def test_an_unknown_symbol_is_not_found(empty: Paper, cli: Any) -> None:
    at(empty.url, empty.key())
    done = cli("--sandbox", "--context", "test", "intel", "BTC-US")
    assert done.code == 5
    assert done.err.startswith("error: no venue lists BTC-US; there is BTC-USD, ETH-USD\n")
    assert "hint: " in done.err


def test_a_quantity_that_is_none_is_a_usage_error(empty: Paper, cli: Any) -> None:
    at(empty.url, empty.key())
    for word in ("x", "0", "-1", "nan"):
        done = cli("--sandbox", "--context", "test", "intel", "BTC-USD", "--route", word)
        assert done.code == 2, done
        assert "not a quantity" in done.err


def test_a_platform_without_these_paths(empty: Paper, cli: Any) -> None:
    with contextlib.closing(NoIntelligence(empty.port)) as old:
        at(old.url, empty.key())
        done = cli("--sandbox", "--context", "test", "intel", "BTC-USD")
    assert done.code == 1
    assert done.err.startswith("error: this platform has no market intelligence\n")


class NoIntelligence(PlainPlatform):
    """The hosted platform as it was before."""

    def _forward(self, handler: Any, body: bytes) -> Any:
        if handler.path.startswith("/v1/intelligence"):
            error = {"error": {"code": "NOT_FOUND", "message": "no such path", "details": []}}
            return 404, [("Content-Type", "application/json")], json.dumps(error).encode()
        return super()._forward(handler, body)
