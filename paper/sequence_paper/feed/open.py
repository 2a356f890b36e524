"""From the words of a command line to a feed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sequence_paper.feed import bitstamp
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import Feed, FeedAbout
from sequence_paper.feed.generated import DEFAULT_START_NS, open_generated
from sequence_paper.feed.replay import open_replay

if TYPE_CHECKING:  # what a live feed needs costs memory and time that the other feeds need not spend
    from sequence_paper.feed.live import LiveFeed
    from sequence_paper.feed.recording import Header, Recorder

_RECORDING: Final = ".feed.zst"

__all__ = ["FeedError", "open_feed", "open_live", "recording_of"]


def open_feed(
    words: str,
    *,
    venue: str,
    symbols: Sequence[str],
    seed: int = 1,
    start_ns: int | None = None,
    record: Path | None = None,
) -> Feed:
    """Open ``generated``, ``live``, ``replay``, ``replay:NAME`` (NAME: ``bitstamp-btcusd``) or ``replay:FILE``.

    ``symbols``: which symbols the caller wants, e.g. ``["BTC-USD"]``; a feed raises for one it does not hold.
    ``start_ns``: first event time. Generated: default 2026-01-05T00:00:00Z, so that equal seeds give equal
    runs; pass wall time for a local stack that lives on. Replay: shifts the recording; default its own time.
    ``record``: folder in which a live connection is recorded. Raises FeedError.
    """
    kind, _, name = words.partition(":")
    if not symbols:
        raise FeedError("a feed needs at least one symbol", "e.g. `--symbols BTC-USD`")
    if kind == "replay":
        if "/" in name or name.endswith(_RECORDING):
            from sequence_paper.feed.recorded import open_recording

            return open_recording(Path(name), venue=venue, symbols=symbols, start_ns=start_ns)
        return open_replay(name or bitstamp.NAME, venue=venue, symbols=symbols, start_ns=start_ns)
    if words == "generated":
        start = DEFAULT_START_NS if start_ns is None else start_ns
        return open_generated(venue=venue, symbols=symbols, seed=seed, start_ns=start)
    if words == "live":
        return open_live(venue, symbols, record=record)
    raise FeedError(
        f"{words!r} is not a feed", "use `generated`, `live`, `replay`, `replay:NAME` or `replay:FILE`"
    )


def open_live(
    venue: str,
    symbols: Sequence[str],
    *,
    record: Path | None = None,
    env: Mapping[str, str] = os.environ,
) -> LiveFeed:
    """The venue itself, or what `SEQUENCE_FEED_<VENUE>` (ws://… or wss://…) names in its place.

    Nothing is connected yet. Raises FeedError: a venue that we cannot read, a folder that cannot be written.
    """
    from sequence_paper.feed.live import LiveFeed
    from sequence_paper.feed.recording import Header
    from sequence_paper.feed.wire.venues import live_venue

    known = live_venue(venue)
    variable = f"SEQUENCE_FEED_{venue.upper()}"
    socket = env.get(variable, known.socket).rstrip("/")
    if not socket.startswith(("ws://", "wss://")):
        raise FeedError(f"{variable}={socket} is not the address of a feed", "it begins with ws:// or wss://")
    rest = known.rest if socket == known.socket else "http" + socket.removeprefix("ws")
    now = time.time_ns()
    about = FeedAbout("live", socket, venue, tuple(symbols), now, None)
    header = Header(venue, tuple(symbols), socket, now)
    recorder = None if record is None else _recorder(recording_of(record, about), header)
    return LiveFeed(
        about,
        known.make(symbols),
        socket=socket,
        rest=rest,
        record=None if recorder is None else recorder.write,
        save=(lambda: None) if recorder is None else recorder.flush,
    )


def recording_of(folder: Path, about: FeedAbout) -> Path:
    """Where a live feed is recorded that was opened with this folder."""
    return folder / f"{about.venue}-{about.start_ns}{_RECORDING}"


def _recorder(path: Path, header: Header) -> Recorder:
    from sequence_paper.feed.recording import Recorder

    try:
        return Recorder(path, header)
    except OSError as error:
        raise FeedError(
            f"{path} cannot be written: {error.strerror}", "name another folder: --record DIR"
        ) from error
