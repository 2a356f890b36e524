"""`sequence trace`: what it prints of an order, and what it says when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
import pytest

from sequence_operator.cli import trace_text
from sequence_operator.cli.trace import fits
from sequence_operator.cli.trace_data import build, commit_url
from sequence_operator.cli.trace_steps import span

Golden = Callable[[str, str], None]

T0 = 1_767_323_045_678_123_456
FEED = 1_767_571_200_000_000_010
USD, BTC = 10**9, 10**8
ORDER_ID = "graph:dep_01KXYZ3T9V4Q2M8N7B6C5D4E3F:main:17"
COMMIT = "3c0ffee1" * 5


def event(stage: str, at: int, feed: int = 0, **detail: Any) -> dict[str, Any]:
    return {"stage": stage, "ts_ns": T0 + at, "feed_ns": FEED + feed, "detail": detail}


def _out(at: int = 12_400) -> list[dict[str, Any]]:
    """From the book to the venue."""
    return [
        event("decision", 0, callback="on_book", book_seq=4711, book_ns=FEED, mid_1e9=100_000 * USD,
              callback_start_ns=T0 + 4_100, callback_end_ns=T0 + 8_300, callback_ns=4_200),
        event("submitted", 8_300, client_id=9, side="buy", order_type="post_only", qty_1e8=2_000_000,
              price_1e9=99_950 * USD),
        event("risk", 10_000, passed=True, checks={"max_position_1e8": 20_000_000, "max_open_orders": 32}),
        event("routed", 10_900, venue="kraken", mid_1e9=100_000 * USD, why="one venue"),
        event("sent", 11_300, venue="kraken", qty_1e8=2_000_000, price_1e9=99_950 * USD),
        event("venue_ack", at, price_1e9=99_950 * USD, qty_1e8=2_000_000, ahead_1e8=150_000_000, rests=True),
    ]  # fmt: skip


def row(events: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A row of `GET /v1/traces`."""
    levels = (
        [[(100_000 - n) * USD, BTC * n] for n in range(1, 21)],
        [[(100_000 + n) * USD, BTC] for n in range(1, 21)],
    )
    given = {
        "order_id": ORDER_ID, "client_order_id": "9", "symbol": "BTC-USD", "venue": "kraken",
        "edge_id": "venue-edge-kraken", "side": "buy", "order_type": "limit", "tif": "post_only",
        "price_1e9": 99_950 * USD, "qty_1e8": 2_000_000, "filled_qty_1e8": 2_000_000,
        "avg_fill_price_1e9": 99_950 * USD, "fees_1e9": 3_198_400_000, "status": "FILLED", "failure_reason": None,
        "created_ns": FEED, "deployment": "mm", "deployment_id": "dep_01KXYZ3T9V4Q2M8N7B6C5D4E3F", "label": "main",
        "wasm_sha256": "9f2c4e1a77b0" + "0" * 52, "uid": "u1", "managed_by": "sequence-operator", "commit": COMMIT,
        "origin": {"repository": "git@github.com:desk/algos.git", "path": "live/mm"},
        "decision_mid_1e9": 100_000 * USD, "arrival_mid_1e9": 100_000 * USD, "parent": None, "children": [],
        "book": {"seq": 4711, "ts_ns": FEED, "state": "ok", "bids": levels[0], "asks": levels[1]},
    }  # fmt: skip
    fill = event(
        "fill", 1_234_567_890, 1_250_000_000, fill_id="f", price_1e9=99_950 * USD, qty_1e8=2_000_000,
        fee_1e9=3_198_400_000, liquidity="maker", remaining_1e8=0, feed_state="ok",
    )  # fmt: skip
    return given | {"events": [*_out(), fill] if events is None else events} | more


