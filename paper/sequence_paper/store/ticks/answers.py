"""What `TickStore` answers with. Feed time in ns; `None` in its place always means: not known, never zero."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Level = tuple[int, int]


class TicksError(Exception):
    """A question could not be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process of an edge: `run_ns` is when it started (wall), the others what it recorded (feed time)."""

    venue: str
    run_ns: int
    first_ns: int
    last_ns: int
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The best of both sides at a moment. `ts_ns`: when it was last written down, `age_ns` before the moment asked.

    It is written at every change and once a second, so `age_ns` is below `window.HOLE_NS`.
    """

    ts_ns: int
    age_ns: int
    state: str
    bid_px_1e9: int
    bid_sz_1e8: int
    ask_px_1e9: int
    ask_sz_1e8: int
    run_ns: int

    @property
    def mid_1e9(self) -> Fraction:
        """Half of bid and ask together, exactly."""
        return Fraction(self.bid_px_1e9 + self.ask_px_1e9, 2)

    @property
    def usable(self) -> bool:
        """Whether the feed was believed, and both sides stood there."""
        return self.state == "ok" and self.bid_px_1e9 > 0 and self.ask_px_1e9 > 0


@dataclass(frozen=True, slots=True)
class Vwap:
    """Prints of an interval: `turnover_1e17` is the sum of price × quantity, `n` how many, `suspect` left out."""

    turnover_1e17: int
    qty_1e8: int
    n: int
    first_ns: int
    last_ns: int
    suspect: int

    @property
    def vwap_1e9(self) -> Fraction:
        """Exactly."""
        return Fraction(self.turnover_1e17, self.qty_1e8)


@dataclass(frozen=True, slots=True)
class Print:
    """A public trade. `aggressor`: 1 a buyer took from the asks, -1 a seller from the bids."""

    venue: str
    ts_ns: int
    px_1e9: int
    qty_1e8: int
    aggressor: int


@dataclass(frozen=True, slots=True)
class Depth:
    """A sample of the book, best first, at most `records.MAX_LEVELS` a side."""

    venue: str
    ts_ns: int
    state: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    run_ns: int


@dataclass(frozen=True, slots=True)
class Held:
    """For how long a best bid and ask stood in an interval, over all times they did."""

    bid_px_1e9: int
    ask_px_1e9: int
    ns: int


@dataclass(frozen=True, slots=True)
class Tape:
    """Counts of an interval: changes of the best (in a believed state), prints, what they turned over.

    `suspect_ns` and `suspect_rows`: time and changes of the best in any other state.
    """

    quotes: int
    trades: int
    qty_1e8: int
    turnover_1e17: int
    suspect_rows: int
    suspect_ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """What there is of a symbol at a venue, over all kinds of rows."""

    first_ns: int
    last_ns: int
    rows: int
