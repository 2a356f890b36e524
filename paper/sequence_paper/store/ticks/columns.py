"""The columns of the three kinds of rows, the same in Parquet parts and in the raw tail."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from sequence_paper.store.ticks.records import Row

_BIG = pa.int64()
_LIST = pa.list_(pa.int64())
_KEY = [
    ("run_ns", _BIG),
    ("seq", _BIG),
    ("symbol", pa.string()),
    ("ts_ns", _BIG),
    ("state", pa.string()),
]

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "tob": pa.schema(
        [
            *_KEY,
            ("changed", pa.bool_()),
            ("bid_px_1e9", _BIG),
            ("bid_sz_1e8", _BIG),
            ("ask_px_1e9", _BIG),
            ("ask_sz_1e8", _BIG),
        ]
    ),
    "trade": pa.schema([*_KEY, ("px_1e9", _BIG), ("qty_1e8", _BIG), ("aggressor", pa.int8())]),
    "depth": pa.schema(
        [
            *_KEY,
            ("bid_px_1e9", _LIST),
            ("bid_sz_1e8", _LIST),
            ("ask_px_1e9", _LIST),
            ("ask_sz_1e8", _LIST),
        ]
    ),
}
"""`seq` numbers the records of a run over all three kinds; `aggressor` is 1 for a buyer, -1 for a seller.
`changed` is false in the rows that only say once a second that the best still stands."""


def table(kind: str, rows: list[Row]) -> pa.Table:
    """An Arrow table of decoded rows."""
    schema = SCHEMAS[kind]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
