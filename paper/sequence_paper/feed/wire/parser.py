"""What every venue's parser is to the connection that feeds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sequence_paper.feed.events import Event


@dataclass(frozen=True, slots=True)
class Fetch:
    """A document that must be got over HTTP; the answer comes back as `Parser.fetched(symbol, …)`."""

    symbol: str
    path: str
    """Path and query below the venue's REST address."""


@dataclass(slots=True)
class Parsed:
    """What one frame led to. `broken`: the connection is of no use any more, and why; it must be made anew."""

    events: list[Event] = field(default_factory=list)
    send: list[str] = field(default_factory=list)
    fetch: list[Fetch] = field(default_factory=list)
    broken: str = ""


class Parser(Protocol):
    """One venue, some symbols. Times are receive times (ns), never decreasing.

    A gap is an event (`FeedStatus`): whoever trades on the book hears of it before anything else, and of its end by
    a new `BookSnapshot`. No method raises for what a venue might send: what cannot be read breaks the connection.
    """

    venue: str
    quiet_ns: int
    """The venue speaks at least so often; after a longer silence the connection is dead."""

    def path(self, symbols: Sequence[str]) -> str:
        """Path and query to open the connection with."""
        ...

    def opened(self, recv_ns: int) -> Parsed:
        """The connection is open."""
        ...

    def frame(self, text: str, recv_ns: int) -> Parsed:
        """A frame came."""
        ...

    def fetched(self, symbol: str, text: str, recv_ns: int) -> Parsed:
        """The document of a `Fetch` came; empty text: it could not be got."""
        ...

    def closed(self, recv_ns: int) -> Parsed:
        """The connection is gone, whoever ended it."""
        ...
