"""Log lines of deployments, numbered without gaps, so that a reader with a number misses nothing."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.records import LogLine, StoredLogLine
from sequence_paper.store.schema import deployments, log_heads, logs

KEEP = 20_000
"""Lines kept for each deployment."""
_TRIM_EVERY = 500


class Logs:
    """Table `logs`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, lines: list[LogLine]) -> None:
        """Write lines; those of a deployment that is gone are dropped. Inside a larger batch use `Store.commit`."""
        with self._db.writing() as connection:
            append_logs(self._db, connection, lines)

    def read(
        self,
        deployment_id: str,
        *,
        limit: int,
        after: int | None = None,
        level: int = 0,
        label: str | None = None,
    ) -> list[StoredLogLine]:
        """Lines at `level` or above, oldest first: the `limit` newest, or the first `limit` numbered above `after`."""
        query = sa.select(logs).where(logs.c.deployment_id == deployment_id, logs.c.level >= level)
        if label is not None:
            query = query.where(logs.c.label == label)
        if after is not None:
            query = query.where(logs.c.seq > after).order_by(logs.c.seq)
        else:
            query = query.order_by(logs.c.seq.desc())
        with self._db.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        found = [StoredLogLine(row["seq"], LogLine(**{n: row[n] for n in _FIELDS})) for row in rows]
        return found if after is not None else found[::-1]

    def head(self, deployment_id: str) -> int:
        """Number of the newest line, 0 when there is none."""
        query = sa.select(log_heads.c.seq).where(log_heads.c.deployment_id == deployment_id)
        with self._db.reading() as connection:
            return connection.execute(query).scalar() or 0


# The row lock of this update keeps numbers in commit order: a reader never sees 7 before 6.
_ADVANCE = (
    log_heads.update()
    .where(log_heads.c.deployment_id == sa.bindparam("_deployment"))
    .values(seq=log_heads.c.seq + sa.bindparam("_count"))
    .returning(log_heads.c.seq)
)
_FIELDS = [field.name for field in dataclasses.fields(LogLine)]


def append_logs(database: Database, connection: sa.Connection, lines: list[LogLine]) -> None:
    """Number and write lines inside a caller's transaction."""
    by_deployment: dict[str, list[LogLine]] = defaultdict(list)
    for line in lines:
        by_deployment[line.deployment_id].append(line)
    # Sorted, so that two writers take the counters in the same order.
    for deployment_id, batch in sorted(by_deployment.items()):
        head = _advance(database, connection, deployment_id, len(batch))
        if head is None:
            continue
        rows = [dataclasses.asdict(line) | {"seq": head - len(batch) + 1 + i} for i, line in enumerate(batch)]
        connection.execute(logs.insert(), rows)
        if head // _TRIM_EVERY != (head - len(batch)) // _TRIM_EVERY:
            old = (logs.c.deployment_id == deployment_id) & (logs.c.seq <= head - KEEP)
            connection.execute(logs.delete().where(old))


def _advance(database: Database, connection: sa.Connection, deployment_id: str, count: int) -> int | None:
    more = {"_deployment": deployment_id, "_count": count}
    head = connection.execute(_ADVANCE, more).scalar()
    if head is not None:
        return int(head)
    known = connection.execute(
        sa.select(deployments.c.deployment_id).where(deployments.c.deployment_id == deployment_id)
    )
    if known.scalar() is None:
        return None
    database.insert_new(
        connection, log_heads, [{"deployment_id": deployment_id, "seq": 0}], ["deployment_id"]
    )
    return int(connection.execute(_ADVANCE, more).scalar_one())
