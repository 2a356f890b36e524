"""What is under way between an edge and its venue, in feed time.

The clock of an edge is the feed's: an algo is called with the book of feed time t, and what it sends arrives at
t + feed + entry, since the time that book took to the algo is part of the way round. What happens at the venue at x
is known here at x + response. Messages of one owner do not overtake one another, in either direction.

Due messages are worked off after the market events of their instant and before those of the next, so that a result
does not depend on how events were cut into slices.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sequence_paper.venue.latency import Latency, Leg

NEVER_NS: Final = 2**63 - 1

Act = Callable[[int], None]
"""What happens at the other end; it is told the time."""


@dataclass(order=True, slots=True)
class _Message:
    due_ns: int
    number: int
    leg: Leg = field(compare=False)
    owner: str = field(compare=False)
    key: str = field(compare=False)
    act: Act = field(compare=False)


class Wires:
    """``due_ns``: when the next message arrives, ``NEVER_NS`` while none is under way.

    Without a ``latency`` nothing ever is: callers act at once.
    """

    def __init__(self, latency: Latency | None) -> None:
        self.latency = latency
        self.due_ns = NEVER_NS
        self._heap: list[_Message] = []
        self._number = 0
        self._last: dict[tuple[str, Leg], int] = {}
        self._drawn: Counter[tuple[str, Leg]] = Counter()
        self._names: dict[str, str] = {}
        self._own: dict[str, Latency | None] = {}

    def instant(self, key: str) -> bool:
        """Whether what is said about an order is heard at once."""
        return self._own.get(key, self.latency) is None

    def own(self, key: str, latency: Latency | None) -> None:
        """Let messages about one order take this long instead."""
        self._own[key] = latency

    def name(self, key: str, name: str) -> None:
        """Draw for an order by this name: its id may differ from one run to an equal one."""
        self._names[key] = name

    def waiting(self, leg: Leg) -> int:
        """Messages under way on a leg."""
        return sum(message.leg is leg for message in self._heap)

    def to_venue(self, owner: str, key: str, now_ns: int, act: Act) -> None:
        """A request about order ``key``, decided on a book that took its time to the algo."""
        wait = self._draw(key, Leg.FEED) + self._draw(key, Leg.ENTRY)
        self._put(Leg.ENTRY, owner, key, now_ns + wait, act)

    def to_algo(self, owner: str, key: str, now_ns: int, act: Act) -> None:
        """The venue's word about order ``key``."""
        self._put(Leg.RESPONSE, owner, key, now_ns + self._draw(key, Leg.RESPONSE), act)

    def recall(self, key: str) -> bool:
        """Take back every request about an order that has not arrived; whether there was one."""
        before = len(self._heap)
        # In place: this may happen while `run` works off the same messages.
        self._heap[:] = [m for m in self._heap if m.leg is not Leg.ENTRY or m.key != key]
        heapq.heapify(self._heap)
        self._see()
        return len(self._heap) < before

    def settle(self, owner: str, now_ns: int) -> None:
        """Hear now what the venue has said to an owner already."""
        # One by one: hearing a message may end in hearing all others, and each must be heard once.
        while waiting := [m for m in self._heap if m.leg is Leg.RESPONSE and m.owner == owner]:
            first = min(waiting)
            self._heap.remove(first)
            heapq.heapify(self._heap)
            self._see()
            first.act(now_ns)

    def run(self, until_ns: int, reach: Callable[[int], None]) -> bool:
        """Deliver all that is due by then, in order; ``reach`` hears each time first. Whether there was something."""
        some = self.due_ns <= until_ns
        while self.due_ns <= until_ns:
            message = self._pop()
            reach(message.due_ns)
            message.act(message.due_ns)
        return some

    def cut(self, now_ns: int) -> None:
        """Time stands still from now on: everything arrives, and later messages do at once."""
        while self._heap:
            self._pop().act(now_ns)
        self.latency, self._own = None, dict.fromkeys(self._own)

    def forget(self, key: str) -> None:
        """The order has ended; nothing about it is counted any more."""
        self._names.pop(key, None)
        self._own.pop(key, None)
        for leg in Leg:
            self._drawn.pop((key, leg), None)

    def _draw(self, key: str, leg: Leg) -> int:
        latency = self._own.get(key, self.latency)
        if latency is None:
            return 0
        number = self._drawn[key, leg]
        self._drawn[key, leg] += 1
        return latency.draw(self._names.get(key, key), leg, number)

    def _put(self, leg: Leg, owner: str, key: str, due_ns: int, act: Act) -> None:
        due_ns = max(due_ns, self._last.get((owner, leg), 0))
        self._last[owner, leg] = due_ns
        self._push(_Message(due_ns, self._next(), leg, owner, key, act))

    def _push(self, message: _Message) -> None:
        heapq.heappush(self._heap, message)
        self._see()

    def _pop(self) -> _Message:
        message = heapq.heappop(self._heap)
        self._see()
        return message

    def _see(self) -> None:
        self.due_ns = self._heap[0].due_ns if self._heap else NEVER_NS

    def _next(self) -> int:
        self._number += 1
        return self._number
