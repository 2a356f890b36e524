"""Live adapters against a server on loopback that speaks the venues' own protocols, and lets everything go wrong."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from sequence_paper.feed.events import BUY, Event, FeedAbout, FeedState
from sequence_paper.feed.generated import open_generated
from sequence_paper.feed.live import LiveFeed
from sequence_paper.feed.recording import Entry
from sequence_paper.feed.server.faults import FAULTS
from sequence_paper.feed.server.serve import FeedServer
from sequence_paper.feed.wire.venues import LIVE, parser_of
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import Acked, Order, OrderType, RejectCode, Rejected
from sequence_paper.venue.rules import symbol_rules, venue_fees

SYMBOLS = ("BTC-USD", "ETH-USD")
DEEP = {"kraken": 10, "coinbase": 1 << 20, "binance": 1000}
"""Levels a side that must be right: all that the venue tells of, at Kraken those that its checksum covers."""
QUIET_NS = 1_500_000_000
UNSEEN = {("kraken", "duplicate"), ("coinbase", "duplicate"), ("binance", "duplicate")} | {
    ("coinbase", "bad-checksum"),
    ("binance", "bad-checksum"),
}
"""What leaves no trace: a message that came twice, and a checksum where there is none."""


class Follower:
    """A live feed, the markets it drives, and the states that their users saw."""

    def __init__(self, venue: str, server: FeedServer, record: Callable[[Entry], None] | None = None) -> None:
        about = FeedAbout("live", venue, venue, SYMBOLS, time.time_ns(), None)
        address = f"127.0.0.1:{server.port}"
        self.feed = LiveFeed(
            about,
            parser_of(venue, SYMBOLS),
            socket=f"ws://{address}",
            rest=f"http://{address}",
            record=record,
        )
        fees = venue_fees(venue)
        assert fees is not None
        self.markets = {s: Market(s, rules, fees) for s in SYMBOLS if (rules := symbol_rules(venue, s))}
        self.states: list[FeedState] = []
        self.events: list[Event] = []
        self._server, self._deep = server, DEEP[venue]

    def take(self) -> None:
        """Let what has come happen."""
        for event in self.feed.next_until(1 << 63):
            self.events.append(event)
            market = self.markets[event.symbol]
            happened = market.on_event(event)
            assert not happened or market.feed_state is FeedState.OK, (
                "a fill on a book that nobody should believe"
            )
            if not self.states or self.states[-1] is not market.feed_state:
                self.states.append(market.feed_state)

    def right(self) -> bool:
        """Whether every book is exactly what the venue shows now."""
        books = self._server.truth.books
        return all(
            market.feed_state is FeedState.OK and market.top(self._deep) == books[symbol].top(self._deep)
            for symbol, market in self.markets.items()
        )

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 20
        while not (self.take() or holds()):
            assert time.monotonic() < deadline, f"{what}: {self.states[-4:]}, {self.feed.trouble}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def following(
    venue: str, record: Callable[[Entry], None] | None = None
) -> AsyncIterator[tuple[FeedServer, Follower]]:
    """A server of generated data, and a follower that has its books; silence counts as death after `QUIET_NS`."""
    rules = {s: found for s in SYMBOLS if (found := symbol_rules(venue, s))}
    source = open_generated(venue=venue, symbols=SYMBOLS, seed=7, start_ns=time.time_ns())
    async with FeedServer(venue, source, rules) as server:
        follower = Follower(venue, server, record)
        running = asyncio.create_task(follower.feed.run())
        try:
            await follower.until(follower.right, "the first book")
            yield server, follower
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("venue", LIVE)
async def test_books_follow_the_venue(venue: str) -> None:
    async with following(venue) as (_, follower):
        seen = len(follower.events)
        await follower.until(lambda: len(follower.events) > seen + 200 and follower.right(), "more news")
        assert set(follower.states) <= {FeedState.OK, FeedState.GAP}
        assert follower.feed.connections == 1
        kinds = {type(event).__name__ for event in follower.events}
        assert kinds == {"BookSnapshot", "BookDelta", "Trade"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("venue", LIVE)
async def test_every_fault_is_survived(venue: str, fault: str) -> None:
    async with following(venue) as (server, follower):
        follower.states.clear()
        before = follower.feed.connections
        await server.fault(fault, seconds=2 * QUIET_NS / 1e9)
        wanted = FeedState.CROSSED if fault == "crossed" else FeedState.GAP
        if (venue, fault) not in UNSEEN:
            await follower.until(lambda: wanted in follower.states, f"{fault} shows")
        seen = len(follower.events)
        await follower.until(
            lambda: follower.right() and len(follower.events) > seen + 50, f"the book after {fault}"
        )
        if fault in ("stall", "disconnect", "disconnect-in-snapshot"):
            assert follower.feed.connections > before
        assert follower.states[-1] is FeedState.OK


async def test_a_resting_order_does_not_fill_in_a_gap() -> None:
    async with following("kraken") as (server, follower):
        market = follower.markets["BTC-USD"]
        bid, ask = market.best()
        now = follower.events[-1].ts_ns
        placed = market.submit(Order("k", "a", "o", "BTC-USD", BUY, OrderType.LIMIT, 10**8, bid), now)
        assert type(placed[0]) is Acked
        await server.fault("disconnect")
        await follower.until(lambda: FeedState.GAP in follower.states, "the gap")
        late = Order("l", "a", "o", "BTC-USD", BUY, OrderType.IOC, 10**8, ask)
        refused = market.submit(late, follower.events[-1].ts_ns)
        if market.feed_state is not FeedState.OK:
            assert isinstance(refused[0], Rejected)
            assert refused[0].code is RejectCode.STALE_VENUE


@pytest.fixture(autouse=True)
def soon_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Venues send something every second at least; the server here tells news twenty times a second."""
    for venue in LIVE:
        monkeypatch.setattr(type(parser_of(venue, SYMBOLS)), "quiet_ns", QUIET_NS)
