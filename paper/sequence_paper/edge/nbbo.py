"""What a module sees of all venues at once: ``NbboSnapshot`` and ``VenueBooks``, in the layout of its SDK.

These two are not append-only: 0.3.0 has 16 slots, 0.3.1 has 20, and 0.4.0 put region ids in between.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sequence_paper.edge import abi
from sequence_paper.feed.events import Level

NBBO_AT: Final = 0x9000
NBBO_SIZE: Final = 616
VENUE_BOOKS_AT: Final = 0x10000
"""Passed as an argument and read at this address: either way a module finds them."""

UNKNOWN_REGION: Final = 255
_MAX_AGE_MS: Final = 65_535
_MAX_U32: Final = (1 << 32) - 1


class VenueBook(NamedTuple):
    """One venue's believable book, best levels first. ``age_ms``: of its data, in feed time."""

    venue_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    age_ms: int


class Layout:
    """How one generation lays out both structs. ``regions``: whether it has region and symbol ids.

    ``pools_at``: where it looks for pools; only SDK 0.4, the one with regions, knows their states and chain fees.
    """

    def __init__(self, slots: int, pools_at: int, *, regions: bool) -> None:
        self.slots, self.pools_at, self.regions = slots, pools_at, regions
        pad = -(40 + slots) % 8
        tail = f"{slots}B4x" if regions else ""
        self._snapshot = struct.Struct(f"<4Q4BI{slots}B{pad}x{slots}Q{slots}Q{slots}I{slots}I{slots}HQ{tail}")
        head = f"<BxH5x{slots}B{slots}B7x" if regions else f"<B7x{slots}B{-slots % 8}x"
        self._head = struct.Struct(head)
        self._regions = (UNKNOWN_REGION,) * slots

    def snapshot(self, venues: Sequence[VenueBook], symbol_id: int, sequence: int, now_ns: int) -> bytes:
        """``venues``: sorted by id, as many as there are slots at most. A side that nobody has names slot 0."""
        empty = (0,) * (self.slots - len(venues))
        bids = [venue.bids[0] if venue.bids else (0, 0) for venue in venues]
        asks = [venue.asks[0] if venue.asks else (0, 0) for venue in venues]
        best_bid, bid_slot = _best(bids, highest=True)
        best_ask, ask_slot = _best(asks, highest=False)
        return self._snapshot.pack(
            best_bid[0],
            best_ask[0],
            best_bid[1],
            best_ask[1],
            bid_slot,
            ask_slot,
            len(venues),
            min(symbol_id, 255) if self.regions else 0,
            sequence & _MAX_U32,
            *(venue.venue_id for venue in venues),
            *empty,
            *(px for px, _ in bids),
            *empty,
            *(px for px, _ in asks),
            *empty,
            *(min(size, _MAX_U32) for _, size in bids),
            *empty,
            *(min(size, _MAX_U32) for _, size in asks),
            *empty,
            *(min(venue.age_ms, _MAX_AGE_MS) for venue in venues),
            *empty,
            now_ns,
            *(self._regions if self.regions else ()),
        )

    def books(self, venues: Sequence[VenueBook], symbol_id: int, now_ns: int) -> bytes:
        """The merged book, then each venue's in the order of the snapshot; unused slots are zero."""
        free = self.slots - len(venues)
        ids = (*(venue.venue_id for venue in venues), *(0,) * free)
        head = (
            self._head.pack(len(venues), symbol_id, *ids, *self._regions)
            if self.regions
            else self._head.pack(len(venues), *ids)
        )
        bids = merged((venue.bids for venue in venues), highest=True)
        asks = merged((venue.asks for venue in venues), highest=False)
        return b"".join(
            (
                abi.book(bids, asks, symbol_id, now_ns),
                head,
                *(abi.book(venue.bids, venue.asks, symbol_id, now_ns) for venue in venues),
                bytes(abi.BOOK_SIZE * free),
            )
        )


SDK_030: Final = Layout(16, 0x13000, regions=False)
SDK_03: Final = Layout(20, 0x14000, regions=False)
SDK_04: Final = Layout(20, 0x14000, regions=True)


def merged(sides: Iterable[Sequence[Level]], *, highest: bool) -> list[Level]:
    """All venues' levels of one side as one: equal prices added, best first, twenty at most."""
    sizes: dict[int, int] = {}
    for levels in sides:
        for px, size in levels[: abi.MAX_LEVELS]:
            sizes[px] = sizes.get(px, 0) + size
    return [(px, sizes[px]) for px in sorted(sizes, reverse=highest)[: abi.MAX_LEVELS]]


def _best(touches: Sequence[Level], *, highest: bool) -> tuple[Level, int]:
    """The best of those that are there, and its slot; of equal ones the first."""
    there = [(px if highest else -px, -slot) for slot, (px, _) in enumerate(touches) if px]
    if not there:
        return (0, 0), 0
    slot = -max(there)[1]
    return touches[slot], slot
