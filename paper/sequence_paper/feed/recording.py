"""A recording of a connection: every frame as it came, with the time it came at. Zstandard over lines of JSON.

The first line is the header; then `{"t": ns, "k": kind, "d": text}` a line, and `"s": symbol` for fetched documents.
Kinds: `open`, `frame`, `fetched`, `close`. What was written more than a second ago survives a crash: a file whose end
is torn is read up to there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final, Literal

import zstandard

from sequence_paper.feed.errors import FeedError

Kind = Literal["open", "frame", "fetched", "close"]
_FORMAT: Final = "sequence-feed/1"
_FLUSH_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """What was recorded: where it came from, and when it began (ns)."""

    venue: str
    symbols: tuple[str, ...]
    source: str
    started_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened on the connection."""

    recv_ns: int
    kind: Kind
    text: str = ""
    symbol: str = ""


class Recorder:
    """Writes one file; `path` must not exist yet. Raises OSError."""

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file: IO[bytes] = path.open("xb")
        self._stream = zstandard.ZstdCompressor(level=3).stream_writer(self._file, closefd=False)
        self._flushed_ns = 0
        self._line({"format": _FORMAT, **asdict(header)})
        self.flush()

    def write(self, entry: Entry) -> None:
        """Append; on disk within about a second as long as entries come."""
        line: dict[str, object] = {"t": entry.recv_ns, "k": entry.kind, "d": entry.text}
        if entry.symbol:
            line["s"] = entry.symbol
        self._line(line)
        if entry.recv_ns - self._flushed_ns > _FLUSH_NS:
            self._flushed_ns = entry.recv_ns
            self.flush()

    def flush(self) -> None:
        """What was written is in the file, for whoever reads it now."""
        self._stream.flush(zstandard.FLUSH_BLOCK)
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._stream.flush(zstandard.FLUSH_FRAME)
        self._file.close()

    def _line(self, content: dict[str, object]) -> None:
        self._stream.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def read_header(path: Path) -> Header:
    """Raises FeedError: no such file, or not a recording."""
    lines = _lines(path)
    try:
        said = json.loads(next(lines))
        if said.pop("format") != _FORMAT:
            raise ValueError("another format")
        said["symbols"] = tuple(said["symbols"])
        return Header(**said)
    except (StopIteration, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FeedError(
            f"{path} is not a recording of a feed", "`sequence_paper.feed.record` makes one"
        ) from error


def read(path: Path) -> Iterator[Entry]:
    """All entries, lazily, up to the end or to where the file is torn. Raises FeedError: no recording."""
    lines = _lines(path)
    next(lines, None)
    for line in lines:
        try:
            said = json.loads(line)
            yield Entry(said["t"], said["k"], said["d"], said.get("s", ""))
        except (ValueError, KeyError) as error:
            raise FeedError(f"{path} holds a line that is no entry", "record it anew") from error


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines; what follows the last line break was being written when the writer died."""
    rest = b""
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            while chunk := stream.read(1 << 16):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
    except OSError as error:
        raise FeedError(
            f"{path} cannot be read: {error.strerror}", "name an existing file: --feed replay:FILE"
        ) from error
    except zstandard.ZstdError as error:
        raise FeedError(
            f"{path} is not a recording of a feed", "`sequence_paper.feed.record` makes one"
        ) from error
