"""The figures of a cost analysis as words: used by the terminal's tables and by the page. Display only."""

from __future__ import annotations

from typing import Any

from sequence_operator.cli.amounts import clock, money
from sequence_operator.cli.output import count

Json = dict[str, Any]

COSTS = (
    ("shortfall_bps", "shortfall"),
    ("delay_bps", "  delay"),
    ("trading_bps", "  trading"),
    ("opportunity_bps", "  opportunity"),
    ("paper_fees_bps", "  fees"),
    ("arrival_bps", "arrival slippage"),
    ("vwap_bps", "interval VWAP slip"),
    ("fees_bps", "fees"),
    ("effective_bps", "effective spread"),
    ("quoted_bps", "quoted spread"),
    ("nbbo_quoted_bps", "quoted, all venues"),
    ("improvement_bps", "price improvement"),
    ("regret_bps", "routing regret"),
    ("savings_bps", "savings"),
)
"""Lines of the cost table: key of the answer, and the words before it."""
PARTS = COSTS[1:5]
"""The parts of the shortfall."""


def bps(value: float | None, places: int = 2) -> str:
    """`12.30`; `-` when missing. Never a zero with a sign."""
    if value is None:
        return "-"
    shown = f"{value:,.{places}f}"
    return shown.removeprefix("-") if float(shown.replace(",", "")) == 0 else shown


def percent(share: float | None) -> str:
    """`0.123` -> `12.3 %`."""
    return "-" if share is None else f"{bps(100 * share, 1)} %"


def ratio(value: float | None) -> str:
    """Two decimals, or `-`."""
    return bps(value)


def duration(ns: int | None) -> str:
    """In the unit that leaves one to three digits before the point; an interval may be negative."""
    if ns is None:
        return "-"
    for size, unit in ((60 * 10**9, "min"), (10**9, "s"), (10**6, "ms"), (10**3, "µs")):
        if abs(ns) >= size:
            return f"{ns / size:.3g} {unit}" if abs(ns) < 1000 * size else f"{ns / size:,.0f} {unit}"
    return f"{ns} ns"


def subject(data: Json) -> str:
    """What the figures are about: deployment, symbol, mode."""
    scope = data["scope"]
    named = data.get("deployment") or "all deployments"
    return " · ".join(part for part in (named, scope["symbol"], data.get("mode")) if part)


def window(data: Json) -> str:
    """From the first order to the last fill, on the clock of the market data."""
    if data["first_ns"] is None:
        return ""
    return f"{clock(data['first_ns'])} to {clock(data['last_ns'])}"


def sentence(data: Json) -> str:
    """Orders, notional and what they cost, in one sentence."""
    orders = data["orders"]
    if not orders["analysed"]:
        return nothing(data)
    some = f"The newest {orders['analysed']:,} of " if orders["analysed"] < orders["traded"] else ""
    total, se = data["metrics"]["shortfall_bps"]["mean"], data["metrics"]["shortfall_bps"]["se"]
    error = "" if se is None else f" ± {bps(se)}"
    cost = "at a cost that cannot be told" if total is None else f"at {bps(total)}{error} bps"
    fees = f"fees {bps(data['fees']['total_bps'])} bps ({money(data['fees']['total_1e9'])})"
    return (
        f"{some}{count(orders['traded'], 'order')} traded {money(data['notional_1e9'])} "
        f"in {count(data['fills'], 'fill')} {cost}; {fees}."
    )


def saved(data: Json) -> str:
    """What the choice of venues saved, or cost, against the best single one; nothing when that is not known."""
    usd = data["savings_usd"]
    if usd is None:
        return ""
    told = "saved against" if usd >= 0 else "more than in"
    return f" · {abs(usd):,.2f} {told} the best single venue"


def nothing(data: Json) -> str:
    """Why there is nothing to see."""
    orders = data["orders"]
    if not orders["matched"]:
        return "No orders yet." if data["scope"]["since_ns"] is None else "No orders in that time."
    fates = [
        count(orders[name], f"order {name}").replace("order " + name + "s", "orders " + name)
        for name in ("open", "cancelled", "rejected")
        if orders[name]
    ]
    return f"Nothing was filled: {', '.join(fates)}."


def gaps(data: Json) -> list[str]:
    """`interval VWAP slip: no trade in the interval (12)`: a line for each figure with values missing."""
    found = [(title.strip(), data["metrics"][key]["missing"]) for key, title in COSTS]
    found += [(f"mark-out {row['horizon']}", row["markout_bps"]["missing"]) for row in data["horizons"]]
    return [
        f"{title}: " + ", ".join(f"{reason} ({n:,})" for reason, n in missing.items())
        for title, missing in found
        if missing
    ]
