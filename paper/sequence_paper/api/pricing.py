"""What a consolidated book says: best prices, mid, spread, a fair price. Integers in, human floats only for display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sequence_paper.api.market import Consolidated, Level, VenueBook, consolidate
from sequence_paper.store.words import Json

FAIR_LEVELS: Final = 10
_PX: Final = 1_000_000_000
_SZ: Final = 100_000_000


def quote_view(symbol: str, books: Sequence[VenueBook], now_ns: int, *, depth: int) -> Json:
    """A quote: the consolidated best and book of what is usable now, and what each venue last showed."""
    usable = [book for book in books if book.usable(now_ns)]
    whole = consolidate(usable, depth) if usable else None
    bids, asks = ([], []) if whole is None else (whole.bids, whole.asks)
    return {
        "symbol": symbol,
        "source": source(whole),
        "crossed": whole is not None and whole.crossed,
        "nbbo": nbbo(whole) | _touch_in_units(*_best(whole)),
        "venues": {book.venue: _venue_view(book, now_ns) for book in books},
        "book": {"bids": human(bids), "asks": human(asks), "bids_1e9_1e8": bids, "asks_1e9_1e8": asks},
        "age_ms": min((book.age_ms(now_ns) for book in books), default=None),
        "ts_ns": None if whole is None else whole.ts_ns,
    }


def _venue_view(book: VenueBook, now_ns: int) -> Json:
    bid, ask = (book.bids[0] if book.bids else None), (book.asks[0] if book.asks else None)
    return {
        "bid": None if bid is None else bid[0] / _PX,
        "ask": None if ask is None else ask[0] / _PX,
        "bid_size": None if bid is None else bid[1] / _SZ,
        "ask_size": None if ask is None else ask[1] / _SZ,
        **_touch_in_units(bid, ask),
        "age_ms": book.age_ms(now_ns),
        "ts_ns": book.ts_ns,
        "state": book.state,
        "usable": book.usable(now_ns),
        "edge_id": book.edge_id,
    }


def nbbo(book: Consolidated | None) -> Json:
    """`{bid, ask, mid, spread_bps}`: null for what is not there; mid and spread are 0 while the venues cross."""
    bid, ask = _best(book)
    return {
        "bid": None if bid is None else bid[0] / _PX,
        "ask": None if ask is None else ask[0] / _PX,
        "mid": mid(book),
        "spread_bps": spread_bps(book),
    }


def mid(book: Consolidated | None) -> float | None:
    """Half-way between the best prices."""
    bid, ask = _best(book)
    if book is None or bid is None or ask is None:
        return None
    return 0.0 if book.crossed else (bid[0] + ask[0]) / 2 / _PX


def spread_bps(book: Consolidated | None) -> float | None:
    """Distance of the best prices in parts of the mid."""
    bid, ask = _best(book)
    if book is None or bid is None or ask is None:
        return None
    return 0.0 if book.crossed else (ask[0] - bid[0]) * 20_000 / (ask[0] + bid[0])


def prices_view(symbol: str, book: Consolidated | None) -> Json:
    """Payload of `prices:{symbol}`."""
    bid, ask = _best(book)
    return {
        "symbol": symbol,
        **nbbo(book),
        "bid_sz": None if bid is None else bid[1] / _SZ,
        "ask_sz": None if ask is None else ask[1] / _SZ,
        **_touch_in_units(bid, ask),
        "crossed": book is not None and book.crossed,
        "venues": [] if book is None else book.venues,
        "source": source(book),
        "ts_ns": None if book is None else book.ts_ns,
    }


def book_view(symbol: str, book: Consolidated | None) -> Json:
    """Payload of `book:{symbol}`: a whole snapshot, human units."""
    return {
        "symbol": symbol,
        "bids": [] if book is None else human(book.bids),
        "asks": [] if book is None else human(book.asks),
        "crossed": book is not None and book.crossed,
        "venues": [] if book is None else book.venues,
        "source": source(book),
        "ts_ns": None if book is None else book.ts_ns,
    }


def fair_view(symbol: str, book: Consolidated | None, levels: int) -> Json:
    """Payload of `fair_price`; the price is null while a side is empty or the venues cross."""
    found = None if book is None else fair_price_1e9(book.bids[:levels], book.asks[:levels])
    return {
        "underlying": symbol.partition("-")[0],
        "symbol": symbol,
        "fair_price": None if found is None else found / _PX,
        "fair_price_1e9": found,
        "mid": mid(book),
        "levels": levels,
        "venues": [] if book is None else book.venues,
        "source": source(book),
        "ts_ns": None if book is None else book.ts_ns,
    }


def fair_price_1e9(bids: list[Level], asks: list[Level]) -> int | None:
    """Depth-weighted: each side's volume-weighted price, weighted with the depth of the *other* side, rounded down.

    A side with more behind it pushes the price towards the other one, as a microprice does with the best levels only.
    """
    bid_depth, ask_depth = sum(sz for _, sz in bids), sum(sz for _, sz in asks)
    if not bid_depth or not ask_depth or bids[0][0] >= asks[0][0]:
        return None
    bid_value, ask_value = sum(px * sz for px, sz in bids), sum(px * sz for px, sz in asks)
    # (bid_value / bid_depth · ask_depth + ask_value / ask_depth · bid_depth) / (bid_depth + ask_depth)
    above = bid_value * ask_depth * ask_depth + ask_value * bid_depth * bid_depth
    return above // (bid_depth * ask_depth * (bid_depth + ask_depth))


def human(levels: list[Level]) -> list[list[float]]:
    """`[[price, size], …]`."""
    return [[px / _PX, sz / _SZ] for px, sz in levels]


def source(book: Consolidated | None) -> str:
    """`edge_nbbo`: from edges that are there and believe their data; else `unavailable`."""
    return "unavailable" if book is None else "edge_nbbo"


def _best(book: Consolidated | None) -> tuple[Level | None, Level | None]:
    if book is None:
        return None, None
    return (book.bids[0] if book.bids else None), (book.asks[0] if book.asks else None)


def _touch_in_units(bid: Level | None, ask: Level | None) -> Json:
    return {
        "bid_px_1e9": None if bid is None else bid[0],
        "ask_px_1e9": None if ask is None else ask[0],
        "bid_sz_1e8": None if bid is None else bid[1],
        "ask_sz_1e8": None if ask is None else ask[1],
    }
