"""Accounts and their keys. A key is shown once; only its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.ids import new_id
from sequence_paper.store.records import Account, Caller
from sequence_paper.store.schema import accounts, api_keys
from sequence_paper.store.words import Mode

TIER_QPS = {"free": 5, "pro": 100}
_KEY_ID = "key_"
_ID_DIGITS = 24
_PREFIX: dict[Mode, str] = {"live": "seq_live_", "sandbox": "seq_test_"}


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key without the key; `key_id` is the beginning of its digest."""

    key_id: str
    label: str
    mode: Mode
    admin: bool
    created_at_ns: int


class Accounts:
    """Table `accounts` and `api_keys`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ensure(self, name: str, *, tier: str | None = None, rate_limit_qps: int | None = None) -> Account:
        """The account of that name, created (tier free) if absent; what is given changes it, the rest stays.

        A tier (of `TIER_QPS`) brings its limit unless one is given.
        """
        changed: dict[str, Any] = {}
        if tier is not None:
            changed = {"tier": tier, "rate_limit_qps": TIER_QPS[tier]}
        if rate_limit_qps is not None:
            changed["rate_limit_qps"] = rate_limit_qps
        row = {
            "account_id": new_id("acct"),
            "name": name,
            "tier": "free",
            "rate_limit_qps": TIER_QPS["free"],
            "created_at_ns": time.time_ns(),
        }
        with self._db.writing() as connection:
            self._db.insert_new(connection, accounts, [row], ["name"])
            if changed:
                connection.execute(accounts.update().where(accounts.c.name == name).values(changed))
            return _account(connection.execute(_ACCOUNT.where(accounts.c.name == name)).one())

    def mint_key(self, account_id: str, mode: Mode, *, admin: bool = False, label: str = "") -> str:
        """A new key of that mode, returned once and stored only as a digest. `admin`: it may clear a kill switch."""
        key, row = _new_key(account_id, mode, admin, label)
        with self._db.writing() as connection:
            connection.execute(api_keys.insert().values(row))
        return key

    def rotate_key(self, account_id: str, mode: Mode, key_id: str) -> str | None:
        """A new key with label and rights of this one, which ends; None when there is no such key."""
        with self._db.writing() as connection:
            query = sa.select(api_keys).where(_named(account_id, mode, key_id)).with_for_update()
            old = connection.execute(query).one_or_none()
            if old is None:
                return None
            key, row = _new_key(account_id, mode, old.admin, old.label)
            connection.execute(api_keys.delete().where(api_keys.c.key_sha256 == old.key_sha256))
            connection.execute(api_keys.insert().values(row))
        return key

    def remove_key(self, account_id: str, mode: Mode, key_id: str) -> bool:
        """False when there is no such key."""
        with self._db.writing() as connection:
            where = _named(account_id, mode, key_id)
            return connection.execute(api_keys.delete().where(where)).rowcount > 0

    def keys(self, account_id: str, mode: Mode) -> list[KeyView]:
        """Oldest first."""
        query = sa.select(api_keys).where(api_keys.c.account_id == account_id, api_keys.c.mode == mode)
        with self._db.reading() as connection:
            rows = connection.execute(query.order_by(api_keys.c.created_at_ns, api_keys.c.key_sha256))
            return [_view(row) for row in rows]

    def view(self, key: str) -> KeyView:
        """What is known of a key that exists."""
        query = sa.select(api_keys).where(api_keys.c.key_sha256 == _digest(key))
        with self._db.reading() as connection:
            return _view(connection.execute(query).one())

    def caller(self, key: str) -> Caller | None:
        """Whose key this is, or None when nobody's."""
        query = (
            _ACCOUNT.add_columns(api_keys.c.mode, api_keys.c.admin)
            .join(api_keys)
            .where(api_keys.c.key_sha256 == _digest(key))
        )
        with self._db.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Caller(_account(row), row.mode, row.admin)


_ACCOUNT: sa.Select[Any] = sa.select(
    accounts.c.account_id, accounts.c.name, accounts.c.tier, accounts.c.rate_limit_qps
)


def _new_key(account_id: str, mode: Mode, admin: bool, label: str) -> tuple[str, dict[str, Any]]:
    key = _PREFIX[mode] + secrets.token_hex(32)
    row = {
        "key_sha256": _digest(key),
        "account_id": account_id,
        "mode": mode,
        "created_at_ns": time.time_ns(),
        "admin": admin,
        "label": label,
    }
    return key, row


def _named(account_id: str, mode: Mode, key_id: str) -> sa.ColumnElement[bool]:
    digest = key_id.removeprefix(_KEY_ID)
    mine = (api_keys.c.account_id == account_id) & (api_keys.c.mode == mode)
    return mine & (sa.func.substr(api_keys.c.key_sha256, 1, _ID_DIGITS) == digest)


def _view(row: sa.Row[Any]) -> KeyView:
    key_id = _KEY_ID + row.key_sha256[:_ID_DIGITS]
    return KeyView(key_id, row.label, row.mode, row.admin, row.created_at_ns)


def _account(row: sa.Row[Any]) -> Account:
    return Account(row.account_id, row.name, row.tier, row.rate_limit_qps)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
