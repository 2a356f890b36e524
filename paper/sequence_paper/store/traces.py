"""Traces of orders: one row an order, and its steps in the pieces in which they were written."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.schema import orders
from sequence_paper.store.tables import BIG, JSON, TEXT, col, key, metadata, number
from sequence_paper.store.tracing import Step, Trace, TraceHead
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Mode

KEEP: Final = 10_000
"""Traces kept for each deployment; those of open orders are kept in any case."""
KEEP_DAYS: Final = 30
"""Days of wall time after which a trace goes, whatever their number; open orders excepted."""
_DAY_NS: Final = 86_400 * 10**9
_BATCH: Final = 500

traces = sa.Table(
    "traces",
    metadata,
    number(),
    sa.Column("order_id", TEXT, nullable=False, unique=True),
    col("parent_id", TEXT, null=True),
    col("account_id", TEXT),
    col("mode", TEXT),
    # No foreign key: a trace outlives the registration, as its order does.
    col("deployment_id", TEXT),
    col("wasm_sha256", TEXT),
    col("metadata", JSON, null=True),
    col("book", JSON, null=True),
    col("decision_mid_1e9", BIG, null=True),
    col("arrival_mid_1e9", BIG, null=True),
    col("at_ns", BIG),
    sa.Index("traces_of_account", "account_id", "mode", "seq"),
    sa.Index("traces_of_deployment", "deployment_id", "seq"),
    sa.Index("traces_of_parent", "parent_id"),
    sa.Index("traces_by_time", "at_ns"),
)

trace_steps = sa.Table(
    "trace_steps",
    metadata,
    key("order_id"),
    key("first", BIG),
    col("last", BIG),
    col("last_ns", BIG),
    col("steps", JSON),
)


class Traces:
    """Tables `traces` and `trace_steps`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(
        self,
        account_id: str,
        mode: Mode,
        *,
        limit: int,
        order_id: str | None = None,
        deployment_id: str | None = None,
    ) -> list[tuple[Order, Trace]]:
        """The newest traces with their orders, newest first."""
        where = (traces.c.account_id == account_id) & (traces.c.mode == mode)
        if order_id is not None:
            where &= traces.c.order_id == order_id
        if deployment_id is not None:
            where &= traces.c.deployment_id == deployment_id
        query = sa.select(traces).where(where).order_by(traces.c.seq.desc()).limit(limit)
        with self._db.reading() as connection:
            heads = [_head(row) for row in connection.execute(query)]
            ids = [head.order_id for head in heads]
            found = _orders(connection, ids)
            steps, children = _steps(connection, ids), _children(connection, ids)
        return [
            (
                found[head.order_id],
                Trace(head, steps.get(head.order_id, []), children.get(head.order_id, [])),
            )
            for head in heads
            if head.order_id in found
        ]

    def of(self, order_ids: Sequence[str]) -> dict[str, Trace]:
        """The traces of these orders, as far as they are kept; without their children."""
        found: dict[str, Trace] = {}
        with self._db.reading() as connection:
            for start in range(0, len(order_ids), _BATCH):
                ids = list(order_ids[start : start + _BATCH])
                heads = connection.execute(sa.select(traces).where(traces.c.order_id.in_(ids))).all()
                steps = _steps(connection, ids)
                found |= {row.order_id: Trace(_head(row), steps.get(row.order_id, []), []) for row in heads}
        return found

    def ends_on(self, edge_id: str) -> dict[str, tuple[int, int]]:
        """By open order of an edge: number and time of the last step, from where a restarted edge goes on."""
        mine = (orders.c.edge_id == edge_id) & orders.c.status.in_(OPEN_ORDER_STATUSES)
        query = (
            sa.select(
                trace_steps.c.order_id, sa.func.max(trace_steps.c.last), sa.func.max(trace_steps.c.last_ns)
            )
            .join(orders, orders.c.order_id == trace_steps.c.order_id)
            .where(mine)
            .group_by(trace_steps.c.order_id)
        )
        with self._db.reading() as connection:
            return {order_id: (last, last_ns) for order_id, last, last_ns in connection.execute(query)}

    def trim(self, now_ns: int) -> int:
        """Delete what is kept no longer; returns how many traces went. Short transactions, so nobody waits long."""
        old = traces.c.at_ns < now_ns - KEEP_DAYS * _DAY_NS
        gone = self._delete(old)
        for deployment_id, boundary in self._too_many():
            gone += self._delete((traces.c.deployment_id == deployment_id) & (traces.c.seq <= boundary))
        return gone

    def _too_many(self) -> list[tuple[str, int]]:
        """(deployment, number of its newest trace that has to go)."""
        counts = (
            sa.select(traces.c.deployment_id).group_by(traces.c.deployment_id).having(sa.func.count() > KEEP)
        )
        with self._db.reading() as connection:
            found = []
            for deployment_id in connection.execute(counts).scalars():
                mine = sa.select(traces.c.seq).where(traces.c.deployment_id == deployment_id)
                boundary = connection.execute(mine.order_by(traces.c.seq.desc()).offset(KEEP).limit(1))
                found.append((deployment_id, boundary.scalar_one()))
            return found

    def _delete(self, where: sa.ColumnElement[bool]) -> int:
        is_open = sa.exists().where(
            orders.c.order_id == traces.c.order_id, orders.c.status.in_(OPEN_ORDER_STATUSES)
        )
        victims = sa.select(traces.c.order_id).where(where, ~is_open).limit(_BATCH)
        gone = 0
        while True:
            with self._db.reading() as connection:
                ids = list(connection.execute(victims).scalars())
            if not ids:
                return gone
            with self._db.writing() as connection:
                connection.execute(trace_steps.delete().where(trace_steps.c.order_id.in_(ids)))
                connection.execute(traces.delete().where(traces.c.order_id.in_(ids)))
            gone += len(ids)


