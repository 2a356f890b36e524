"""SQLite databases whose tables exist, copied from one that was made once: to make them took longer than most tests."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from sequence_paper.store import Store


def with_tables(path: Path) -> str:
    """The url of the database at `path`, which is made when there is none."""
    if not path.exists():
        path.write_bytes(_made())
    return f"sqlite:///{path}"


@functools.cache
def _made() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paper.db"
        Store(f"sqlite:///{path}").close()
        return path.read_bytes()
