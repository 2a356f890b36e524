"""`sequence intel` for people: tables and a chart that need neither colour nor more than 80 columns."""

from collections.abc import Sequence
from typing import Any

from sequence_operator.cli.amounts import clock, money, price, quantity
from sequence_operator.cli.output import count, facts, table

Json = dict[str, Any]
_BAR = 40


def text(data: Json, *, wide: bool) -> str:
    """Everything, in the order of the questions: who, at what cost, how would it be split, on what does it stand."""
    parts = [_venues(data, wide), _slippage(data), _split(data), _pools(data["route"]), _footnotes(data)]
    return "\n".join(part for part in parts if part)


# -- who ---------------------------------------------------------------------------------------------------------


def _venues(data: Json, wide: bool) -> str:
    rows = data["venues"]
    if not rows:
        return f"No venue has shown {data['symbol']} yet.\n"
    header = ["VENUE", "STATE", "BID", "ASK", "BPS", "MEAN", "DEPTH", "SHARE", "AGE"]
    header += ["P50", "P90", "REGIME", "QUOTES/TRADE", "TRADED", "TAKER", "FEED"] if wide else []
    lines = [_venue(row) + (_more(row) if wide else []) for row in rows]
    return f"{data['symbol']} now\n" + table(header, lines)


def _venue(row: Json) -> list[str]:
    now, seen = row["now"] or {}, row["measured"] or {}
    spread = seen.get("spread_bps") or {}
    age = now.get("age_ms")
    return [
        row["venue"],
        now.get("state") or ("silent" if row["alive"] else "away"),
        price(now.get("bid_px_1e9")),
        price(now.get("ask_px_1e9")),
        bps(now.get("spread_bps")),
        bps(spread.get("mean")),
        _deep(seen.get("depth") or {}),
        "-" if row["share"] is None else f"{row['share']:.0%}",
        "-" if age is None else f"{age / 1000:.1f}s",
    ]


def _more(row: Json) -> list[str]:
    seen, fees, feed = row["measured"] or {}, row["fees"] or {}, row["feed"] or {}
    spread, ratio = seen.get("spread_bps") or {}, seen.get("quote_to_trade")
    return [
        bps(spread.get("p50")),
        bps(spread.get("p90")),
        seen.get("regime") or "-",
        "-" if ratio is None else f"{ratio:.1f}",
        quantity(seen.get("traded_1e8")),
        bps(fees.get("taker_bps")),
        str(feed.get("source") or feed.get("kind") or "-"),
    ]


