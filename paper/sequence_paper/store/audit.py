"""Everything that is stored of trading, as one moment has it: for whoever checks that it adds up."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.funds import given_1e9
from sequence_paper.store.schema import fills, ledger, orders, positions
from sequence_paper.store.trades import Fill, LedgerEntry, Order, Position

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """All of them; fills and ledger in the order in which they were stored. `given`: × 10^9, to sandboxes."""

    orders: Sequence[Order]
    fills: Sequence[Fill]
    positions: Sequence[Position]
    ledger: Sequence[LedgerEntry]
    given: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


class Audit:
    """Reads whole tables; what goes on meanwhile is not seen."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def rows(self) -> Rows:
        with self._db.reading() as connection:
            return Rows(
                orders=_all(connection, orders, "seq", Order),
                fills=_all(connection, fills, "seq", Fill),
                positions=_all(connection, positions, "position_id", Position),
                ledger=_all(connection, ledger, "seq", LedgerEntry),
                given=given_1e9(connection, sa.true()),
            )


def _all(connection: sa.Connection, table: sa.Table, number: str, kind: type[T]) -> list[T]:
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    query = sa.select(*(table.c[name] for name in names)).order_by(table.c[number])
    made: Any = kind
    return [made(*row) for row in connection.execute(query)]
