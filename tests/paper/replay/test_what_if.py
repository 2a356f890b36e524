"""One order with one thing different: both lives, against runs and markets that are made without that machinery."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.feed.generated import open_generated
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.capsule import Capsule, FeedSlice, RecordedMarket
from sequence_paper.replay.change import WhatIfError, parse
from sequence_paper.replay.compare import rows
from sequence_paper.replay.make import build
from sequence_paper.replay.run import markets_of, run
from sequence_paper.replay.what_if import what_if
from sequence_paper.venue.orders import Filled, Order, OrderType
from support.order_traces import action, scripted

SECOND, BTC = 10**9, 10**8
LIMIT, MARKET, POST_ONLY = 0, 1, 4
SYMBOL = "BTC-USD"


def asked(wasm: bytes, number: int = 1, *, latency: str = "none", **more: Any) -> Capsule:
    """A run of some seconds as `sequence trace --what-if` gets it, about the algo's n-th order."""
    plain = build(wasm, **{"venue": "kraken", "symbols": [SYMBOL], "seconds": 12.0} | more)
    plain = replace(plain, latency=latency)
    outcome = run(plain)
    order = outcome.kept.orders[f"graph:dep_replay:main:{number}"]
    about = {
        "order_id": order.order_id,
        "deployment": order.deployment,
        "label": order.label,
        "symbol": order.symbol,
        "status": order.status,
        "created_ns": order.created_ns,
        "ended_ns": min(order.updated_ns + SECOND, plain.feed.to_ns),
    }
    beside = FeedSlice("generated", 1, plain.feed.start_ns, plain.feed.to_ns)
    return replace(
        plain,
        about=about,
        stored=rows(outcome.kept.fills),
        aside=RecordedMarket("coinbase", [SYMBOL], beside),
    )


@pytest.fixture(scope="module")
def taker() -> Capsule:
    """It buys through several levels of the book and nothing else."""
    return asked(scripted(action(px=78_000, qty=3 * BTC, how=LIMIT)))


def test_a_taker_that_may_only_rest_is_refused_and_misses_the_market(taker: Capsule) -> None:
    answer = what_if(taker, "post-only")
    before, after = answer["original"], answer["changed"]
    assert (before["order_type"], before["status"], before["filled_1e8"]) == ("gtc", "FILLED", 3 * BTC)
    assert {fill["liquidity"] for fill in before["fills"]} == {"taker"}
    assert len(before["fills"]) > 1
    assert (after["order_type"], after["status"], after["fills"]) == ("post_only", "REJECTED", [])
    assert after["why"].startswith("by the venue: ")
    assert after["ahead_1e8"] is before["ahead_1e8"] is None
    # By hand: what was paid above the mid of the decision, and what the rest was worth at the end.
    decided, last = answer["decision_mid_1e9"], answer["until_mid_1e9"]
    paid = sum(fill["price_1e9"] * fill["qty_1e8"] for fill in before["fills"]) / BTC
    assert before["before_fees_1e9"] == pytest.approx(paid - 3 * decided, abs=1)
    assert before["slippage_bps"] == pytest.approx(1e4 * (paid / 3 / decided - 1))
    assert before["cost_1e9"] == before["before_fees_1e9"] + sum(fill["fee_1e9"] for fill in before["fills"])
    assert after["cost_1e9"] == pytest.approx(3 * (last - decided), abs=3)
    assert answer["difference"]["cost_1e9"] == after["cost_1e9"] - before["cost_1e9"]
    assert answer["difference"]["filled_1e8"] == -3 * BTC
    assert answer["algo"] == {"actions_original": 1, "actions_changed": 1, "differs_from_ns": None}


@pytest.mark.parametrize(
    ("said", "profile"), [("250", "constant:250"), ("venue", "venue"), ("+40ms", "constant:40")]
)
def test_latency_is_that_of_a_run_in_which_all_has_it(taker: Capsule, said: str, profile: str) -> None:
    """The algo sends one order only, so both must come to the same."""
    answer = what_if(taker, f"latency={said}")["changed"]
    whole = run(replace(taker, latency=profile))
    order = whole.kept.orders[taker.about["order_id"]]
    shown = [[f["ts_ns"], f["price_1e9"], f["qty_1e8"], f["fee_1e9"]] for f in answer["fills"]]
    assert shown == [[f.ts_ns, f.price_1e9, f.qty_1e8, f.fee_1e9] for f in whole.kept.fills] != []
    assert (answer["status"], answer["filled_1e8"]) == (order.status, order.filled_qty_1e8)
    assert answer["arrived_ns"] > answer["sent_ns"] == taker.about["created_ns"]
    assert answer["ended_ns"] > answer["arrived_ns"]


def test_a_run_with_latency_may_be_asked_for_none(taker: Capsule) -> None:
    slow = asked(scripted(action(px=78_000, qty=3 * BTC, how=LIMIT)), latency="constant:250")
    answer, instant = what_if(slow, "latency=none"), what_if(taker, "latency=none")
    assert answer["changed"]["fills"] == instant["original"]["fills"] == instant["changed"]["fills"]
    assert answer["original"]["fills"] == what_if(taker, "latency=250")["changed"]["fills"]
    assert instant["difference"] == dict.fromkeys(instant["difference"], 0)


