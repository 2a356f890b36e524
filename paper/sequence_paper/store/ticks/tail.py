"""The raw tail: what edges wrote since the last compaction, decoded as it grows."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from sequence_paper.store.ticks.columns import table
from sequence_paper.store.ticks.folder import Segment
from sequence_paper.store.ticks.records import Decoder, decode_header


@dataclass
class _Read:
    decoder: Decoder | None = None
    at: int = 0
    tables: dict[str, Any] = field(default_factory=dict)


class Tail:
    """Keeps what it has decoded of each segment and reads only what was added."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Read] = {}
        self._lock = threading.Lock()

    def read(self, segments: tuple[Segment, ...]) -> list[tuple[Segment, str, dict[str, Any]]]:
        """(segment, its feed's source, Arrow table by kind) of every segment that has a record.

        Raises FileNotFoundError when one was compacted meanwhile: look again.
        """
        with self._lock:
            wanted = {segment.path for segment in segments}
            for path in [path for path in self._seen if path not in wanted and not path.exists()]:
                del self._seen[path]
            found = []
            for segment in segments:
                read = self._seen.setdefault(segment.path, _Read())
                _go_on(read, segment.path)
                if read.decoder is not None and read.decoder.count:
                    found.append((segment, read.decoder.header.source, dict(read.tables)))
            return found


def _go_on(read: _Read, path: Path) -> None:
    with path.open("rb") as file:
        file.seek(read.at)
        data = file.read()
    begin = 0
    if read.decoder is None:
        begun = decode_header(data)
        if begun is None:
            return
        header, begin = begun
        read.decoder = Decoder(header)
    read.at += read.decoder.read(data, begin)
    for kind, rows in read.decoder.take().items():
        if rows:
            fresh = table(kind, rows)
            known = read.tables.get(kind)
            read.tables[kind] = fresh if known is None else pa.concat_tables([known, fresh])
