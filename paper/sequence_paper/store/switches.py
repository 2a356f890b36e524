"""Table `kill_switches`: accounts that must not send anything new. The API and the edges read it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sequence_paper.store.database import Database
from sequence_paper.store.tables import BIG, TEXT, col, key, metadata
from sequence_paper.store.words import Json, Mode

kill_switches = sa.Table(
    "kill_switches",
    metadata,
    key("account_id"),
    key("mode"),
    col("active", sa.Boolean()),
    col("reason", TEXT, null=True),
    col("changed_ns", BIG),
)

KILL_SWITCH: Final = "KILL_SWITCH"
"""The failure of what was refused because of it."""


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """`changed_ns` (wall clock) is when it was set or cleared; 0: never."""

    active: bool = False
    reason: str | None = None
    changed_ns: int = 0

    def view(self) -> Json:
        """As answers show it; `since_ns` is None while it is off."""
        return {
            "active": self.active,
            "reason": self.reason,
            "since_ns": self.changed_ns if self.active else None,
        }

    def sentence(self) -> str:
        """Why something new is refused; clients know the kill switch by these two words."""
        why = f" ({self.reason})" if self.reason else ""
        return f"the account's kill switch is on{why}: nothing new is sent until an admin clears it"


class KillSwitchOnError(Exception):
    """Nothing was stored, since the account must not send anything new."""

    def __init__(self, switch: KillSwitch) -> None:
        super().__init__(switch.sentence())
        self.switch = switch


class Switches:
    """One switch for each account and mode. Set again it keeps its time, and its reason unless there is a new one."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, account_id: str, mode: Mode) -> KillSwitch:
        with self._db.reading() as connection:
            return switch_of(connection, account_id, mode)

    def active(self) -> dict[tuple[str, str], KillSwitch]:
        """Those that are on, by account and mode."""
        query = sa.select(kill_switches).where(kill_switches.c.active)
        with self._db.reading() as connection:
            return {(row.account_id, row.mode): _switch(row) for row in connection.execute(query)}

    def put_on(self, account_id: str, mode: Mode, reason: str | None) -> KillSwitch:
        """From the commit on nothing new of this account is stored to be sent, and no order that chases goes on."""
        with self._db.writing() as connection:
            self._db.take_turn(connection)
            before = switch_of(connection, account_id, mode)
            since = before.changed_ns if before.active else time.time_ns()
            kept = before.reason if before.active else None
            switch = KillSwitch(True, reason if reason is not None else kept, since)
            self._save(connection, account_id, mode, switch)
            return switch

    def clear(self, account_id: str, mode: Mode) -> KillSwitch:
        with self._db.writing() as connection:
            self._db.take_turn(connection)
            before = switch_of(connection, account_id, mode)
            if not before.active:
                return before
            switch = KillSwitch(False, None, time.time_ns())
            self._save(connection, account_id, mode, switch)
            return switch

    def _save(self, connection: sa.Connection, account_id: str, mode: Mode, switch: KillSwitch) -> None:
        row = {
            "account_id": account_id,
            "mode": mode,
            "active": switch.active,
            "reason": switch.reason,
            "changed_ns": switch.changed_ns,
        }
        self._db.upsert(connection, kill_switches, [row], ["account_id", "mode"])


def switch_of(connection: sa.Connection, account_id: str, mode: str) -> KillSwitch:
    """Inside a caller's transaction."""
    mine = (kill_switches.c.account_id == account_id) & (kill_switches.c.mode == mode)
    row = connection.execute(sa.select(kill_switches).where(mine)).one_or_none()
    return KillSwitch() if row is None else _switch(row)


def _switch(row: sa.Row[Any]) -> KillSwitch:
    return KillSwitch(row.active, row.reason, row.changed_ns)
