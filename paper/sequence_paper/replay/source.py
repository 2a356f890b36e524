"""The feed of a capsule, and the digest of data that is not in it."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path

from sequence_paper.feed import bitstamp
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BookSnapshot, Feed
from sequence_paper.feed.open import open_feed
from sequence_paper.feed.recorded import going_on, open_connection, open_recording
from sequence_paper.feed.recording import Recorder, read, read_header
from sequence_paper.feed.stream import StreamFeed
from sequence_paper.replay.capsule import CapsuleError, RecordedMarket


def opened(market: RecordedMarket, scratch: Path) -> Feed:
    """``scratch``: a folder that outlives the feed. Raises CapsuleError: no such data here, or another."""
    feed = market.feed
    try:
        if market.frames is not None:
            path = scratch / f"{market.venue}.feed.zst"
            path.write_bytes(market.frames)
            if feed.live:
                return open_connection(
                    path, venue=market.venue, symbols=market.symbols, start_ns=feed.start_ns
                )
            whole = open_recording(path, venue=market.venue, symbols=market.symbols, start_ns=feed.start_ns)
            return _going_on(whole) if feed.cut else whole
        if feed.sha256 and feed.sha256 != installed_digest():
            raise CapsuleError(
                f"the data of {feed.words} on this machine is not what this capsule was made with",
                f"it was made with data of the digest {feed.sha256[:16]}",
            )
        return open_feed(
            feed.words, venue=market.venue, symbols=market.symbols, seed=feed.seed, start_ns=feed.start_ns
        )
    except FeedError as error:
        raise CapsuleError(str(error), error.hint) from error


def _going_on(feed: StreamFeed) -> StreamFeed:
    """Without the end that a recording has where it was cut."""
    opening = [event for event in feed.prime() if isinstance(event, BookSnapshot)]
    return StreamFeed(feed.about, opening, going_on(iter(feed)))


def installed_digest() -> str:
    """Of the recording that comes with a package. Raises FeedError when it is not installed."""
    folder = bitstamp.Recording.find().folder
    digest = sha256()
    for name in ("meta.json", "orders.csv.gz", "trades.csv"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def cut(path: Path, shift_ns: int, to_ns: int) -> tuple[bytes, bool]:
    """A recording of ours up to the feed time ``to_ns``, and whether it went on; ``shift_ns`` was added to its own.

    Raises FeedError.
    """
    went_on = False
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "cut"
        recorder = Recorder(out, read_header(path))
        for entry in read(path):
            if entry.recv_ns + shift_ns > to_ns:
                went_on = True
                break
            recorder.write(entry)
        recorder.close()
        return out.read_bytes(), went_on