@pytest.mark.parametrize(
    "order", [(78_000, 3 * BTC, LIMIT), (77_366, 2_000_000, POST_ONLY), (0, BTC // 2, MARKET)]
)
def test_another_venue_fills_from_its_own_book(order: tuple[int, int, int]) -> None:
    """Against that market alone, event by event."""
    px, qty, kind = order
    capsule = asked(scripted(action(px=px, qty=qty, how=kind)), seconds=25.0)
    answer = what_if(capsule, "venue=coinbase")
    [market] = markets_of("coinbase", [SYMBOL], "base").values()
    feed = open_generated(venue="coinbase", symbols=[SYMBOL], seed=1)
    decided, until = capsule.about["created_ns"], answer["until_ns"]
    for event in [*feed.prime(), *feed.next_until(decided)]:
        market.on_event(event)
    limit = 0 if kind == MARKET else px * SECOND
    happened = market.submit(Order("1", "a", "o", SYMBOL, 1, OrderType(kind), qty, limit), decided)
    for event in feed.next_until(until):
        happened += market.on_event(event)
    fills = [
        [f.ts_ns, f.px_1e9, f.qty_1e8, f.fee_1e9, f.maker, f.certainty]
        for f in happened
        if isinstance(f, Filled)
    ]
    assert fills
    assert fills == [
        [f["ts_ns"], f["price_1e9"], f["qty_1e8"], f["fee_1e9"], f["liquidity"] == "maker", f["certainty"]]
        for f in answer["changed"]["fills"]
    ]
    assert (answer["original"]["venue"], answer["changed"]["venue"]) == ("kraken", "coinbase")


def test_the_algo_lives_on_and_sees_what_became_of_it(maker: bytes) -> None:
    """A maker quotes anew when it was filled: elsewhere that is at another time."""
    capsule = asked(maker, params=[{"name": "p", "slot": 0, "type": "int", "value": 1}], seconds=20.0)
    answer = what_if(capsule, "venue=coinbase")
    algo, until = answer["algo"], answer["until_ns"]
    assert algo["actions_original"] != algo["actions_changed"]
    assert answer["decided_ns"] < algo["differs_from_ns"] <= until
    assert answer["changed"]["fills"] != answer["original"]["fills"]
    assert until >= capsule.about["ended_ns"]


def test_an_order_that_does_not_arrive_in_time_is_open() -> None:
    resting = asked(scripted(action(px=77_000, qty=10**6), action(kind=1)), seconds=3.0)
    answer = what_if(resting, "latency=60000")
    late = answer["changed"]
    assert (late["status"], late["ended_ns"], late["arrived_ns"], late["why"]) == ("NEW", None, None, "open")
    assert (answer["original"]["status"], answer["until_ns"]) == ("CANCELLED", resting.feed.to_ns)


@pytest.mark.parametrize(
    ("change", "why", "usage"),
    [
        ("postonly", "no change of an order", True),
        ("venue=", "no change of an order", True),
        ("latency=soon", "latency=soon", True),
        ("latency=-3", "milliseconds", True),
        ("venue=kraken", "went to kraken", True),
        ("venue=binance", "nothing of the market at binance", False),
    ],
)
def test_what_cannot_be_asked(taker: Capsule, change: str, why: str, usage: bool) -> None:
    with pytest.raises(WhatIfError, match=why) as said:
        what_if(taker, change)
    assert said.value.usage is usage


def test_what_the_order_does_not_allow(taker: Capsule) -> None:
    market = asked(scripted(action(qty=10**6, how=MARKET)), seconds=3.0)
    with pytest.raises(WhatIfError, match="no price at which"):
        what_if(market, "post-only")
    passive = asked(scripted(action(px=77_000, qty=10**6, how=POST_ONLY), action(kind=1)), seconds=3.0)
    with pytest.raises(WhatIfError, match="post-only as it is"):
        what_if(passive, "post-only")
    stopped = asked(
        scripted(action(px=78_000, qty=BTC)), seconds=3.0, risk={"max_order_notional_1e9": SECOND}
    )
    with pytest.raises(WhatIfError, match="never left its edge"):
        what_if(stopped, "latency=5")
    late = replace(taker.aside.feed, start_ns=taker.about["created_ns"] + SECOND)  # type: ignore[union-attr]
    with pytest.raises(WhatIfError, match="after this order was decided"):
        what_if(replace(taker, aside=replace(taker.aside, feed=late)), "venue=coinbase")  # type: ignore[type-var]


def test_a_run_that_comes_to_something_else_answers_nothing(taker: Capsule) -> None:
    assert taker.stored
    first = taker.stored[0]
    other = [[*first[:4], first[4] + 1, *first[5:]], *taker.stored[1:]]
    for stored, why in [(other, "the platform stored"), (taker.stored[:-1], "no further fill")]:
        with pytest.raises(WhatIfError, match=f"without the change .*{why}"):
            what_if(replace(taker, stored=stored), "latency=5")
    with pytest.raises(WhatIfError, match="ended CANCELLED, in the repetition FILLED"):
        what_if(replace(taker, about=taker.about | {"status": "CANCELLED"}), "latency=5")


def test_the_command(taker: Capsule, tmp_path: Path) -> None:
    path = tmp_path / "order.seqcap"
    capsules.write(path, taker)

    def ask(change: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sequence_paper.replay", str(path), "--what-if", change],
            env=os.environ | {"PYTHONHASHSEED": "random"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    done = ask("venue=coinbase")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == what_if(taker, "venue=coinbase")
    wrong = ask("sideways")
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert wrong.stderr.startswith("error: 'sideways'")


def test_forms_of_a_change() -> None:
    assert [str(parse(text)) for text in ("post-only", " venue = coinbase ", "latency=+5ms")] == [
        "post-only",
        "venue=coinbase",
        "latency=+5ms",
    ]
