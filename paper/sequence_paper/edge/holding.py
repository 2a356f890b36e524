"""What a deployment holds of one symbol at one venue, and what it made of it since midnight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sequence_paper.feed.events import Side
from sequence_paper.store.trades import Position as PositionRow
from sequence_paper.store.words import InstrumentType, Mode
from sequence_paper.venue.position import Position, after_fill

DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class HoldingKey:
    """A position belongs to the deployment's name, so it outlives runs, restarts and replaced registrations."""

    account_id: str
    mode: Mode
    deployment: str
    venue: str
    symbol: str


class Holding:
    """A position with its UTC-day session. ``session_1e9`` is realised after fees: what limits are held against.

    ``version`` grows with every change, so that whoever shows it knows when to look again.
    """

    __slots__ = (
        "fill_count",
        "instrument_type",
        "key",
        "mark_1e9",
        "position",
        "session_1e9",
        "session_day",
        "updated_ns",
        "version",
    )

    def __init__(self, key: HoldingKey, instrument_type: InstrumentType) -> None:
        self.key = key
        self.instrument_type: InstrumentType = instrument_type
        self.position = Position()
        self.session_day = self.session_1e9 = self.fill_count = self.mark_1e9 = self.updated_ns = 0
        self.version = 0

    @classmethod
    def restore(cls, row: PositionRow) -> Holding:
        """Continue from a stored row."""
        key = HoldingKey(row.account_id, row.mode, row.deployment, row.venue, row.symbol)
        self = cls(key, row.instrument_type)
        if row.cost_1e9 is None:
            self.position = Position.from_average(
                row.qty_1e8, row.avg_entry_1e9, row.realized_pnl_1e9, row.fees_1e9
            )
        else:
            self.position = Position(row.qty_1e8, row.cost_1e9, row.realized_pnl_1e9, row.fees_1e9)
        self.session_day, self.session_1e9 = row.session_day, row.session_realized_pnl_1e9
        self.fill_count, self.mark_1e9, self.updated_ns = row.fill_count, row.mark_1e9, row.updated_ns
        return self

    def fill(self, side: Side, px_1e9: int, qty_1e8: int, fee_1e9: int, now_ns: int) -> int:
        """Apply one execution; returns what it realised before fees (×10^9)."""
        self.roll(now_ns)
        before = self.position
        self.position = after_fill(before, side, px_1e9, qty_1e8, fee_1e9)
        realized = self.position.realized_1e9 - before.realized_1e9
        self.session_1e9 += realized - fee_1e9
        self.fill_count += 1
        self.updated_ns = now_ns
        self.version += 1
        return realized

    def reset(self) -> None:
        """Nothing was ever traded."""
        self.position = Position()
        self.session_1e9 = self.fill_count = 0
        self.version += 1

    def roll(self, now_ns: int) -> None:
        """Start a new session when the UTC day has changed."""
        day = now_ns // DAY_NS
        if day != self.session_day:
            self.session_day, self.session_1e9 = day, 0
            self.version += 1

    def row(self) -> PositionRow:
        """What is stored."""
        return PositionRow(
            account_id=self.key.account_id,
            mode=self.key.mode,
            deployment=self.key.deployment,
            venue=self.key.venue,
            symbol=self.key.symbol,
            instrument_type=self.instrument_type,
            qty_1e8=self.position.qty_1e8,
            avg_entry_1e9=self.position.avg_entry_1e9,
            realized_pnl_1e9=self.position.realized_1e9,
            session_day=self.session_day,
            session_realized_pnl_1e9=self.session_1e9,
            fees_1e9=self.position.fees_1e9,
            fill_count=self.fill_count,
            mark_1e9=self.mark_1e9,
            updated_ns=self.updated_ns,
            cost_1e9=self.position.cost_1e9,
        )
