"""What an edge takes down, against what its feed showed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.edge import recorder as recording
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.recorder import Recorder
from sequence_paper.feed.events import Event, FeedState, FeedStatus, Trade
from sequence_paper.feed.open import open_feed
from sequence_paper.store.ticks import TickStore
from sequence_paper.store.ticks.writing import TickWriter
from sequence_paper.venue.book import Book
from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import symbol_rules, venue_fees

SECOND = 10**9
FAR = 2**62
SYMBOL = "BTC-USD"


class NoStore:
    def commit(self, writes: Any) -> None: ...


def a_market() -> Market:
    rules, fees = symbol_rules("kraken", SYMBOL), venue_fees("kraken")
    assert rules is not None and fees is not None
    return Market(SYMBOL, rules, fees)


def play(folder: Path, batches: list[list[Event]], opening: list[Event], advance_to: int = 0) -> None:
    markets = {SYMBOL: a_market()}
    recorder = Recorder(markets, TickWriter(folder, "kraken", 1, [SYMBOL], "a test"))
    core = EdgeCore("edge", "kraken", markets, Journal(NoStore()), lambda *_: None, recorder)
    core.prime(opening)
    for batch in batches:
        core.feed(batch)
        recorder.flush()
    if advance_to:
        core.advance(advance_to)
    recorder.close()


def test_a_minute_of_the_feed_is_taken_down_exactly(tmp_path: Path) -> None:
    feed = open_feed("generated", venue="kraken", symbols=[SYMBOL], seed=3)
    opening = feed.prime()
    start = feed.about.start_ns
    events = feed.next_until(start + 60 * SECOND)
    play(tmp_path, [events[:1_000], events[1_000:]], opening)
    store = TickStore(tmp_path)

    # The same minute, looked at without any of our machinery but the book.
    book, bests, depths = Book(), [], {}
    book.load(opening[0])  # type: ignore[arg-type]
    second = start // SECOND + 1
    for ts, at_once in itertools.groupby(events, key=lambda e: e.ts_ns):
        while second * SECOND <= ts:
            depths[second * SECOND] = book.top(200)
            second += 1
        for event in at_once:
            if hasattr(event, "sz_1e8"):
                book.apply(event.side, event.px_1e9, event.sz_1e8)
        (bid, ask) = book.best()
        bests.append((ts, bid, book.bids[bid], ask, book.asks[ask]))
    trades = [e for e in events if isinstance(e, Trade)]

    assert len(trades) > 20 and len(depths) >= 59
    quotes = store.mids("kraken", SYMBOL, [ts for ts, *_ in bests])
    span = store.span("kraken", SYMBOL)
    assert span is not None
    for (ts, *best), quote in zip(bests, quotes, strict=True):
        if ts > span.last_ns:
            assert quote is None  # nothing changed since, and the second is not over
        else:
            assert quote is not None
            assert [quote.bid_px_1e9, quote.bid_sz_1e8, quote.ask_px_1e9, quote.ask_sz_1e8] == best
    samples = store.depth_samples(SYMBOL, "kraken", start + 1, FAR)
    assert {s.ts_ns: (list(s.bids), list(s.asks)) for s in samples} == depths
    prints = store.prints("kraken", SYMBOL, 0, FAR, limit=10**6)
    assert [(p.ts_ns, p.px_1e9, p.qty_1e8, p.aggressor) for p in prints] == [
        (t.ts_ns, t.px_1e9, t.qty_1e8, t.aggressor) for t in trades
    ]
    changes = 1 + sum(a[1:] != b[1:] for a, b in itertools.pairwise(bests))
    assert abs(store.tape("kraken", SYMBOL, 0, FAR).quotes - changes) <= 1  # the first may equal the snapshot


def test_the_state_of_the_feed_is_taken_down_with_the_best(tmp_path: Path) -> None:
    feed = open_feed("generated", venue="kraken", symbols=[SYMBOL], seed=3)
    opening = feed.prime()
    start = feed.about.start_ns // SECOND * SECOND + SECOND
    events: list[Event] = list(feed.next_until(start + 2 * SECOND))
    gap = FeedStatus(SYMBOL, start + 2 * SECOND + 5, FeedState.GAP)
    play(tmp_path, [events, [gap]], opening, advance_to=start + 4 * SECOND)
    store = TickStore(tmp_path)
    moments = [start + 2 * SECOND + 4, start + 2 * SECOND + 5, start + 4 * SECOND]
    assert [q and q.state for q in store.quotes("kraken", SYMBOL, moments)] == ["ok", "gap", "gap"]


def test_a_feed_that_goes_silent_is_stale_in_the_record(tmp_path: Path) -> None:
    feed = open_feed("generated", venue="kraken", symbols=[SYMBOL], seed=3)
    opening = feed.prime()
    last = feed.next_until(feed.about.start_ns + SECOND)
    end = last[-1].ts_ns
    play(tmp_path, [last], opening)
    store = TickStore(tmp_path)
    span = store.span("kraken", SYMBOL)
    assert span is not None and end - span.last_ns < SECOND

    markets = {SYMBOL: a_market()}
    recorder = Recorder(markets, TickWriter(tmp_path / "b", "kraken", 1, [SYMBOL], "a test"))
    core = EdgeCore("edge", "kraken", markets, Journal(NoStore()), lambda *_: None, recorder)
    core.prime(opening)
    core.feed(last)
    for second in range(1, 10):
        core.advance(end + second * SECOND)
    recorder.close()
    moments = [end + 3 * SECOND, end + 8 * SECOND]
    states = [q and q.state for q in TickStore(tmp_path / "b").quotes("kraken", SYMBOL, moments)]
    assert states == ["ok", "stale"]


def test_a_slice_that_brings_too_much_is_cut_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MAX_BUFFER", 20_000)
    feed = open_feed("generated", venue="kraken", symbols=[SYMBOL], seed=3)
    opening = feed.prime()
    play(tmp_path, [feed.next_until(feed.about.start_ns + 60 * SECOND)], opening)
    assert caplog.text.count("is not recorded") == 1
    raw = sum(path.stat().st_size for path in tmp_path.rglob("*.seg"))
    assert raw < 20_000 + 10_000
    assert TickStore(tmp_path).span("kraken", SYMBOL) is not None
