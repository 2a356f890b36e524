"""The books of all venues, for those instances that compare them: ours from the market, the others from the bus.

What another edge shows arrives when the bus brings it: to repeat a run it must be heard again at the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sequence_paper.edge import abi, nbbo
from sequence_paper.edge.callbacks import Callbacks
from sequence_paper.edge.hosted import Hosted, Slot
from sequence_paper.edge.module import Generation
from sequence_paper.edge.pools import FEES_AT, NOTHING, STATES_AT, PoolTables
from sequence_paper.edge.roster import Roster
from sequence_paper.edge.sandbox import Sandbox
from sequence_paper.feed.events import FeedState, Level
from sequence_paper.store.records import HeardKind
from sequence_paper.store.words import InstrumentType, Json
from sequence_paper.venue.market import Market

STALE_NS: Final = 5 * 10**9
"""A book whose data is so much older or newer than ours (feed time) is compared with nothing."""
SILENT_NS: Final = 3 * 10**9
"""Edges show every book once a second (wall time): one that was not heard for so long has no edge behind it."""

_KEPT: Final = ("symbol", "venue", "instrument_type", "state", "ts_ns")

FIRST_03: Final = "0.3.0"
"""``metadata.sdk`` of a deployment whose multi-venue module is of this release: no export tells it from 0.3.2."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A book that another edge has shown and believes."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    ts_ns: int
    heard_ns: int


class Across:
    """``features(symbol)``: the region that goes with an NBBO. ``hear`` must not be called during a callback.

    ``reached``: told whom a view beyond this venue was shown to. ``keep``: told what changed that view, to be repeated.
    """

    def __init__(
        self,
        venue: str,
        markets: Mapping[str, Market],
        roster: Roster,
        callbacks: Callbacks,
        features: Callable[[str], bytes],
        reached: Callable[[Hosted], None] = lambda _: None,
        keep: Callable[[HeardKind, Json], None] = lambda *_: None,
    ) -> None:
        self._venue, self._markets = venue, markets
        self._roster, self._callbacks, self._features = roster, callbacks, features
        self._reached, self._keep = reached, keep
        self._heard: dict[str, dict[int, Heard]] = {}
        self._sequence: dict[str, int] = {}
        self._pools: dict[str, PoolTables] = {}

    def hear(self, told: Json, kind: InstrumentType, heard_ns: int) -> str | None:
        """Take up a book of the bus; the symbol when it concerns somebody. Raises ValueError for what is no book.

        ``kind``: what this edge trades; books of other instruments are no alternative to its own.
        """
        try:
            symbol, venue, believed = told["symbol"], told["venue"], told["state"] == FeedState.OK
            book = Heard(_levels(told["bids"]), _levels(told["asks"]), int(told["ts_ns"]), heard_ns)
            other = told["instrument_type"] != kind
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a book: {error!r}") from None
        venue_id = abi.VENUE_IDS.get(venue)
        if other or venue == self._venue or venue_id is None or symbol not in self._markets:
            return None
        known = self._heard.setdefault(symbol, {})
        if believed:
            known[venue_id] = book
        elif known.pop(venue_id, None) is None:
            return None
        told = {name: told[name] for name in _KEPT}
        self._keep("book", told | {"bids": book.bids, "asks": book.asks})
        return str(symbol) if self._roster.comparing(symbol) else None

    def hear_pools(self, told: Json) -> None:
        """What the pools of a symbol hold now; algos see it at their next call. Raises ValueError."""
        tables, symbol = PoolTables.read(told), told.get("symbol")
        if isinstance(symbol, str) and symbol in self._markets and tables != self._pools.get(symbol):
            self._pools[symbol] = tables
            self._keep("pools", {name: told[name] for name in ("symbol", "chain", "pools")})

    def forget_silent(self, now_ns: int) -> None:
        """Drop books of which nothing was heard for too long (wall time)."""
        for symbol, known in self._heard.items():
            for venue_id, book in list(known.items()):
                if now_ns - book.heard_ns > SILENT_NS:
                    self.forget(symbol, venue_id)

    def forget(self, symbol: str, venue_id: int) -> None:
        """Drop a book that is there."""
        del self._heard[symbol][venue_id]
        self._keep("silent", {"symbol": symbol, "venue_id": venue_id})

    def deliver(self, symbols: Iterable[str]) -> None:
        """Call everybody who compares the venues of these symbols, in the fixed order of all callbacks."""
        now = self._callbacks.now_ns
        for symbol in symbols:
            comparing = self._roster.comparing(symbol)
            if not comparing:
                continue
            venues, features = self._venues(symbol, now), self._features(symbol)
            sequence = self._sequence[symbol] = self._sequence.get(symbol, 0) + 1
            written: dict[tuple[nbbo.Layout, int], tuple[bytes, bytes]] = {}
            for hosted, slot in tuple(comparing):
                sandbox = hosted.sandbox
                if hosted.status != "running" or sandbox is None:
                    continue
                layout = _layout(hosted, sandbox.module.generation)
                key = (layout, slot.symbol_id)
                if key not in written:
                    shown = venues[: layout.slots]
                    written[key] = (
                        layout.snapshot(shown, slot.symbol_id, sequence, now),
                        layout.books(shown, slot.symbol_id, now),
                    )
                self._show_pools(sandbox, slot, layout)
                if len(venues) > 1 or symbol in self._pools:
                    self._reached(hosted)
                if sandbox.module.multi_venue:
                    hosted.update_count += 1
                self._callbacks.decide(
                    hosted, slot, sandbox.on_nbbo, *written[key], hosted.state(slot), features
                )

    def _show_pools(self, sandbox: Sandbox, slot: Slot, layout: nbbo.Layout) -> None:
        """Bring the tables of a module up to date, if they changed or show another symbol."""
        tables = self._pools.get(slot.symbol, NOTHING)
        if sandbox.pools is tables:
            return
        sandbox.pools = tables
        books = tables.books(slot.symbol_id, self._callbacks.now_ns, gas=layout.regions)
        sandbox.table(layout.pools_at, books)
        if layout.regions:
            sandbox.table(STATES_AT, tables.states())
            sandbox.table(FEES_AT, tables.fees())

    def _venues(self, symbol: str, now_ns: int) -> list[nbbo.VenueBook]:
        """Believable books by venue id, ours among them."""
        market, own = self._markets[symbol], abi.VENUE_IDS.get(self._venue)
        found = [
            nbbo.VenueBook(venue_id, book.bids, book.asks, max(0, -((book.ts_ns - now_ns) // 10**6)))
            for venue_id, book in self._heard.get(symbol, {}).items()
            if abs(now_ns - book.ts_ns) <= STALE_NS
        ]
        if own is not None and market.state_at(now_ns) is FeedState.OK:
            found.append(nbbo.VenueBook(own, *market.top(abi.MAX_LEVELS), 0))
        return sorted(found)


def _layout(hosted: Hosted, generation: Generation) -> nbbo.Layout:
    if generation is Generation.G4:
        return nbbo.SDK_04
    return nbbo.SDK_030 if (hosted.want.metadata or {}).get("sdk") == FIRST_03 else nbbo.SDK_03


def _levels(told: list[list[int]]) -> tuple[Level, ...]:
    return tuple((int(px), int(size)) for px, size in told[: abi.MAX_LEVELS])
