"""WASM bytes by their SHA-256; equal bytes are stored once and go when nothing names them."""

from __future__ import annotations

import hashlib
import time

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.schema import artifacts, deployments


class Artifacts:
    """Table `artifacts`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, sha256: str) -> bytes | None:
        """The bytes, or None when no deployment uses them any more."""
        query = sa.select(artifacts.c.wasm).where(artifacts.c.sha256 == sha256)
        with self._db.reading() as connection:
            wasm = connection.execute(query).scalar()
        return None if wasm is None else bytes(wasm)


def put_artifact(database: Database, connection: sa.Connection, wasm: bytes) -> str:
    """Store the bytes inside a caller's transaction; the digest is the key."""
    sha256 = hashlib.sha256(wasm).hexdigest()
    row = {"sha256": sha256, "size_bytes": len(wasm), "wasm": wasm, "created_at_ns": time.time_ns()}
    database.insert_new(connection, artifacts, [row], ["sha256"])
    return sha256


def drop_artifact_if_unused(connection: sa.Connection, sha256: str) -> None:
    """Delete the bytes unless a deployment still names them."""
    used = sa.exists().where(deployments.c.wasm_sha256 == sha256)
    connection.execute(artifacts.delete().where(artifacts.c.sha256 == sha256, ~used))
