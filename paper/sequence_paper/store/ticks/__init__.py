"""What the market showed: best prices, prints and book samples of every edge, kept in files and read with DuckDB.

Edges append to raw segments (`writing`); the API process turns finished ones into Parquet (`compact`) and throws old
ones away (`retention`); `TickStore` answers questions over both. Time is the feed's. A replay shows the same feed time
again after each start, so every record belongs to a *run*: the start of the edge process that saw it (wall clock, ns).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sequence_paper.store.ticks.answers import Depth, Held, Print, Quote, Run, Span, Tape, Vwap

if TYPE_CHECKING:
    from sequence_paper.store.ticks.store import TickStore

__all__ = ["Depth", "Held", "Print", "Quote", "Run", "Span", "Tape", "TickStore", "Vwap"]


def __getattr__(name: str) -> object:
    """DuckDB and Arrow are loaded for who asks, not for edges, which only write: a fifth of the time they start in."""
    if name == "TickStore":
        from sequence_paper.store.ticks.store import TickStore

        return TickStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