def save_traces(database: Database, connection: sa.Connection, writes: EdgeWrites) -> None:
    """Traces and their steps, inside a caller's transaction. A piece written twice is the same piece."""
    rows = [head._asdict() for head in writes.traces]
    database.insert_new(connection, traces, rows, ["order_id"])
    pieces = [
        {
            "order_id": piece.order_id,
            "first": piece.first,
            "last": piece.first + len(piece.steps) - 1,
            "last_ns": piece.steps[-1][1],
            "steps": piece.steps,
        }
        for piece in writes.steps
    ]
    database.insert_new(connection, trace_steps, pieces, ["order_id", "first"])


def _orders(connection: sa.Connection, ids: list[str]) -> dict[str, Order]:
    query = sa.select(*(orders.c[field.name] for field in dataclasses.fields(Order))).where(
        orders.c.order_id.in_(ids)
    )
    return {row.order_id: Order(**row._mapping) for row in connection.execute(query)}


def _steps(connection: sa.Connection, ids: list[str]) -> dict[str, list[Step]]:
    query = sa.select(trace_steps).where(trace_steps.c.order_id.in_(ids))
    found: dict[str, list[Step]] = {}
    for row in connection.execute(query.order_by(trace_steps.c.order_id, trace_steps.c.first)):
        found.setdefault(row.order_id, []).extend((*step,) for step in row.steps)
    return found


def _children(connection: sa.Connection, ids: list[str]) -> dict[str, list[str]]:
    query = sa.select(traces.c.parent_id, traces.c.order_id).where(traces.c.parent_id.in_(ids))
    rows = connection.execute(query.order_by(traces.c.parent_id, traces.c.seq))
    return {
        parent: [child for _, child in group] for parent, group in itertools.groupby(rows, lambda r: r[0])
    }


def _head(row: sa.Row[Any]) -> TraceHead:
    return TraceHead(**{key: value for key, value in row._mapping.items() if key != "seq"})
