"""Quotes, tapes and books of the recording, asked for many orders at once: wish first, fetch, then look."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from sequence_paper.analysis.facts import Gap, Quote, Value
from sequence_paper.store.ticks import Depth, TickStore
from sequence_paper.store.ticks import Quote as Stored

_ENDED = "ended"


class Place(NamedTuple):
    """What one query is about. `run_ns`: which run of the venue's edge; None lets the store choose by feed time."""

    venue: str
    symbol: str
    run_ns: int | None


class Recorded:
    """`quote`, `vwap` and `depth` answer only what was wished for before `fetch`; without a store all is missing."""

    def __init__(self, ticks: TickStore | None) -> None:
        self._ticks = ticks
        self._quotes: dict[Place, dict[int, Quote | Gap]] = defaultdict(dict)
        self._vwaps: dict[Place, dict[tuple[int, int], Value]] = defaultdict(dict)
        self._depths: dict[Place, dict[int, Depth | None]] = defaultdict(dict)

    def want_quote(self, place: Place, ts_ns: int) -> None:
        self._quotes[place][ts_ns] = Gap.NO_DATA

    def want_vwap(self, place: Place, since_ns: int, until_ns: int) -> None:
        self._vwaps[place][since_ns, until_ns] = Gap.NO_PRINTS

    def want_depth(self, place: Place, ts_ns: int) -> None:
        self._depths[place][ts_ns] = None

    def fetch(self) -> None:
        """Ask: one query a place and kind."""
        if self._ticks is None:
            return
        for place, quotes in self._quotes.items():
            found = self._ticks.quotes(place.venue, place.symbol, list(quotes), place.run_ns)
            self._quotes[place] = {ts: _quote(one) for ts, one in zip(quotes, found, strict=True)}
        for place, vwaps in self._vwaps.items():
            tapes = self._ticks.vwaps(place.venue, place.symbol, list(vwaps), place.run_ns)
            for interval, tape in zip(list(vwaps), tapes, strict=True):
                vwaps[interval] = tape.vwap_1e9 if tape and tape.qty_1e8 else Gap.NO_PRINTS
        for place, depths in self._depths.items():
            books = self._ticks.depths(place.venue, place.symbol, list(depths), place.run_ns)
            self._depths[place] = dict(zip(depths, books, strict=True))

    def quote(self, place: Place, ts_ns: int) -> Quote | Gap:
        return self._quotes[place][ts_ns]

    def mid(self, place: Place, ts_ns: int) -> Value:
        quote = self.quote(place, ts_ns)
        return quote if isinstance(quote, Gap) else quote.mid

    def vwap(self, place: Place, since_ns: int, until_ns: int) -> Value:
        return self._vwaps[place][since_ns, until_ns]

    def depth(self, place: Place, ts_ns: int) -> Depth | None:
        return self._depths[place][ts_ns]


def _quote(stored: Stored | None) -> Quote | Gap:
    if stored is None or stored.state == _ENDED:
        return Gap.NO_DATA
    if not stored.usable:
        return Gap.SUSPECT
    return Quote(stored.bid_px_1e9, stored.ask_px_1e9, stored.age_ns)
