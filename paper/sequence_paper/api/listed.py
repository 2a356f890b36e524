"""What is traded where, by which rules and at which fees. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sequence_paper.api.fleet import EdgeView, Fleet
from sequence_paper.store.words import Json
from sequence_paper.venue.rules import symbol_rules, venue_fees


def symbol_rows(fleet: Fleet) -> list[Json]:
    """One row a symbol and instrument type, by name."""
    found: dict[tuple[str, str], list[EdgeView]] = {}
    for edge in fleet.values():
        for symbol in edge.symbols:
            found.setdefault((symbol, edge.instrument_type), []).append(edge)
    return [
        {
            "symbol": symbol,
            "base": symbol.partition("-")[0],
            "quote": symbol.partition("-")[2],
            "instrument_type": instrument_type,
            "venues": sorted({edge.venue for edge in edges}),
            "connected": any(edge.alive for edge in edges),
        }
        for (symbol, instrument_type), edges in sorted(found.items())
    ]


def pair_rows(symbol: str, fleet: Fleet) -> list[Json]:
    """One row for each edge that trades a symbol, by venue; rules are null where none are known."""
    edges = sorted(
        (edge for edge in fleet.values() if symbol in edge.symbols), key=lambda e: (e.venue, e.edge_id)
    )
    return [
        {
            "venue": edge.venue,
            "edge_id": edge.edge_id,
            "instrument_type": edge.instrument_type,
            "connected": edge.alive,
            **rules_row(edge.venue, symbol),
            **fee_row(edge.venue),
        }
        for edge in edges
    ]


def rules_row(venue: str, symbol: str) -> Json:
    """Grid and minima of a symbol at a venue."""
    rules = symbol_rules(venue, symbol)
    return {
        "tick_size_1e9": rules.tick_size_1e9 if rules is not None else None,
        "lot_size_1e8": rules.lot_size_1e8 if rules is not None else None,
        "min_qty_1e8": rules.min_qty_1e8 if rules is not None else None,
        "min_notional_1e9": rules.min_notional_1e9 if rules is not None else None,
    }


def fee_rows(ticker: str, venues: Iterable[str] | None, fleet: Fleet) -> list[Json]:
    """Of the venues that trade the ticker, by name; or of those asked for, in that order."""
    trading = {edge.venue for edge in fleet.values() if ticker in edge.symbols}
    rows = []
    for venue in sorted(trading) if venues is None else venues:
        row = fee_row(venue) if venue in trading else dict.fromkeys(fee_row(venue))
        rows.append({"venue": venue, **row})
    return rows


def fee_row(venue: str) -> Json:
    """Fees in basis points and in parts per million of notional; null: unknown."""
    fees = venue_fees(venue)
    return {
        "maker_bps": fees.maker_ppm / 100 if fees is not None else None,
        "taker_bps": fees.taker_ppm / 100 if fees is not None else None,
        "maker_ppm": fees.maker_ppm if fees is not None else None,
        "taker_ppm": fees.taker_ppm if fees is not None else None,
    }
