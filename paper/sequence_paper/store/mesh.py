"""Measured mesh links."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.records import MeshLink
from sequence_paper.store.schema import deployments, mesh_links


class Mesh:
    """Table `mesh_links`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def links(self, deployment_id: str) -> list[MeshLink]:
        """Every pair that has carried or dropped a message, by (from, to)."""
        query = (
            sa.select(mesh_links)
            .where(mesh_links.c.deployment_id == deployment_id)
            .order_by(mesh_links.c.from_label, mesh_links.c.to_label)
        )
        with self._db.reading() as connection:
            return [MeshLink(**row._mapping) for row in connection.execute(query)]


def save_links(database: Database, connection: sa.Connection, links: list[MeshLink]) -> None:
    """Replace the figures of these links; those of a deployment that is gone are dropped."""
    wanted = {link.deployment_id for link in links}
    query = sa.select(deployments.c.deployment_id).where(deployments.c.deployment_id.in_(wanted))
    known = set(connection.execute(query).scalars())
    rows = [dataclasses.asdict(link) for link in links if link.deployment_id in known]
    database.upsert(connection, mesh_links, rows, ["deployment_id", "from_label", "to_label"])
