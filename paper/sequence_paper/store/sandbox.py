"""Tables `sandbox_positions` and `sandbox_settings`: what an account was given beside what it traded.

What is given of an asset at a venue is a ledger row of kind `deposit`, in the same transaction, and from then on the
asset is counted there (`funds`). Only sandbox keys see or change it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from sequence_paper.store import funds
from sequence_paper.store.database import Database
from sequence_paper.store.funds import Kind, given
from sequence_paper.store.graph_tables import graphs
from sequence_paper.store.schema import deployments, ledger, orders, positions
from sequence_paper.store.tables import JSON, col, key, metadata
from sequence_paper.store.trading import summed, total
from sequence_paper.store.words import OPEN_ORDER_STATUSES

DEFAULT_BALANCES_1E8: Final = dict.fromkeys(("USD", "USDC", "USDT"), 10**9 * 10**8)
"""What a reset gives of each asset at each venue that trades it, unless the account set something else."""

settings = sa.Table("sandbox_settings", metadata, key("account_id"), col("balances_1e8", JSON))

_MODE: Final = "sandbox"
_KEY: Final = ["account_id", "venue", "kind", "symbol"]


@dataclass(frozen=True, slots=True)
class Given:
    """A position that somebody wrote down. `symbol`: an asset for fiat and crypto, else what is traded."""

    venue: str
    kind: Kind
    symbol: str
    qty_1e8: int
    entry_1e9: int
    updated_ns: int


class Sandbox:
    """Written by the API only; `account_id` stands for the account's sandbox half."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def positions(self, account_id: str) -> list[tuple[int, Given]]:
        """With their numbers, by number."""
        query = sa.select(given).where(given.c.account_id == account_id).order_by(given.c.position_id)
        names = [field.name for field in dataclasses.fields(Given)]
        with self._db.reading() as connection:
            return [
                (row.position_id, Given(**{name: row._mapping[name] for name in names}))
                for row in connection.execute(query)
            ]

    def write(self, account_id: str, rows: Sequence[Given], *, replace: bool) -> int:
        """Put rows in place of those with their venue, kind and symbol; with `replace`, of all.

        Returns how many were deleted.
        """
        with self._db.writing() as connection:
            deleted = 0
            if replace:
                deleted = connection.execute(given.delete().where(given.c.account_id == account_id)).rowcount
            self._put(connection, account_id, rows)
            funds.save_deposits(connection, account_id, time.time_ns())
            return deleted

    def balances_1e8(self, account_id: str) -> dict[str, int]:
        """What a reset gives, by quote asset."""
        query = sa.select(settings.c.balances_1e8).where(settings.c.account_id == account_id)
        with self._db.reading() as connection:
            found: dict[str, int] | None = connection.execute(query).scalar()
        return dict(DEFAULT_BALANCES_1E8) if found is None else found

    def set_balances(self, account_id: str, balances_1e8: Mapping[str, int]) -> None:
        row = {"account_id": account_id, "balances_1e8": dict(balances_1e8)}
        with self._db.writing() as connection:
            self._db.upsert(connection, settings, [row], ["account_id"])

    def busy(self, account_id: str) -> str:
        """Why its positions cannot be wiped now, "" when they can."""
        runs = sa.select(deployments.c.name).where(
            deployments.c.account_id == account_id,
            deployments.c.mode == _MODE,
            deployments.c.desired == "running",
        )
        rests = sa.select(sa.func.count()).where(
            orders.c.account_id == account_id,
            orders.c.mode == _MODE,
            orders.c.status.in_(OPEN_ORDER_STATUSES),
        )
        waits = sa.select(graphs.c.graph_id).where(
            graphs.c.account_id == account_id, graphs.c.mode == _MODE, graphs.c.done.is_(False)
        )
        with self._db.reading() as connection:
            names = list(connection.execute(runs).scalars())
            resting = connection.execute(rests).scalar_one()
            waiting = list(connection.execute(waits).scalars())
        if names:
            return f"{', '.join(sorted(names)[:5])} wanted running: stop what trades first"
        if waiting:
            return f"execution graphs {', '.join(sorted(waiting)[:5])} may still send: cancel them first"
        return f"{resting} orders are open: cancel them first" if resting else ""

    def reset(self, account_id: str, seeds: Iterable[Given]) -> int:
        """Forget all positions, bring what was traded to zero by ledger entries, give the seeds. How many were held.

        Orders and fills stay: they are what happened.
        """
        now = time.time_ns()
        with self._db.writing() as connection:
            self._clear_ledger(connection, account_id, now)
            mine = (positions.c.account_id == account_id) & (positions.c.mode == _MODE)
            held = connection.execute(positions.delete().where(mine)).rowcount
            held += connection.execute(given.delete().where(given.c.account_id == account_id)).rowcount
            self._put(connection, account_id, seeds)
            funds.save_deposits(connection, account_id, now)
            return held

    def forget_positions(self, account_id: str, venue: str) -> None:
        """What was traded there; for an edge that holds nothing any more but may have written a row since the reset."""
        mine = (positions.c.account_id == account_id) & (positions.c.mode == _MODE)
        with self._db.writing() as connection:
            connection.execute(positions.delete().where(mine, positions.c.venue == venue))

    def _clear_ledger(self, connection: sa.Connection, account_id: str, now_ns: int) -> None:
        mine = (ledger.c.account_id == account_id) & (ledger.c.mode == _MODE) & (ledger.c.kind != "deposit")
        query = sa.select(ledger.c.venue, ledger.c.asset, *summed(ledger.c.amount_1e9)).where(mine)
        rows = connection.execute(query.group_by(ledger.c.venue, ledger.c.asset)).all()
        sums = [(venue, asset, total(*parts)) for venue, asset, *parts in rows]
        entries = [
            {
                "entry_id": f"reset/{account_id}/{now_ns}/{venue}/{asset}",
                "account_id": account_id,
                "mode": _MODE,
                "deployment": "",
                "venue": venue,
                "kind": "reset",
                "asset": asset,
                "amount_1e9": -amount,
                "ref": "reset",
                "ts_ns": now_ns,
            }
            for venue, asset, amount in sums  # also of 0: the row says that there was a reset
        ]
        if entries:
            connection.execute(ledger.insert(), entries)

    def _put(self, connection: sa.Connection, account_id: str, rows: Iterable[Given]) -> None:
        values = [{"account_id": account_id, **dataclasses.asdict(row)} for row in rows]
        self._db.upsert(connection, given, values, _KEY)
