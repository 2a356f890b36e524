"""Every formula on numbers that are worked out in the comments."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.analysis import choice, latency, shortfall, spreads
from sequence_paper.analysis.alternatives import elsewhere
from sequence_paper.analysis.facts import Gap
from sequence_paper.analysis.formulas import FORMULAS, ORDER, explained
from sequence_paper.routing import Venue
from sequence_paper.venue.rules import SymbolRules

from .made import S, coins, fill, made_report, mid, order, quote, usd

# A buy of 10 decided at 100.00; the router has it at 100.10; it buys 4 at 100.20 and 2 at 100.50 and pays 1.20 of
# fees; 4 stay unfilled when it ends at 101. P_avg = (400.8 + 201) / 6 = 100.3. Paper notional 1000.
BUY = order(
    qty=10,
    status="PARTIAL",
    decision=mid(100),
    arrival=mid("100.1"),
    end=mid(101),
    fills=(fill(4, "100.2", fee_1e9=usd("0.8")), fill(2, "100.5", fee_1e9=usd("0.4"))),
)
# Its mirror image: sells 10 decided at 100, everything moved down by the same.
SELL = order(
    side=-1,
    qty=10,
    status="PARTIAL",
    decision=mid(100),
    arrival=mid("99.9"),
    end=mid(99),
    fills=(fill(4, "99.8", fee_1e9=usd("0.8")), fill(2, "99.5", fee_1e9=usd("0.4"))),
)


@pytest.mark.parametrize("of", [BUY, SELL], ids=["buy", "sell"])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (shortfall.delay_bps, Fraction(10)),  # 10 * 0.1 = 1 of 1000
        (shortfall.trading_bps, Fraction(12)),  # 6 * 0.2 = 1.2 of 1000
        (shortfall.opportunity_bps, Fraction(36)),  # 4 * 0.9 = 3.6 of 1000
        (shortfall.paper_fees_bps, Fraction(12)),  # 1.2 of 1000
        (shortfall.shortfall_bps, Fraction(70)),  # 4*0.2 + 2*0.5 + 4*1 + 1.2 = 7 of 1000
        (shortfall.fill_rate, Fraction(6, 10)),
    ],
)
def test_shortfall(of: Any, metric: Any, expected: Fraction) -> None:
    assert metric(of) == expected


def test_averages_against_arrival_prints_and_fees() -> None:
    assert shortfall.arrival_bps(BUY) == Fraction(2000, Fraction("100.1"))  # 0.2 above 100.1
    assert shortfall.arrival_bps(SELL) == Fraction(2000, Fraction("99.9"))
    assert shortfall.fees_bps(BUY) == 10_000 * Fraction("1.2") / Fraction("601.8")
    tape = order(fills=(fill(1, "100.3"),), vwap=mid(100))
    assert shortfall.vwap_bps(tape) == 30
    assert shortfall.vwap_bps(BUY) is Gap.NO_DATA


def test_a_rebate_is_a_negative_cost() -> None:
    maker = order(fills=(fill(1, 100, maker=True, fee_1e9=usd("-0.01")),))
    assert shortfall.fees_bps(maker) == -1
    assert shortfall.shortfall_bps(maker) == -1


@pytest.mark.parametrize("side", [1, -1])
def test_spreads_of_a_taker(side: int) -> None:
    # Met 100.00 in a book 99.90 / 100.10, paid (or got) 0.10 away from the mid, and the mid then went 0.04 its way.
    taken = fill(1, "100.1" if side > 0 else "99.9", at=quote("99.9", "100.1"), later=100 + 0.04 * side)
    assert spreads.effective_bps(taken, side) == 20
    assert spreads.realized_bps(taken, side, "1s") == 12
    assert spreads.impact_bps(taken, side, "1s") == 8
    paid = Fraction("100.1") if side > 0 else Fraction("99.9")
    assert spreads.markout_bps(taken, side, "1s") == 10_000 * Fraction("-0.06") / paid
    assert spreads.capture(taken, side) is Gap.TAKER
    of = order(side=side, fills=(taken,), quote=quote("99.9", "100.1"))
    assert spreads.quoted_bps(of) == 20
    assert spreads.eq_ratio([(of, taken)]) == 1


def test_a_maker_at_the_touch_earns_the_half_spread() -> None:
    made = fill(1, "99.9", maker=True, at=quote("99.9", "100.1"))
    assert spreads.capture(made, 1) == 1
    assert spreads.capture(made, -1) == -1  # sold at the bid: it paid the half spread
    assert spreads.effective_bps(made, 1) == -20


def test_price_improvement_is_against_the_best_of_all_venues() -> None:
    of = order(nbbo=quote("99.9", "100"), fills=(fill(1, "99.95"),))
    assert spreads.improvement_bps(of.fills[0], of) == 5
    assert spreads.improvement_bps(of.fills[0], order(nbbo=Gap.ONE_VENUE)) is Gap.ONE_VENUE
    assert spreads.nbbo_quoted_bps(order(nbbo=quote(100, "99.9"))) is Gap.CROSSED


def test_regret_and_savings() -> None:
    # Bought 2 at 100 with 0.4 of fees: 200.4. The cheapest split would have been 200.2, the best venue alone 201.
    of = order(qty=2, fills=(fill(2, 100, fee_1e9=usd("0.4")),), cheapest=mid("200.2"), single=mid(201))
    assert choice.regret_bps(of) == 10
    assert choice.savings_bps(of) == 30
    assert choice.savings_1e9(of) == usd("0.6")
    # Sold 2 at 100 with 0.4 of fees: 199.6 came in. The best way would have brought 199.8, one venue alone 199.
    of = order(side=-1, qty=2, fills=of.fills, cheapest=-mid("199.8"), single=-mid(199))
    assert choice.regret_bps(of) == 10
    assert choice.savings_bps(of) == 30


def test_legs_and_first_fill() -> None:
    stages = [("decision", 100), ("submitted", 130), ("routed", 150), ("sent", 160), ("venue_ack", 400)]
    stages += [("fill", 900), ("fill", 1500)]
    found = latency.legs([latency.Step(*stage) for stage in stages])
    assert list(found.values()) == [30, 20, 10, 240, 500, 600]
    assert latency.legs([latency.Step("decision", 1), latency.Step("rejected", 5)]) == {}
    assert (
        latency.first_fill_ns(order(fills=(fill(1, 100, ts_ns=13 * S), fill(1, 100, ts_ns=12 * S)))) == 2 * S
    )
    assert latency.first_fill_ns(order()) is Gap.UNFILLED


@pytest.mark.parametrize(
    ("of", "gap"),
    [
        (order(decision=Gap.NO_DECISION, fills=(fill(1, 100),)), Gap.NO_DECISION),
        (order(arrival=Gap.SUSPECT, qty=2, fills=(fill(1, 100),)), Gap.SUSPECT),
        (order(end=Gap.NO_DATA, qty=2, fills=(fill(1, 100),)), Gap.NO_DATA),
        (order(final=False, qty=2, fills=(fill(1, 100),)), Gap.OPEN),
    ],
)
def test_what_is_missing_is_missing(of: Any, gap: Gap) -> None:
    assert shortfall.opportunity_bps(of) is gap
    shown = made_report([of])["metrics"]["opportunity_bps"]
    assert (shown["n"], shown["mean"], shown["se"], shown["p50"], shown["missing"]) == (
        0,
        None,
        None,
        None,
        {gap.value: 1},
    )


def test_nothing_left_unfilled_needs_no_mid_at_the_end() -> None:
    whole = order(end=Gap.NO_DATA, final=False, fills=(fill(1, 100),))
    assert shortfall.opportunity_bps(whole) == 0
    assert shortfall.shortfall_bps(whole) == 0


def test_a_horizon_past_the_end_is_missing_and_the_others_are_not() -> None:
    later = {
        "50ms": mid(101),
        "1s": mid(101),
        "5s": Gap.NO_DATA,
        "15s": Gap.SUSPECT,
        "1m": Gap.NO_DATA,
        "5m": Gap.NO_DATA,
    }
    one = fill(1, 100)
    cut = type(one)(
        one.fill_id, one.price_1e9, one.qty_1e8, 0, False, one.ts_ns, quote("99.9", "100.1"), later
    )
    rows = made_report([order(fills=(cut,))])["horizons"]
    assert [row["markout_bps"]["mean"] for row in rows] == [100, 100, None, None, None, None]
    assert [sum(row["markout_bps"]["missing"].values()) for row in rows] == [0, 0, 1, 1, 1, 1]
    assert rows[3]["markout_bps"]["missing"] == {Gap.SUSPECT.value: 1}


def test_the_report_of_two_orders() -> None:
    # 1 BTC at 101 against 100 (cost 100 bps, weight 100) and 3 BTC at 100 (cost 0, weight 300): mean 25 bps.
    # Standard error: sqrt(2/1 · (100²·75² + 300²·25²)) / 400 = sqrt(2)·sqrt(2)·7500 / 400 = 37.5.
    dear = order(qty=1, order_id="dear", fills=(fill(1, 101),))
    fair = order(
        qty=3, order_id="fair", venue="coinbase", fills=(fill(3, 100, maker=True, fee_1e9=usd("0.3")),)
    )
    found = made_report(
        [dear, fair, order(status="REJECTED", order_id="no"), order(status="CANCELLED", end=mid(101))]
    )
    trading = found["metrics"]["trading_bps"]
    assert (trading["n"], trading["mean"], trading["p50"], trading["p95"]) == (2, 25, 0, 100)
    assert trading["se"] == pytest.approx(37.5)
    assert found["orders"] == {
        "matched": 4,
        "traded": 2,
        "filled": 2,
        "rejected": 1,
        "cancelled": 1,
        "open": 0,
        "analysed": 2,
        "analysed_unfilled": 2,
    }
    assert found["notional_1e9"] == usd(401)
    assert (found["fees"]["maker_1e9"], found["fees"]["taker_1e9"]) == (usd("0.3"), 0)
    assert found["unfilled"]["orders"] == 1
    assert found["unfilled"]["opportunity_bps"]["mean"] == 100
    coinbase, kraken = found["venues"]
    assert (coinbase["venue"], coinbase["maker_share"], coinbase["share"]) == (
        "coinbase",
        1.0,
        pytest.approx(300 / 401),
    )
    assert (kraken["orders"], kraken["fills"], kraken["reject_rate"]) == (3, 1, 1 / 3)
    assert kraken["fill_rate"] == 0.5  # the cancelled one counts, the rejected one does not
    assert found["implementation_shortfall_bps"] == found["metrics"]["shortfall_bps"]["mean"]


def test_an_empty_report_says_nothing_rather_than_zero() -> None:
    found = made_report([])
    assert (found["orders"]["traded"], found["fills"], found["notional_1e9"]) == (0, 0, 0)
    assert found["implementation_shortfall_bps"] is None
    assert found["savings_usd"] is None
    assert found["venues"] == found["outliers"] == []
    assert all(shown["mean"] is None for shown in found["metrics"].values())


def test_an_outlier_is_named() -> None:
    usual = [order(order_id=f"o{n}", fills=(fill(1, 100 + n / 100),)) for n in range(8)]
    odd = order(order_id="odd", fills=(fill(1, 110),))
    assert [row["node_order_id"] for row in made_report([*usual, odd])["outliers"]] == ["odd"]
    assert made_report(usual)["outliers"] == []


def test_every_metric_of_an_answer_has_its_formula() -> None:
    of = order(fills=(fill(1, 100),))
    found = made_report([of])
    shown = (
        set(found["metrics"])
        | {k for k in found["horizons"][0] if k.endswith("_bps")}
        | {"eq_ratio", "fill_rate"}
    )
    assert shown | {"stage_ns", "first_fill_ns", "savings_1e9"} == set(FORMULAS) == set(ORDER)


def _book(name: str, asks: list[tuple[str, str]], bids: list[tuple[str, str]], taker_ppm: int) -> Venue:
    rules = SymbolRules("BTC-USD", usd("0.1"), coins("0.1"), 1, 1, 1, 1)
    levels = [[(usd(px), coins(size)) for px, size in side] for side in (bids, asks)]
    return Venue(name, *levels, rules, taker_ppm)


NEAR = _book("near", [("100", "1"), ("101", "5")], [("99", "1"), ("98", "5")], 1000)
FAR = _book("far", [("100.5", "5")], [("98.5", "5")], 2000)


def test_what_elsewhere_would_have_cost() -> None:
    # Buys 2. Near alone: (100 + 101) * 1.001 = 201.201. Far alone: 2 * 100.5 * 1.002 = 201.402.
    # Best: 1 near at 100 * 1.001, the other far at 100.5 * 1.002 = 100.701, cheaper than 101 * 1.001: 200.801.
    bought = order(qty=2, fills=(fill(1, 100, fee_1e9=usd("0.1")), fill(1, 101, fee_1e9=usd("0.101"))))
    found = elsewhere(bought, [NEAR, FAR])
    assert (found.cheapest, found.single, found.single_venue) == (mid("200.801"), mid("201.201"), "near")
    compared = replace(bought, cheapest=found.cheapest, single=found.single)
    assert choice.regret_bps(compared) == 10_000 * Fraction("0.4") / 201
    assert choice.savings_bps(compared) == 0
    # Sells 2. Near alone: (99 + 98) * 0.999 = 196.803. Best: 99 * 0.999 + 98.5 * 0.998 = 197.204.
    found = elsewhere(replace(bought, side=-1), [NEAR, FAR])
    assert (found.cheapest, found.single) == (-mid("197.204"), -mid("196.803"))


def test_where_there_is_nothing_to_compare() -> None:
    bought = order(fills=(fill(1, 100),))
    assert elsewhere(order(), [NEAR, FAR]).cheapest is Gap.UNFILLED
    assert elsewhere(order(fills=(fill(1, 100, maker=True),)), [NEAR, FAR]).cheapest is Gap.MAKER
    assert elsewhere(bought, [NEAR]).single is Gap.ONE_VENUE
    assert elsewhere(bought, []).single is Gap.NO_DATA
    deep = order(qty=9, fills=(fill(9, 100),))
    assert elsewhere(deep, [NEAR, FAR]).single is Gap.SHALLOW
    assert elsewhere(order(qty=12, fills=(fill(12, 100),)), [NEAR, FAR]).cheapest is Gap.SHALLOW


def test_the_page_prints_the_table_that_is_computed() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tca.md").read_text()
    for row in explained():
        cells = f"{row['title']} (`{row['key']}`)", f"`{row['formula']}`", row["per"], f"`{row['weight']}`"
        assert f"| {' | '.join(cells)} | {row['missing'] or '-'} |" in page
    assert len(re.findall(r"^\| .* \(`\w+`\) \|", page, re.MULTILINE)) == len(explained())
