"""Plots as SVG text, made of numbers alone: bars, a curve with error bars, a histogram, steps over time. Pure.

Colours come from the page's style sheet by class (`cost`, `gain`, `plain`, `axis`, `grid`, `zero`, `whisker`, `label`),
so that a plot follows light and dark. Every plot has a title and a description for those who do not see it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

WIDTH = 460
"""Units across; a plot is scaled to the room it gets, and its letters with it."""
_ROW, _LEFT, _RIGHT, _TOP = 26, 114, 62, 10
_HEIGHT, _BOTTOM, _MARGIN = 220, 30, 52

Say = Callable[[float], str]


class Bar(NamedTuple):
    """`kind`: the class that colours it. `error`: half the length of its whisker."""

    label: str
    value: float | None
    error: float | None = None
    kind: str = "plain"


class Spot(NamedTuple):
    """A point of a curve, or a gap where `value` is None."""

    label: str
    value: float | None
    error: float | None = None


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, two at least."""
    span = high - low or abs(high) or 1.0
    rough = span / max(1, wanted - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if power * size >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def bars(title: str, rows: Sequence[Bar], say: Say) -> str:
    """One bar a row from zero to its value, with the value beside it; a missing one says so."""
    known = [row for row in rows if row.value is not None]
    ends = [end for row in known for end in _ends(row.value or 0.0, row.error)]
    marks = ticks(min([0.0, *ends]), max([0.0, *ends]), 4)
    left, right = marks[0], marks[-1]

    def x(value: float) -> float:
        return _LEFT + (value - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)

    height = _TOP + _ROW * len(rows) + 22
    parts = [_line(x(mark), _TOP, x(mark), height - 20, "zero" if mark == 0 else "grid") for mark in marks]
    parts += [_text(x(mark), height - 6, say(mark), "axis", "middle") for mark in marks]
    for number, row in enumerate(rows):
        middle = _TOP + _ROW * number + _ROW / 2
        parts.append(_text(_LEFT - 8, middle + 4, row.label, "label", "end"))
        if row.value is None:
            parts.append(_text(x(0) + 6, middle + 4, "no data", "axis", "start"))
            continue
        begin, end = sorted((x(0.0), x(row.value)))
        parts.append(_rect(begin, middle - 8, max(end - begin, 0.8), 16, row.kind))
        outer = end
        if row.error:
            low, high = (x(edge) for edge in _ends(row.value, row.error))
            parts.append(_whisker(low, middle, high, middle))
            outer = max(end, high)
        parts.append(_text(outer + 5, middle + 4, say(row.value), "label", "start"))
    told = "; ".join(f"{row.label} {'no data' if row.value is None else say(row.value)}" for row in rows)
    return _svg(title, told, height, parts)


def curve(title: str, spots: Sequence[Spot], say: Say) -> str:
    """Points at equal distances, joined where neighbours are known, with error bars."""
    known = [spot for spot in spots if spot.value is not None]
    ends = [end for spot in known for end in _ends(spot.value or 0.0, spot.error)]
    marks = ticks(min([0.0, *ends]), max([0.0, *ends]))
    y = _vertical(marks)
    step = (WIDTH - _MARGIN - 20) / max(1, len(spots))
    xs = [_MARGIN + step * (number + 0.5) for number in range(len(spots))]
    parts = _levels(marks, y, say)
    for (spot, x0), (after, x1) in pairwise(zip(spots, xs, strict=True)):
        if spot.value is not None and after.value is not None:
            parts.append(_line(x0, y(spot.value), x1, y(after.value), "stroke"))
    for spot, x in zip(spots, xs, strict=True):
        parts.append(_text(x, _HEIGHT - 10, spot.label, "axis", "middle"))
        if spot.value is None:
            parts.append(_text(x, _TOP + 12, "no data", "axis", "middle"))
            continue
        if spot.error:
            low, high = (y(edge) for edge in _ends(spot.value, spot.error))
            parts.append(_whisker(x, low, x, high))
        parts.append(f'<circle cx="{x:.1f}" cy="{y(spot.value):.1f}" r="4" class="{_sign(spot.value)}"/>')
    told = "; ".join(f"{spot.label} {'no data' if spot.value is None else say(spot.value)}" for spot in spots)
    return _svg(title, told, _HEIGHT, parts)


def histogram(title: str, values: Sequence[float], say: Say, bins: int = 24) -> str:
    """How many values fall where; the bins are round numbers wide."""
    marks = ticks(min(values), max(values), bins)
    width = marks[1] - marks[0] if len(marks) > 1 else 1.0
    counts = [0] * max(1, len(marks) - 1)
    for value in values:
        counts[min(len(counts) - 1, max(0, int((value - marks[0]) / width)))] += 1
    levels = [mark for mark in ticks(0, max(counts), 4) if mark == int(mark)]
    y = _vertical(levels)
    room = (WIDTH - _MARGIN - 20) / len(counts)
    parts = _levels(levels, y, lambda mark: f"{mark:,.0f}")
    for number, count in enumerate(counts):
        if count:
            kind = "cost" if marks[0] + width * (number + 0.5) > 0 else "gain"
            top = y(count)
            parts.append(_rect(_MARGIN + room * number + 0.5, top, max(room - 1, 0.8), y(0) - top, kind))
    for mark in ticks(marks[0], marks[-1], 5):
        if marks[0] - width / 2 <= mark <= marks[-1] + width / 2:
            x = _MARGIN + room * (mark - marks[0]) / width
            parts.append(_text(x, _HEIGHT - 10, say(mark), "axis", "middle"))
    told = f"{len(values):,} values from {say(min(values))} to {say(max(values))}, most of them near " + say(
        marks[0] + width * (counts.index(max(counts)) + 0.5)
    )
    return _svg(title, told, _HEIGHT, parts)


def steps(
    title: str, series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], say: Say, when: Say
) -> str:
    """Series (name, class, points) that keep their value until the next point; each is named at its end."""
    points = [point for _, _, line in series for point in line]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    marks = ticks(min(0.0, *(y for _, y in points)), max(0.0, *(y for _, y in points)))
    y, right = _vertical(marks), WIDTH - 74

    def x(moment: float) -> float:
        return _MARGIN + (moment - first) / ((last - first) or 1.0) * (right - _MARGIN)

    parts = _levels(marks, y, say, right)
    ends: list[float] = []
    for name, kind, line in series:
        path = f"M{x(line[0][0]):.1f} {y(line[0][1]):.1f}" + "".join(
            f"H{x(moment):.1f}V{y(value):.1f}" for moment, value in line[1:]
        )
        parts.append(f'<path d="{path}" class="stroke {kind}"/>')
        at = y(line[-1][1])
        while any(abs(at - other) < 13 for other in ends):
            at += 13  # two series that end together are named below each other
        ends.append(at)
        parts.append(_text(right + 5, at + 4, name, f"label {kind}", "start"))
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        told_at = when(first + share * (last - first))
        parts.append(_text(_MARGIN + share * (right - _MARGIN), _HEIGHT - 10, told_at, "axis", anchor))
    told = "; ".join(f"{name} ends at {say(line[-1][1])}" for name, _, line in series)
    return _svg(title, told, _HEIGHT, parts)


