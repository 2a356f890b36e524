"""What the market showed: best prices, prints and book samples of every edge, kept in files and read with DuckDB.

Edges append to raw segments (`writing`); the API process turns finished ones into Parquet (`compact`) and throws old
ones away (`retention`); `TickStore` answers questions over both. Time is the feed's. A replay shows the same feed time
again after each start, so every record belongs to a *run*: the start of the edge process that saw it (wall clock, ns).

Importing it is cheap: DuckDB and Arrow are loaded by who asks or compacts (`reading`, `parts`).
"""

from sequence_paper.store.ticks.answers import Depth, Held, Print, Quote, Run, Span, Tape, TicksError, Vwap
from sequence_paper.store.ticks.store import TickStore

__all__ = ["Depth", "Held", "Print", "Quote", "Run", "Span", "Tape", "TickStore", "TicksError", "Vwap"]