EVENTFUL = [
    *_out(),
    event("amended", 2_000_000, 10, price_1e9=99_960 * USD, qty_1e8=2_000_000, kept_place=False, by="algo",
          callback="on_book", asked_ns=T0 + 1_990_000),
    event("amend_rejected", 3_000_000, 20, wanted_qty_1e8=0, wanted_price_1e9=99_960 * USD, check="request",
          value=None, limit=None, code=2, name="INVALID_PARAMS", reason="quantity 0 and price 5 must be positive"),
    event("restored", 60_000_000_000, 30, reason="EDGE_RESTARTED", price_1e9=99_960 * USD, qty_1e8=2_000_000,
          filled_1e8=0, ahead_1e8=5_000_000),
    event("split", 60_000_000_000, 30, into=2),
    event("cancelled", 3_725_000_000_000, 40, reason="REQUESTED", remaining_1e8=2_000_000, by="edge",
          skipped_amends=12),
]  # fmt: skip
NOTHING = {"filled_qty_1e8": 0, "avg_fill_price_1e9": None, "fees_1e9": 0}
REFUSED = [
    *_out()[:2],
    event("risk", 9_000, passed=False, checks={"max_order_notional_1e9": USD}, check="max_order_notional_1e9",
          value=1_999 * USD, limit=1_000 * USD, code=100, name="RISK_CHECK_FAILED", reason="too large"),
    event("rejected", 9_000, by="edge", code=100, name="RISK_CHECK_FAILED", reason="too large"),
]  # fmt: skip
ROUTED = [
    event("submitted", 0, client_id=None, side="buy", order_type="market", qty_1e8=3_000_000, price_1e9=None),
    event("routed", 1_800_000, round=1, est_cost_bps=1.5, skipped={"binance": "stale"},
          legs=[{"venue": "kraken", "qty_1e8": 2_000_000}, {"venue": "coinbase", "qty_1e8": 1_000_000}]),
]  # fmt: skip
LEG = [
    event("submitted", 0, parent_id="graph:g1:order:0", created_ns=T0 - 9_000_000, decided_ns=T0 - 7_000_000,
          sent_ns=T0 - 6_500_000),
    event("routed", 1_000, venue="kraken", mid_1e9=100_000 * USD, why="leg of a routed order",
          parent_id="graph:g1:order:0"),
    *_out()[4:],
]  # fmt: skip
PAGES = {
    "trace-parent": row(
        [one | {"feed_ns": None} for one in ROUTED],
        book=None,
        venue="sor",
        edge_id="",
        children=["graph:g1:order:1", "graph:g1:order:2"],
        **NOTHING,
    ),
    "trace-leg": row(LEG, parent="graph:g1:order:0", **NOTHING),
    "trace-filled": row(),
    "trace-eventful": row(
        EVENTFUL, status="CANCELLED", commit=None, origin=None, children=["a:1", "b:2"], **NOTHING
    ),
    "trace-refused": row(
        REFUSED, status="REJECTED", failure_reason="RISK_CHECK_FAILED", book=None, **NOTHING
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages(golden: Golden, name: str) -> None:
    golden(f"{name}.txt", trace_text.detail(build(PAGES[name])))


def test_a_narrow_terminal_without_unicode(golden: Golden) -> None:
    text = trace_text.detail(build(row()), columns=80, unicode=False)
    golden("trace-80.txt", text)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("columns", [80, 100, 140])
def test_a_waterfall_fits_the_terminal(name: str, columns: int) -> None:
    text = trace_text.detail(build(PAGES[name]), columns=columns, wide=True)
    waterfall = text.split("\n\n")[1]
    if columns < 120:  # where it is wider, a step is one line, as long as what there is to say
        assert max(map(len, click.unstyle(waterfall).splitlines())) <= columns


def test_json(golden: Golden) -> None:
    golden("trace.json", json.dumps(build(row()), indent=2, ensure_ascii=False) + "\n")


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (4_200, "4.20 µs"),
        (1_234_567, "1.23 ms"),
        (119 * USD, "119.00 s"),
        (125 * USD, "2m 05s"),
        (3_725 * USD, "1h 2m 05s"),
        (-4_200, "-4.20 µs"),
    ],
)
def test_durations(ns: int, words: str) -> None:
    assert span(ns) == words


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("https://github.com/desk/algos", f"https://github.com/desk/algos/commit/{COMMIT[:12]}"),
        ("git@github.com:desk/algos.git", f"https://github.com/desk/algos/commit/{COMMIT[:12]}"),
        (
            "https://oauth2:secret@gitlab.com/a/b/c.git",
            f"https://gitlab.com/a/b/c/-/commit/{COMMIT[:12]}",
        ),
        ("ssh://git@bitbucket.org/desk/algos", f"https://bitbucket.org/desk/algos/commits/{COMMIT[:12]}"),
        ("https://codeberg.org/desk/algos", f"https://codeberg.org/desk/algos/commit/{COMMIT[:12]}"),
        ("https://git.example.com/desk/algos", None),
        ("/srv/algos", None),
        ("https://evil.com/github.com", None),
    ],
)
def test_the_commit_page_of_known_forges(repository: str, url: str | None) -> None:
    assert commit_url(repository, COMMIT) == url


@pytest.mark.parametrize("commit", ["HEAD", "3c0ffee1; rm -rf /", "", None, "--help"])
def test_only_a_commit_becomes_a_command_or_a_link(commit: str | None) -> None:
    source = build(row(commit=commit))["source"]
    assert (source["git_show"], source["commit_url"]) == (None, None)


def test_a_folder_cannot_be_more_than_an_argument() -> None:
    origin = {"repository": "https://github.com/desk/algos", "path": "a b; rm -rf ."}
    assert build(row(origin=origin))["source"]["git_show"] == "git show 3c0ffee13c0f -- 'a b; rm -rf .'"


def test_a_platform_that_tells_less_and_stranger_things() -> None:
    lean = {
        "order_id": "P-1",
        "events": [{"stage": "routed\x1b[2J", "ts_ns": 5}, {"stage": "fill", "ts_ns": 9}],
    }
    text = trace_text.detail(build(lean))
    assert "\x1b" not in click.unstyle(text)
    assert "= last - first" in text
    assert "4 ns in all" in text
    assert "no steps" in trace_text.detail(build({"order_id": "P-2"}))


def test_an_order_of_the_account_itself_belongs_to_no_algo() -> None:
    text = trace_text.detail(build(row(deployment="", label="", commit=None)))
    assert "deployment  none: the account's own order\n" in text


def test_bars_are_proportionate_until_one_would_vanish() -> None:
    scale = trace_text.Scale([0, 10, 20, 40], 8, unicode=True)
    assert [scale.bar(n) for n in (0, 10, 20, 40)] == ["", "██", "████", "████████"]
    assert "proportionate" in scale.legend(70)
    scale = trace_text.Scale([1, 10**9], 8, unicode=False)
    assert (scale.bar(1), scale.bar(10**9)) == ("#", "########")
    assert "logarithmic" in scale.legend(70)


@pytest.mark.parametrize(
    ("asked", "fit"),
    [
        (ORDER_ID, True),
        ("graph:dep_01KX", True),
        ("dep_01KXYZ3T9V4Q2M8N7B6C5D4E3F:main:17", True),
        ("9", True),
        ("17", False),
        ("graph:dep_02", False),
    ],
)
def test_what_an_id_may_mean(asked: str, fit: bool) -> None:
    assert fits({"order_id": ORDER_ID, "client_order_id": "9"}, asked) is fit
