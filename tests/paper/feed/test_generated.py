"""The generated market: a function of seed and time, plausible, and the same for all who ask."""

from __future__ import annotations

import hashlib
import itertools
import os
import statistics
import subprocess
import sys
from collections import Counter

import pytest

from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot, Trade
from sequence_paper.feed.generated import DEFAULT_START_NS, open_generated
from sequence_paper.feed.latent import SLOT_NS, LatentPrice, draws, normal
from sequence_paper.feed.open import open_feed
from sequence_paper.venue.book import Book

SECOND = 10**9
MINUTE = 60 * SECOND
VENUES = ["kraken", "coinbase", "binance"]
SYMBOLS = ["BTC-USD", "ETH-USD"]


def minute(venue: str, symbol: str, seed: int = 7):
    feed = open_generated(venue=venue, symbols=[symbol], seed=seed)
    return feed.prime()[0], feed.next_until(feed.about.start_ns + MINUTE)


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("venue", VENUES)
def test_a_minute_of_it_looks_like_a_market(venue, symbol):
    snapshot, events = minute(venue, symbol)
    book = Book()
    book.load(snapshot)
    assert not book.crossed()
    per_second = Counter((event.ts_ns - snapshot.ts_ns) // SECOND for event in events)
    assert 50 <= len(events) / 60 <= 200
    assert max(per_second.values()) > 2 * statistics.median(per_second.values())
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert all(a.ts_ns <= b.ts_ns for a, b in itertools.pairwise(events))
    for event in events:
        if isinstance(event, Trade):
            bid, ask = book.best()
            assert event.px_1e9 == (ask if event.aggressor == BUY else bid)
            assert 0 < event.qty_1e8 <= book.size(SELL if event.aggressor == BUY else BUY, event.px_1e9)
        else:
            book.apply(event.side, event.px_1e9, event.sz_1e8)
            assert not book.crossed()
            assert len(book.bids) >= 20
            assert len(book.asks) >= 20
    assert sum(isinstance(event, Trade) for event in events) > 100


def test_a_trade_is_followed_by_the_change_of_its_level():
    _, events = minute("kraken", "BTC-USD")
    for event, after in itertools.pairwise(events):
        if isinstance(event, Trade):
            assert isinstance(after, BookDelta)
            assert (after.side, after.px_1e9) == (-event.aggressor, event.px_1e9)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_venues_follow_one_price(symbol):
    """Returns over ten seconds agree between venues; the books do not."""
    mids = {}
    for venue in ("kraken", "coinbase"):
        snapshot, events = minute(venue, symbol)
        book = Book()
        book.load(snapshot)
        mids[venue] = []
        for event in events:
            if event.ts_ns >= snapshot.ts_ns + len(mids[venue]) * SECOND:
                mids[venue].append(sum(book.best()) / 2)
            if isinstance(event, BookDelta):
                book.apply(event.side, event.px_1e9, event.sz_1e8)
    returns = [[b - a for a, b in zip(mid, mid[3:], strict=False)] for mid in mids.values()]
    assert statistics.correlation(*returns) > 0.95
    assert minute("kraken", symbol)[0].bids != minute("coinbase", symbol)[0].bids


def test_the_latent_price_at_a_moment_needs_no_history():
    forward = LatentPrice(3, "BTC-USD", 1e-4)
    times = [DEFAULT_START_NS + n * 7 * SLOT_NS // 2 for n in range(2_000)]
    values = [forward.at(ts) for ts in times]
    backward = LatentPrice(3, "BTC-USD", 1e-4)
    assert [backward.at(ts) for ts in reversed(times)] == values[::-1]
    assert LatentPrice(3, "BTC-USD", 1e-4).at(times[1_234]) == values[1_234]
    assert LatentPrice(4, "BTC-USD", 1e-4).at(times[0]) != values[0]


def test_the_latent_price_moves_as_much_as_it_says():
    latent = LatentPrice(3, "BTC-USD", 1e-4)
    values = [latent.at(DEFAULT_START_NS + n * SECOND) for n in range(4_000)]
    steps = [b - a for a, b in itertools.pairwise(values)]
    assert statistics.pstdev(steps) == pytest.approx(1e-4, rel=0.05)
    noise = [normal(draws("n", n)) for n in range(4_000)]
    assert statistics.fmean(noise) == pytest.approx(0, abs=0.05)
    assert statistics.pstdev(noise) == pytest.approx(1, rel=0.05)


def test_how_it_is_read_changes_nothing():
    whole = open_generated(venue="kraken", symbols=SYMBOLS, seed=5)
    until = whole.about.start_ns + 5 * SECOND
    expected = whole.next_until(until)
    pieces = open_generated(venue="kraken", symbols=SYMBOLS, seed=5)
    read = []
    while (due := pieces.peek_ns()) is not None and due <= until:
        read += pieces.next_until(due)
    assert read == expected
    singly = iter(open_generated(venue="kraken", symbols=SYMBOLS, seed=5))
    assert [next(singly) for _ in expected] == expected


def test_a_symbol_is_the_same_alone_and_beside_another():
    both = open_generated(venue="kraken", symbols=SYMBOLS, seed=5)
    alone = open_generated(venue="kraken", symbols=["ETH-USD"], seed=5)
    until = both.about.start_ns + 5 * SECOND
    assert both.prime()[1] == alone.prime()[0]
    assert [e for e in both.next_until(until) if e.symbol == "ETH-USD"] == alone.next_until(until)


def test_two_processes_agree_whatever_their_hash_seed():
    program = (
        "import hashlib\n"
        "from sequence_paper.feed.open import open_feed\n"
        "feed = open_feed('generated', venue='coinbase', symbols=['BTC-USD', 'ETH-USD'], seed=11)\n"
        "events = feed.prime() + feed.next_until(feed.about.start_ns + 10 * 10**9)\n"
        "print(hashlib.sha256(repr(events).encode()).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    feed = open_feed("generated", venue="coinbase", symbols=SYMBOLS, seed=11)
    events = feed.prime() + feed.next_until(feed.about.start_ns + 10 * SECOND)
    assert digests == {hashlib.sha256(repr(events).encode()).hexdigest()}


def test_the_start_is_the_callers_and_prices_depend_on_time_not_on_the_start():
    later = DEFAULT_START_NS + 3_600 * SECOND
    feed = open_feed("generated", venue="kraken", symbols=["BTC-USD"], seed=5, start_ns=later + 5)
    assert feed.about.start_ns == later
    [snapshot] = feed.prime()
    assert isinstance(snapshot, BookSnapshot)
    ran = open_feed("generated", venue="kraken", symbols=["BTC-USD"], seed=5, start_ns=later - 2 * SECOND)
    book = Book()
    book.load(ran.prime()[0])
    for event in ran.next_until(later):
        if isinstance(event, BookDelta):
            book.apply(event.side, event.px_1e9, event.sz_1e8)
    assert abs(sum(book.best()) - snapshot.bids[0][0] - snapshot.asks[0][0]) <= 4 * 10**9


def test_it_says_what_it_is():
    about = open_feed("generated", venue="kraken", symbols=["BTC-USD", "BTC-USD"], seed=9).about
    assert (about.kind, about.venue, about.symbols, about.end_ns) == (
        "generated",
        "kraken",
        ("BTC-USD",),
        None,
    )
    assert about.start_ns == DEFAULT_START_NS
    assert about.label() == "generated (seed 9)"


@pytest.mark.parametrize(
    ("words", "venue", "symbols", "message"),
    [
        ("generated", "mtgox", ["BTC-USD"], "no generated venue is called 'mtgox'; there are: kraken, coinb"),
        ("generated", "kraken", ["DOGE-USD"], "no generated symbol is called 'DOGE-USD'"),
        ("generated", "kraken", [], "at least one symbol"),
        ("alive", "kraken", ["BTC-USD"], "'alive' is not a feed"),
        ("live", "okx", ["BTC-USD"], "okx has no live feed here"),
        ("replay:tape", "kraken", ["BTC-USD"], "no recording is called 'tape'; there is: bitstamp-btcusd"),
        ("replay", "kraken", ["BTC-USD", "ETH-USD"], "holds BTC-USD only, not ETH-USD"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_said(words, venue, symbols, message):
    with pytest.raises(FeedError, match=message):
        open_feed(words, venue=venue, symbols=symbols)
