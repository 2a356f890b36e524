"""The recording: from single orders to levels, repaired where it contradicts itself, and honest about its origin."""

from __future__ import annotations

import itertools
from importlib.metadata import PackageNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.feed import bitstamp
from sequence_paper.feed.bitstamp import OrderRow, Recording, TradeRow, scaled
from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot, FeedState, FeedStatus, Trade
from sequence_paper.feed.levels import Levels
from sequence_paper.feed.open import open_feed
from sequence_paper.venue.book import Book

MS = 10**6


@pytest.fixture(scope="module")
def events():
    feed = open_feed("replay", venue="kraken", symbols=["BTC-USD"])
    return feed.prime() + list(feed)


def test_the_whole_recording_is_a_clean_market(events):
    book = Book()
    [snapshot, *later] = events
    assert isinstance(snapshot, BookSnapshot)
    book.load(snapshot)
    assert not book.crossed()
    assert (len(book.bids) > 1000, len(book.asks) > 1000) == (True, True)
    last_ns = snapshot.ts_ns
    for n, event in enumerate(later, 1):
        assert event.ts_ns >= last_ns
        assert event.seq == n
        last_ns = event.ts_ns
        if isinstance(event, Trade):
            assert event.px_1e9 == book.best()[1 if event.aggressor == BUY else 0]
        elif isinstance(event, BookDelta):
            assert book.size(event.side, event.px_1e9) != event.sz_1e8
            book.apply(event.side, event.px_1e9, event.sz_1e8)
            assert not book.crossed()


def test_every_trade_comes_with_the_decrease_it_caused(events):
    trades = [e for e in events if isinstance(e, Trade)]
    recorded = Recording.find().trades()
    assert len(trades) == len(recorded) == 284
    assert sum(t.qty_1e8 for t in trades) == sum(t.qty_1e8 for t in recorded)
    book = Book()
    book.load(events[0])
    for event, after in itertools.pairwise(events[1:]):
        if isinstance(event, Trade):
            assert isinstance(after, BookDelta)
            assert (after.side, after.px_1e9) == (-event.aggressor, event.px_1e9)
            assert book.size(after.side, after.px_1e9) - after.sz_1e8 == event.qty_1e8
        elif isinstance(event, BookDelta):
            book.apply(event.side, event.px_1e9, event.sz_1e8)


def test_it_ends_by_saying_so(events):
    feed = open_feed("replay", venue="kraken", symbols=["BTC-USD"])
    assert events[-1] == FeedStatus("BTC-USD", feed.about.end_ns, FeedState.ENDED, len(events) - 1)


def test_it_says_what_it_is_and_for_whom_it_stands_in():
    about = open_feed("replay:bitstamp-btcusd", venue="coinbase", symbols=["BTC-USD"]).about
    assert (about.kind, about.dataset, about.venue) == ("replay", "bitstamp-btcusd", "coinbase")
    assert (about.original_venue, about.recorded_on) == ("bitstamp", "2026-05-02")
    assert about.label() == "replay of bitstamp-btcusd (bitstamp, 2026-05-02) standing in for coinbase"


def test_a_shifted_replay_is_the_same_replay_at_another_time(events):
    start = 2_000_000_000 * 10**9
    feed = open_feed("replay", venue="kraken", symbols=["BTC-USD"], start_ns=start)
    assert feed.about.start_ns == start
    shift = start - events[0].ts_ns
    assert [e.ts_ns for e in feed.prime()] == [start]
    for shifted, event in zip(feed, events[1:2_000], strict=False):
        assert shifted.ts_ns - shift == event.ts_ns
        assert (type(shifted), shifted.seq) == (type(event), event.seq)


def test_reading_less_of_it_changes_nothing_before(events):
    feed = open_feed("replay", venue="kraken", symbols=["BTC-USD"])
    part = feed.prime() + feed.next_until(feed.about.start_ns + 20 * 10**9)
    assert part == events[: len(part)]
    assert events[len(part)].ts_ns > feed.about.start_ns + 20 * 10**9
    assert feed.peek_ns() == events[len(part)].ts_ns


def test_without_the_package_the_error_names_the_command(monkeypatch):
    def absent(name: str):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(bitstamp, "distribution", absent)
    with pytest.raises(FeedError, match="not installed: it comes with the package ob-analytics") as caught:
        open_feed("replay", venue="kraken", symbols=["BTC-USD"])
    assert caught.value.hint == "pip install --no-deps ob-analytics==0.1.0"


def test_a_package_without_its_data_is_said(monkeypatch, tmp_path):
    class Empty:
        def locate_file(self, path: str):
            return tmp_path / path

    monkeypatch.setattr(bitstamp, "distribution", lambda name: Empty())
    with pytest.raises(FeedError, match=r"has no orders\.csv\.gz, trades\.csv, meta\.json") as caught:
        Recording.find()
    assert "--force-reinstall" in caught.value.hint


