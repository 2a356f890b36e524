"""A cost analysis as one self-contained page: no script, no request to anywhere, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from sequence_operator.cli import tca_plots
from sequence_operator.cli.amounts import clock, money
from sequence_operator.cli.tca_figures import (
    COSTS,
    PARTS,
    bps,
    duration,
    gaps,
    percent,
    ratio,
    sentence,
    subject,
    window,
)
from sequence_operator.cli.tca_style import STYLE

Json = dict[str, Any]
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_FOLLOWED = "Mark-out by time after the fill, notional-weighted, ± standard error. P&L: positive is a gain."
_LEGS = "From one stage of an order to the next, on its edge's clock."
_STAND_OUT = (
    "Modified z-score of the shortfall before fees beyond 3.5, among orders of the same venue and symbol."
)
_TIMES = 5
_STATS = ("mean", "se", "p50", "p75", "p95", "p99")


def document(data: Json, context: str) -> str:
    """`data`: a report with its rows and timeline. `context`: where it was asked, for the footer."""
    title = f"What trading cost: {subject(data)}"
    traded = data["orders"]["analysed"]
    body = _header(data) + (_tiles(data) + f'<div class="plots">{_sections(data)}</div>' if traded else "")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{body}{_formulas(data)}{_footer(data, context)}</main></body></html>\n"
    )


def _header(data: Json) -> str:
    times = f"<p>{escape(window(data))}, time of the market data</p>" if window(data) else ""
    return f'<header><h1>{escape(subject(data))}</h1>{times}<p class="lead">{escape(sentence(data))}</p></header>'


def _tiles(data: Json) -> str:
    metrics = data["metrics"]
    total, second = metrics["shortfall_bps"], data["horizons"][1]["markout_bps"]
    saved = data["savings_usd"]
    tiles = (
        (f"{bps(total['mean'])} bps", f"shortfall, ± {bps(total['se'])} (n {total['n']:,})"),
        (money(data["notional_1e9"]), f"traded in {data['fills']:,} fills"),
        (f"{bps(data['fees']['total_bps'])} bps", f"fees, {money(data['fees']['total_1e9'])} in all"),
        (f"{bps(second['mean'])} bps", f"mark-out after 1 s (P&L), ± {bps(second['se'])}"),
        (
            percent(data["fill_rate"]),
            f"fill rate; {data['orders']['rejected']:,} of {data['orders']['matched']:,} rejected",
        ),
        (
            "-" if saved is None else f"{abs(saved):,.2f}",
            f"{'more than in' if saved is not None and saved < 0 else 'saved against'} the best single venue "
            f"({bps(metrics['savings_bps']['mean'])} bps)",
        ),
    )
    shown = (
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(text)}</span></div>' for value, text in tiles
    )
    return f'<div class="tiles">{"".join(shown)}</div>'


def _sections(data: Json) -> str:
    """In the order in which they are read; the first is as high as the two beside it."""
    (slips, slips_note), (line, line_note) = tca_plots.distribution(data), tca_plots.over_time(data)
    parts = [
        _section("What it cost", tca_plots.components(data), _cost_table(data), data["sign"], kind="high"),
        _section("What followed the fills", tca_plots.markouts(data), _horizon_table(data), _FOLLOWED),
        _section("Slippage of each order", slips, _slippage_table(data), slips_note),
        _section("Cost over time", line, _time_table(data), line_note),
        _section("Where the time went", "", _latency_table(data), _LEGS),
        _section("Venues", tca_plots.venues(data), _venue_table(data), kind="wide"),
    ]
    if data["outliers"]:
        parts.append(_section("Orders that stand out", "", _outlier_table(data), _STAND_OUT, kind="wide"))
    return "".join(parts)


def _section(title: str, plot: str, table: str, note: str = "", *, kind: str = "") -> str:
    told = f"<p>{escape(note)}</p>" if note else ""
    return f"<section class='{kind}'><h2>{escape(title)}</h2>{told}{plot}{table}</section>"


def _cost_table(data: Json) -> str:
    parts = {key for key, _ in PARTS}
    rows = []
    for key, title in COSTS:
        stat = data["metrics"][key]
        cells = [title.strip(), *(bps(stat[name]) for name in _STATS), f"{stat['n']:,}"]
        rows.append((cells, key in parts))
    return table("bps", ("", "mean", "± SE", "p50", "p75", "p95", "p99", "n"), rows)


def _horizon_table(data: Json) -> str:
    rows = []
    for row in data["horizons"]:
        stats = row["markout_bps"], row["realized_bps"], row["impact_bps"]
        mark = stats[0]
        rows.append(
            (
                [
                    row["horizon"],
                    bps(mark["mean"]),
                    bps(mark["se"]),
                    f"{mark['n']:,}",
                    *(bps(s["mean"]) for s in stats[1:]),
                ],
                False,
            )
        )
    return table("bps", ("after", "mark-out", "± SE", "n", "realized spread", "impact"), rows)


def _slippage_table(data: Json) -> str:
    rows = []
    for key, title in (("arrival_bps", "arrival slippage"), ("before_fees_bps", "shortfall before fees")):
        stat = data["metrics"][key]
        rows.append(
            ([title, *(bps(stat[name]) for name in ("p50", "p75", "p95", "p99")), f"{stat['n']:,}"], False)
        )
    return table("bps, by notional", ("", "p50", "p75", "p95", "p99", "n"), rows)


def _time_table(data: Json) -> str:
    """A few of the plot's points, the last one among them."""
    points = data["timeline"]["points"]
    shown = points[-1 :: -max(1, len(points) // _TIMES)][:_TIMES][::-1]
    rows = [
        (
            [
                clock(p["ts_ns"])[:19], f"{p['orders']:,}", money(p["notional_1e9"]), money(p["cost_1e9"]),
                money(p["fees_1e9"]), money(p["cost_1e9"] - p["fees_1e9"]),
            ],
            False,
        )
        for p in shown
    ]  # fmt: skip
    return (
        table("sums so far", ("until", "orders", "notional", "costs", "fees", "the rest"), rows)
        if rows
        else ""
    )


def _venue_table(data: Json) -> str:
    header = (
        "venue",
        "share",
        "orders",
        "fills",
        "maker",
        "arrival",
        "fees",
        "E/Q",
        "mark-out 1s",
        "ack p50",
        "ack p99",
        "rejected",
        "fill rate",
        "regret",
    )
    rows = [
        (
            [
                v["venue"], percent(v["share"]), f"{v['orders']:,}", f"{v['fills']:,}", percent(v["maker_share"]),
                bps(v["arrival_bps"]["mean"]), bps(v["fees_bps"]["mean"]), ratio(v["eq_ratio"]),
                bps(v["markout_1s_bps"]["mean"]), duration(v["ack_ns"]["p50"]), duration(v["ack_ns"]["p99"]),
                percent(v["reject_rate"]), percent(v["fill_rate"]), bps(v["regret_bps"]["mean"]),
            ],
            False,
        )
        for v in data["venues"]
    ]  # fmt: skip
    return table("slippage, fees, mark-out and regret in bps", header, rows)


def _outlier_table(data: Json) -> str:
    header = ("order", "side", "venue", "notional", "before fees", "shortfall", "score", "decided")
    rows = [
        (
            [
                r["node_order_id"], f"{r['side']} {r['symbol']}", r["venue"], money(r["notional_1e9"]),
                bps(r["before_fees_bps"]), bps(r["shortfall_bps"]), f"{r['score']:+.1f}", clock(r["created_ns"]),
            ],
            False,
        )
        for r in data["outliers"]
    ]  # fmt: skip
    return table("costs in bps", header, rows)


def _latency_table(data: Json) -> str:
    rows = [
        ([leg["leg"], *(duration(leg[n]) for n in ("p50", "p95", "p99", "max")), f"{leg['n']:,}"], False)
        for leg in data["latency"]
        if leg["n"]
    ]
    return table("", ("leg", "p50", "p95", "p99", "max", "n"), rows)


def _formulas(data: Json) -> str:
    lines = "".join(
        f"<div><dt>{escape(f['title'])}<dd><code>{escape(f['formula'])}</code><dd>weighted by {escape(f['weight'])}"
        + (f"; missing: {escape(f['missing'])}" if f["missing"] else "")
        + "</div>"
        for f in data["formulas"]
    )
    letters = "".join(
        f"<div><dt>{escape(s['symbol'])}<dd>{escape(s['meaning'])}</div>" for s in data["symbols"]
    )
    rules = "".join(
        f"<div><dt>{escape(r['figure'])}<dd>{escape(r['rule'])}</div>" for r in data["aggregation"]
    )
    return (
        f'<section class="formulas"><h2>Formulas</h2><dl>{lines}</dl><h3>Letters</h3><dl>{letters}</dl>'
        f"<h3>From values to figures</h3><dl>{rules}</dl></section>"
    )


def _footer(data: Json, context: str) -> str:
    computed = datetime.fromtimestamp(data["computed_ns"] / 10**9, UTC)
    missing = "".join(f"<li>{escape(line)}</li>" for line in gaps(data)) if data["orders"]["analysed"] else ""
    absent = f"<p>Missing, and never counted as zero:</p><ul>{missing}</ul>" if missing else ""
    asked = f"Computed {computed:%Y-%m-%d %H:%M:%S} UTC by the platform of context {escape(context)}."
    return f"<footer>{absent}<p>{asked}</p></footer>"


def table(caption: str, header: Sequence[str], rows: Sequence[tuple[Sequence[str], bool]]) -> str:
    """A table that can be scrolled on a narrow screen; rows are (cells, whether it is a part of the row above)."""
    head = "".join(f"<th scope=col>{escape(name)}" for name in header)
    body = "".join(
        f"<tr><th scope=row{' class=part' if part else ''}>{escape(cells[0])}"
        + "".join(f"<td>{escape(cell)}" for cell in cells[1:])
        for cells, part in rows
    )
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    inside = f"{named}<thead><tr>{head}</thead><tbody>{body}</tbody>"
    return f'<div class="scroll" tabindex="0"><table>{inside}</table></div>'
