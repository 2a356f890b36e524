"""Tables `parents`, `routes`, `route_legs`: what was asked for, how it was split, what still has to reach an edge.

An order begins to exist for an edge with its row in `orders`, which only the first of all who try can insert
(`Orders.claim`): the edge before it executes, the API when it gives up or cancels. So no leg is executed twice,
whoever asks again and whatever was killed in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.graph_tables import graphs
from sequence_paper.store.routing import Parent, Route, RouteLeg
from sequence_paper.store.schema import orders
from sequence_paper.store.switches import KILL_SWITCH, KillSwitchOnError, switch_of
from sequence_paper.store.tables import BIG, JSON, TEXT, col, key, metadata, number
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Mode

_BOOL = sa.Boolean()

parents = sa.Table(
    "parents",
    metadata,
    number(),
    sa.Column("order_id", TEXT, nullable=False, unique=True),
    col("account_id", TEXT),
    col("mode", TEXT),
    col("graph_id", TEXT),
    col("node_id", TEXT),
    col("content", TEXT),
    col("symbol", TEXT),
    col("side", TEXT),
    col("order_type", TEXT),
    col("tif", TEXT),
    col("policy", TEXT),
    col("qty_1e8", BIG),
    col("limit_1e9", BIG, null=True),
    col("venue", TEXT, null=True),
    col("created_ns", BIG),
    col("until_ns", BIG),
    col("origin", JSON, null=True),
    col("more", _BOOL),
    col("cancel", _BOOL),
    col("failure", TEXT, null=True),
    col("terms", JSON, null=True),
    sa.UniqueConstraint("account_id", "mode", "graph_id", "node_id", name="one_parent_per_node"),
)

routes = sa.Table(
    "routes",
    metadata,
    number(),
    col("parent_id", TEXT),
    col("round", sa.Integer()),
    col("account_id", TEXT),
    col("mode", TEXT),
    col("at_ns", BIG),
    col("decision", JSON),
    col("books", JSON),
    sa.UniqueConstraint("parent_id", "round", name="one_route_per_round"),
    sa.Index("routes_of_account", "account_id", "mode", "seq"),
)

route_legs = sa.Table(
    "route_legs",
    metadata,
    key("order_id"),
    col("parent_id", TEXT),
    col("round", sa.Integer()),
    col("edge_id", TEXT),
    col("venue", TEXT),
    col("request", JSON),
    col("until_ns", BIG),
    col("answered", _BOOL),
    sa.Index("legs_of_parent", "parent_id"),
    sa.Index("legs_by_answer", "answered"),
)


class GraphTakenError(Exception):
    """Something else has this graph id."""


class Routes:
    """Written by the API process only."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def place(self, parent: Parent, route: Route | None, legs: Sequence[RouteLeg]) -> Parent:
        """Store a new parent with its first round; when its graph exists already, nothing changes. The stored one.

        Raises `KillSwitchOnError`, unless that is what the parent failed by, and `GraphTakenError` when a graph of
        several nodes has its id.
        """
        with self._db.writing() as connection:
            self._db.take_turn(connection)
            if connection.execute(_held(parent)).first() is not None:
                raise GraphTakenError(parent.graph_id)
            found = _one_parent(connection, _graph(parent.account_id, parent.mode, parent.graph_id))
            if found is not None:
                return found
            switch = switch_of(connection, parent.account_id, parent.mode)
            if switch.active and parent.failure != KILL_SWITCH:
                raise KillSwitchOnError(switch)
            connection.execute(parents.insert().values(dataclasses.asdict(parent)))
            add_round(connection, route, legs)
        return parent

    def next_round(self, route: Route, legs: Sequence[RouteLeg]) -> bool:
        """A further round of a parent, unless it exists or none may follow any more.

        None may when somebody cancelled meanwhile or paused its graph, or the kill switch is on: then the parent ends
        with what it has.
        """
        with self._db.writing() as connection:
            self._db.take_turn(connection)
            parent = _one_parent(connection, parents.c.order_id == route.parent_id)
            taken = sa.select(routes.c.seq).where(
                routes.c.parent_id == route.parent_id, routes.c.round == route.round
            )
            if parent is None or not parent.more or connection.execute(taken).first() is not None:
                return False
            if connection.execute(_held(parent).where(graphs.c.paused_at_ns != 0)).first() is not None:
                return False
            if switch_of(connection, route.account_id, route.mode).active:
                ends = parents.update().where(parents.c.order_id == route.parent_id)
                connection.execute(ends.values(more=False, failure=KILL_SWITCH))
                return False
            add_round(connection, route, legs)
            return True

    def no_more(self, parent_id: str) -> None:
        """No further round will follow."""
        self._set(parent_id, {"more": False})

    def want_cancel(self, parent_id: str) -> None:
        """Remember that it has to end, so that this happens even if the API ends now."""
        self._set(parent_id, {"cancel": True, "more": False})

    def amended(self, parent_id: str, qty_1e8: int, limit_1e9: int) -> None:
        """Its only leg has a new total quantity or limit, 0 = as before."""
        values = {"qty_1e8": qty_1e8, "limit_1e9": limit_1e9}
        self._set(parent_id, {name: value for name, value in values.items() if value})

    def answered(self, order_id: str) -> None:
        """The row of a leg is in `orders`: it needs no sending any more."""
        with self._db.writing() as connection:
            connection.execute(
                route_legs.update().where(route_legs.c.order_id == order_id).values(answered=True)
            )

    def by_graph(self, account_id: str, mode: Mode, graph_id: str) -> Parent | None:
        """The parent that has this graph id."""
        with self._db.reading() as connection:
            return _one_parent(connection, _graph(account_id, mode, graph_id))

    def by_order(self, account_id: str, mode: Mode, order_id: str) -> Parent | None:
        """The parent with this order id."""
        where = (
            (parents.c.account_id == account_id) & (parents.c.mode == mode) & (parents.c.order_id == order_id)
        )
        with self._db.reading() as connection:
            return _one_parent(connection, where)

    def unfinished(self) -> list[Parent]:
        """Parents of which a leg was not answered, a round may follow, or a cancel is not through; oldest first."""
        unanswered = sa.select(route_legs.c.parent_id).where(route_legs.c.answered.is_(False))
        still_open = sa.select(orders.c.parent_id).where(
            orders.c.status.in_(OPEN_ORDER_STATUSES), orders.c.parent_id == parents.c.order_id
        )
        where = parents.c.order_id.in_(unanswered) | parents.c.more | (parents.c.cancel & still_open.exists())
        with self._db.reading() as connection:
            query = sa.select(parents).where(where).order_by(parents.c.seq)
            return [_parent(row) for row in connection.execute(query)]

    def legs(self, parent_id: str) -> list[tuple[RouteLeg, Order | None]]:
        """All legs with their orders, as far as they exist, in the order in which they were made."""
        with self._db.reading() as connection:
            return _legs(connection, route_legs.c.parent_id == parent_id)

    def of_graph(
        self, account_id: str, mode: Mode, graph_id: str
    ) -> list[tuple[Parent, list[tuple[RouteLeg, Order | None]]]]:
        """All parents of a graph with their legs, as one consistent state, oldest first."""
        where = _graph(account_id, mode, graph_id)
        with self._db.reading() as connection:
            found = [
                _parent(row)
                for row in connection.execute(sa.select(parents).where(where).order_by(parents.c.seq))
            ]
            mine = route_legs.c.parent_id.in_(sa.select(parents.c.order_id).where(where))
            legs: dict[str, list[tuple[RouteLeg, Order | None]]] = {one.order_id: [] for one in found}
            for leg, order in _legs(connection, mine):
                legs[leg.parent_id].append((leg, order))
        return [(parent, legs[parent.order_id]) for parent in found]

    def unsent_at(self, account_id: str, mode: Mode, venue: str) -> list[RouteLeg]:
        """Legs of an account for a venue that no edge has taken."""
        query = (
            sa.select(route_legs)
            .join(parents, parents.c.order_id == route_legs.c.parent_id)
            .outerjoin(orders, orders.c.order_id == route_legs.c.order_id)
            .where(parents.c.account_id == account_id, parents.c.mode == mode)
            .where(route_legs.c.venue == venue, route_legs.c.answered.is_(False), orders.c.order_id.is_(None))
        )
        with self._db.reading() as connection:
            return [RouteLeg(**row._mapping) for row in connection.execute(query)]

    def decisions(self, parent_id: str) -> list[Route]:
        """Every round of a parent, first to last."""
        query = sa.select(routes).where(routes.c.parent_id == parent_id).order_by(routes.c.round)
        return self._routes(query)

    def recent(self, account_id: str, mode: Mode, limit: int) -> list[Parent]:
        """The newest parents of an account, newest first."""
        where = (parents.c.account_id == account_id) & (parents.c.mode == mode)
        query = sa.select(parents).where(where).order_by(parents.c.seq.desc()).limit(limit)
        with self._db.reading() as connection:
            return [_parent(row) for row in connection.execute(query)]

    def newest(self, account_id: str, mode: Mode, limit: int) -> list[Route]:
        """The last decisions of an account, newest first."""
        query = sa.select(routes).where(routes.c.account_id == account_id, routes.c.mode == mode)
        return self._routes(query.order_by(routes.c.seq.desc()).limit(limit))

    def _routes(self, query: sa.Select[Any]) -> list[Route]:
        with self._db.reading() as connection:
            return [Route(**_without(row._mapping, "seq")) for row in connection.execute(query)]

    def _set(self, parent_id: str, values: dict[str, Any]) -> None:
        with self._db.writing() as connection:
            connection.execute(parents.update().where(parents.c.order_id == parent_id).values(values))


