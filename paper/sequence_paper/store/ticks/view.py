"""What a question about one venue has to read: its runs, and for each kind the parts and the raw tail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sequence_paper.store.ticks.answers import Run
from sequence_paper.store.ticks.columns import SCHEMAS
from sequence_paper.store.ticks.folder import Part, look
from sequence_paper.store.ticks.tail import Tail
from sequence_paper.store.ticks.window import Window

_TRIES = 5


@dataclass(frozen=True, slots=True)
class View:
    """One venue at one moment. `runs` by start, newest last."""

    runs: tuple[Run, ...]
    _parts: tuple[Part, ...] = field(repr=False)
    _tails: tuple[tuple[int, dict[str, Any]], ...] = field(repr=False)

    def files(self, kind: str, windows: Sequence[Window]) -> list[str]:
        """Parts that may hold rows of these windows."""
        return [
            str(part.path)
            for part in self._parts
            if part.kind == kind
            and any(
                part.run_ns == window.run_ns
                and part.first_ns <= window.until_ns
                and part.last_ns >= window.since_ns
                for window in windows
            )
        ]

    def tail(self, kind: str, windows: Iterable[Window]) -> pa.Table:
        """The rows that are not in parts yet, of the runs of these windows."""
        runs = {window.run_ns for window in windows}
        tables = [tables[kind] for run, tables in self._tails if run in runs and kind in tables]
        return pa.concat_tables(tables) if tables else SCHEMAS[kind].empty_table()

    def windows(self, since_ns: int, until_ns: int, run_ns: int | None = None) -> list[Window]:
        """Which run shows which part of an interval of feed time.

        One run, when it is named. Otherwise the newest that begins at or before a moment, although it may not have
        come that far yet: a replay that was started again tells the same minutes anew, they must not count twice,
        and what an earlier run saw later is not what will happen in this one.
        """
        chosen = []
        for run in reversed(self.runs):
            if run_ns is not None and run.run_ns != run_ns:
                continue
            first, last = max(since_ns, run.first_ns), min(until_ns, run.last_ns)
            if first <= last:
                chosen.append(Window(run.run_ns, first, last))
            until_ns = min(until_ns, run.first_ns - 1)
        return chosen

    def run_of(self, ts_ns: int, run_ns: int | None = None) -> int | None:
        """The run that shows a moment, by the same rule."""
        found = self.windows(ts_ns, ts_ns, run_ns)
        return found[0].run_ns if found else None


class Viewer:
    """Looks at the folder; remembers what cannot change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tail = Tail()
        self._sources: dict[tuple[str, int], str] = {}

    def view(self, venue: str) -> View:
        """What there is of a venue now."""
        for _ in range(_TRIES - 1):
            try:
                return self._view(venue)
            except FileNotFoundError:
                continue  # compacted while we looked
        return self._view(venue)

    def _view(self, venue: str) -> View:
        shelf = look(self._folder, venue)
        tails = self._tail.read(shelf.segments)
        spans: dict[int, tuple[int, int, str]] = {}
        for part in shelf.parts:
            source = spans[part.run_ns][2] if part.run_ns in spans else self._source(part)
            _widen(spans, part.run_ns, part.first_ns, part.last_ns, source)
        for segment, source, tables in tails:
            for rows in tables.values():
                ends = pc.min_max(rows["ts_ns"])
                _widen(spans, segment.run_ns, ends["min"].as_py(), ends["max"].as_py(), source)
        runs = tuple(Run(venue, run, *spans[run]) for run in sorted(spans))
        return View(runs, shelf.parts, tuple((segment.run_ns, tables) for segment, _, tables in tails))

    def _source(self, part: Part) -> str:
        run = (part.venue, part.run_ns)
        if run not in self._sources:
            metadata = pq.read_schema(part.path).metadata or {}
            self._sources[run] = metadata.get(b"source", b"").decode()
        return self._sources[run]


def _widen(spans: dict[int, tuple[int, int, str]], run: int, first: int, last: int, source: str) -> None:
    known = spans.get(run, (first, last, source))
    spans[run] = (min(known[0], first), max(known[1], last), known[2] or source)
