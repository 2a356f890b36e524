"""Orders made by hand, in dollars and coins."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sequence_paper.analysis.counts import Counts
from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, Gap, OrderFacts, Quote
from sequence_paper.analysis.report import report

BTC, USD, S = 10**8, 10**9, 10**9


def usd(amount: float | str) -> int:
    return int(Fraction(str(amount)) * USD)


def coins(amount: float | str) -> int:
    return int(Fraction(str(amount)) * BTC)


def quote(bid: float | str, ask: float | str) -> Quote:
    return Quote(usd(bid), usd(ask))


def mid(amount: float | str) -> Fraction:
    return Fraction(str(amount)) * USD


def fill(qty: float | str, price: float | str, **more: Any) -> FillFacts:
    after = mid(more.pop("later", 100))
    later = dict.fromkeys(HORIZONS_NS, after)
    given = {"fill_id": "f", "fee_1e9": 0, "maker": False, "ts_ns": 10 * S, "later": later}
    return FillFacts(price_1e9=usd(price), qty_1e8=coins(qty), **(given | more))


def order(side: int = 1, qty: float | str = 1, **more: Any) -> OrderFacts:
    given = {
        "order_id": "o",
        "deployment": "mm",
        "venue": "kraken",
        "symbol": "BTC-USD",
        "status": "FILLED",
        "created_ns": 10 * S,
        "ended_ns": 11 * S,
        "decision": mid(100),
        "arrival": mid(100),
        "end": mid(100),
        "quote": quote("99.9", "100.1"),
    }
    return OrderFacts(side=side, qty_1e8=coins(qty), **(given | more))


def counted(orders: list[OrderFacts]) -> dict[str, Counts]:
    """Counts by venue, as the store gives them."""
    by_venue: dict[str, Counts] = {}
    for one in orders:
        ended = one.final and one.status != "REJECTED"
        own = Counts(
            orders=1,
            traded=bool(one.fills),
            filled=one.status == "FILLED",
            rejected=one.status == "REJECTED",
            cancelled=one.status == "CANCELLED",
            open=not one.final,
            wanted=float(one.paper) if ended and not isinstance(one.paper, Gap) else 0.0,
            done=float(one.decision * one.filled_1e8 / 10**8)
            if ended and not isinstance(one.decision, Gap)
            else 0.0,
        )
        by_venue[one.venue] = by_venue.get(one.venue, Counts()) + own
    return by_venue


def made_report(orders: list[OrderFacts]) -> dict[str, Any]:
    return report(orders, counted(orders))
