"""The mechanics all feeds share: a first book, then a lazy stream with one event of look-ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sequence_paper.feed.events import BookSnapshot, Event, FeedAbout


class StreamFeed:
    """A ``Feed`` over a snapshot per symbol and an iterator of events in time order."""

    arrived = None

    def __init__(self, about: FeedAbout, snapshots: Sequence[BookSnapshot], events: Iterator[Event]) -> None:
        self._about = about
        self._snapshots = snapshots
        self._events = events
        self._ahead: Event | None = None

    @property
    def about(self) -> FeedAbout:
        return self._about

    def work(self) -> None:
        return None

    def save(self) -> None:
        return None

    def prime(self) -> list[Event]:
        return list(self._snapshots)

    def peek_ns(self) -> int | None:
        if self._ahead is None:
            self._ahead = next(self._events, None)
        return None if self._ahead is None else self._ahead.ts_ns

    def next_until(self, ts_ns: int) -> list[Event]:
        out: list[Event] = []
        event = self._ahead or next(self._events, None)
        while event is not None and event.ts_ns <= ts_ns:
            out.append(event)
            event = next(self._events, None)
        self._ahead = event
        return out

    def __iter__(self) -> Iterator[Event]:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            yield ahead
        yield from self._events
