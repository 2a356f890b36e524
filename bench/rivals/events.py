"""Events of a feed in a file that every simulator here reads, whatever packages are around it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

LEVEL, DELTA, TRADE = range(3)
"""A level of the opening book; a level that now shows this size (0: gone); a print."""

Row = tuple[int, int, int, int, int]
"""(kind, side: 1 bid or bought, -1 ask or sold, ts_ns, px_1e9, qty_1e8)"""

_ROW = struct.Struct("<bb6xqqq")


def write(path: Path, rows: Iterable[Row]) -> int:
    """Returns how many there were."""
    count = 0
    with path.open("wb") as out:
        for row in rows:
            out.write(_ROW.pack(*row))
            count += 1
    return count


def read(path: Path) -> Iterator[Row]:
    """In the order of the feed."""
    return _ROW.iter_unpack(path.read_bytes())
