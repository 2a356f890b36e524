"""A tape: records written as an edge writes them, and the same records as plain tuples to compute with by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sequence_paper.store.ticks import records
from sequence_paper.store.ticks.writing import TickWriter

Level = tuple[int, int]
T0 = 1_770_000_000 * 10**9
SECOND = 10**9
SYMBOLS = ["BTC-USD", "ETH-USD"]


@dataclass
class Tape:
    """One run of one venue. Times are ns after `T0`; prices and sizes are written as they are given."""

    folder: Path
    venue: str = "kraken"
    run_ns: int = 1
    segment_bytes: int = 10**6
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = TickWriter(
            self.folder, self.venue, self.run_ns, SYMBOLS, "a test", segment_bytes=self.segment_bytes
        )

    def tob(
        self, ts: int, bid: Level, ask: Level, *, state: str = "ok", changed: bool = True, symbol: int = 0
    ) -> None:
        at = records.STATES.index(state)
        self.writer.write(records.tob(symbol, at, changed, T0 + ts, *bid, *ask), 1)
        self.rows.append(("tob", SYMBOLS[symbol], T0 + ts, state, changed, *bid, *ask))

    def trade(
        self, ts: int, px: int, qty: int, aggressor: int = 1, *, state: str = "ok", symbol: int = 0
    ) -> None:
        at = records.STATES.index(state)
        self.writer.write(records.trade(symbol, at, T0 + ts, px, qty, aggressor), 1)
        self.rows.append(("trade", SYMBOLS[symbol], T0 + ts, state, px, qty, aggressor))

    def depth(
        self, ts: int, bids: list[Level], asks: list[Level], *, state: str = "ok", symbol: int = 0
    ) -> None:
        at = records.STATES.index(state)
        self.writer.write(records.depth(symbol, at, T0 + ts, sum(bids, ()), sum(asks, ())), 1)
        self.rows.append(("depth", SYMBOLS[symbol], T0 + ts, state, tuple(bids), tuple(asks)))


@pytest.fixture
def tape(tmp_path: Path) -> Callable[..., Tape]:
    """Begin a run in the test's folder."""

    def begin(**more: object) -> Tape:
        return Tape(tmp_path / "ticks", **more)  # type: ignore[arg-type]

    return begin