def add_round(connection: sa.Connection, route: Route | None, legs: Sequence[RouteLeg]) -> None:
    """Inside a caller's transaction."""
    if route is not None:
        connection.execute(routes.insert().values(dataclasses.asdict(route)))
    if legs:
        connection.execute(route_legs.insert(), [dataclasses.asdict(leg) for leg in legs])


def _held(parent: Parent) -> sa.Select[Any]:
    """The graph of several nodes with the id of this parent."""
    return sa.select(graphs.c.graph_id).where(
        graphs.c.account_id == parent.account_id,
        graphs.c.mode == parent.mode,
        graphs.c.graph_id == parent.graph_id,
    )


def _graph(account_id: str, mode: Mode, graph_id: str) -> sa.ColumnElement[bool]:
    return (parents.c.account_id == account_id) & (parents.c.mode == mode) & (parents.c.graph_id == graph_id)


def _legs(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[tuple[RouteLeg, Order | None]]:
    query = (
        sa.select(route_legs, orders)
        .select_from(route_legs.outerjoin(orders, orders.c.order_id == route_legs.c.order_id))
        .where(where)
        .order_by(route_legs.c.round, sa.func.length(route_legs.c.order_id), route_legs.c.order_id)
        .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
    )
    rows = connection.execute(query).mappings().all()
    return [(_leg(row), _order(row)) for row in rows]


def _one_parent(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Parent | None:
    """The first of them: a graph of several nodes has one for each order that it sent."""
    row = connection.execute(sa.select(parents).where(where).order_by(parents.c.seq)).first()
    return None if row is None else _parent(row)


def _parent(row: sa.Row[Any]) -> Parent:
    return Parent(**_without(row._mapping, "seq"))


def _leg(row: sa.RowMapping) -> RouteLeg:
    return RouteLeg(**{field.name: row[route_legs.c[field.name]] for field in dataclasses.fields(RouteLeg)})


def _order(row: sa.RowMapping) -> Order | None:
    if row[orders.c.order_id] is None:
        return None
    return Order(**{field.name: row[orders.c[field.name]] for field in dataclasses.fields(Order)})


def _without(row: sa.RowMapping, name: str) -> dict[str, Any]:
    return {str(key): value for key, value in row.items() if key != name}
