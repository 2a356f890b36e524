"""A recording of a connection as a feed: its frames go through the parser that read them live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BookDelta, BookSnapshot, Event, FeedAbout, FeedState, FeedStatus
from sequence_paper.feed.recording import Entry, Header, read, read_header
from sequence_paper.feed.stream import StreamFeed
from sequence_paper.feed.wire.parser import Parsed, Parser
from sequence_paper.feed.wire.venues import parser_of
from sequence_paper.venue.book import Book

_E = TypeVar("_E", bound=Event)
_ALL: Final = 1 << 30


def open_recording(
    path: Path, *, venue: str, symbols: Sequence[str], start_ns: int | None = None
) -> StreamFeed:
    """The recording in `path` as `venue`'s feed; begins when every symbol has a book. Raises FeedError.

    `start_ns` shifts it to begin there; default its own time.
    """
    header = read_header(path)
    absent = [symbol for symbol in symbols if symbol not in header.symbols]
    if absent:
        raise FeedError(
            f"{path} holds {', '.join(header.symbols)}, not {', '.join(absent)}", "name others: --symbols"
        )
    events = _wanted(_events(parser_of(header.venue, header.symbols), read(path)), set(symbols))
    snapshots, rest = _opening(events, symbols, path)
    begins = max(snapshot.ts_ns for snapshot in snapshots)
    shift = 0 if start_ns is None else start_ns - begins
    about = _about(path, header, venue, symbols, begins + shift)
    opening = [_moved(snapshot, begins - snapshot.ts_ns + shift) for snapshot in snapshots]
    return StreamFeed(about, opening, (_moved(event, shift) for event in rest))


def open_connection(path: Path, *, venue: str, symbols: Sequence[str], start_ns: int) -> StreamFeed:
    """The recording as the live feed that it was: no book before the venue sent one, and no end. Raises FeedError.

    `start_ns`: when that feed was opened.
    """
    header = read_header(path)
    about = FeedAbout("live", header.source, venue, tuple(symbols), start_ns, None)
    events = _wanted(_events(parser_of(header.venue, header.symbols), read(path)), set(symbols))
    return StreamFeed(about, [], going_on(events))


def going_on(events: Iterator[Event]) -> Iterator[Event]:
    """Without the end that a recording has where it was cut."""
    return (e for e in events if not (isinstance(e, FeedStatus) and e.state is FeedState.ENDED))


def _about(path: Path, header: Header, venue: str, symbols: Sequence[str], start_ns: int) -> FeedAbout:
    return FeedAbout(
        kind="replay",
        dataset=path.name,
        venue=venue,
        symbols=tuple(symbols),
        start_ns=start_ns,
        end_ns=None,
        original_venue=header.venue,
        recorded_on=datetime.fromtimestamp(header.started_ns // 10**9, UTC).date().isoformat(),
    )


def _events(parser: Parser, entries: Iterator[Entry]) -> Iterator[Event]:
    """What the parser makes of it. Requests it would send were sent then: their answers are in the recording."""
    seen: dict[str, tuple[int, int]] = {}
    for entry in entries:
        for event in _parsed(parser, entry).events:
            seen[event.symbol] = (event.ts_ns, event.seq)
            yield event
    for symbol, (ts_ns, seq) in seen.items():
        yield FeedStatus(symbol, ts_ns, FeedState.ENDED, seq + 1)


def _parsed(parser: Parser, entry: Entry) -> Parsed:
    match entry.kind:
        case "open":
            return parser.opened(entry.recv_ns)
        case "frame":
            return parser.frame(entry.text, entry.recv_ns)
        case "fetched":
            return parser.fetched(entry.symbol, entry.text, entry.recv_ns)
        case "close":
            return parser.closed(entry.recv_ns)


def _wanted(events: Iterator[Event], symbols: set[str]) -> Iterator[Event]:
    return (event for event in events if event.symbol in symbols)


def _opening(
    events: Iterator[Event], symbols: Sequence[str], path: Path
) -> tuple[list[BookSnapshot], Iterator[Event]]:
    """(a snapshot a symbol at the moment when all have a book, what comes after it)."""
    books: dict[str, Book] = {}
    last: dict[str, Event] = {}
    for event in events:
        last[event.symbol] = event
        if isinstance(event, BookSnapshot):
            books[event.symbol] = Book()
            books[event.symbol].load(event)
        elif isinstance(event, BookDelta) and event.symbol in books:
            books[event.symbol].apply(event.side, event.px_1e9, event.sz_1e8)
        elif isinstance(event, FeedStatus):
            books.pop(event.symbol, None)
        if len(books) == len(symbols):
            return [_snapshot(symbol, books[symbol], last[symbol]) for symbol in symbols], events
    absent = ", ".join(symbol for symbol in symbols if symbol not in books)
    raise FeedError(
        f"{path} ends before there is a book of {absent}", "record for longer, or name other symbols"
    )


def _snapshot(symbol: str, book: Book, last: Event) -> BookSnapshot:
    bids, asks = book.top(_ALL)
    return BookSnapshot(symbol, last.ts_ns, tuple(bids), tuple(asks), last.seq)


def _moved(event: _E, shift_ns: int) -> _E:
    return replace(event, ts_ns=event.ts_ns + shift_ns) if shift_ns else event
