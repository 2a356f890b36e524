"""Table `venue_credentials`: what accounts stored for venues, sealed. The key that opens them is not in here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.tables import BIG, TEXT, col, key, metadata
from sequence_paper.store.words import Mode

venue_credentials = sa.Table(
    "venue_credentials",
    metadata,
    key("account_id"),
    key("mode"),
    key("venue"),
    col("sealed", sa.LargeBinary()),
    col("key_id", TEXT),
    col("stored_ns", BIG),
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """`sealed` is opened by the key that `key_id` names, for this account, mode and venue only."""

    account_id: str
    mode: Mode
    venue: str
    sealed: bytes
    key_id: str
    stored_ns: int


class Credentials:
    """One row for each account, mode and venue."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, row: Sealed) -> None:
        """Store, in place of what there was."""
        with self._db.writing() as connection:
            self._db.upsert(
                connection, venue_credentials, [dataclasses.asdict(row)], ["account_id", "mode", "venue"]
            )

    def all(self, account_id: str, mode: Mode) -> list[Sealed]:
        """By venue."""
        query = sa.select(venue_credentials).where(_mine(account_id, mode))
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(venue_credentials.c.venue))
            return [Sealed(**row._mapping) for row in rows]

    def remove(self, account_id: str, mode: Mode, venue: str) -> bool:
        """False when there were none."""
        where = _mine(account_id, mode) & (venue_credentials.c.venue == venue)
        with self._db.writing() as connection:
            return connection.execute(venue_credentials.delete().where(where)).rowcount > 0


def _mine(account_id: str, mode: Mode) -> sa.ColumnElement[bool]:
    return (venue_credentials.c.account_id == account_id) & (venue_credentials.c.mode == mode)
