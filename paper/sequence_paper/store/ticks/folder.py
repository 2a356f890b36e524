"""Where things are: `raw/<venue>/<run>-<number>.seg`, `parts/<venue>/<kind>/<run>-<number>.<first>-<last>.parquet`.

A segment that is still there counts, and parts made of it do not: so a crash between writing parts and removing the
segment neither doubles a row nor loses one. The name of a part says which feed times it holds, so that a question
opens the files it needs and no other.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sequence_paper.store.ticks.records import KINDS

_SEGMENT = re.compile(r"(\d+)-(\d{6})\.seg")
_PART = re.compile(r"(\d+)-(\d{6})\.(\d+)-(\d+)\.parquet")
PRIVATE: Final = 0o700
PARTIAL: Final = ".partial"
"""Ends the name of a part that is being written."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A raw file: the `number`-th of a run."""

    venue: str
    run_ns: int
    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one kind of one segment, as Parquet. `first_ns` to `last_ns`: feed times in it."""

    venue: str
    kind: str
    run_ns: int
    number: int
    first_ns: int
    last_ns: int
    path: Path


@dataclass(frozen=True, slots=True)
class Shelf:
    """What counts at one moment."""

    segments: tuple[Segment, ...]
    parts: tuple[Part, ...]


def beside(database: str) -> Path | None:
    """The folder for ticks when none was named: next to the SQLite file; None for another database."""
    url = sa.make_url(database)
    file = url.database if url.get_backend_name() == "sqlite" else None
    return Path(file).with_suffix(".ticks") if file else None


def private(folder: Path) -> Path:
    """Make a folder, and the ones above it, for nobody else's eyes."""
    if not folder.is_dir():
        private(folder.parent)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
    return folder


def segment_path(folder: Path, venue: str, run_ns: int, number: int) -> Path:
    """The raw file of a run."""
    return folder / "raw" / venue / f"{run_ns}-{number:06d}.seg"


def part_path(folder: Path, kind: str, segment: Segment, first_ns: int, last_ns: int) -> Path:
    """The part made of a segment."""
    name = f"{segment.run_ns}-{segment.number:06d}.{first_ns}-{last_ns}.parquet"
    return folder / "parts" / segment.venue / kind / name


def venues(folder: Path) -> list[str]:
    """Those of which there are files, by name."""
    return sorted({*_names(folder / "raw"), *_names(folder / "parts")})


def segments(folder: Path, venue: str | None = None) -> list[Segment]:
    """Raw files, oldest first."""
    found = []
    for name in _names(folder / "raw") if venue is None else [venue]:
        for file in _names(folder / "raw" / name):
            match = _SEGMENT.fullmatch(file)
            if match:
                run, number = map(int, match.groups())
                found.append(Segment(name, run, number, folder / "raw" / name / file))
    return sorted(found, key=lambda s: (s.run_ns, s.number, s.venue))


def all_parts(folder: Path, venue: str | None = None) -> list[Part]:
    """Parquet files, also those that do not count yet."""
    found = []
    for name in _names(folder / "parts") if venue is None else [venue]:
        for kind in KINDS:
            for file in _names(folder / "parts" / name / kind):
                match = _PART.fullmatch(file)
                if match:
                    run, number, first, last = map(int, match.groups())
                    path = folder / "parts" / name / kind / file
                    found.append(Part(name, kind, run, number, first, last, path))
    return sorted(found, key=lambda p: (p.run_ns, p.number, p.venue, p.kind))


def look(folder: Path, venue: str | None = None) -> Shelf:
    """What counts now. Segments are listed first: one that is compacted meanwhile is seen as itself, not as parts."""
    raw = segments(folder, venue)
    open_ones = {(segment.venue, segment.run_ns, segment.number) for segment in raw}
    parts = [p for p in all_parts(folder, venue) if (p.venue, p.run_ns, p.number) not in open_ones]
    return Shelf(tuple(raw), tuple(parts))


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it has just gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def synced(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
