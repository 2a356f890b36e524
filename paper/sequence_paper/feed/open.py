"""From the words of a command line to a feed."""

from __future__ import annotations

from collections.abc import Sequence

from sequence_paper.feed import bitstamp
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import Feed
from sequence_paper.feed.generated import DEFAULT_START_NS, open_generated
from sequence_paper.feed.replay import open_replay

__all__ = ["FeedError", "open_feed"]


def open_feed(
    words: str, *, venue: str, symbols: Sequence[str], seed: int = 1, start_ns: int | None = None
) -> Feed:
    """Open ``generated``, ``replay`` or ``replay:NAME`` (NAME: ``bitstamp-btcusd``, the default).

    ``symbols``: which symbols the caller wants, e.g. ``["BTC-USD"]``; a feed raises for one it does not hold.
    ``start_ns``: first event time. Generated: default 2026-01-05T00:00:00Z, so that equal seeds give equal
    runs; pass wall time for a local stack that lives on. Replay: shifts the recording; default its own time.
    Raises FeedError.
    """
    kind, _, name = words.partition(":")
    if not symbols:
        raise FeedError("a feed needs at least one symbol", "e.g. `--symbols BTC-USD`")
    if kind == "replay":
        return open_replay(name or bitstamp.NAME, venue=venue, symbols=symbols, start_ns=start_ns)
    if words == "generated":
        start = DEFAULT_START_NS if start_ns is None else start_ns
        return open_generated(venue=venue, symbols=symbols, seed=seed, start_ns=start)
    raise FeedError(f"{words!r} is not a feed", "use `generated`, `replay` or `replay:NAME`")
