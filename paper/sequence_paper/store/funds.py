"""What an account has of the assets that are counted: those it was given. Of any other it has as much as it likes.

A given position of kind fiat or crypto is so much of its asset at its venue. The ledger's rows of kind `deposit` always
add up to what is given; with the rows of trading they are the balance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.schema import ledger
from sequence_paper.store.tables import BIG, TEXT, col, metadata, number
from sequence_paper.store.trading import summed, total
from sequence_paper.store.words import Mode

Kind = Literal["fiat", "crypto", "perp", "event_contract"]

DAY_NS: Final = 86_400 * 10**9
_MODE: Final = "sandbox"
_COUNTED: Final = ("fiat", "crypto")

given = sa.Table(
    "sandbox_positions",
    metadata,
    number("position_id"),
    col("account_id", TEXT),
    col("venue", TEXT),
    col("kind", TEXT),
    col("symbol", TEXT),
    col("qty_1e8", BIG),
    col("entry_1e9", BIG),
    col("updated_ns", BIG),
    sa.UniqueConstraint("account_id", "venue", "kind", "symbol", name="one_given_position"),
)


@dataclass(frozen=True, slots=True)
class AccountFunds:
    """Of one account and mode at one venue. `balances_1e9`: by asset, those that are counted.

    `volume_1e9`: what it traded there in quote currency, by UTC day of the feed.
    """

    balances_1e9: Mapping[str, int] = field(default_factory=dict)
    volume_1e9: Mapping[int, int] = field(default_factory=dict)


class Funds:
    """Read by edges and by the API; what is given is written through `Sandbox`, trading through `Store.commit`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def given_at(self, venue: str) -> dict[str, tuple[tuple[str, int], ...]]:
        """By account: (asset, × 10^9) of what its sandbox was given there."""
        with self._db.reading() as connection:
            found: dict[str, list[tuple[str, int]]] = {}
            for (account_id, _, asset), amount in given_1e9(connection, given.c.venue == venue).items():
                found.setdefault(account_id, []).append((asset, amount))
            return {account_id: tuple(sorted(rows)) for account_id, rows in found.items()}

    def counted(self, account_id: str) -> set[tuple[str, str]]:
        """(venue, asset) of what its sandbox was given anywhere."""
        with self._db.reading() as connection:
            mine = given_1e9(connection, given.c.account_id == account_id)
        return {(venue, asset) for _, venue, asset in mine}

    def at(self, account_id: str, venue: str, quotes: Sequence[str], until_ns: int) -> AccountFunds:
        """Of its sandbox, as one moment has them; volume in these assets up to a time of the feed."""
        with self._db.reading() as connection:
            mine = (given.c.account_id == account_id) & (given.c.venue == venue)
            assets = {asset for _, _, asset in given_1e9(connection, mine)}
            where = _ledger_of(account_id, _MODE, venue) & ledger.c.asset.in_(assets)
            query = sa.select(ledger.c.asset, *summed(ledger.c.amount_1e9)).where(where)
            sums = {
                asset: total(*parts) for asset, *parts in connection.execute(query.group_by(ledger.c.asset))
            }
            balances = {asset: sums.get(asset, 0) for asset in sorted(assets)}
            return AccountFunds(balances, _volume(connection, account_id, _MODE, venue, quotes, until_ns))

    def volumes(
        self, venue: str, quotes: Sequence[str], until_ns: int
    ) -> dict[tuple[str, Mode], dict[int, int]]:
        """By account and mode: as `AccountFunds.volume_1e9`, of all that traded there within 30 days."""
        since = until_ns - 30 * DAY_NS
        query = sa.select(ledger.c.account_id, ledger.c.mode).distinct()
        where = (ledger.c.venue == venue) & (ledger.c.kind == "trade") & (ledger.c.ts_ns > since)
        with self._db.reading() as connection:
            rows = connection.execute(query.where(where)).all()
            return {
                (account_id, mode): _volume(connection, account_id, mode, venue, quotes, until_ns)
                for account_id, mode in rows
            }


def save_deposits(connection: sa.Connection, account_id: str, now_ns: int) -> None:
    """Inside the transaction that changed what is given: one ledger row for each difference."""
    wanted = given_1e9(connection, given.c.account_id == account_id)
    mine = (ledger.c.account_id == account_id) & (ledger.c.mode == _MODE) & (ledger.c.kind == "deposit")
    query = sa.select(ledger.c.venue, ledger.c.asset, *summed(ledger.c.amount_1e9)).where(mine)
    booked = {
        (account_id, venue, asset): total(*parts)
        for venue, asset, *parts in connection.execute(query.group_by(ledger.c.venue, ledger.c.asset))
    }
    entries = [
        {
            "entry_id": f"deposit/{account_id}/{now_ns}/{venue}/{asset}",
            "account_id": account_id,
            "mode": _MODE,
            "deployment": "",
            "venue": venue,
            "kind": "deposit",
            "asset": asset,
            "amount_1e9": amount,
            "ref": "deposit",
            "ts_ns": now_ns,
        }
        for key in sorted(wanted.keys() | booked.keys())
        for _, venue, asset in [key]
        if (amount := wanted.get(key, 0) - booked.get(key, 0))
    ]
    if entries:
        connection.execute(ledger.insert(), entries)


def asset_of(symbol: str) -> str:
    """A coin may be given by its name or by a pair that trades it."""
    return symbol.partition("-")[0]


def given_1e9(connection: sa.Connection, where: sa.ColumnElement[bool]) -> dict[tuple[str, str, str], int]:
    """(account, venue, asset) -> × 10^9."""
    query = sa.select(given).where(where, given.c.kind.in_(_COUNTED))
    found: dict[tuple[str, str, str], int] = {}
    for row in connection.execute(query):
        place = (row.account_id, row.venue, asset_of(row.symbol))
        found[place] = found.get(place, 0) + row.qty_1e8 * 10
    return found


def _ledger_of(account_id: str, mode: str, venue: str) -> sa.ColumnElement[bool]:
    return (ledger.c.account_id == account_id) & (ledger.c.mode == mode) & (ledger.c.venue == venue)


def _volume(
    connection: sa.Connection, account_id: str, mode: str, venue: str, quotes: Sequence[str], until_ns: int
) -> dict[int, int]:
    day, amount = ledger.c.ts_ns // DAY_NS, sa.func.abs(ledger.c.amount_1e9, type_=BIG)
    where = _ledger_of(account_id, mode, venue) & (ledger.c.kind == "trade") & ledger.c.asset.in_(quotes)
    recent = (ledger.c.ts_ns > until_ns - 30 * DAY_NS) & (ledger.c.ts_ns <= until_ns)
    query = sa.select(day, *summed(amount)).where(where, recent).group_by(sa.text("1"))
    return {int(at): total(*parts) for at, *parts in connection.execute(query)}
