"""What all tables are made of: one metadata, and short words for columns.

Money and quantities are BIGINT, lists and objects are JSON, times are nanoseconds. A topic's tables stand in the
module of the topic; `store` imports them all, so that opening a database creates what is missing.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

metadata = sa.MetaData()
BIG = sa.BigInteger()
SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows only in a plain INTEGER key
JSON = sa.JSON(none_as_null=True)
TEXT = sa.Text()
_Type = sa.types.TypeEngine[Any]


def col(name: str, kind: _Type, *, null: bool = False) -> sa.Column[Any]:
    """A column; NOT NULL unless said."""
    return sa.Column(name, kind, nullable=null)


def key(name: str, kind: _Type = TEXT) -> sa.Column[Any]:
    """A part of the primary key that the writer chooses."""
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def number(name: str = "seq") -> sa.Column[Any]:
    """The primary key that the database counts."""
    return sa.Column(name, SEQ, primary_key=True, autoincrement=True)


def of_deployment() -> sa.Column[Any]:
    """The first part of the key of rows that go with their deployment."""
    return sa.Column(
        "deployment_id",
        TEXT,
        sa.ForeignKey("deployments.deployment_id", ondelete="CASCADE"),
        primary_key=True,
    )


def columns_of(record: DataclassInstance) -> dict[str, Any]:
    """A record of plain values as a row. `dataclasses.asdict` copies each value deeply, at seven times the cost."""
    return {name: getattr(record, name) for name in _names(type(record))}


@functools.cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


class U64(sa.types.TypeDecorator[int]):
    """An unsigned 64-bit number, which an algo may set to anything, kept in the signed column a database has."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> int | None:
        """Fold 2^63 and above to negative numbers."""
        return value - (1 << 64) if value is not None and value >= 1 << 63 else value

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> int | None:
        """Unfold them."""
        return value + (1 << 64) if value is not None and value < 0 else value
