"""The events of a file through the core of our edge: `python -m bench.rivals.run_ours EVENTS`, one line of JSON.

Book, matching, risk, the maker as WASM with fuel, traces; market data is not recorded here, as the others record none.
Making the data objects is not timed.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
from importlib.metadata import version
from pathlib import Path

from bench.rivals.events import LEVEL, TRADE, Row, read
from bench.stage import SYMBOL, Stage
from sequence_paper.edge.host import Host
from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot, Event, Side, Trade

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests"))
from support.algos import build_algos

SLICE_NS = 50_000_000
"""Feed time that an edge takes at once when it runs as fast as it can."""


def opening(rows: list[Row]) -> BookSnapshot:
    """The levels at the beginning."""
    bids = tuple((px, qty) for _, side, _, px, qty in rows if side > 0)
    asks = tuple((px, qty) for _, side, _, px, qty in rows if side < 0)
    return BookSnapshot(SYMBOL, rows[0][2], bids, asks, 0)


def event(number: int, row: Row) -> Event:
    """As our feeds say it."""
    kind, sign, ts_ns, px, qty = row
    side: Side = BUY if sign > 0 else SELL
    if kind == TRADE:
        return Trade(SYMBOL, ts_ns, px, qty, side, number)
    return BookDelta(SYMBOL, ts_ns, side, px, qty, number)


def main() -> None:
    rows = list(read(Path(sys.argv[1])))
    levels = [row for row in rows if row[0] == LEVEL]
    events = [event(number, row) for number, row in enumerate(rows[len(levels) :], 1)]
    slices = [list(part) for _, part in itertools.groupby(events, lambda e: e.ts_ns // SLICE_NS)]
    host = Host()
    stage = Stage(host, build_algos()["maker"], [opening(levels)], None)
    used = stage.run(slices)
    found = {
        "version": version("sequence-operator"),
        "messages": len(events),
        "cpu_seconds": used,
        "messages_per_cpu_second": round(len(events) / used),
        "callbacks": stage.hosted.callbacks,
        "orders": stage.hosted.counts.submitted,
        "fills": stage.rows.fills,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    host.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
