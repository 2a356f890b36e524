"""The call log: one JSON line for every HTTP request, written before the client can act on the answer."""

from __future__ import annotations

import os
from pathlib import Path

import orjson


class CallLog:
    """Appends `{ts_ns, account_id, mode, method, path, status, ms}` to a file, one write a line."""

    def __init__(self, path: Path | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600) if path is not None else None

    def write(self, line: dict[str, object]) -> None:
        """Append one line; without a file nothing happens."""
        if self._descriptor is not None:
            os.write(self._descriptor, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
