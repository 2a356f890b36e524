"""Questions about what was recorded, answered by DuckDB over Parquet parts and the raw tail."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sequence_paper.store.ticks.answers import Depth, Held, Print, Quote, Run, Span, Tape, Vwap
from sequence_paper.store.ticks.folder import venues
from sequence_paper.store.ticks.records import KINDS
from sequence_paper.store.ticks.window import HOLE_NS, Window

if TYPE_CHECKING:
    from sequence_paper.store.ticks.reading import Reading

FOREVER: Final = 2**62


class TickStore:
    """Everything recorded in a folder (which need not exist yet). Safe to use from several threads.

    `run_ns`, where it is taken, asks one run (see `runs`); without it the newest one that begins at or before a
    moment answers, so that a replay which was started again never mixes with the run before it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opening = threading.Lock()
        self._opened: Reading | None = None

    def close(self) -> None:
        """Give back the memory."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()

    def venues(self) -> list[str]:
        """Venues of which anything was recorded, by name."""
        return venues(self.folder)

    def runs(self, venue: str) -> list[Run]:
        """Every run of a venue, oldest first."""
        return list(self._reading.view(venue).runs)

    def run_at(self, venue: str, wall_ns: int) -> int | None:
        """The run that was current at a moment of wall time: the newest that had begun. None before the first."""
        return max((run.run_ns for run in self.runs(venue) if run.run_ns <= wall_ns), default=None)

    def span(self, venue: str, symbol: str, run_ns: int | None = None) -> Span | None:
        """First and last feed time of a symbol, None when there is nothing."""
        first, last, count = FOREVER, -1, 0
        for kind in KINDS:
            row = self._reading.all(
                venue, kind, symbol, 0, FOREVER, run_ns, "SELECT min(ts_ns), max(ts_ns), count(*) FROM rows"
            )
            if row and row[0][2]:
                first, last, count = min(first, row[0][0]), max(last, row[0][1]), count + row[0][2]
        return Span(first, last, count) if count else None

    # -- at a moment -------------------------------------------------------------------------------------------

    def quotes(
        self, venue: str, symbol: str, ts: Sequence[int], run_ns: int | None = None
    ) -> list[Quote | None]:
        """The best of both sides as of each moment, in whatever state the feed was.

        None: before the first record, after the last one, or in a hole of the recording.
        """
        view = self._reading.view(venue)
        asked = [(i, moment, view.run_of(moment, run_ns)) for i, moment in enumerate(ts)]
        known = [(i, moment, run) for i, moment, run in asked if run is not None]
        answers: list[Quote | None] = [None] * len(asked)
        if not known:
            return answers
        windows = _around(known)
        table = (known, ("i", "at_ns", "run_ns"))
        for row in self._reading.query(venue, "tob", symbol, windows, _AS_OF, view=view, asked=table):
            i, ts_ns, age_ns, *quoted = row
            if ts_ns is not None and age_ns < HOLE_NS:
                answers[i] = Quote(ts_ns, age_ns, *quoted)
        return answers

    def mids(
        self, venue: str, symbol: str, ts: Sequence[int], run_ns: int | None = None
    ) -> list[Quote | None]:
        """As `quotes`; also None where the feed was not believed or a side was empty."""
        return [quote if quote and quote.usable else None for quote in self.quotes(venue, symbol, ts, run_ns)]

    def depth_asof(self, venue: str, symbol: str, ts: int, run_ns: int | None = None) -> Depth | None:
        """The last sample of the book at or before a moment; None as in `mids`."""
        view = self._reading.view(venue)
        run = view.run_of(ts, run_ns)
        if run is None:
            return None
        windows = [Window(run, ts - HOLE_NS + 1, ts)]
        last = f"{_DEPTH} ORDER BY ts_ns DESC, seq DESC LIMIT 1"
        found = [
            _depth(venue, row)
            for row in self._reading.query(venue, "depth", symbol, windows, last, view=view)
        ]
        return found[0] if found and found[0].state == "ok" else None

    def depths(
        self, venue: str, symbol: str, ts: Sequence[int], run_ns: int | None = None
    ) -> list[Depth | None]:
        """`depth_asof` for many moments at once."""
        view = self._reading.view(venue)
        asked = [(i, moment, view.run_of(moment, run_ns)) for i, moment in enumerate(ts)]
        known = [(i, moment, run) for i, moment, run in asked if run is not None]
        answers: list[Depth | None] = [None] * len(asked)
        if not known:
            return answers
        table = (known, ("i", "at_ns", "run_ns"))
        for i, age_ns, *row in self._reading.query(
            venue, "depth", symbol, _around(known), _DEPTHS, view=view, asked=table
        ):
            found = _depth(venue, tuple(row)) if row[0] is not None and age_ns < HOLE_NS else None
            answers[i] = found if found and found.state == "ok" else None
        return answers

    # -- over an interval, both ends included ------------------------------------------------------------------

    def depth_samples(
        self,
        symbol: str,
        venue: str,
        since: int,
        until: int,
        run_ns: int | None = None,
        *,
        every_s: int = 1,
    ) -> list[Depth]:
        """Samples of the book by feed time, in any state; `every_s`: only whole multiples of so many seconds."""
        chosen = f"{_DEPTH} WHERE ts_ns // 1000000000 % {int(every_s)} = 0 ORDER BY ts_ns, seq"
        return [
            _depth(venue, row)
            for row in self._reading.all(venue, "depth", symbol, since, until, run_ns, chosen)
        ]

    def vwap(self, venue: str, symbol: str, since: int, until: int, run_ns: int | None = None) -> Vwap | None:
        """Volume-weighted price of the public prints; None when there is none in a believed state."""
        [row] = self._reading.all(venue, "trade", symbol, since, until, run_ns, _VWAP) or [(0, 0, 0, 0, 0, 0)]
        return Vwap(*map(int, row)) if row[2] else None

    def vwaps(
        self, venue: str, symbol: str, intervals: Sequence[tuple[int, int]], run_ns: int | None = None
    ) -> list[Vwap | None]:
        """`vwap` of many intervals at once."""
        view = self._reading.view(venue)
        asked = [
            (i, *window.key)
            for i, (since, until) in enumerate(intervals)
            for window in view.windows(since, until, run_ns)
        ]
        answers: list[Vwap | None] = [None] * len(intervals)
        if not asked:
            return answers
        table = (asked, ("i", "run_ns", "since_ns", "until_ns"))
        span = [(run, moment) for _, run, since, until in asked for moment in (since, until)]
        windows = [
            Window(run, min(m for r, m in span if r == run), max(m for r, m in span if r == run))
            for run in {run for run, _ in span}
        ]
        for i, *row in self._reading.query(venue, "trade", symbol, windows, _VWAPS, view=view, asked=table):
            answers[i] = Vwap(*map(int, row)) if row[2] else None
        return answers

    def prints(
        self, venue: str, symbol: str, since: int, until: int, run_ns: int | None = None, *, limit: int
    ) -> list[Print]:
        """The newest `limit` public prints in a believed state, by feed time."""
        rows = self._reading.all(
            venue, "trade", symbol, since, until, run_ns, f"{_PRINTS} LIMIT {int(limit)}"
        )
        return [Print(venue, *row) for row in reversed(rows)]

    def candles(
        self, venue: str, symbol: str, since: int, until: int, step_ns: int, run_ns: int | None = None
    ) -> list[tuple[int, int]]:
        """(feed time of it, price) of the last believed print of each step that has one."""
        closes = _CLOSES.format(step=int(step_ns))
        return [
            (ts, px) for ts, px in self._reading.all(venue, "trade", symbol, since, until, run_ns, closes)
        ]

    def held(self, venue: str, symbol: str, since: int, until: int, run_ns: int | None = None) -> list[Held]:
        """Best bid and ask of believed states with the time they stood; holes in the recording count for nobody."""
        return [
            Held(*map(int, row))
            for row in self._reading.all(venue, "tob", symbol, since, until, run_ns, _HELD)
        ]

    def tape(self, venue: str, symbol: str, since: int, until: int, run_ns: int | None = None) -> Tape:
        """How much was quoted and traded."""
        [quoted] = self._reading.all(venue, "tob", symbol, since, until, run_ns, _QUOTED) or [(0, 0, 0)]
        traded = self.vwap(venue, symbol, since, until, run_ns)
        prints = (traded.n, traded.qty_1e8, traded.turnover_1e17) if traded else (0, 0, 0)
        return Tape(int(quoted[0]), *prints, int(quoted[1]), int(quoted[2]))

    @property
    def _reading(self) -> Reading:
        """DuckDB and Arrow are loaded for the first question: a fifth of what the API needs to start."""
        with self._opening:
            if self._opened is None:
                from sequence_paper.store.ticks.reading import Reading

                self._opened = Reading(self.folder)
            return self._opened


# Records of one moment: the last of them is what it left.
_AS_OF = (
    "SELECT q.i, r.ts_ns, q.at_ns - r.ts_ns, r.state, r.bid_px_1e9, r.bid_sz_1e8, r.ask_px_1e9, "
    "r.ask_sz_1e8, r.run_ns FROM asked q ASOF LEFT JOIN (SELECT * FROM rows QUALIFY "
    "row_number() OVER (PARTITION BY run_ns, ts_ns ORDER BY seq DESC) = 1) r "
    "ON q.run_ns = r.run_ns AND q.at_ns >= r.ts_ns"
)
_SPAN = "SELECT min(ts_ns), max(ts_ns), count(*) FROM rows HAVING count(*) > 0"
_DEPTH = "SELECT ts_ns, state, bid_px_1e9, bid_sz_1e8, ask_px_1e9, ask_sz_1e8, run_ns FROM rows"
_DEPTHS = (
    "SELECT q.i, q.at_ns - r.ts_ns, r.ts_ns, r.state, r.bid_px_1e9, r.bid_sz_1e8, r.ask_px_1e9, r.ask_sz_1e8, "
    "r.run_ns FROM asked q ASOF LEFT JOIN (SELECT * FROM rows QUALIFY "
    "row_number() OVER (PARTITION BY run_ns, ts_ns ORDER BY seq DESC) = 1) r "
    "ON q.run_ns = r.run_ns AND q.at_ns >= r.ts_ns"
)
_VWAP = (
    "SELECT coalesce(sum(px_1e9::HUGEINT * qty_1e8) FILTER (state = 'ok'), 0), "
    "coalesce(sum(qty_1e8) FILTER (state = 'ok'), 0), count(*) FILTER (state = 'ok'), "
    "coalesce(min(ts_ns) FILTER (state = 'ok'), 0), coalesce(max(ts_ns) FILTER (state = 'ok'), 0), "
    "count(*) FILTER (state <> 'ok') FROM rows"
)
_VWAPS = _VWAP.replace("SELECT", "SELECT q.i,", 1).replace(
    "FROM rows",
    "FROM asked q JOIN rows r ON q.run_ns = r.run_ns AND r.ts_ns BETWEEN q.since_ns AND q.until_ns GROUP BY q.i",
)
_PRINTS = (
    "SELECT ts_ns, px_1e9, qty_1e8, aggressor FROM rows WHERE state = 'ok' ORDER BY ts_ns DESC, seq DESC"
)
_CLOSES = (
    "SELECT max(ts_ns), arg_max(px_1e9, (ts_ns, seq)) FROM rows WHERE state = 'ok' "
    "GROUP BY ts_ns // {step} ORDER BY 1"
)
_HELD = (
    "SELECT bid_px_1e9, ask_px_1e9, sum(ns) FROM stood WHERE ns < $hole AND state = 'ok' "
    "AND bid_px_1e9 > 0 AND ask_px_1e9 > 0 GROUP BY ALL HAVING sum(ns) > 0 ORDER BY 1, 2"
)
_QUOTED = (
    "SELECT count(*) FILTER (changed AND state = 'ok'), count(*) FILTER (changed AND state <> 'ok'), "
    "coalesce(sum(ns) FILTER (ns < $hole AND state <> 'ok'), 0) FROM stood"
)


def _around(known: Sequence[tuple[int, int, int]]) -> list[Window]:
    """One window a run, with room for the record before the first moment."""
    by_run: dict[int, list[int]] = {}
    for _, moment, run in known:
        by_run.setdefault(run, []).append(moment)
    return [Window(run, min(moments) - HOLE_NS, max(moments)) for run, moments in by_run.items()]


def _depth(venue: str, row: tuple[Any, ...]) -> Depth:
    ts_ns, state, bid_px, bid_sz, ask_px, ask_sz, run_ns = row
    bids, asks = zip(bid_px, bid_sz, strict=True), zip(ask_px, ask_sz, strict=True)
    return Depth(venue, ts_ns, state, tuple(bids), tuple(asks), run_ns)
