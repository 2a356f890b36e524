"""Edges as they announce themselves. A beat younger than `ALIVE_NS` means that the edge is there."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.records import EdgeInfo
from sequence_paper.store.schema import edges
from sequence_paper.store.words import Json

ALIVE_NS = 3_000_000_000


class Edges:
    """Table `edges`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def announce(self, edge: EdgeInfo) -> None:
        """Called by an edge when it starts, before it loads anything."""
        with self._db.writing() as connection:
            self._db.upsert(connection, edges, [dataclasses.asdict(edge)], ["edge_id"])

    def beat(self, edge_id: str, now_ns: int, feed: Json) -> None:
        """Called by an edge every second of wall time."""
        with self._db.writing() as connection:
            connection.execute(
                edges.update().where(edges.c.edge_id == edge_id).values(beat_ns=now_ns, feed=feed)
            )

    def leave(self, edge_id: str) -> None:
        """Called by an edge that stops in an orderly way, so that nobody waits for its beat to grow old."""
        with self._db.writing() as connection:
            connection.execute(edges.update().where(edges.c.edge_id == edge_id).values(beat_ns=0))

    def all(self) -> list[EdgeInfo]:
        """Every edge that ever announced itself, by id."""
        with self._db.reading() as connection:
            return [
                EdgeInfo(**row._mapping)
                for row in connection.execute(sa.select(edges).order_by(edges.c.edge_id))
            ]
