"""The bytes of a raw segment: a header in JSON, then records of three kinds, all little-endian.

A record is whole or it is not there: whatever is left at the end of a file after the last whole record (a process was
killed while it wrote) is not read. The number of a record within its run is implied by its place.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

MAGIC: Final = b"SEQTICK1"
STATES: Final = ("ok", "gap", "crossed", "stale", "ended")
"""What may be believed at that moment, in the words of a feed; a record carries the index."""
KINDS: Final = ("tob", "trade", "depth")
TOB, TRADE, DEPTH = 1, 2, 3
MAX_LEVELS: Final = 200
"""Levels a side of a book sample."""

_LENGTH = struct.Struct("<I")
_TOB = struct.Struct("<BBB?qqqqq")
_TRADE = struct.Struct("<BBBbqqq")
_DEPTH = struct.Struct("<BBBxqHH")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """First in every segment. `first` is the number of its first record, `source` what the feed is, in a phrase."""

    venue: str
    run_ns: int
    first: int
    source: str
    symbols: list[str]

    def encode(self) -> bytes:
        """As it stands in the file."""
        text = orjson.dumps(asdict(self))
        return MAGIC + _LENGTH.pack(len(text)) + text


def decode_header(data: bytes) -> tuple[Header, int] | None:
    """The header and where records begin; None when the file ends before the header does."""
    begin = len(MAGIC) + _LENGTH.size
    if len(data) < begin or not data.startswith(MAGIC):
        return None
    (length,) = _LENGTH.unpack_from(data, len(MAGIC))
    if len(data) < begin + length:
        return None
    return Header(**orjson.loads(data[begin : begin + length])), begin + length


def tob(symbol: int, state: int, changed: bool, ts_ns: int, *best: int) -> bytes:
    """`best`: bid price and size, ask price and size; 0 for an empty side. `symbol`: its place in the header's list.

    Written whenever it changed, and once a second although it did not: so that a hole in the recording shows.
    """
    return _TOB.pack(TOB, symbol, state, changed, ts_ns, *best)


def trade(symbol: int, state: int, ts_ns: int, px_1e9: int, qty_1e8: int, aggressor: int) -> bytes:
    """A public print."""
    return _TRADE.pack(TRADE, symbol, state, aggressor, ts_ns, px_1e9, qty_1e8)


def depth(symbol: int, state: int, ts_ns: int, bids: Sequence[int], asks: Sequence[int]) -> bytes:
    """A sample of the book, best first: price, size, price, size, … of each side."""
    head = _DEPTH.pack(DEPTH, symbol, state, ts_ns, len(bids) // 2, len(asks) // 2)
    return head + struct.pack(f"<{len(bids) + len(asks)}q", *bids, *asks)


class Decoder:
    """Reads the records of one segment as its bytes come in."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.count = 0
        self._rows: dict[str, list[Row]] = {kind: [] for kind in KINDS}

    def take(self) -> dict[str, list[Row]]:
        """What was read since the last call, by kind; a row has the columns of `columns.SCHEMAS`."""
        taken, self._rows = self._rows, {kind: [] for kind in KINDS}
        return taken

    def read(self, data: bytes, at: int = 0) -> int:
        """Take every whole record from `at`; returns where the first one begins that is not whole."""
        size = len(data)
        take = {TOB: self._tob, TRADE: self._trade, DEPTH: self._depth}
        while at < size:
            # After a power cut a file may end in zeros: nothing behind such a place can be told apart.
            end = take[data[at]](data, at, size) if data[at] in take else 0
            if end == 0:
                break
            self.count += 1
            at = end
        return at

    def _key(self, symbol: int, ts_ns: int) -> tuple[int, int, str, int]:
        return self.header.run_ns, self.header.first + self.count, self.header.symbols[symbol], ts_ns

    def _tob(self, data: bytes, at: int, size: int) -> int:
        end = at + _TOB.size
        if end > size:
            return 0
        _, symbol, state, changed, ts_ns, *levels = _TOB.unpack_from(data, at)
        self._rows["tob"].append((*self._key(symbol, ts_ns), STATES[state], changed, *levels))
        return end

    def _trade(self, data: bytes, at: int, size: int) -> int:
        end = at + _TRADE.size
        if end > size:
            return 0
        _, symbol, state, aggressor, ts_ns, px, qty = _TRADE.unpack_from(data, at)
        self._rows["trade"].append((*self._key(symbol, ts_ns), STATES[state], px, qty, aggressor))
        return end

    def _depth(self, data: bytes, at: int, size: int) -> int:
        begin = at + _DEPTH.size
        if begin > size:
            return 0
        _, symbol, state, ts_ns, bids, asks = _DEPTH.unpack_from(data, at)
        end: int = begin + 16 * (bids + asks)
        if end > size:
            return 0
        flat = struct.unpack_from(f"<{2 * (bids + asks)}q", data, begin)
        cut = 2 * bids
        sides = (flat[0:cut:2], flat[1:cut:2], flat[cut::2], flat[cut + 1 :: 2])
        self._rows["depth"].append((*self._key(symbol, ts_ns), STATES[state], *sides))
        return end