def _deep(depth: Json) -> str:
    """The thinner side within the band; `+`: the recorded book ends before the band does."""
    sides = [(depth.get(f"{side}_1e9"), depth.get(f"{side}_at_least")) for side in ("bid", "ask")]
    known = [(money_1e9, cut) for money_1e9, cut in sides if money_1e9 is not None]
    if not known:
        return "-"
    thinner, cut = min(known)
    return short_usd(thinner // 10**9) + ("+" if cut else "")


# -- at what cost ------------------------------------------------------------------------------------------------


def _slippage(data: Json) -> str:
    found = data["slippage"]
    curves = [(row["venue"], row) for row in found["venues"]]
    if not curves:
        return f"Slippage: {data['note'] or 'nothing is recorded'}.\n"
    routed = found["routed"] or {}
    if routed.get("n"):
        curves.append(("routed", routed))
    header = ["SIZE", *(name for name, _ in curves)]
    lines = [
        [usd(size), *(_cell(curve, i) for _, curve in curves)] for i, size in enumerate(found["sizes_usd"])
    ]
    lines.append(["taker fee", *(bps(curve.get("taker_bps")) for _, curve in curves)])
    lines.append(["samples", *(f"{curve['n'] or 0:,}" for _, curve in curves)])
    title = f"Slippage of a {data['side']} in bps before fees: median / 90 %\n"
    chart = _chart(curves, found["sizes_usd"])
    return title + table(header, lines) + ("\n" + chart if chart else "")


def _cell(curve: Json, i: int) -> str:
    point = curve["points"][i]
    cell = f"{bps(point['p50_bps'])} / {bps(point['p90_bps'])}"
    return f"{cell} *" if point["short"] else cell


def _chart(curves: Sequence[tuple[str, Json]], sizes: Sequence[int]) -> str:
    """The split order's curve, or the only one there is: `#` up to the median, `-` on to the 90 %."""
    name, curve = curves[-1]
    points = [point for point in curve["points"] if point["p50_bps"] is not None]
    most = max((point["p90_bps"] or point["p50_bps"] for point in points), default=0)
    if most <= 0:
        return ""
    lines = []
    for size, point in zip(sizes, curve["points"], strict=True):
        median, worse = point["p50_bps"], point["p90_bps"]
        if median is None:
            lines.append([usd(size), "the recorded books do not reach it"])
            continue
        solid = round(max(0.0, median) / most * _BAR)
        dashes = 0 if worse is None else max(0, round(worse / most * _BAR) - solid)
        end = "?" if worse is None else ""
        lines.append([usd(size), "|" + "#" * solid + "-" * dashes + end])
    return f"{name}: # median, - to 90 %, full width {bps(most)} bps\n" + table([], lines, indent="  ")


# -- how would it be split ---------------------------------------------------------------------------------------


def _split(data: Json) -> str:
    route = data["route"]
    what = f"{data['side']} {quantity(route['qty_1e8'])} {data['symbol']}"
    legs = route["legs"] or []
    lines = [
        [leg["venue"], quantity(leg["qty_1e8"]), money(leg["est_avg_px_1e9"]), _why(leg, data["side"])]
        for leg in legs
    ]
    if legs:
        cost = (
            f": {bps(route['est_cost_bps'])} bps from the mid, fees included"
            if route["est_cost_bps"] is not None
            else ""
        )
        out = f"The router now, to {what}{cost}\n" + table(["VENUE", "QTY", "AVERAGE", "WHY"], lines)
    else:
        out = f"The router now: nowhere to {what}\n"
    if route["unfilled_1e8"]:
        out += f"{quantity(route['unfilled_1e8'])} would stay unfilled\n"
    best = route["next"]
    if best and legs:
        out += f"next best: {best['venue']} at {money(best['all_in_1e9'])} with its fee\n"
    skipped = sorted((route["skipped"] or {}).items())
    return out + (facts([(f"not {venue}", str(reason)) for venue, reason in skipped]) if skipped else "")


def _why(leg: Json, side: str) -> str:
    if leg.get("kind") == "pool":
        return f"gas {money(leg['gas_1e9'])}"
    if leg.get("dearest_all_in_1e9") is None:
        return "-"
    bound = f"{'<=' if side == 'buy' else '>='} {money(leg['dearest_all_in_1e9'])}"
    return f"{count(leg['levels'], 'level')}, {bound} with {bps(leg['taker_bps'])} bps fee"


def _pools(route: Json) -> str:
    pools = route["pools"] or []
    if not pools:
        return f"Pools: {route['pools_note']}\n" if route["pools_note"] else ""
    lines = [
        [
            pool["name"],
            money(pool["spot_1e9"]),
            money(pool["gas_1e9"]),
            bps(pool["gas_bps"]),
            bps(pool["alone_bps"]),
            "never" if pool["break_even_1e8"] is None else quantity(pool["break_even_1e8"]),
            pool["source"],
        ]
        for pool in pools
    ]
    return table(["POOL", "SPOT", "GAS", "GAS BPS", "ALL-IN BPS", "PAYS FROM", "SOURCE"], lines)


# -- on what does it stand ---------------------------------------------------------------------------------------


def _footnotes(data: Json) -> str:
    notes = [
        ("now", "books as the edges show them on the bus; BPS is their spread, AGE since they were heard"),
        ("MEAN", "spread over the window, weighted by the time it stood"),
        ("DEPTH", "median money within 10 bps of the mid, thinner side; +: the book recorded ends before"),
        ("SHARE", "of what was traded at all venues recorded"),
    ]
    if any(point["short"] for row in data["slippage"]["venues"] for point in row["points"]):
        notes.append(("*", "some samples did not reach the size; they count as worse than all others"))
    routed = data["slippage"]["routed"] or {}
    if routed.get("reason"):
        notes.append(("routed", str(routed["reason"])))
    elif any((point["p50_bps"] or 0) < 0 for point in routed.get("points") or []):
        notes.append(
            ("routed", "below 0: the venues' books crossed, so the split was better than the common mid")
        )
    curves = {row["venue"]: row for row in data["slippage"]["venues"]}
    notes += [(row["venue"], _stands_on(row["measured"], curves.get(row["venue"]))) for row in data["venues"]]
    if data["note"]:
        notes.append(("note", str(data["note"])))
    return facts(notes)


def _stands_on(seen: Json | None, curve: Json | None) -> str:
    if not seen:
        return "nothing recorded"
    suspect = seen["suspect"]
    bad = f", left out {suspect['ns'] / 1e9:.0f} s in doubt" if suspect["ns"] or suspect["quotes"] else ""
    samples = f", {count(curve['n'] or 0, 'book sample')}" if curve else ""
    return (
        f"{seen['source']}; {clock(seen['first_ns'])} to {clock(seen['last_ns'])[11:]} (time of its feed); "
        f"{count(seen['quotes'], 'quote')}, {count(seen['trades'], 'trade')}{samples}{bad}"
    )


def bps(value: float | None) -> str:
    """Two decimals; `-` when unknown."""
    return "-" if value is None else f"{value:.2f}"


def usd(size: int) -> str:
    """`$10,000`."""
    return f"${size:,}"


def short_usd(amount: int) -> str:
    """`$1.6M`, `$35k`."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if amount >= size:
            return f"${amount / size:.1f}{unit}" if amount < 10 * size else f"${amount // size:,}{unit}"
    return f"${amount}"
