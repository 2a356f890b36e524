"""Plots of any numbers: round marks around them, well-formed, nothing drawn that is not a number."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.cli.svg import Bar, Spot, bars, curve, histogram, steps, ticks

numbers = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)
maybe = st.none() | numbers
SPACE = "{http://www.w3.org/2000/svg}"


def say(value: float) -> str:
    return f"{value:.3g}"


def drawn(svg: str) -> ElementTree.Element:
    assert not re.search(r"\b(nan|inf)\b", svg, re.IGNORECASE)
    root = ElementTree.fromstring(svg)
    assert [child.tag for child in root][:2] == [f"{SPACE}title", f"{SPACE}desc"]
    return root


@given(numbers, numbers, st.integers(2, 30))
def test_marks_are_round_and_enclose(one: float, other: float, wanted: int) -> None:
    low, high = sorted((one, other))
    marks = ticks(low, high, wanted)
    gap = marks[1] - marks[0]
    assert 2 <= len(marks) <= 2 * wanted + 3
    assert marks[0] <= low + gap * 1e-6
    assert marks[-1] >= high - gap * 1e-6
    assert all(b - a == pytest.approx(gap, rel=1e-6) for a, b in pairwise(marks))


@given(st.lists(st.tuples(maybe, st.none() | st.floats(0, 1e6)), min_size=1, max_size=6))
def test_any_bars_and_any_curve(values: list[tuple[float | None, float | None]]) -> None:
    plot = drawn(bars("<b>", [Bar("<&>", value, error) for value, error in values], say))
    known = sum(value is not None for value, _ in values)
    assert len(plot.findall(f"{SPACE}rect")) == known
    line = drawn(curve("t", [Spot("1s", value, error) for value, error in values], say))
    assert len(line.findall(f"{SPACE}circle")) == known
    assert [text.text for text in plot.findall(f"{SPACE}text")].count("no data") == len(values) - known


@given(st.lists(numbers, min_size=1, max_size=50))
def test_any_histogram_holds_every_value(values: list[float]) -> None:
    plot = drawn(histogram("t", values, say))
    assert plot[1].text.startswith(f"{len(values):,} values from {say(min(values))} to {say(max(values))}")
    assert plot.findall(f"{SPACE}rect")


@given(st.lists(st.tuples(st.floats(0, 1e9), numbers), min_size=1, max_size=20))
def test_any_steps(points: list[tuple[float, float]]) -> None:
    plot = drawn(steps("t", [("all", "cost", sorted(points)), ("fees", "plain", sorted(points))], say, say))
    assert len(plot.findall(f"{SPACE}path")) == 2
    ends = [float(t.get("y", "")) for t in plot.findall(f"{SPACE}text") if t.text in ("all", "fees")]
    assert abs(ends[0] - ends[1]) >= 12.9, "names of series that end together stand apart"


def test_a_bar_reaches_from_zero_to_its_value() -> None:
    left, right = drawn(bars("t", [Bar("a", -2.0), Bar("b", 4.0)], say)).findall(f"{SPACE}rect")
    assert float(left.get("x")) + float(left.get("width")) == pytest.approx(float(right.get("x")), abs=0.2)
    assert float(right.get("width")) == pytest.approx(2 * float(left.get("width")), abs=0.3)
