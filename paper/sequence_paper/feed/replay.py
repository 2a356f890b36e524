"""Replay of recorded data under the name of one of our venues."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sequence_paper.feed import bitstamp
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import Event, FeedAbout, FeedState, FeedStatus
from sequence_paper.feed.levels import Levels
from sequence_paper.feed.stream import StreamFeed

RECORDINGS = (bitstamp.NAME,)


def open_replay(name: str, *, venue: str, symbols: Sequence[str], start_ns: int | None = None) -> StreamFeed:
    """The recording ``name`` standing in for ``venue``; the last event is the status ``ended``.

    ``start_ns`` shifts the whole recording to begin there. Only the opening book is read now (some 20 ms); the rest
    as it is asked for. Raises FeedError: unknown name, symbol not in it, data not installed.
    """
    if name not in RECORDINGS:
        raise FeedError(f"no recording is called {name!r}; there is: {', '.join(RECORDINGS)}")
    absent = [symbol for symbol in symbols if symbol != bitstamp.SYMBOL]
    if absent:
        raise FeedError(
            f"the recording {name} holds {bitstamp.SYMBOL} only, not {', '.join(absent)}",
            "use `--feed generated`, or only the symbol it holds",
        )
    recording = bitstamp.Recording.find()
    shift = 0 if start_ns is None else start_ns - recording.start_ns
    levels = Levels(bitstamp.SYMBOL, recording.trades(), shift)
    rows = recording.orders()
    snapshot = levels.open_with(itertools.islice(rows, recording.opening_rows), recording.start_ns)
    about = FeedAbout(
        kind="replay",
        dataset=name,
        venue=venue,
        symbols=(bitstamp.SYMBOL,),
        start_ns=recording.start_ns + shift,
        end_ns=recording.end_ns + shift,
        original_venue="bitstamp",
        recorded_on=datetime.fromtimestamp(recording.start_ns // 10**9, UTC).date().isoformat(),
    )
    return StreamFeed(about, [snapshot], _until_the_end(levels, rows, about.end_ns))


def _until_the_end(levels: Levels, rows: Iterator[bitstamp.OrderRow], end_ns: int | None) -> Iterator[Event]:
    seq = 0
    for event in levels.events(rows):
        seq = event.seq
        yield event
    if end_ns is not None:
        yield FeedStatus(bitstamp.SYMBOL, end_ns, FeedState.ENDED, seq + 1)
