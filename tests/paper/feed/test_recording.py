"""What was recorded of a live connection plays again through the same parsers, and gives the same events."""

import dataclasses
import time
from pathlib import Path

import pytest

from paper.feed.test_live import SYMBOLS, following, soon_dead  # noqa: F401  # the fixture is used by being here
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BookSnapshot, Event, FeedState, FeedStatus
from sequence_paper.feed.open import open_feed, open_live
from sequence_paper.feed.recorded import open_recording
from sequence_paper.feed.recording import Entry, Header, Recorder, read, read_header
from sequence_paper.feed.wire.venues import LIVE
from sequence_paper.venue.book import Book


@pytest.mark.parametrize("venue", LIVE)
async def test_a_replay_is_what_the_edge_saw(venue: str, tmp_path: Path) -> None:
    path = tmp_path / f"{venue}.feed.zst"
    recorder = Recorder(path, Header(venue, SYMBOLS, "ws://here", time.time_ns()))
    async with following(venue, recorder.write) as (server, follower):
        for fault in ("gap", "disconnect"):
            await server.fault(fault)
            seen = len(follower.events)
            await follower.until(lambda: follower.right() and len(follower.events) > seen + 50, fault)  # noqa: B023
    follower.take()
    recorder.close()
    assert read_header(path).symbols == SYMBOLS
    feed = open_recording(path, venue=venue, symbols=SYMBOLS)
    opening, replayed = feed.prime(), list(feed)
    begins = _when_all_have_a_book(follower.events)
    last = [event for event in replayed if isinstance(event, FeedStatus) and event.state is FeedState.ENDED]
    assert len(last) == len(SYMBOLS)
    assert [e for e in replayed if e not in last][: len(follower.events) - begins] == follower.events[begins:]
    assert {event.symbol for event in opening} == set(SYMBOLS)
    assert "replay of" in feed.about.label()
    assert feed.about.original_venue == venue


def test_a_torn_file_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.feed.zst"
    recorder = Recorder(path, Header("kraken", ("BTC-USD",), "ws://here", 1))
    entries = [Entry(n * 2_000_000_000, "frame", f'{{"n":{n}}}') for n in range(1, 40)]
    for entry in entries:
        recorder.write(entry)
    recorder.close()
    whole = path.read_bytes()
    kept = [len(_entries(tmp_path, whole[:size])) for size in range(40, len(whole) + 1, 7)]
    assert kept == sorted(kept)
    assert kept[0] < 5
    assert _entries(tmp_path, whole) == entries


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read"), (b"", "is not a recording"), (b"text", "is not a recording")],
)
def test_what_is_no_recording_is_refused(content: bytes | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "b.feed.zst"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FeedError, match=why):
        open_feed(f"replay:{path}", venue="kraken", symbols=["BTC-USD"])


def test_a_recording_without_a_book_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.feed.zst"
    recorder = Recorder(path, Header("kraken", ("BTC-USD",), "ws://here", 1))
    recorder.write(Entry(2, "open"))
    recorder.close()
    with pytest.raises(FeedError, match="ends before there is a book of BTC-USD"):
        open_feed(f"replay:{path}", venue="kraken", symbols=["BTC-USD"])
    with pytest.raises(FeedError, match="holds BTC-USD, not ETH-USD"):
        open_feed(f"replay:{path}", venue="kraken", symbols=["ETH-USD"])


def test_a_recording_is_shifted_to_begin_where_it_is_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "d.feed.zst"
    recorder = Recorder(path, Header("coinbase", ("BTC-USD",), "ws://here", 100))
    recorder.write(Entry(100, "open"))
    levels = [
        {"side": "bid", "event_time": "2026-01-05T00:00:00Z", "price_level": "10.5", "new_quantity": "1"},
        {"side": "offer", "event_time": "2026-01-05T00:00:00Z", "price_level": "11", "new_quantity": "2.5"},
    ]
    recorder.write(Entry(150, "frame", _l2("snapshot", levels, 0)))
    change = [levels[0] | {"new_quantity": "0.25"}]
    recorder.write(Entry(190, "frame", _l2("update", change, 1)))
    recorder.close()
    feed = open_feed(f"replay:{path}", venue="coinbase", symbols=["BTC-USD"], start_ns=1_000)
    [opening] = feed.prime()
    assert isinstance(opening, BookSnapshot)
    assert (opening.ts_ns, opening.bids, opening.asks) == (
        1_000,
        ((10_500_000_000, 100_000_000),),
        ((11_000_000_000, 250_000_000),),
    )
    assert [(event.ts_ns, type(event).__name__) for event in feed] == [
        (1_040, "BookDelta"),
        (1_040, "FeedStatus"),
    ]


@pytest.mark.parametrize(
    ("env", "socket", "rest"),
    [
        ({}, "wss://stream.binance.com:9443", "https://api.binance.com"),
        ({"SEQUENCE_FEED_BINANCE": "ws://127.0.0.1:9/"}, "ws://127.0.0.1:9", "http://127.0.0.1:9"),
    ],
)
def test_where_a_live_feed_comes_from(env: dict[str, str], socket: str, rest: str) -> None:
    feed = open_live("binance", ["BTC-USD"], env=env)
    assert feed.about.label() == f"live from {socket}"
    assert (feed._socket, feed._rest) == (socket, rest)
    assert feed.prime() == []


def test_a_live_feed_that_cannot_be() -> None:
    with pytest.raises(FeedError, match="okx has no live feed"):
        open_live("okx", ["BTC-USD"], env={})
    with pytest.raises(FeedError, match="is not the address of a feed"):
        open_live("kraken", ["BTC-USD"], env={"SEQUENCE_FEED_KRAKEN": "http://127.0.0.1"})


def _when_all_have_a_book(events: list[Event]) -> int:
    """How many events it takes until every symbol has a book at the same time."""
    books: dict[str, Book] = {}
    for number, event in enumerate(events, 1):
        if isinstance(event, BookSnapshot):
            books[event.symbol] = Book()
        elif isinstance(event, FeedStatus):
            books.pop(event.symbol, None)
        if len(books) == len(SYMBOLS):
            return number
    raise AssertionError("there was never a book of every symbol")


def _entries(folder: Path, content: bytes) -> list[Entry]:
    torn = folder / "torn.feed.zst"
    torn.write_bytes(content)
    return [dataclasses.replace(entry) for entry in read(torn)]


def _l2(kind: str, updates: list[dict[str, str]], number: int) -> str:
    import json

    event = {"type": kind, "product_id": "BTC-USD", "updates": updates}
    return json.dumps({"channel": "l2_data", "sequence_num": number, "events": [event]})
