"""A Parquet part, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq

from sequence_paper.store.ticks.columns import table
from sequence_paper.store.ticks.folder import PARTIAL, private, synced
from sequence_paper.store.ticks.records import Row


def write_part(path: Path, kind: str, rows: list[Row], source: str) -> None:
    """Write it beside its place, and put it there when it is on the disk."""
    private(path.parent)
    partial = path.with_suffix(PARTIAL)
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        pq.write_table(
            table(kind, rows).replace_schema_metadata({"source": source}), file, compression="zstd"
        )
        file.flush()
        os.fsync(file.fileno())
    os.rename(partial, path)
    synced(path.parent)
