"""The edge's end: whole records into the raw segment of this run.

The writer holds a lock on its segment for as long as it writes; the kernel gives it back when the process dies, so
the compactor knows finished segments without asking anybody.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sequence_paper.store.ticks.folder import private, segment_path, segments, size_of
from sequence_paper.store.ticks.records import Header

log = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 8 * 1024 * 1024
SEGMENT_SECONDS: Final = 600.0
"""A segment is finished at this size or age (wall time); the raw tail that questions have to parse is no larger."""
MAX_RAW_BYTES: Final = 256 * 1024 * 1024
"""Raw bytes of one venue. Beyond it (nobody compacts) nothing more is recorded until there is room again."""


class TickWriter:
    """Appends for one venue. `dropped` counts records that could not be written."""

    def __init__(
        self,
        folder: Path,
        venue: str,
        run_ns: int,
        symbols: Sequence[str],
        source: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        max_raw_bytes: int = MAX_RAW_BYTES,
    ) -> None:
        self._folder, self._venue, self._run_ns = folder, venue, run_ns
        self._symbols, self._source = list(symbols), source
        self._segment_bytes, self._max_raw_bytes = segment_bytes, max_raw_bytes
        self._descriptor = -1
        self._number = self._written = self._size = 0
        self._opened_at = 0.0
        self.dropped = 0

    def write(self, data: bytes, count: int) -> None:
        """Append `count` whole records. Never raises for the disk: what cannot be kept is counted and said once."""
        try:
            if self._descriptor < 0 and not self._open():
                self._lose(count, "the raw segments are at their bound and nobody compacts them")
                return
            self._append(data)
        except OSError as error:
            self.close()
            self._lose(count, error.strerror or str(error))
            return
        if self.dropped:
            log.warning("market data is recorded again; %d records are missing", self.dropped)
            self.dropped = 0
        self._written += count
        if self._size >= self._segment_bytes or time.monotonic() - self._opened_at >= SEGMENT_SECONDS:
            self.close()

    def close(self) -> None:
        """Finish the segment; the next write begins another."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, data: bytes) -> None:
        begin, view = self._size, memoryview(data)
        try:
            while view:
                done = os.write(self._descriptor, view)
                view = view[done:]
                self._size += done
        except OSError:
            # A batch counts as a whole: the next number follows the last record of the batch before it.
            os.ftruncate(self._descriptor, begin)
            raise

    def _open(self) -> bool:
        if sum(size_of(s.path) for s in segments(self._folder, self._venue)) >= self._max_raw_bytes:
            return False
        self._number += 1
        path = segment_path(self._folder, self._venue, self._run_ns, self._number)
        private(path.parent)
        # Nobody may see a segment that is not locked yet, or whose header is not whole: it would look finished.
        unnamed = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(unnamed, flags, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._size = 0
        self._append(Header(self._venue, self._run_ns, self._written, self._source, self._symbols).encode())
        os.rename(unnamed, path)
        self._opened_at = time.monotonic()
        return True

    def _lose(self, count: int, why: str) -> None:
        if not self.dropped:
            log.error("market data is not recorded: %s", why)
        self.dropped += count
