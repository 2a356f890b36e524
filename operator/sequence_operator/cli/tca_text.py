"""`sequence tca` for people, in 80 columns."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from sequence_operator.cli.amounts import money
from sequence_operator.cli.output import count, table
from sequence_operator.cli.tca_figures import (
    COSTS,
    bps,
    duration,
    gaps,
    percent,
    ratio,
    saved,
    sentence,
    subject,
    window,
)
from sequence_operator.cli.terminal import paint

Json = dict[str, Any]
_WIDTH = 80
_VENUES_A_TABLE = 5


def understood(data: Json) -> bool:
    """Whether it is an answer of the form that these tables are made for."""
    return {"metrics", "horizons", "venues", "orders", "scope", "fees", "latency"} <= data.keys()


def page(data: Json, *, explain: bool = False) -> str:
    """Everything, or with nothing traded the one sentence that says so."""
    parts = [_head(data)]
    if data["orders"]["analysed"]:
        parts += [_costs(data), _markouts(data), _venues(data["venues"]), _outliers(data), _latency(data)]
        parts.append(_unfilled(data))
        parts.append(_footnotes(data))
    if explain:
        parts.append(_explain(data))
    return "\n".join(part for part in parts if part)


def _head(data: Json) -> str:
    lines = [paint(subject(data), sys.stdout, bold=True)]
    if window(data):
        lines.append(f"{window(data)} (time of the market data)")
    return "\n".join([*lines, *textwrap.wrap(sentence(data), _WIDTH)]) + "\n"


def _costs(data: Json) -> str:
    rows = []
    for key, title in COSTS:
        stat = data["metrics"][key]
        figures = [bps(stat[name]) for name in ("mean", "se", "p50", "p75", "p95", "p99")]
        rows.append([title, *figures, f"{stat['n']:,}"])
    header = ["COST (bps)", "MEAN", "± SE", "P50", "P75", "P95", "P99", "N"]
    captured = data["metrics"]["capture"]
    ratios = f"E/Q {ratio(data['eq_ratio'])} · fill rate {percent(data['fill_rate'])}"
    if captured["n"]:
        ratios += f" · makers captured {percent(captured['mean'])} of the half spread (n {captured['n']:,})"
    fees = " · ".join(
        f"{name} {money(data['fees'][f'{name}_1e9'])}"
        for name in ("maker", "taker", "gas")
        if data["fees"][f"{name}_1e9"]
    )
    return _aligned(header, rows) + f"{ratios}\nfees: {fees or 'none'}{saved(data)}\n"


def _markouts(data: Json) -> str:
    stats = [row["markout_bps"] for row in data["horizons"]]
    rows = [
        ["mean", *(bps(stat["mean"]) for stat in stats)],
        ["± SE", *(bps(stat["se"]) for stat in stats)],
        ["n", *(f"{stat['n']:,}" for stat in stats)],
    ]
    return _aligned(["MARK-OUT (P&L, bps)", *(row["horizon"] for row in data["horizons"])], rows)


def _venues(venues: Sequence[Json]) -> str:
    tables = [
        _venue_table(venues[start : start + _VENUES_A_TABLE])
        for start in range(0, len(venues), _VENUES_A_TABLE)
    ]
    return "\n".join(tables)


def _venue_table(venues: Sequence[Json]) -> str:
    """Venues side by side: twelve figures do not fit into one line of 80 columns."""
    lines: tuple[tuple[str, Callable[[Json], str]], ...] = (
        ("share of notional", lambda v: percent(v["share"])),
        ("orders", lambda v: f"{v['orders']:,}"),
        ("fills", lambda v: f"{v['fills']:,}"),
        ("maker", lambda v: percent(v["maker_share"])),
        ("arrival slippage", lambda v: bps(v["arrival_bps"]["mean"])),
        ("fees", lambda v: bps(v["fees_bps"]["mean"])),
        ("E/Q", lambda v: ratio(v["eq_ratio"])),
        ("mark-out 1s (P&L)", lambda v: bps(v["markout_1s_bps"]["mean"])),
        ("ack p50", lambda v: duration(v["ack_ns"]["p50"])),
        ("ack p99", lambda v: duration(v["ack_ns"]["p99"])),
        ("rejected", lambda v: percent(v["reject_rate"])),
        ("fill rate", lambda v: percent(v["fill_rate"])),
        ("routing regret", lambda v: bps(v["regret_bps"]["mean"])),
    )
    rows = [[title, *(of(venue) for venue in venues)] for title, of in lines]
    return _aligned(["VENUE", *(venue["venue"] for venue in venues)], rows)


def _outliers(data: Json) -> str:
    if not data["outliers"]:
        return ""
    rows = [
        [
            row["node_order_id"],
            f"{row['side']} {money(row['notional_1e9'])}",
            bps(row["before_fees_bps"]),
            f"{row['score']:+.1f}",
        ]
        for row in data["outliers"]
    ]
    return _aligned(["OUTLIER (bps before fees)", "ORDER", "BPS", "SCORE"], rows)


def _latency(data: Json) -> str:
    rows = [
        [leg["leg"], *(duration(leg[name]) for name in ("p50", "p95", "p99", "max")), f"{leg['n']:,}"]
        for leg in data["latency"]
        if leg["n"]
    ]
    first = data["first_fill_ns"]
    if first["n"]:
        figures = (duration(first[name]) for name in ("p50", "p95", "p99", "max"))
        rows.append(["arrival→first fill *", *figures, f"{first['n']:,}"])
    if not rows:
        return ""
    return (
        _aligned(["LATENCY", "P50", "P95", "P99", "MAX", "N"], rows) + "* on the clock of the market data\n"
    )


def _unfilled(data: Json) -> str:
    missed = data["unfilled"]
    if not missed["orders"]:
        return ""
    cost = missed["opportunity_bps"]
    told = (
        ""
        if cost["mean"] is None
        else f"; the price then went {bps(cost['mean'])} bps against them (n {cost['n']:,})"
    )
    text = f"{count(missed['orders'], 'order')} ended without a fill{told}; not part of the shortfall."
    return "\n".join(textwrap.wrap(text, _WIDTH)) + "\n"


def _footnotes(data: Json) -> str:
    notes = [
        "bps of what was traded; the shortfall and its parts of the order's size at the decision mid. "
        + data["sign"],
        *(f"missing · {line}" for line in gaps(data)),
        "sequence tca --explain prints the formulas.",
    ]
    return "\n".join("\n".join(textwrap.wrap(note, _WIDTH, subsequent_indent="  ")) for note in notes) + "\n"


def _explain(data: Json) -> str:
    lines = [paint("FORMULAS", sys.stdout, bold=True), *textwrap.wrap(data.get("sign", ""), _WIDTH)]
    for formula in data.get("formulas", []):
        lines += ["", f"{formula['title']}  ({formula['key']}, {formula['unit']}, per {formula['per']})"]
        lines += _indented(formula["formula"])
        lines += _indented(f"mean weighted by {formula['weight']}")
        lines += _indented(f"missing: {formula['missing']}") if formula["missing"] else []
    lines += ["", paint("LETTERS", sys.stdout, bold=True)]
    lines += [
        line for entry in data.get("symbols", []) for line in _defined(entry["symbol"], entry["meaning"])
    ]
    lines += ["", paint("FIGURES", sys.stdout, bold=True)]
    lines += [
        line for entry in data.get("aggregation", []) for line in _defined(entry["figure"], entry["rule"])
    ]
    return "\n".join(lines) + "\n"


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="      ")


def _defined(term: str, meaning: str) -> list[str]:
    return textwrap.wrap(f"{term:<15}{meaning}", _WIDTH, initial_indent="  ", subsequent_indent=" " * 17)


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns but the first are set to the right, as numbers want to stand."""
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    lines = [
        [line[0], *(cell.rjust(widths[i]) for i, cell in enumerate(line) if i)] for line in (header, *rows)
    ]
    return table(lines[0], lines[1:])
