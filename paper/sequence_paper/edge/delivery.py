"""The order in which a core is given events and time. Every run is driven by this, live or repeated."""

from __future__ import annotations

from sequence_paper.edge.core import EdgeCore
from sequence_paper.feed.events import Feed, FeedState, FeedStatus


class Delivery:
    """``end_ns``: event time after which nothing is delivered any more, None for a run without end."""

    def __init__(self, core: EdgeCore, feed: Feed, end_ns: int | None) -> None:
        self._core, self._feed = core, feed
        ends = [end for end in (end_ns, feed.about.end_ns) if end is not None]
        self.end_ns = min(ends) if ends else None

    def prime(self) -> None:
        """Deliver the snapshots, so that books are valid and instances warm."""
        self._core.prime(self._feed.prime(), self._feed.about.start_ns)

    def next_due(self) -> int | None:
        """Time of the next event, heartbeat or arrival of a message, None when the end comes first."""
        event, beat = self._feed.peek_ns(), min(self._core.next_heartbeat_ns, self._core.wires.due_ns)
        if event is None:
            # A live feed that is silent has not ended: time goes on.
            return None if self._feed.arrived is None else beat
        due = min(event, beat)
        return None if self.end_ns is not None and due > self.end_ns else due

    def deliver(self, due: int, until: int) -> int:
        """What is due, and what follows until then; returns the time of the last of it.

        Where pieces are cut makes no difference to what happens.
        """
        events = self._feed.next_until(until if self.end_ns is None else min(until, self.end_ns))
        if events:
            self._core.feed(events)
            return events[-1].ts_ns
        self._core.advance(due)
        return due

    def finish(self) -> None:
        """Run heartbeats to the end, then tell every market that its data is over: nothing fills any more."""
        end = self.end_ns if self.end_ns is not None else self._core.now_ns
        self._core.advance(end)
        self._core.feed([FeedStatus(symbol, end, FeedState.ENDED) for symbol in self._core.markets])
        self._core.ended()
