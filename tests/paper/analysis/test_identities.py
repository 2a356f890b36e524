"""What must hold for any order, fill and sample."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_paper.analysis import shortfall, spreads
from sequence_paper.analysis.aggregate import Sample, outlier_scores, sample
from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, Gap, OrderFacts, Quote

from .made import made_report

prices = st.integers(1, 10**15)
quantities = st.integers(1, 10**12)
sides = st.sampled_from((1, -1))
mids = st.builds(lambda bid, spread: Fraction(2 * bid + spread, 2), prices, st.integers(0, 10**9))
quotes = st.builds(lambda bid, spread: Quote(bid, bid + spread), prices, st.integers(1, 10**12))
laters = st.fixed_dictionaries({name: mids | st.just(Gap.NO_DATA) for name in HORIZONS_NS})
fills = st.builds(
    FillFacts,
    fill_id=st.just("f"),
    price_1e9=prices,
    qty_1e8=quantities,
    fee_1e9=st.integers(-(10**12), 10**12),
    maker=st.booleans(),
    ts_ns=st.integers(1, 10**18),
    at=quotes,
    later=laters,
)


@st.composite
def orders(draw: st.DrawFn) -> OrderFacts:
    made = tuple(draw(st.lists(fills, max_size=5)))
    filled = sum(fill.qty_1e8 for fill in made)
    wanted = filled + draw(st.integers(0, 10**12))
    return OrderFacts(
        order_id=draw(st.uuids()).hex,
        deployment="mm",
        venue=draw(st.sampled_from(("kraken", "coinbase"))),
        symbol="BTC-USD",
        side=draw(sides),
        qty_1e8=max(1, wanted),
        status=draw(st.sampled_from(("FILLED", "PARTIAL", "CANCELLED", "REJECTED"))),
        created_ns=1,
        ended_ns=2,
        fills=made,
        decision=draw(mids),
        arrival=draw(mids),
        end=draw(mids),
        quote=draw(quotes),
    )


@given(orders())
def test_the_parts_sum_to_perold(order: OrderFacts) -> None:
    parts = [part(order) for part in shortfall.PARTS]
    total = shortfall.shortfall_bps(order)
    assert sum(parts) == total  # exactly, in fractions
    shown = sum(float(part) for part in parts)
    size = max(1.0, *(abs(float(part)) for part in parts))
    assert abs(shown - float(total)) <= 1e-12 * size  # and to 1e-12 as the floats that are shown


@settings(max_examples=30)
@given(st.lists(orders(), max_size=4))
def test_the_parts_sum_to_perold_in_a_report(many: list[OrderFacts]) -> None:
    metrics = made_report(many)["metrics"]
    parts = [
        metrics[key]["mean"] for key in ("delay_bps", "trading_bps", "opportunity_bps", "paper_fees_bps")
    ]
    if metrics["shortfall_bps"]["n"]:
        size = max(1.0, *(abs(part) for part in parts))
        assert abs(sum(parts) - metrics["shortfall_bps"]["mean"]) <= 1e-12 * size


@given(fills, sides, st.sampled_from(tuple(HORIZONS_NS)))
def test_effective_is_realized_and_impact(fill: FillFacts, side: int, horizon: str) -> None:
    realized = spreads.realized_bps(fill, side, horizon)
    impact = spreads.impact_bps(fill, side, horizon)
    if isinstance(realized, Gap):
        assert impact is realized
    else:
        assert spreads.effective_bps(fill, side) == realized + impact


@given(fills, sides)
def test_capture_is_minus_half_the_effective_in_half_spreads(fill: FillFacts, side: int) -> None:
    captured = spreads.capture(fill, side)
    if fill.maker:
        assert captured * fill.at.spread / fill.at.mid * 10_000 == -spreads.effective_bps(fill, side)


@given(orders(), st.integers(2, 5))
def test_how_a_fill_was_cut_does_not_change_the_cost(order: OrderFacts, pieces: int) -> None:
    cut = []
    for fill in order.fills:
        part, rest = divmod(fill.qty_1e8, pieces)
        sizes = [size for size in [*([part] * (pieces - 1)), part + rest] if size]
        fees = [fill.fee_1e9, *([0] * (len(sizes) - 1))]
        cut += [
            FillFacts(fill.fill_id, fill.price_1e9, size, fee, fill.maker, fill.ts_ns, fill.at, fill.later)
            for size, fee in zip(sizes, fees, strict=True)
        ]
    pieces_of = replace(order, fills=tuple(cut))
    for metric in (*shortfall.PARTS, shortfall.shortfall_bps, shortfall.arrival_bps, shortfall.fees_bps):
        assert metric(pieces_of) == metric(order)


@given(orders())
def test_a_buy_and_its_mirror_image_cost_the_same(order: OrderFacts) -> None:
    # Reflected in 2·10^15: every price p becomes 2·10^15 - p, the side turns over. Costs in money stay.
    top = 2 * 10**15 + 10**9

    mirrored = replace(
        order,
        side=-order.side,
        decision=top - order.decision,
        arrival=top - order.arrival,
        end=top - order.end,
        fills=tuple(replace(fill, price_1e9=top - fill.price_1e9) for fill in order.fills),
    )
    assert shortfall.perold(mirrored) == shortfall.perold(order)


values = st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(1, 10**6)), min_size=1, max_size=30)


def _sample(pairs: list[tuple[int, int]]) -> Sample:
    return sample((Fraction(value), Fraction(weight)) for value, weight in pairs)


@given(values)
def test_a_mean_lies_between_and_percentiles_rise(pairs: list[tuple[int, int]]) -> None:
    found = _sample(pairs)
    lowest, highest = min(v for v, _ in pairs), max(v for v, _ in pairs)
    assert lowest - 1e-6 <= found.mean <= highest + 1e-6
    assert (
        lowest <= found.percentile(50) <= found.percentile(75) <= found.percentile(95) <= found.percentile(99)
    )
    assert found.percentile(99) <= highest
    assert (found.standard_error is None) == (len(pairs) == 1)


@given(values)
def test_percentiles_against_one_value_per_unit_of_weight(pairs: list[tuple[int, int]]) -> None:
    small = [(value, weight % 50 + 1) for value, weight in pairs]
    spelled = sorted(value for value, weight in small for _ in range(weight))
    for percent in (50, 75, 95, 99):
        rank = -(-len(spelled) * percent // 100)
        assert _sample(small).percentile(percent) == spelled[rank - 1]


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30))
def test_with_equal_weights_the_standard_error_is_the_usual_one(numbers: list[int]) -> None:
    n, mean = len(numbers), sum(numbers) / len(numbers)
    usual = (sum((x - mean) ** 2 for x in numbers) / (n - 1) / n) ** 0.5
    assert _sample([(x, 7) for x in numbers]).standard_error == pytest.approx(usual, abs=1e-9)


@given(st.lists(st.floats(-1000, 1000), max_size=30))
def test_outlier_scores_do_not_depend_on_place_and_scale(numbers: list[float]) -> None:
    scores = outlier_scores(numbers)
    assert len(scores) == len(numbers)
    if len(set(numbers)) <= 1 or len(numbers) < 5:
        assert scores == [None] * len(numbers)


@settings(max_examples=30)
@given(st.lists(orders(), max_size=4), st.randoms())
def test_the_order_of_orders_does_not_matter(many: list[OrderFacts], chance: random.Random) -> None:
    other = list(many)
    chance.shuffle(other)
    first, second = made_report(many), made_report(other)
    assert first["orders"] == second["orders"]
    assert first["fees"] == second["fees"]
    for key, shown in first["metrics"].items():
        assert shown["n"] == second["metrics"][key]["n"]
        if shown["n"]:
            assert shown["mean"] == pytest.approx(second["metrics"][key]["mean"], rel=1e-12)
