"""Questions in SQL, run by DuckDB over the Parquet parts and the raw tail of a venue."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from sequence_paper.store.ticks.answers import TicksError
from sequence_paper.store.ticks.view import View, Viewer
from sequence_paper.store.ticks.window import HOLE_NS, Window

_TRIES = 5
Table: TypeAlias = tuple[Sequence[tuple[int, ...]], Sequence[str]]
"""Rows of integers, and the names of the columns."""


class Reading:
    """Safe to use from several threads. Raises TicksError."""

    def __init__(self, folder: Path) -> None:
        self._viewer = Viewer(folder)
        with _saying():
            self._db = duckdb.connect(":memory:")
            self._db.execute(
                "SET threads = 2; SET memory_limit = '512MB'; SET autoinstall_known_extensions = false"
            )
        self._opening = threading.Lock()

    def close(self) -> None:
        """Give back the memory."""
        self._db.close()

    def view(self, venue: str) -> View:
        """What there is of a venue now."""
        return self._viewer.view(venue)

    def all(
        self, venue: str, kind: str, symbol: str, since: int, until: int, run_ns: int | None, sql: str
    ) -> list[tuple[Any, ...]]:
        """`query` over an interval of feed time, both ends included."""
        view = self._viewer.view(venue)
        windows = view.windows(since, until, run_ns)
        return self.query(venue, kind, symbol, windows, sql, view=view) if windows else []

    def query(
        self,
        venue: str,
        kind: str,
        symbol: str,
        windows: Sequence[Window],
        sql: str,
        *,
        view: View,
        asked: Table | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run `sql` over `rows`, the symbol's rows of these windows, each once (and `asked`, a table of questions)."""
        with _saying():
            for _ in range(_TRIES - 1):
                try:
                    return self._run(kind, symbol, windows, sql, view, asked)
                except (duckdb.IOException, FileNotFoundError):
                    view = self._viewer.view(venue)  # a part was removed by age while we read
            return self._run(kind, symbol, windows, sql, view, asked)

    def _run(
        self, kind: str, symbol: str, windows: Sequence[Window], sql: str, view: View, asked: Table | None
    ) -> list[tuple[Any, ...]]:
        files = view.files(kind, windows)
        with self._opening:
            cursor = self._db.cursor()
        try:
            cursor.register("tail", view.tail(kind, windows))
            cursor.register("windows", _arrow([w.key for w in windows], ("run_ns", "since_ns", "until_ns")))
            if asked is not None:
                cursor.register("asked", _arrow(*asked))
            both = "SELECT * FROM tail"
            if files:
                both += " UNION ALL BY NAME SELECT * FROM read_parquet($files)"
            values: dict[str, Any] = {"symbol": symbol} | ({"files": files} if files else {})
            values |= {"hole": HOLE_NS} if "$hole" in sql else {}
            return cursor.execute(_ROWS.format(both=both) + sql, values).fetchall()
        finally:
            cursor.close()


_ROWS = (
    "WITH rows AS (SELECT r.* FROM ({both}) r JOIN windows w ON r.run_ns = w.run_ns "
    "AND r.ts_ns BETWEEN w.since_ns AND w.until_ns WHERE r.symbol = $symbol), "
    "stood AS (SELECT *, lead(ts_ns) OVER (PARTITION BY run_ns ORDER BY ts_ns, seq) - ts_ns AS ns FROM rows) "
)


@contextlib.contextmanager
def _saying() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise TicksError(str(error)) from error


def _arrow(rows: Sequence[tuple[int, ...]], names: Sequence[str]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table({name: pa.array(column, pa.int64()) for name, column in zip(names, columns, strict=True)})
