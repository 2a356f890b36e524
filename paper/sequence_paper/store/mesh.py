"""The mesh as it was measured. Counts only grow and go with their deployment; samples go with their window."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from sequence_paper.mesh.window import WINDOW_NS, Slot
from sequence_paper.store.database import Database
from sequence_paper.store.mesh_records import EdgeLink, MeshHeard, MeshTally, MeshWrites
from sequence_paper.store.schema import deployments
from sequence_paper.store.tables import BIG, JSON, col, columns_of, key, metadata, of_deployment

mesh_counts = sa.Table(
    "mesh_counts",
    metadata,
    of_deployment(),
    key("from_label"),
    key("to_label"),
    key("event"),
    col("n", BIG),
    col("last_ns", BIG),
)

mesh_heard = sa.Table(
    "mesh_heard",
    metadata,
    of_deployment(),
    key("from_label"),
    key("to_label"),
    col("epoch_ns", BIG),
    col("seq", BIG),
)

mesh_slots = sa.Table(
    "mesh_slots",
    metadata,
    of_deployment(),
    key("from_label"),
    key("to_label"),
    key("slot_ns", BIG),
    col("counts", JSON),
)

edge_slots = sa.Table(
    "edge_slots",
    metadata,
    key("from_edge"),
    key("to_edge"),
    key("slot_ns", BIG),
    col("counts", JSON),
    col("lost", BIG),
    col("reordered", BIG),
)

edge_links = sa.Table(
    "edge_links",
    metadata,
    key("from_edge"),
    key("to_edge"),
    col("offset_ns", BIG),
    col("bound_ns", BIG),
    col("last_ns", BIG),
)

_LINK = ["deployment_id", "from_label", "to_label"]
_EDGES = ["from_edge", "to_edge"]
Pair = tuple[str, str]
"""(from, to): labels or edge ids"""


class Mesh:
    """Tables `mesh_counts`, `mesh_heard`, `mesh_slots`, `edge_slots`, `edge_links`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def tallies(self, deployment_id: str) -> list[MeshTally]:
        """What was counted since registration."""
        query = sa.select(mesh_counts).where(mesh_counts.c.deployment_id == deployment_id)
        with self._db.reading() as connection:
            return [MeshTally(**row._mapping) for row in connection.execute(query)]

    def heard(self) -> list[MeshHeard]:
        """What receivers had of every pair of labels."""
        with self._db.reading() as connection:
            return [MeshHeard(**row._mapping) for row in connection.execute(sa.select(mesh_heard))]

    def slots(self, deployment_id: str) -> dict[Pair, list[Slot]]:
        """Samples of messages by pair of labels."""
        query = sa.select(mesh_slots).where(mesh_slots.c.deployment_id == deployment_id)
        with self._db.reading() as connection:
            return _by_pair(connection, query, "from_label", "to_label")

    def edge_slots(self) -> dict[Pair, list[Slot]]:
        """Samples of probes by pair of edges."""
        with self._db.reading() as connection:
            return _by_pair(connection, sa.select(edge_slots), "from_edge", "to_edge")

    def edge_links(self) -> dict[Pair, EdgeLink]:
        """The newest of every pair of edges that ever had an answer."""
        with self._db.reading() as connection:
            rows = connection.execute(sa.select(edge_links))
            return {(row.from_edge, row.to_edge): EdgeLink(**row._mapping) for row in rows}


def save_mesh(database: Database, connection: sa.Connection, writes: MeshWrites) -> None:
    """Add counts, replace samples; what belongs to a deployment that is gone is dropped, and so are old samples."""
    wanted = {row.deployment_id for row in writes.tallies} | {row.deployment_id for row in writes.slots}
    known = _known(connection, wanted) if wanted else set()
    counted = [columns_of(row) for row in writes.tallies if row.deployment_id in known]
    database.add_up(connection, mesh_counts, counted, [*_LINK, "event"], "n")
    heard = [columns_of(row) for row in writes.heard if row.deployment_id in known]
    database.upsert(connection, mesh_heard, heard, _LINK)
    for table, rows, pair in (
        (mesh_slots, [row for row in writes.slots if row.deployment_id in known], _LINK),
        (edge_slots, writes.edge_slots, _EDGES),
    ):
        if rows:
            stored = [_slot_row(columns_of(row)) for row in rows]
            database.upsert(connection, table, stored, [*pair, "slot_ns"])
            newest = max(row.slot_ns for row in rows)
            connection.execute(table.delete().where(table.c.slot_ns < newest - 2 * WINDOW_NS))
    database.upsert(connection, edge_links, [columns_of(row) for row in writes.edge_links], _EDGES)


def _known(connection: sa.Connection, wanted: set[str]) -> set[str]:
    query = sa.select(deployments.c.deployment_id).where(deployments.c.deployment_id.in_(wanted))
    return set(connection.execute(query).scalars())


def _slot_row(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"counts": {str(index): count for index, count in row["counts"].items()}}


def _by_pair(
    connection: sa.Connection, query: sa.Select[Any], start: str, end: str
) -> dict[Pair, list[Slot]]:
    found: dict[Pair, list[Slot]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[(row[start], row[end])].append(_slot(dict(row)))
    return dict(found)


def _slot(row: dict[str, Any]) -> Slot:
    counts = {int(index): count for index, count in row["counts"].items()}
    return Slot(row["slot_ns"], counts, row.get("lost", 0), row.get("reordered", 0))
