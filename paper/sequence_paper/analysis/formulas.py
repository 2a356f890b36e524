"""The table of formulas. `@formula` puts a metric's text beside its code; `--explain`, the REST answer and the docs
print this table, so that what is said is what is computed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, ParamSpec

from sequence_paper.analysis.facts import Absent, Value

P = ParamSpec("P")
Unit = Literal["bps", "money_1e9", "ratio", "ns"]

SIGN = "Positive is cost, for buys and sells alike (s = +1 buys, -1 sells); mark-outs are P&L: positive is a gain."
SYMBOLS = (
    ("s", "+1 for a buy, -1 for a sell"),
    ("P_d", "decision mid: mid of the book in the event that entered the algo's callback"),
    ("P_0", "arrival mid: mid of the order's venue when the router received the order"),
    ("P_n", "mid of the order's venue when the order ended"),
    ("q_i, p_i", "quantity and price of the order's fills; Q = Σq_i, P_avg = Σq_i·p_i / Q"),
    ("X", "the quantity the order asked for"),
    ("A, B, m", "ask, bid and mid of the order's venue"),
    ("m_t", "mid met by the fill: at its time for a taker, just before it for a maker"),
    ("m_{t+τ}", "mid τ after the fill"),
)
"""The letters in the formulas."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A line of the table. `per`: what one value belongs to; `weight`: by what the mean over many is weighted."""

    key: str
    title: str
    formula: str
    unit: Unit
    per: Literal["order", "fill", "group"]
    weight: str
    missing: str


_TRADED = {"order": "Q·P_avg", "fill": "q·p", "group": "Q·P_avg"}
"""What was traded, by which most means are weighted."""

FORMULAS: dict[str, Formula] = {}
"""By key."""

ORDER = (
    *("shortfall_bps", "delay_bps", "trading_bps", "opportunity_bps", "paper_fees_bps", "before_fees_bps"),
    *("arrival_bps", "vwap_bps", "fees_bps"),
    *("quoted_bps", "nbbo_quoted_bps", "effective_bps", "eq_ratio"),
    *("realized_bps", "impact_bps", "capture", "markout_bps", "improvement_bps"),
    *("regret_bps", "savings_bps", "savings_1e9"),
    *("fill_rate", "first_fill_ns", "stage_ns"),
)
"""In which they are explained: what was paid, the market around it, what followed, the choice of venues, time."""


def formula(
    key: str,
    title: str,
    text: str,
    *,
    unit: Unit = "bps",
    per: Literal["order", "fill", "group"] = "order",
    weight: str = "",
    missing: str = "",
) -> Callable[[Callable[P, Fraction]], Callable[P, Value]]:
    """Register a metric. Inside, `known` takes a value that may be missing; its gap becomes the result."""

    def register(compute: Callable[P, Fraction]) -> Callable[P, Value]:
        FORMULAS[key] = Formula(key, title, text, unit, per, weight or _TRADED[per], missing)

        @functools.wraps(compute)
        def computed(*args: P.args, **more: P.kwargs) -> Value:
            try:
                return compute(*args, **more)
            except Absent as absent:
                return absent.gap

        return computed

    return register


def explained() -> list[dict[str, str]]:
    """The table for an answer."""
    return [
        {
            "key": f.key,
            "title": f.title,
            "formula": f.formula,
            "unit": f.unit,
            "per": f.per,
            "weight": f.weight,
            "missing": f.missing,
        }
        for f in map(FORMULAS.__getitem__, ORDER)
    ]
