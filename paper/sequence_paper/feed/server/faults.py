"""What goes wrong on purpose: frames lost, doubled, swapped or falsified, silence, and a connection that ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal, get_args

Fault = Literal[
    "gap", "duplicate", "reorder", "bad-checksum", "crossed", "stall", "disconnect", "disconnect-in-snapshot"
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
_SYMBOL: Final = re.compile(r'"(?:symbol|product_id|s)": ?"([^"]+)"')
_CHECKSUM: Final = re.compile(r'("checksum":)(\d+)')


class Line:
    """The way of one connection's frames; `ask` makes the next fitting one go wrong.

    Only frames about books go wrong here: `crossed`, `stall` and the disconnects are the server's to do.
    """

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._held: tuple[str, str] | None = None  # (symbol, frame)
        self._checksum: dict[str, str] = {}

    def ask(self, fault: Fault) -> None:
        """Once, at the next occasion."""
        self._asked[fault] += 1

    def through(self, frames: Iterable[str]) -> Iterator[str]:
        """What arrives of these."""
        for frame in frames:
            if not about_book(frame) or not self._moves(frame):
                yield frame
            else:
                yield from self._bent(frame)

    def _bent(self, frame: str) -> Iterator[str]:
        symbol = _symbol(frame)
        if self._held is not None and self._held[0] == symbol:
            late, self._held = self._held[1], None
            yield frame
            yield late
        elif self._take("gap"):
            return
        elif self._take("duplicate"):
            yield frame
            yield frame
        elif self._take("reorder"):
            self._held = (symbol, frame)
        elif _CHECKSUM.search(frame) and self._take("bad-checksum"):
            yield _CHECKSUM.sub(lambda found: f"{found.group(1)}{int(found.group(2)) ^ 1}", frame)
        else:
            yield frame

    def _moves(self, frame: str) -> bool:
        """Not where a checksum stays as it was: deeper levels are not covered, nobody could notice their loss."""
        found = _CHECKSUM.search(frame)
        if found is None:
            return True
        symbol = _symbol(frame)
        before, self._checksum[symbol] = self._checksum.get(symbol), found.group(2)
        return self._checksum[symbol] != before

    def _take(self, fault: Fault) -> bool:
        if self._asked[fault] <= 0:
            return False
        self._asked[fault] -= 1
        return True


def _symbol(frame: str) -> str:
    found = _SYMBOL.search(frame)
    return found.group(1) if found else ""


def about_book(frame: str) -> bool:
    """Whether it changes a book: an update of any of the three venues."""
    return (
        ('"channel":"book"' in frame and '"type":"update"' in frame)
        or ('"l2_data"' in frame and '"type": "update"' in frame)
        or '"depthUpdate"' in frame
    )
