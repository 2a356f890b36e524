"""Graphs of orders: written by the API process only, each change in one transaction with the orders it sends or ends.

A change is made from the version it was decided on, or not at all. The orders of nodes are parents (`routes`), whose
ids follow from the node and the number of the order: what is decided twice is stored once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.graph_tables import graph_nodes, graphs
from sequence_paper.store.graphing import GraphKey, GraphRow, NodeRow, Step
from sequence_paper.store.routes import GraphTakenError, add_round, parents
from sequence_paper.store.switches import KILL_SWITCH, KillSwitchOnError, switch_of
from sequence_paper.store.words import Mode

Outcome = Literal["stored", "paused", "moved"]
"""`moved`: the graph is not any more what the change was decided on, nothing was stored."""


class Graphs:
    """Tables `graphs` and `graph_nodes`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, graph: GraphRow, nodes: Sequence[NodeRow]) -> GraphRow:
        """Store a new graph; when it exists already, nothing changes. The stored one.

        Raises `KillSwitchOnError`, and `GraphTakenError` when a plain order has its id.
        """
        with self._db.writing() as connection:
            self._db.take_turn(connection)
            found = _row(connection, graph.key)
            if found is not None:
                return found
            if connection.execute(sa.select(parents.c.seq).where(*_is(parents, graph.key))).first():
                raise GraphTakenError(graph.graph_id)
            switch = switch_of(connection, graph.account_id, graph.mode)
            if switch.active:
                raise KillSwitchOnError(switch)
            connection.execute(graphs.insert().values(dataclasses.asdict(graph)))
            connection.execute(graph_nodes.insert(), [dataclasses.asdict(node) for node in nodes])
        return graph

    def get(self, key: GraphKey) -> tuple[GraphRow, list[NodeRow]] | None:
        """A graph with its nodes in their order."""
        query = sa.select(graph_nodes).where(*_is(graph_nodes, key)).order_by(graph_nodes.c.ordinal)
        with self._db.reading() as connection:
            found = _row(connection, key)
            if found is None:
                return None
            return found, [NodeRow(**row._mapping) for row in connection.execute(query)]

    def live(self) -> list[GraphRow]:
        """Those that have not ended, oldest first."""
        query = sa.select(graphs).where(graphs.c.done.is_(False)).order_by(graphs.c.created_ns)
        with self._db.reading() as connection:
            return [GraphRow(**row._mapping) for row in connection.execute(query)]

    def of_order(self, account_id: str, mode: Mode, order_id: str) -> tuple[GraphKey, str] | None:
        """The graph and the name of the node that has this order id."""
        query = sa.select(graph_nodes.c.graph_id, graph_nodes.c.node_id).where(
            graph_nodes.c.account_id == account_id,
            graph_nodes.c.mode == mode,
            graph_nodes.c.order_id == order_id,
        )
        with self._db.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (GraphKey(account_id, mode, row.graph_id), row.node_id)

    def step(self, graph: GraphRow, step: Step, now_ns: int) -> Outcome:
        """Change a graph that is still as `graph` says. With the kill switch on it pauses instead of sending."""
        with self._db.writing() as connection:
            self._db.take_turn(connection)
            now = _row(connection, graph.key)
            if now is None or now.version != graph.version:
                return "moved"
            if step.placed and switch_of(connection, graph.account_id, graph.mode).active:
                self._change(connection, now, {"paused_at_ns": now_ns, "pause_reason": KILL_SWITCH})
                return "paused"
            values: dict[str, Any] = {"done": step.done}
            if step.pause is not None:
                values |= {"paused_at_ns": now_ns, "pause_reason": step.pause}
            self._change(connection, now, values)
            self._nodes(connection, now.key, step.nodes)
            for one in step.placed:
                connection.execute(parents.insert().values(dataclasses.asdict(one.parent)))
                add_round(connection, one.route, one.legs)
            _end(connection, step.cancels)
        return "stored"

    def pause(self, key: GraphKey, reason: str, now_ns: int) -> GraphRow | None:
        """From the commit on nothing of it is sent. The graph as it is then; one that is paused or over stays so."""
        with self._db.writing() as connection:
            now = self._turn(connection, key)
            if now is None or now.done or now.paused_at_ns:
                return now
            return self._change(connection, now, {"paused_at_ns": now_ns, "pause_reason": reason})

    def resume(self, key: GraphKey, now_ns: int) -> GraphRow | None:
        """Its clock goes on. Raises `KillSwitchOnError`."""
        with self._db.writing() as connection:
            now = self._turn(connection, key)
            if now is None or now.done or not now.paused_at_ns:
                return now
            switch = switch_of(connection, key.account_id, key.mode)
            if switch.active:
                raise KillSwitchOnError(switch)
            stood = now.paused_ns + max(0, now_ns - now.paused_at_ns)
            values = {"paused_at_ns": 0, "paused_ns": stood, "pause_reason": None}
            return self._change(connection, now, values)

    def cancel(self, key: GraphKey) -> GraphRow | None:
        """Remember that all of it has to end, its orders too."""
        with self._db.writing() as connection:
            now = self._turn(connection, key)
            if now is None or now.done:
                return now
            connection.execute(parents.update().where(*_is(parents, key)).values(cancel=True, more=False))
            return self._change(connection, now, {"cancel": True})

    def cancel_node(self, key: GraphKey, node_id: str) -> GraphRow | None:
        """Remember that one node has to end, with every order that it sent."""
        with self._db.writing() as connection:
            now = self._turn(connection, key)
            if now is None or now.done:
                return now
            self._nodes(connection, key, {node_id: {"cancelled": True}})
            mine = (parents.c.node_id == node_id) | parents.c.node_id.startswith(
                f"{node_id}.", autoescape=True
            )
            connection.execute(
                parents.update().where(*_is(parents, key), mine).values(cancel=True, more=False)
            )
            return self._change(connection, now, {})

    def amend(
        self,
        graph: GraphRow,
        node_id: str,
        values: Mapping[str, Any],
        order: tuple[str, Mapping[str, Any]] | None = None,
    ) -> bool:
        """Change a node, and an order (id, columns) that it sent, if the graph is still as `graph` says."""
        with self._db.writing() as connection:
            now = self._turn(connection, graph.key)
            if now is None or now.version != graph.version:
                return False
            self._nodes(connection, graph.key, {node_id: values})
            if order is not None:
                order_id, changed = order
                connection.execute(parents.update().where(parents.c.order_id == order_id).values(**changed))
            self._change(connection, now, {})
            return True

    def _turn(self, connection: sa.Connection, key: GraphKey) -> GraphRow | None:
        self._db.take_turn(connection)
        return _row(connection, key)

    def _change(self, connection: sa.Connection, now: GraphRow, values: Mapping[str, Any]) -> GraphRow:
        values = {**values, "version": now.version + 1}
        connection.execute(graphs.update().where(*_is(graphs, now.key)).values(**values))
        return dataclasses.replace(now, **values)

    def _nodes(
        self, connection: sa.Connection, key: GraphKey, changes: Mapping[str, Mapping[str, Any]]
    ) -> None:
        for node_id, values in changes.items():
            where = (*_is(graph_nodes, key), graph_nodes.c.node_id == node_id)
            connection.execute(graph_nodes.update().where(*where).values(**values))


def _is(table: sa.Table, key: GraphKey) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(table.c[name] == value for name, value in key._asdict().items())


def _row(connection: sa.Connection, key: GraphKey) -> GraphRow | None:
    row = connection.execute(sa.select(graphs).where(*_is(graphs, key))).one_or_none()
    return None if row is None else GraphRow(**row._mapping)


def _end(connection: sa.Connection, order_ids: Sequence[str]) -> None:
    if order_ids:
        where = parents.c.order_id.in_(order_ids)
        connection.execute(parents.update().where(where).values(cancel=True, more=False))
