"""What the router may use now: the books of all venues as `MarketView` heard them, with fees, grids and pools."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sequence_paper.api.market import MarketView, VenueBook
from sequence_paper.routing import Venue
from sequence_paper.store.words import Json
from sequence_paper.venue.rules import symbol_rules, venue_fees

SHOWN_LEVELS = 20
"""Levels a side that are kept with a decision."""


def offers(market: MarketView, symbol: str, now_ns: int | None = None) -> tuple[list[Venue], list[VenueBook]]:
    """Every venue of which a book of the symbol is known, and the books; those not to be used say why."""
    now = time.time_ns() if now_ns is None else now_ns
    books = [book for book in market.books(symbol) if book.instrument_type == "spot"]
    return [offer for book in books if (offer := _offer(book, now)) is not None], books


def _offer(book: VenueBook, now_ns: int) -> Venue | None:
    rules, fees = symbol_rules(book.venue, book.symbol), venue_fees(book.venue)
    if rules is None or fees is None:
        return None
    return Venue(book.venue, book.bids, book.asks, rules, fees.taker_ppm, problem(book, now_ns))


def problem(book: VenueBook, now_ns: int) -> str:
    """Why nobody may price by a book now; "" when one may."""
    if book.usable(now_ns):
        return ""
    if book.state != "ok":
        return f"its market data cannot be traded on: {book.state}"
    return f"{book.edge_id} was last heard {book.age_ms(now_ns)} ms ago"


def kept(books: Sequence[VenueBook], now_ns: int) -> list[Json]:
    """The books as they are stored with a decision."""
    return [
        {
            "venue": book.venue,
            "edge_id": book.edge_id,
            "seq": book.seq,
            "state": book.state,
            "ts_ns": book.ts_ns,
            "age_ms": book.age_ms(now_ns),
            "bids": book.bids[:SHOWN_LEVELS],
            "asks": book.asks[:SHOWN_LEVELS],
        }
        for book in books
    ]
