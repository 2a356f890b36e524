"""Facts from rows and a recording, against figures looked up by hand in what was written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.analysis.facts import Gap, OrderFacts, Quote
from sequence_paper.api.tca.facts import order_facts
from sequence_paper.store.ticks import TickStore, records
from sequence_paper.store.ticks.writing import TickWriter
from sequence_paper.store.tracing import Trace, TraceHead
from sequence_paper.store.trades import Fill, Order

BTC, USD, S = 10**8, 10**9, 10**9
MS = S // 1000
T0 = 1_770_000_000 * S
OK, GAP = records.STATES.index("ok"), records.STATES.index("gap")


@pytest.fixture
def ticks(tmp_path: Path) -> TickStore:
    """Kraken for 8 s of feed time, its bid at 100 + t; in doubt from 6 s to 7 s. Coinbase beside it, 2 dearer."""
    for venue, run, shift in (("kraken", 5 * S, 0), ("coinbase", 6 * S, 2)):
        writer = TickWriter(tmp_path, venue, run, ["BTC-USD"], "a test", segment_bytes=10**6)
        for step in range(9):
            bid, ask = (100 + step + shift) * USD, (101 + step + shift) * USD
            state = GAP if step == 6 and venue == "kraken" else OK
            at = T0 + step * S
            writer.write(records.tob(0, state, True, at, bid, BTC, ask, BTC), 1)
            writer.write(records.depth(0, state, at, [bid, BTC], [ask, BTC, ask + USD, 5 * BTC]), 1)
            writer.write(records.trade(0, state, at + 500 * MS, ask, BTC * (step + 1), 1), 1)
        writer.close()
    return TickStore(tmp_path)


def bought(
    fills: list[tuple[int, int, int, str]], at: int, end: int, qty: int = BTC, **more: Any
) -> tuple[Order, list[Fill]]:
    """A buy on kraken; fills are (ms after T0, price in dollars, quantity, liquidity)."""
    owner = {
        "account_id": "a",
        "mode": "sandbox",
        "deployment_id": "d",
        "deployment": "mm",
        "label": "main",
        "edge_id": "e",
        "venue": "kraken",
        "instrument_type": "spot",
        "symbol": "BTC-USD",
        "side": "buy",
        "order_id": "o",
    }
    rows = [
        Fill(
            **owner,
            fill_id=f"o/{n}",
            price_1e9=px * USD,
            qty_1e8=size,
            fee_1e9=0,
            liquidity=liquidity,
            realized_pnl_1e9=0,
            ts_ns=T0 + ms * MS,
        )
        for n, (ms, px, size, liquidity) in enumerate(fills)
    ]
    order = Order(
        **owner,
        order_type="limit",
        tif="gtc",
        price_1e9=200 * USD,
        qty_1e8=BTC,
        filled_qty_1e8=sum(fill.qty_1e8 for fill in rows),
        filled_notional_1e9=0,
        fees_1e9=0,
        status="FILLED",
        created_ns=T0 + at * MS,
        updated_ns=T0 + end * MS,
        **({"decision_mid_1e9": 100 * USD + USD // 2} | more),
    )
    return order, rows


def facts(
    ticks: TickStore | None, traded: tuple[Order, list[Fill]], head: TraceHead | None = None
) -> OrderFacts:
    traces = {"o": Trace(head, [], [])} if head else {}
    [found] = order_facts([traded], traces, ticks)
    return found


def test_a_taker(ticks: TickStore) -> None:
    found = facts(ticks, bought([(2000, 103, BTC, "taker")], 2000, 2000))
    assert found.quote == Quote(102 * USD, 103 * USD, 0)
    assert found.arrival == Fraction(205, 2) * USD
    assert found.decision == Fraction(201, 2) * USD
    assert found.end == found.arrival
    assert found.nbbo == Quote(
        104 * USD, 103 * USD, 0
    )  # coinbase bids more than kraken asks: crossed, and said so
    assert found.vwap is Gap.NO_PRINTS  # no time passed in which anybody could have printed
    [fill] = found.fills
    assert fill.at == found.quote
    # A second later the mid was 103.5; five later the feed was in doubt no more: 107.5; six later 108.5.
    assert fill.later == {
        "50ms": Fraction(205, 2) * USD,
        "1s": Fraction(207, 2) * USD,
        "5s": Fraction(215, 2) * USD,
        "15s": Gap.NO_DATA,
        "1m": Gap.NO_DATA,
        "5m": Gap.NO_DATA,
    }
    # 1 BTC at 103 on kraken with 26 bps, against 105 on coinbase with 60.
    assert found.cheapest == found.single == Fraction(103) * USD * Fraction("1.0026")
    assert found.single_venue == "kraken"


def test_a_maker_is_measured_against_the_quote_before_it_was_hit(ticks: TickStore) -> None:
    found = facts(ticks, bought([(3000, 101, BTC // 2, "maker"), (5000, 101, BTC // 2, "maker")], 1200, 5000))
    first, second = found.fills
    assert first.at == Quote(102 * USD, 103 * USD, S - 1)
    assert second.later["1s"] is Gap.SUSPECT
    assert second.later["50ms"] == Fraction(211, 2) * USD
    assert found.cheapest is Gap.MAKER
    # Prints after 1.2 s and up to 5 s: at 1.5, 2.5, 3.5 and 4.5 s, prices 102 to 105, sizes 2 to 5.
    assert found.vwap == Fraction(102 * 2 + 103 * 3 + 104 * 4 + 105 * 5, 14) * USD


def test_outside_of_the_recording_and_without_one(ticks: TickStore) -> None:
    late = facts(ticks, bought([(60_000, 103, BTC, "taker")], 60_000, 60_000))
    assert late.quote is late.arrival is late.end is Gap.NO_DATA
    assert late.cheapest is Gap.NO_DATA
    doubtful = facts(ticks, bought([(6100, 103, BTC, "taker")], 6100, 6100))
    assert doubtful.quote is doubtful.fills[0].at is Gap.SUSPECT
    nothing = facts(None, bought([(2000, 103, BTC, "taker")], 2000, 2000, decision_mid_1e9=0))
    assert nothing.decision is Gap.NO_DECISION
    assert nothing.arrival is nothing.fills[0].later["1s"] is Gap.NO_DATA


def test_the_trace_has_the_first_word(ticks: TickStore) -> None:
    seen = {
        "seq": 1,
        "ts_ns": T0,
        "state": "ok",
        "bids": [[99 * USD, BTC]],
        "asks": [[100 * USD, BTC // 2], [103 * USD, BTC]],
    }
    head = TraceHead("o", "a", "sandbox", "d", "sha", None, seen, 99 * USD, 98 * USD, at_ns=7 * S)
    found = facts(ticks, bought([(2000, 103, BTC, "taker")], 2000, 2000), head)
    assert (found.decision, found.arrival) == (99 * USD, 98 * USD)
    assert found.cheapest == (Fraction(100 + 103) / 2) * USD * Fraction("1.0026")


def test_a_run_that_began_after_the_order_is_not_asked(ticks: TickStore) -> None:
    # By its trace the order was decided at 5.5 s of wall time: kraken's edge was there, that of coinbase was not.
    head = TraceHead("o", "a", "sandbox", "d", "sha", None, None, None, None, at_ns=5 * S + S // 2)
    found = facts(ticks, bought([(2000, 103, BTC, "taker")], 2000, 2000), head)
    assert found.quote == Quote(102 * USD, 103 * USD, 0)
    assert found.nbbo is found.cheapest is Gap.ONE_VENUE
