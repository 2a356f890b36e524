"""What the feed shows at this moment: the book, prints the book does not reflect yet, and how far to believe it."""

from __future__ import annotations

from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot, FeedState, Level, Side, Trade
from sequence_paper.venue.book import Book
from sequence_paper.venue.packed import PackedTop

_PRINT_LIFE_NS = 10**9

Touch = tuple[FeedState, int, int, int, int]
"""State, best bid (px_1e9, sz_1e8), best ask (px_1e9, sz_1e8); 0 for an empty side."""


class ShownBook:
    """The recorded side of a market. Starts in state GAP: without a snapshot nothing is known."""

    __slots__ = (
        "_printed",
        "_said",
        "_top_asks",
        "_top_bids",
        "_top_n",
        "book",
        "book_ns",
        "last_event_ns",
        "packed",
        "seq",
        "state",
    )

    def __init__(self) -> None:
        self.book = Book()
        self.packed = PackedTop(self.book)
        # What the feed says of itself, and what that comes to with the book as it is.
        self._said = self.state = FeedState.GAP
        self.last_event_ns = 0
        # Number and time of the newest event that changed the book.
        self.seq = self.book_ns = 0
        # Volume printed at a level whose shrinking has not been shown yet, with the time of the last print.
        self._printed: dict[Side, dict[int, tuple[int, int]]] = {BUY: {}, SELL: {}}
        self._top_n = 0
        self._top_bids: list[Level] | None = None
        self._top_asks: list[Level] | None = None

    def say(self, state: FeedState) -> None:
        """The feed's own word on its health."""
        self._said = state
        self._see()

    def touch(self) -> Touch:
        """State and best of both sides in one look: it is asked for at every instant of the feed."""
        book = self.book
        bid, ask = book.best()
        return self.state, bid, book.bids.get(bid, 0), ask, book.asks.get(ask, 0)

    def load(self, snapshot: BookSnapshot) -> None:
        """A snapshot heals a gap and forgets prints."""
        self.book.load(snapshot)
        self.packed.load()
        self.seq, self.book_ns = snapshot.seq, snapshot.ts_ns
        self._said = FeedState.OK
        self._see()
        self._printed = {BUY: {}, SELL: {}}
        self._top_bids = self._top_asks = None

    def apply(self, delta: BookDelta) -> tuple[int, int]:
        """Returns (size before, how much of a decrease is explained by earlier prints)."""
        side, px, after = delta.side, delta.px_1e9, delta.sz_1e8
        before = self.book.apply(side, px, after)
        self.packed.changed(side, px, before, after)
        self.seq, self.book_ns = delta.seq, delta.ts_ns
        self._see()
        self._forget_top(side, px)
        printed = self._printed[side]
        if px not in printed or after >= before:
            return before, 0
        volume = self.printed(side, px, delta.ts_ns)
        explained = min(volume, before - after)
        if volume > explained and after > 0:
            printed[px] = (volume - explained, delta.ts_ns)
        else:
            printed.pop(px, None)
        return before, explained

    def note_print(self, trade: Trade) -> None:
        """The book will lose this volume; until it does, nobody may take it again."""
        side: Side = SELL if trade.aggressor == BUY else BUY
        shown = self.book.size(side, trade.px_1e9)
        if shown:
            volume = self.printed(side, trade.px_1e9, trade.ts_ns) + trade.qty_1e8
            self._printed[side][trade.px_1e9] = (min(volume, shown), trade.ts_ns)

    def printed(self, side: Side, px_1e9: int, now_ns: int) -> int:
        """Volume printed at a level and not yet taken off it.

        A print that no decrease follows within a second met hidden size: it then says nothing about the level.
        """
        noted = self._printed[side].get(px_1e9)
        if noted is None:
            return 0
        if now_ns - noted[1] > _PRINT_LIFE_NS:
            del self._printed[side][px_1e9]
            return 0
        return noted[0]

    def best_of(self, side: Side) -> int:
        """Best price of a side, 0 when it is empty."""
        bid, ask = self.book.best()
        return bid if side == BUY else ask

    def top(self, n: int) -> tuple[list[Level], list[Level]]:
        """As ``Book.top``, but cut anew only when a level within it changed."""
        if n != self._top_n:
            self._top_n, self._top_bids, self._top_asks = n, None, None
        # A side that did not change keeps its list: callers may compare by identity.
        if self._top_bids is None:
            self._top_bids = self.book.top_of(BUY, n)
        if self._top_asks is None:
            self._top_asks = self.book.top_of(SELL, n)
        return self._top_bids, self._top_asks

    def _see(self) -> None:
        """Kept, not computed when asked for: it is asked for several times an event."""
        crossed = self._said is FeedState.OK and self.book.crossed()
        self.state = FeedState.CROSSED if crossed else self._said

    def _forget_top(self, side: Side, px_1e9: int) -> None:
        if side == BUY:
            bids = self._top_bids
            if bids is not None and (len(bids) < self._top_n or px_1e9 >= bids[-1][0]):
                self._top_bids = None
        else:
            asks = self._top_asks
            if asks is not None and (len(asks) < self._top_n or px_1e9 <= asks[-1][0]):
                self._top_asks = None
