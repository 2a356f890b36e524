"""Draws of latency: pure, ordered by quantile, and as distributed as they say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.venue.latency import VENUES, Constant, Latency, LatencyError, Leg, LogNormal, Table, parse
from support.market_scripts import more

MS = 10**6
DELAYS = st.one_of(
    st.builds(Constant, st.integers(0, 10**9)),
    st.builds(LogNormal, st.integers(0, 10**8), st.integers(1, 10**8), st.floats(0, 2)),
    st.builds(Table, st.lists(st.integers(0, 10**9), min_size=1, max_size=9).map(sorted).map(tuple)),
)
QUANTILE = st.floats(0, 1, exclude_min=True, exclude_max=True)


def venue(name: str = "kraken", seed: int = 1) -> Latency:
    latency = parse("venue", name, seed)
    assert latency is not None
    return latency


@more
@given(DELAYS, QUANTILE, QUANTILE)
def test_a_higher_quantile_is_no_shorter_and_none_is_negative(delay, one, other):
    low, high = sorted((one, other))
    assert 0 <= delay.at(low) <= delay.at(high)


@more
@given(
    st.lists(st.tuples(st.text(max_size=5), st.sampled_from(list(Leg)), st.integers(0, 9)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_a_draw_does_not_depend_on_the_order_of_draws(asked, random):
    first = {one: venue().draw(*one) for one in asked}
    random.shuffle(asked)
    latency = venue()
    assert {one: latency.draw(*one) for one in asked} == first


def test_seed_order_leg_and_number_each_change_the_draw():
    draws = [
        venue(seed=1).draw("o1", Leg.ENTRY, 0),
        venue(seed=2).draw("o1", Leg.ENTRY, 0),
        venue(seed=1).draw("o2", Leg.ENTRY, 0),
        venue(seed=1).draw("o1", Leg.RESPONSE, 0),
        venue(seed=1).draw("o1", Leg.ENTRY, 1),
    ]
    assert len(set(draws)) == 5
    assert draws[0] == venue(seed=1).draw("o1", Leg.ENTRY, 0)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("leg", Leg)
def test_the_draws_of_a_venue_follow_its_distribution(name, leg):
    latency, delay = venue(name), VENUES[name][leg]
    assert isinstance(delay, LogNormal)
    draws = sorted(latency.draw(f"order {n}", leg) for n in range(4_000))
    assert draws[0] > delay.base_ns
    assert abs(median(draws) - delay.at(0.5)) < 0.05 * delay.at(0.5)
    logs = [math.log(ns - delay.base_ns) for ns in draws]
    mean = sum(logs) / len(logs)
    assert (
        abs(math.sqrt(sum((log - mean) ** 2 for log in logs) / len(logs)) - delay.sigma) < 0.05 * delay.sigma
    )


@pytest.mark.parametrize(("quantile", "ns"), [(0.0001, 10), (0.25, 15), (0.5, 20), (0.75, 60), (0.9999, 99)])
def test_a_table_is_drawn_along_straight_lines(quantile, ns):
    assert Table((10, 20, 100)).at(quantile) == ns


def test_profiles(tmp_path: Path):
    table = tmp_path / "measured.json"
    table.write_text(json.dumps({"feed": [3], "entry": [9, 5], "response": [7]}))
    measured = parse(f"table:{table}", "kraken", 1)
    assert parse("none", "kraken", 1) is None
    one, three = parse("constant:5", "kraken", 1), parse("constant:0,1.5,2", "kraken", 1)
    assert one is not None and three is not None and measured is not None
    assert [one.draw("o", leg) for leg in Leg] == [5 * MS] * 3
    assert [three.draw("o", leg) for leg in Leg] == [0, 1_500_000, 2 * MS]
    assert measured.legs[Leg.ENTRY] == Table((5, 9))
    assert (venue().profile, one.profile) == ("venue", "constant:5")


@pytest.mark.parametrize(
    "profile",
    ["", "slow", "constant:", "constant:a", "constant:1,2", "constant:-1", "constant:inf", "table:/none"],
)
def test_what_is_no_profile_is_refused(profile):
    with pytest.raises(LatencyError):
        parse(profile, "kraken", 1)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"feed": [], "entry": [1], "response": [1]}', '{"feed": [1.5]}']
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(LatencyError, match="no table"):
        parse(f"table:{tmp_path / 't.json'}", "kraken", 1)
