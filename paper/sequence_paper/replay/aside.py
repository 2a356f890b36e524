"""Another venue's market beside a run: it is worked off as far as an order that was put there needs it."""

from __future__ import annotations

from sequence_paper.feed.events import Event, Feed
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import Execution


class Aside:
    """``market``: of one symbol, in the state of the last event taken."""

    def __init__(self, venue: str, feed: Feed, market: Market) -> None:
        self.venue, self.market = venue, market
        self._feed = feed
        self.begins_ns = feed.about.start_ns
        self._take(feed.prime())

    @property
    def next_ns(self) -> int | None:
        """Time of the next event, None after the last."""
        return self._feed.peek_ns()

    def reach(self, ts_ns: int) -> list[Execution]:
        """Everything up to then, and what it does to orders here."""
        return self._take(self._feed.next_until(ts_ns))

    def _take(self, events: list[Event]) -> list[Execution]:
        out: list[Execution] = []
        for event in events:
            if event.symbol == self.market.symbol:
                out += self.market.on_event(event)
        return out
