"""A whole run, generated feed to profit, is one value: whatever the process, its hash seed, or how far it goes on."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sequence_paper.feed.events import BUY, SELL
from sequence_paper.feed.open import open_feed
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import Execution, Filled, Order, OrderType
from sequence_paper.venue.position import Position, after_fill
from sequence_paper.venue.rules import symbol_rules, venue_fees

SECOND = 10**9


def run(words: str, seconds: int) -> tuple[list[Execution], Position]:
    """Quote both sides at the touch every 200 events, take a little every 500; returns the log and the position."""
    feed = open_feed(words, venue="kraken", symbols=["BTC-USD"], seed=3)
    market = Market("BTC-USD", symbol_rules("kraken", "BTC-USD"), venue_fees("kraken"))
    log: list[Execution] = []
    for n, event in enumerate(feed.prime() + feed.next_until(feed.about.start_ns + seconds * SECOND)):
        log += market.on_event(event)
        if n % 200 == 0:
            for side, px in zip((BUY, SELL), market.best(), strict=True):
                log += market.cancel(f"quote{side}", event.ts_ns)
                quote = Order(f"quote{side}", "a", "a/q", "BTC-USD", side, OrderType.POST_ONLY, 10**7, px)
                log += market.submit(quote, event.ts_ns)
        if n % 500 == 250:
            take = Order(f"take{n}", "a", "a/t", "BTC-USD", BUY, OrderType.MARKET, 3 * 10**6)
            log += market.submit(take, event.ts_ns)
    position = Position()
    for e in log:
        if isinstance(e, Filled):
            position = after_fill(position, e.side, e.px_1e9, e.qty_1e8, e.fee_1e9)
    return log, position


def digest(words: str, seconds: int) -> str:
    return hashlib.sha256(repr(run(words, seconds)).encode()).hexdigest()


@pytest.mark.parametrize("words", ["generated", "replay"])
def test_determinism_the_event_log_is_the_same_in_any_process(words):
    program = f"import runpy; print(runpy.run_path({str(Path(__file__))!r})['digest']({words!r}, 40))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "random")
    }
    assert answers == {digest(words, 40)}


@pytest.mark.parametrize("words", ["generated", "replay"])
def test_going_on_changes_nothing_that_was(words):
    short, _ = run(words, 20)
    long, _ = run(words, 40)
    assert short == long[: len(short)]
    assert len(long) > len(short)


def test_there_is_trading_in_it():
    log, position = run("generated", 120)
    fills = [e for e in log if isinstance(e, Filled)]
    assert {e.maker for e in fills} == {True, False}
    assert position.fees_1e9 == sum(e.fee_1e9 for e in fills) > 0
    assert position.qty_1e8 == sum(e.side * e.qty_1e8 for e in fills)