class Rows:
    """A recording in a few lines: rows at prices in dollars, one millisecond each unless ``at`` says otherwise."""

    def __init__(self, *trades: TradeRow) -> None:
        self.levels = Levels("X", trades)
        opening = [OrderRow("b1", 0, 99, 5, "created", BUY), OrderRow("s1", 0, 101, 5, "created", SELL)]
        self.levels.open_with(opening, 0)

    def row(self, at: int, order_id: str, action: str, side: int, px: int, qty: int) -> list[str]:
        events = self.levels.row(OrderRow(order_id, at * MS, px, qty, action, side))  # type: ignore[arg-type]
        return [
            f"trade {e.qty_1e8}@{e.px_1e9}"
            if isinstance(e, Trade)
            else f"{'bid' if e.side == BUY else 'ask'} {e.px_1e9}={e.sz_1e8}"
            for e in events
        ]


def test_a_taker_is_hidden_and_its_rest_appears_afterwards():
    rows = Rows(TradeRow(1 * MS, 101, 5, BUY, "s1", "t"))
    assert rows.row(1, "t", "created", BUY, 102, 7) == []
    assert rows.row(1, "t", "changed", BUY, 101, 2) == []
    assert rows.row(1, "s1", "deleted", SELL, 101, 0) == ["trade 5@101", "ask 101=0"]
    assert rows.row(2, "b2", "created", BUY, 98, 1) == ["bid 102=2", "bid 98=1"]


def test_an_order_refused_in_its_instant_is_never_shown():
    rows = Rows()
    assert rows.row(1, "p", "created", BUY, 101, 7) == []
    assert rows.row(1, "p", "deleted", BUY, 101, 7) == []
    assert rows.row(2, "b2", "created", BUY, 98, 1) == ["bid 98=1"]


def test_an_order_that_rests_proves_that_what_it_could_have_taken_is_gone():
    rows = Rows()
    assert rows.row(1, "p", "created", BUY, 103, 7) == []
    assert rows.row(2, "b2", "created", BUY, 98, 1) == ["ask 101=0", "bid 103=7", "bid 98=1"]
    assert rows.levels.repaired == 1
    assert rows.row(3, "s1", "deleted", SELL, 101, 5) == []


def test_a_trade_at_a_worse_price_proves_that_the_better_one_is_gone():
    rows = Rows(TradeRow(2 * MS, 102, 1, BUY, "s2", "t"))
    rows.row(1, "s2", "created", SELL, 102, 4)
    assert rows.row(2, "s2", "changed", SELL, 102, 3) == ["ask 101=0", "trade 1@102", "ask 102=3"]


def test_a_trade_proves_that_nobody_stood_before_its_maker():
    rows = Rows(TradeRow(2 * MS, 101, 4, BUY, "s2", "t"))
    rows.row(1, "s2", "created", SELL, 101, 4)
    assert rows.row(2, "s2", "deleted", SELL, 101, 0) == ["ask 101=4", "trade 4@101", "ask 101=0"]


def test_a_trade_its_maker_never_reported_is_taken_from_it():
    rows = Rows(TradeRow(1 * MS, 101, 2, BUY, "s1", "t"))
    assert rows.row(1, "b2", "created", BUY, 98, 1) == ["bid 98=1"]
    assert rows.row(2, "b3", "created", BUY, 97, 1) == ["trade 2@101", "ask 101=3", "bid 97=1"]


def test_a_partly_filled_order_keeps_its_place():
    rows = Rows(TradeRow(2 * MS, 99, 2, SELL, "b1", "t"))
    rows.row(1, "b2", "created", BUY, 99, 4)
    assert rows.row(2, "b1", "changed", BUY, 99, 3) == ["trade 2@99", "bid 99=7"]
    assert [(o.id, o.qty_1e8) for o in rows.levels.queue(BUY, 99)] == [("b1", 3), ("b2", 4)]


@given(st.integers(0, 10**17), st.integers(0, 9))
def test_decimals_are_read_exactly(value, digits):
    whole, fraction = divmod(value, 10**digits)
    text = f"{whole}.{fraction:0{digits}d}" if digits else str(whole)
    assert scaled(text, digits) == value
    assert scaled(f"{value}e-{digits}", digits) == value


def test_a_decimal_finer_than_the_unit_is_an_error_unless_the_rest_is_zero():
    assert scaled("78318.0", 0) == 78318
    assert scaled("1.2300", 2) == 123
    with pytest.raises(ValueError, match="finer than 2 decimals"):
        scaled("1.234", 2)
