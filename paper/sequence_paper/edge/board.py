"""Features of every symbol that somebody on this edge looks at, and of no other."""

from __future__ import annotations

from collections.abc import Mapping

from sequence_paper.edge import abi
from sequence_paper.edge.features import EMPTY, Features
from sequence_paper.edge.roster import Roster
from sequence_paper.feed.events import FeedState, Trade
from sequence_paper.venue.market import Market


class Board:
    """Told what the feed shows. Windows begin when the first instance that looks at a symbol's features runs."""

    def __init__(self, markets: Mapping[str, Market], roster: Roster) -> None:
        self._markets, self._roster = markets, roster
        self._kept: dict[str, Features] = {}

    def book(self, symbol: str, now_ns: int) -> bytes:
        """The region after a believable book update of a symbol."""
        features = self._of(symbol, now_ns)
        return (
            EMPTY if features is None else features.book(*self._markets[symbol].top(abi.MAX_LEVELS), now_ns)
        )

    def region(self, symbol: str, now_ns: int) -> bytes:
        """As things stand, without a new book."""
        features, market = self._of(symbol, now_ns), self._markets[symbol]
        return EMPTY if features is None else features.region(*market.top(abi.MAX_LEVELS), now_ns)

    def trade(self, print_: Trade) -> None:
        features = self._kept.get(print_.symbol)
        if features is not None:
            features.trade(print_.ts_ns, print_.aggressor)

    def suspect(self, symbol: str) -> None:
        """The book of a symbol cannot be believed."""
        features = self._kept.get(symbol)
        if features is not None:
            features.suspect()

    def second(self, now_ns: int) -> None:
        """A full second of feed time."""
        for symbol in list(self._kept):
            if symbol not in self._roster.reading:
                del self._kept[symbol]
                continue
            market = self._markets[symbol]
            believed = market.feed_state is FeedState.OK
            self._kept[symbol].second(now_ns, *(market.best() if believed else (0, 0)))

    def _of(self, symbol: str, now_ns: int) -> Features | None:
        features = self._kept.get(symbol)
        if features is None and symbol in self._roster.reading:
            features = self._kept[symbol] = Features(now_ns)
        return features
