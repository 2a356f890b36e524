"""What a fill cost against the quotes around it: spreads, impact, capture, mark-outs. Every function is of one fill."""

from __future__ import annotations

from fractions import Fraction

from sequence_paper.analysis.facts import Absent, FillFacts, Gap, OrderFacts, Quote, known
from sequence_paper.analysis.formulas import formula

_NO_QUOTE = "no recorded quote at the fill, or a feed in doubt"
_NO_LATER = "the recording does not reach the horizon, or the feed was in doubt there"


def _uncrossed(quote: Quote) -> Quote:
    if quote.spread <= 0:
        raise Absent(Gap.CROSSED)
    return quote


@formula(
    "quoted_bps",
    "quoted spread",
    "1e4·(A-B) / m, on arrival at the order's venue",
    missing="no recorded quote on arrival",
)
def quoted_bps(order: OrderFacts) -> Fraction:
    """What the order's venue asked for a round trip."""
    quote = _uncrossed(known(order.quote))
    return 10_000 * quote.spread / quote.mid


@formula(
    "nbbo_quoted_bps",
    "quoted spread, all venues",
    "1e4·(A-B) / m of the best bid and ask over all venues recorded at that time",
    missing="no other venue recorded at that time, or their books cross",
)
def nbbo_quoted_bps(order: OrderFacts) -> Fraction:
    """What all venues together asked."""
    quote = _uncrossed(known(order.nbbo))
    return 10_000 * quote.spread / quote.mid


@formula(
    "effective_bps", "effective spread", "1e4·2s(p-m_t) / m_t   (SEC rule 605)", per="fill", missing=_NO_QUOTE
)
def effective_bps(fill: FillFacts, side: int) -> Fraction:
    """What the fill paid, as a round trip."""
    mid = known(fill.at).mid
    return 10_000 * 2 * side * (fill.price_1e9 - mid) / mid


@formula(
    "realized_bps",
    "realized spread",
    "1e4·2s(p-m_{t+τ}) / m_t",
    per="fill",
    missing=f"{_NO_QUOTE}; {_NO_LATER}",
)
def realized_bps(fill: FillFacts, side: int, horizon: str) -> Fraction:
    """What the other side earned after the price had moved."""
    return 10_000 * 2 * side * (fill.price_1e9 - known(fill.later[horizon])) / known(fill.at).mid


@formula(
    "impact_bps",
    "price impact",
    "1e4·2s(m_{t+τ}-m_t) / m_t; effective = realized + impact",
    per="fill",
    missing=f"{_NO_QUOTE}; {_NO_LATER}",
)
def impact_bps(fill: FillFacts, side: int, horizon: str) -> Fraction:
    """How far the price went the fill's way."""
    mid = known(fill.at).mid
    return 10_000 * 2 * side * (known(fill.later[horizon]) - mid) / mid


@formula(
    "capture",
    "spread capture",
    "s(m_t-p) / (½(A-B)), makers only; +1 earned half the spread, -1 paid it",
    unit="ratio",
    per="fill",
    missing=f"{_NO_QUOTE}; takers",
)
def capture(fill: FillFacts, side: int) -> Fraction:
    """Which part of the half spread a maker earned."""
    if not fill.maker:
        raise Absent(Gap.TAKER)
    quote = _uncrossed(known(fill.at))
    return 2 * side * (quote.mid - fill.price_1e9) / quote.spread


@formula(
    "markout_bps",
    "mark-out (P&L)",
    "1e4·s·(m_{t+τ}-p) / p at τ = 50 ms, 1 s, 5 s, 15 s, 1 m, 5 m",
    per="fill",
    missing=_NO_LATER,
)
def markout_bps(fill: FillFacts, side: int, horizon: str) -> Fraction:
    """What the fill was worth later: a gain is positive."""
    return 10_000 * side * (known(fill.later[horizon]) - fill.price_1e9) / fill.price_1e9


@formula(
    "improvement_bps",
    "price improvement",
    "1e4·s·(NBBO_opp-p) / NBBO_opp: against the best opposite price of all venues on arrival; positive is better",
    per="fill",
    missing="no other venue recorded at that time",
)
def improvement_bps(fill: FillFacts, order: OrderFacts) -> Fraction:
    """Against what anybody offered when the order arrived."""
    quote = known(order.nbbo)
    opposite = quote.ask_1e9 if order.side > 0 else quote.bid_1e9
    return Fraction(10_000 * order.side * (opposite - fill.price_1e9), opposite)


@formula(
    "eq_ratio",
    "E/Q",
    "Σ q·2s(p-m_t) / Σ q·(A-B on arrival)   (effective ÷ quoted, 2024 amendment of rule 605)",
    unit="ratio",
    per="group",
    weight="q",
    missing=f"{_NO_QUOTE}; no quote on arrival",
)
def eq_ratio(fills: list[tuple[OrderFacts, FillFacts]]) -> Fraction:
    """Effective over quoted spread of many fills; those without a quote are left out."""
    effective = quoted = Fraction(0)
    for order, fill in fills:
        if not isinstance(fill.at, Gap) and not isinstance(order.quote, Gap) and order.quote.spread > 0:
            effective += fill.qty_1e8 * 2 * order.side * (fill.price_1e9 - fill.at.mid)
            quoted += fill.qty_1e8 * order.quote.spread
    if not quoted:
        raise Absent(Gap.NO_DATA)
    return effective / quoted
