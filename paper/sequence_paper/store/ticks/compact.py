"""Finished raw segments become Parquet, and what is too old or too much goes: the work of one process."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from pathlib import Path
from typing import Final

from sequence_paper.store.ticks.folder import (
    PARTIAL,
    Part,
    Segment,
    all_parts,
    part_path,
    segments,
    synced,
)
from sequence_paper.store.ticks.records import Decoder, decode_header

log = logging.getLogger(__name__)

MAX_BYTES: Final = 2 * 1024**3
MAX_AGE_SECONDS: Final = 14 * 86_400.0
"""Of Parquet parts, over all venues, by wall time of their writing. The oldest go first."""


def compact(folder: Path) -> int:
    """Turn every finished segment into parts; returns how many. Safe to be killed at any moment, and to run twice."""
    done = 0
    for segment in segments(folder):
        descriptor = _lock_if_finished(segment.path)
        if descriptor is None:
            continue
        try:
            _compact_one(folder, segment)
            done += 1
        finally:
            os.close(descriptor)
    return done


def retain(folder: Path, max_bytes: int = MAX_BYTES, max_age_seconds: float = MAX_AGE_SECONDS) -> int:
    """Remove parts beyond the bounds, and what killed processes left half made; returns how many parts went."""
    for left in folder.glob(f"parts/*/*/*{PARTIAL}"):
        left.unlink(missing_ok=True)
    for left in folder.glob("raw/*/*.new"):
        descriptor = _lock_if_finished(left)
        if descriptor is not None:
            left.unlink(missing_ok=True)
            os.close(descriptor)
    sized = [(part, *_size_and_age(part.path)) for part in all_parts(folder)]
    total, gone = sum(size for _, size, _ in sized), 0
    for group in _by_segment([part for part, _, _ in sized]):
        sizes = {part.path: (size, age) for part, size, age in sized if part in group}
        if total <= max_bytes and max(age for _, age in sizes.values()) <= max_age_seconds:
            break
        for part in group:
            part.path.unlink(missing_ok=True)
            total -= sizes[part.path][0]
            gone += 1
    return gone


def _compact_one(folder: Path, segment: Segment) -> None:
    from sequence_paper.store.ticks.parts import write_part  # with Arrow, for which there was no need yet

    data = segment.path.read_bytes()
    begun = decode_header(data)
    if begun is not None:
        header, at = begun
        decoder = Decoder(header)
        left = len(data) - decoder.read(data, at)
        if left:
            log.warning(
                "%s ends in %d bytes that are no whole record: its writer was killed", segment.path.name, left
            )
        for kind, rows in decoder.take().items():
            if rows:
                times = [row[3] for row in rows]
                path = part_path(folder, kind, segment, min(times), max(times))
                write_part(path, kind, rows, header.source)
    segment.path.unlink()
    synced(segment.path.parent)


def _lock_if_finished(path: Path) -> int | None:
    """A descriptor that holds the segment's lock; None while its writer lives, or when it has gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # another compactor was faster
        os.close(descriptor)
        return None
    return descriptor


def _by_segment(parts: list[Part]) -> list[list[Part]]:
    """Oldest first; a segment's parts go together."""
    groups: dict[tuple[int, int, str], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.run_ns, part.number, part.venue), []).append(part)
    return [groups[key] for key in sorted(groups)]


def _size_and_age(path: Path) -> tuple[int, float]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0.0
    return found.st_size, time.time() - found.st_mtime
