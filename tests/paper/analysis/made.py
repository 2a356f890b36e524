"""Orders made by hand, in dollars and coins."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, OrderFacts, Quote

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
