"""One database, reached by several processes: SQLite in WAL mode, or Postgres by URL."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from sequence_paper.store import schema
from sequence_paper.store.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

_BUSY_MS = 15_000
_WRITE = "sequence_write"
_CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
_CHECKPOINT_EVERY = 100
"""Transactions; one of an edge is some 40 KB of log."""


_Insert: TypeAlias = "sqlite.Insert | postgresql.Insert"
_MakeInsert: TypeAlias = Callable[[sa.Table], _Insert]


class StoreError(RuntimeError):
    """The database cannot be used as it is; the message says why and what to do."""


class Database:
    """Transactions on the database at `url` (`sqlite:////path/to/file` or `postgresql://user@host/name`).

    Opening creates the tables, or brings them to `schema.VERSION`; both are safe when several processes start at once.
    Raises `StoreError` when the database was written by a newer version or a driver is missing.
    """

    def __init__(self, url: str, *, aside: bool = False) -> None:
        """`aside`: commits never wait for a checkpoint of SQLite; the owner calls `checkpoint` in a thread."""
        self._engine = _engine(url, aside=aside)
        self._committed = 0  # transactions since the last checkpoint
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        self._insert: _MakeInsert = sqlite.insert if self.is_sqlite else _postgres_insert()
        try:
            self._prepare()
        except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
            self._engine.dispose()
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise StoreError(f"cannot open the database {self._engine.url!r}: {cause}") from error

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one consistent state and writes nothing."""
        with self._engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that commits when the block ends, or leaves no trace when it raises.

        SQLite takes the write lock at once (BEGIN IMMEDIATE): a transaction that began as a reader could find the lock
        taken when it first writes, which SQLite answers with SQLITE_BUSY however long one is willing to wait.
        """
        with self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection
        self._committed += 1

    def checkpoint(self) -> None:
        """Bring SQLite's log into the database file when it has grown. Waits for the disk, holds up no writer."""
        if not self.is_sqlite or self._committed < _CHECKPOINT_EVERY:
            return
        self._committed = 0
        raw = self._engine.raw_connection()  # outside of any transaction, where alone SQLite does it
        try:
            raw.cursor().execute(_CHECKPOINT)
        except sqlite3.Error as error:
            raise sa.exc.OperationalError(_CHECKPOINT, None, error) from error
        finally:
            raw.close()

    def upsert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], key: Sequence[str]
    ) -> None:
        """Insert rows; where `key` exists already, overwrite every other column that the rows carry."""
        if rows:
            connection.execute(_upserting(self._insert, table, tuple(rows[0]), tuple(key)), list(rows))

    def add_up(
        self,
        connection: sa.Connection,
        table: sa.Table,
        rows: Sequence[dict[str, Any]],
        key: Sequence[str],
        amount: str,
    ) -> None:
        """As `upsert`, but column `amount` of an existing row grows by what the new one carries."""
        if rows:
            connection.execute(
                _upserting(self._insert, table, tuple(rows[0]), tuple(key), amount), list(rows)
            )

    def insert_new(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], key: Sequence[str]
    ) -> None:
        """Insert rows; those whose `key` exists already are left as they are."""
        if rows:
            connection.execute(_inserting(self._insert, table, tuple(key)), list(rows))

    def take_turn(self, connection: sa.Connection) -> None:
        """One at a time of those who place orders or forbid them; SQLite has one writer anyhow."""
        if not self.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7306375125)"))

    def _prepare(self) -> None:
        with self._alone(), self.writing() as connection:
            if not self.is_sqlite:
                # Two processes that create the tables at once would both find them missing.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7306375123)"))
            metadata.create_all(connection, tables=[schema.schema_version])
            found = connection.execute(sa.select(sa.func.max(schema.schema_version.c.version))).scalar()
            if found is None:
                metadata.create_all(connection)
            else:
                _migrate(connection, found)
            if found != schema.VERSION:
                connection.execute(schema.schema_version.insert().values(version=schema.VERSION))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Switch SQLite to WAL while no other process opens it; the switch itself does not honour busy_timeout."""
        path = self._engine.url.database if self.is_sqlite else None
        if not path:
            yield
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                raw.close()
            yield
        finally:
            os.close(descriptor)


# To build one of these takes longer than to run it, and each is run many times a second.
@functools.cache
def _upserting(
    insert: _MakeInsert, table: sa.Table, columns: tuple[str, ...], key: tuple[str, ...], amount: str = ""
) -> _Insert:
    statement = insert(table)
    changed: dict[str, Any] = {name: statement.excluded[name] for name in columns if name not in key}
    if amount:
        changed[amount] = table.c[amount] + statement.excluded[amount]
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)


@functools.cache
def _inserting(insert: _MakeInsert, table: sa.Table, key: tuple[str, ...]) -> _Insert:
    return insert(table).on_conflict_do_nothing(index_elements=list(key))


def _postgres_insert() -> _MakeInsert:
    from sqlalchemy.dialects.postgresql import insert  # the dialect is loaded for who has such a database

    return insert


def _migrate(connection: sa.Connection, found: int) -> None:
    if found > schema.VERSION:
        raise StoreError(
            f"the database has schema version {found}, this program knows {schema.VERSION}: install the newer "
            "release that wrote it, or start with an empty database"
        )
    metadata.create_all(connection)  # whole new tables
    for version in range(found + 1, schema.VERSION + 1):
        for statement in schema.MIGRATIONS[version]:
            connection.execute(sa.text(statement))


def _engine(url: str, *, aside: bool) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+pg8000")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"{parsed.drivername} is not supported: use sqlite:////path/to/file or postgresql://…"
        )
    if parsed.get_backend_name() == "sqlite" and not parsed.database:
        raise StoreError("an in-memory database cannot be shared by processes: use sqlite:////path/to/file")
    try:
        engine = sa.create_engine(
            parsed,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            pool_pre_ping=parsed.get_backend_name() == "postgresql",
        )
    except ModuleNotFoundError as error:
        raise StoreError(f"the driver {error.name} is missing: pip install {error.name}") from error
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine, aside=aside)
    return engine


def _tune_sqlite(engine: sa.Engine, *, aside: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def on_connect(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=NORMAL")
        if aside:
            cursor.execute("PRAGMA wal_autocheckpoint=0")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