def _ends(value: float, error: float | None) -> tuple[float, float]:
    return value - (error or 0.0), value + (error or 0.0)


def _sign(value: float) -> str:
    return "gain" if value >= 0 else "cost"


def _vertical(marks: Sequence[float]) -> Callable[[float], float]:
    low, high = marks[0], marks[-1]

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / ((high - low) or 1.0) * (_HEIGHT - _BOTTOM - _TOP)

    return y


def _levels(
    marks: Sequence[float], y: Callable[[float], float], say: Say, right: float = WIDTH - 20
) -> list[str]:
    parts = [_line(_MARGIN, y(mark), right, y(mark), "zero" if mark == 0 else "grid") for mark in marks]
    return parts + [_text(_MARGIN - 6, y(mark) + 4, say(mark), "axis", "end") for mark in marks]


def _line(x0: float, y0: float, x1: float, y1: float, kind: str) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" class="{kind}"/>'


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5" class="{kind}"/>'
    )


def _whisker(x0: float, y0: float, x1: float, y1: float) -> str:
    across = (4.0, 0.0) if x0 == x1 else (0.0, 4.0)
    caps = [
        _line(x - across[0], y - across[1], x + across[0], y + across[1], "whisker")
        for x, y in ((x0, y0), (x1, y1))
    ]
    return _line(x0, y0, x1, y1, "whisker") + "".join(caps)


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, told: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>{''.join(parts)}</svg>"
    )
