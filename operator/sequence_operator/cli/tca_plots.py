"""Which plots a cost analysis gets: from the platform's answer to `svg`."""

from __future__ import annotations

from html import escape
from typing import Any

from sequence_operator.cli.amounts import clock
from sequence_operator.cli.svg import Bar, Spot, bars, curve, histogram, steps
from sequence_operator.cli.tca_figures import PARTS, bps, percent

Json = dict[str, Any]
_BEFORE_FEES = (
    ("before_fees_bps", "shortfall"),
    ("arrival_bps", "arrival slippage"),
    ("vwap_bps", "VWAP slippage"),
    ("effective_bps", "effective spread"),
)


def components(data: Json) -> str:
    """The parts of the shortfall, and without the fees, which often hide the rest, on a scale of their own."""
    metrics = data["metrics"]
    parts = [_bar(title.strip(), metrics[key]) for key, title in (*PARTS, ("shortfall_bps", "shortfall"))]
    close = [_bar(title, metrics[key]) for key, title in _BEFORE_FEES]
    whole = bars("Parts of the shortfall in bps, with standard errors", parts, bps)
    return f"{whole}<h3>Before fees</h3>{bars('Costs before fees in bps, with standard errors', close, bps)}"


def markouts(data: Json) -> str:
    """The curve of mark-outs over the horizons."""
    spots = [Spot(r["horizon"], r["markout_bps"]["mean"], r["markout_bps"]["se"]) for r in data["horizons"]]
    return curve("Mark-out in bps by time after the fill", spots, bps)


def distribution(data: Json) -> tuple[str, str]:
    """(plot, note): arrival slippage an order, or the shortfall where no arrival was recorded."""
    for key, title in (("arrival_bps", "arrival slippage"), ("shortfall_bps", "shortfall")):
        values = sorted(row[key] for row in data["rows"] if row[key] is not None)
        if values:
            shown, outside = _core(values)
            beyond = f" {outside:,} beyond the ends are in the outermost bars." if outside else ""
            plot = histogram(f"Orders by {title} in bps", shown, lambda mark: f"{mark:.4g}")
            return plot, f"Number of orders by {title}, bps; {len(values):,} orders.{beyond}"
    return "", "No order has an arrival price or a decision price."


def over_time(data: Json) -> tuple[str, str]:
    """(plot, note): cumulative cost and fees."""
    line = data["timeline"]
    if not line["points"]:
        return "", "No order has a decision price, so no cost can be summed."
    start = {"ts_ns": data["first_ns"], "cost_1e9": 0, "fees_1e9": 0}
    points = [start, *line["points"]] if data["first_ns"] <= line["points"][0]["ts_ns"] else line["points"]
    series = [
        ("all costs", "cost", [(p["ts_ns"] / 10**9, p["cost_1e9"] / 10**9) for p in points]),
        ("fees", "plain", [(p["ts_ns"] / 10**9, p["fees_1e9"] / 10**9) for p in points]),
        ("the rest", "gain", [(p["ts_ns"] / 10**9, (p["cost_1e9"] - p["fees_1e9"]) / 10**9) for p in points]),
    ]
    plot = steps("Cost so far, in money", series, _short_money, lambda s: clock(int(s * 10**9))[11:19])
    left = f" {line['left_out']:,} orders without a known shortfall are left out." if line["left_out"] else ""
    return plot, f"Shortfall so far, the fees in it and the rest, by the time orders ended.{left}"


def venues(data: Json) -> str:
    """Small plots beside each other, a bar a venue."""
    rows = data["venues"]
    plots = (
        ("Share of notional", [Bar(v["venue"], v["share"]) for v in rows], percent),
        ("Arrival slippage, bps", [_bar(v["venue"], v["arrival_bps"]) for v in rows], bps),
        ("Fees, bps", [_bar(v["venue"], v["fees_bps"]) for v in rows], bps),
        (
            "Mark-out after 1 s, bps (P&L)",
            [_bar(v["venue"], v["markout_1s_bps"], gain=True) for v in rows],
            bps,
        ),
    )
    shown = (f"<div><h3>{escape(title)}</h3>{bars(title, made, say)}</div>" for title, made, say in plots)
    return f'<div class="small">{"".join(shown)}</div>'


def _bar(label: str, stat: Json, *, gain: bool = False) -> Bar:
    """`gain`: positive is good."""
    good = stat["mean"] is not None and (stat["mean"] >= 0) == gain
    return Bar(label, stat["mean"], stat["se"], "gain" if good else "cost")


def _core(values: list[float]) -> tuple[list[float], int]:
    """Sorted values with the outermost hundredth drawn in when it lies far out, and how many that were."""
    low, high = values[len(values) // 100], values[-1 - len(values) // 100]
    room = 3 * (high - low)
    drawn = [min(max(value, low - room), high + room) for value in values]
    return drawn, sum(a != b for a, b in zip(values, drawn, strict=True))


def _short_money(amount: float) -> str:
    return f"{amount:,.0f}" if abs(amount) >= 100 or amount == int(amount) else f"{amount:,.2f}"
