"""Table `edge_inputs`: what an edge was told from outside its feed, and at which place of the feed.

Together with the feed itself and what came over the bus (`heard`) this is all a run depends on, so it can be
repeated. Rows are few: they come when something is deployed, changed or stopped, not when something trades.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.funds import AccountFunds
from sequence_paper.store.heard import edge_heard, pieces_of, unpacked
from sequence_paper.store.records import DesiredInstance, EdgeInput, Heard, Observation, OrderCounts, Peer
from sequence_paper.store.schema import fills
from sequence_paper.store.tables import BIG, JSON, TEXT, col, key, metadata
from sequence_paper.store.trades import Fill, Position
from sequence_paper.store.words import Json

KEEP_RUNS: Final = 20
"""Runs kept for each edge."""

edge_inputs = sa.Table(
    "edge_inputs",
    metadata,
    key("edge_id"),
    key("run_ns", BIG),
    key("n", BIG),
    col("taken", BIG),
    col("feed_ns", BIG),
    col("account_id", TEXT),
    col("mode", TEXT),
    col("kind", TEXT),
    col("body", JSON),
)


class Inputs:
    """Written by edges through `Store.commit`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def runs(self, edge_id: str) -> list[EdgeInput]:
        """The beginnings of the runs that are kept, newest first."""
        mine = (edge_inputs.c.edge_id == edge_id) & (edge_inputs.c.kind == "run")
        query = sa.select(edge_inputs).where(mine).order_by(edge_inputs.c.run_ns.desc())
        with self._db.reading() as connection:
            return [EdgeInput(**row._mapping) for row in connection.execute(query)]

    def of_run(self, edge_id: str, run_ns: int, account_id: str, mode: str) -> list[EdgeInput]:
        """What concerns an account, in order; without the beginning."""
        where = (edge_inputs.c.edge_id == edge_id) & (edge_inputs.c.run_ns == run_ns)
        mine = (edge_inputs.c.account_id == account_id) & (edge_inputs.c.mode == mode)
        query = sa.select(edge_inputs).where(where, mine).order_by(edge_inputs.c.n)
        with self._db.reading() as connection:
            return [EdgeInput(**row._mapping) for row in connection.execute(query)]

    def heard(self, run: EdgeInput, account_id: str, mode: str, to_ns: int) -> list[Heard]:
        """What came over the bus in a run up to a feed time, as far as it concerns an account."""
        return list(unpacked(pieces_of(self._db, run.edge_id, run.run_ns), account_id, mode, to_ns))

    def fills_on(self, edge_id: str, account_id: str, mode: str, to_ns: int) -> list[Fill]:
        """Fills of an account on an edge up to a feed time, in the order in which they became readable."""
        names = [field.name for field in dataclasses.fields(Fill)]
        query = sa.select(*(fills.c[name] for name in names)).where(
            fills.c.edge_id == edge_id,
            fills.c.account_id == account_id,
            fills.c.mode == mode,
            fills.c.ts_ns <= to_ns,
        )
        with self._db.reading() as connection:
            return [Fill(**row._mapping) for row in connection.execute(query.order_by(fills.c.seq))]


def save_inputs(database: Database, connection: sa.Connection, rows: Sequence[EdgeInput]) -> None:
    """Inside a caller's transaction. With a new run the oldest ones go."""
    database.insert_new(
        connection, edge_inputs, [dataclasses.asdict(row) for row in rows], ["edge_id", "run_ns", "n"]
    )
    for row in rows:
        if row.kind == "run":
            _trim(connection, row.edge_id)


def _trim(connection: sa.Connection, edge_id: str) -> None:
    mine = edge_inputs.c.edge_id == edge_id
    runs = sa.select(edge_inputs.c.run_ns).where(mine, edge_inputs.c.kind == "run")
    oldest = connection.execute(
        runs.order_by(edge_inputs.c.run_ns.desc()).offset(KEEP_RUNS).limit(1)
    ).scalar()
    if oldest is not None:
        connection.execute(edge_inputs.delete().where(mine, edge_inputs.c.run_ns <= oldest))
        heard = edge_heard.c.edge_id == edge_id
        connection.execute(edge_heard.delete().where(heard, edge_heard.c.run_ns <= oldest))


def applied_body(want: DesiredInstance, positions: Sequence[Position]) -> Json:
    """`positions`: what the instance took over when it was loaded."""
    return {
        "want": dataclasses.asdict(want),
        "positions": [dataclasses.asdict(position) for position in positions],
    }


def wanted(body: Json) -> DesiredInstance:
    """The desired state of an `apply`. Raises KeyError and TypeError for what is none."""
    row = dict(body["want"])
    last = dict(row.pop("last"))
    orders = OrderCounts(**last.pop("orders"))
    peers, hears = ([Peer(**peer) for peer in row.pop(name)] for name in ("peers", "hears"))
    return DesiredInstance(**row, peers=peers, hears=hears, last=Observation(**last, orders=orders))


def funds_body(funds: AccountFunds) -> Json:
    return {
        "balances": dict(funds.balances_1e9),
        "volume": {str(at): n for at, n in funds.volume_1e9.items()},
    }


def funded(body: Json) -> AccountFunds:
    """What an account has, of a `funds`. Raises KeyError, TypeError and ValueError for what is none."""
    balances = {str(asset): int(amount) for asset, amount in body["balances"].items()}
    return AccountFunds(balances, {int(at): int(amount) for at, amount in body["volume"].items()})


def taken_over(body: Json) -> list[Position]:
    """The positions of an `apply`."""
    return [Position(**row) for row in body["positions"]]
