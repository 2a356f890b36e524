"""Table `intents`: what algos ask the platform to trade anywhere, written by the edge that hosts the algo.

The row is in the transaction of whatever else the algo did. The API makes a parent of it that has the same id, so an
intent is placed once however often it is seen. The edge keeps here how far it has told the algo.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.routes import parents, route_legs
from sequence_paper.store.routing import Policy
from sequence_paper.store.schema import fills
from sequence_paper.store.tables import BIG, TEXT, U64, col, key, metadata
from sequence_paper.store.trades import Fill
from sequence_paper.store.words import Mode


@dataclass(frozen=True, slots=True)
class Intent:
    """`intent_id` is the algo's. Times are wall clock. `told_seq`: the last fill of it that the algo knows.

    `cancel`: nobody minds it any more; `ended`: the algo has been told all there will be.
    """

    order_id: str
    graph_id: str
    account_id: str
    mode: Mode
    deployment_id: str
    deployment: str
    label: str
    edge_id: str
    intent_id: int
    symbol: str
    side: Literal["buy", "sell"]
    policy: Policy
    qty_1e8: int
    limit_1e9: int
    venue: str | None
    created_ns: int
    until_ns: int
    told_seq: int = 0
    cancel: bool = False
    ended: bool = False


intents = sa.Table(
    "intents",
    metadata,
    key("order_id"),
    col("graph_id", TEXT),
    col("account_id", TEXT),
    col("mode", TEXT),
    col("deployment_id", TEXT),
    col("deployment", TEXT),
    col("label", TEXT),
    col("edge_id", TEXT),
    col("intent_id", U64()),
    col("symbol", TEXT),
    col("side", TEXT),
    col("policy", TEXT),
    col("qty_1e8", BIG),
    col("limit_1e9", BIG),
    col("venue", TEXT, null=True),
    col("created_ns", BIG),
    col("until_ns", BIG),
    col("told_seq", BIG),
    col("cancel", sa.Boolean()),
    col("ended", sa.Boolean()),
    sa.Index("intents_of_edge", "edge_id", "ended"),
)


class Intents:
    """Read by the API (to place and to cancel) and by the edge that wrote them (to go on after a restart)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open_on(self, edge_id: str) -> list[Intent]:
        """Those of which an edge has not told the end, oldest first."""
        return self._read((intents.c.edge_id == edge_id) & intents.c.ended.is_(False))

    def unplaced(self) -> list[Intent]:
        """Those that no parent was made of."""
        placed = sa.exists().where(parents.c.order_id == intents.c.order_id)
        return self._read(intents.c.ended.is_(False) & ~placed)

    def to_cancel(self) -> list[str]:
        """Parents whose algo minds them no more, and that do not know it yet."""
        query = (
            sa.select(parents.c.order_id)
            .join(intents, intents.c.order_id == parents.c.order_id)
            .where(intents.c.cancel.is_(True), parents.c.cancel.is_(False))
        )
        with self._db.reading() as connection:
            return list(connection.execute(query).scalars())

    def fills_after(self, order_id: str, seq: int) -> list[tuple[int, Fill]]:
        """Fills of the legs with their numbers, in the order in which they became readable."""
        legs = sa.select(route_legs.c.order_id).where(route_legs.c.parent_id == order_id)
        query = sa.select(fills).where(fills.c.order_id.in_(legs), fills.c.seq > seq).order_by(fills.c.seq)
        with self._db.reading() as connection:
            return [(row.seq, Fill(**_fields(row, Fill))) for row in connection.execute(query)]

    def _read(self, where: sa.ColumnElement[bool]) -> list[Intent]:
        query = sa.select(intents).where(where).order_by(intents.c.created_ns, intents.c.order_id)
        with self._db.reading() as connection:
            return [Intent(**row._mapping) for row in connection.execute(query)]


def save_intents(database: Database, connection: sa.Connection, rows: Sequence[Intent]) -> None:
    """Inside a caller's transaction."""
    database.upsert(connection, intents, [dataclasses.asdict(row) for row in rows], ["order_id"])


def _fields(row: sa.Row[Any], kind: type[Fill]) -> dict[str, Any]:
    return {field.name: row._mapping[field.name] for field in dataclasses.fields(kind)}
