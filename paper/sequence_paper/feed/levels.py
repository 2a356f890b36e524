"""From single orders to price levels: what a level feed would have shown of an order-level recording.

An order that can trade on arrival appears in such a recording as ``created`` beyond the other side's best price,
before its trades. A level feed never shows it, so it stays hidden while its instant lasts; what is left of it
afterwards rests. Each trade is told before the change of the maker's level, so that no reader takes the same volume
for a cancel.

Recordings miss rows. What price-time priority proves repairs the book: an order that rests leaves nothing it could
have taken, a trade leaves nothing better nor anything before its maker, and a trade that its maker never reported did
take from that maker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from sequence_paper.feed.bitstamp import OrderRow, TradeRow
from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot, Event, Side, Trade
from sequence_paper.venue.book import Book


class Levels:
    """Feed rows in, get events out. The resulting book is uncrossed after every event.

    ``repaired`` counts orders removed because the recording itself proves that they were gone.
    """

    def __init__(self, symbol: str, trades: Iterable[TradeRow], shift_ns: int = 0) -> None:
        self._symbol = symbol
        self._shift_ns = shift_ns
        self._trades = deque(sorted(trades, key=lambda trade: trade.ts_ns))
        self._shown: dict[str, OrderRow] = {}
        self._at: dict[Side, dict[int, dict[str, None]]] = {BUY: {}, SELL: {}}
        self._hidden: dict[str, OrderRow] = {}
        self._book = Book()
        self._seq = 0
        self._instant_ns = 0
        self.repaired = 0

    def open_with(self, rows: Iterable[OrderRow], ts_ns: int) -> BookSnapshot:
        """The opening book as a snapshot stamped ``ts_ns`` (before the shift)."""
        for row in rows:
            self.row(row)
        self._seq = 1
        self._instant_ns = ts_ns
        bids, asks = self._book.top(len(self._shown))
        return BookSnapshot(self._symbol, ts_ns + self._shift_ns, tuple(bids), tuple(asks), 0)

    def events(self, rows: Iterable[OrderRow]) -> Iterator[Event]:
        """Events of later rows, lazily."""
        for row in rows:
            if out := self.row(row):
                yield from out

    def queue(self, side: Side, px_1e9: int) -> list[OrderRow]:
        """The orders of a level, first in the queue first; ``qty_1e8`` is what is left of each."""
        return [self._shown[order_id] for order_id in self._at[side].get(px_1e9, ())]

    def order(self, order_id: str) -> OrderRow | None:
        """An order that a level shows at present."""
        return self._shown.get(order_id)

    def row(self, row: OrderRow) -> list[Event]:
        """Events of one row."""
        out: list[Event] = []
        order_id, ts_ns, px, _, action, side = row
        if ts_ns > self._instant_ns:
            self._end_instant(out)
            self._instant_ns = ts_ns
        if action == "created":
            if self._would_trade(side, px):
                self._hidden[order_id] = row
            else:
                self._show(row, out)
        elif order_id in self._hidden:
            if action == "changed" and row.qty_1e8 > 0:
                self._hidden[order_id] = self._hidden[order_id]._replace(qty_1e8=row.qty_1e8)
            else:
                del self._hidden[order_id]
        elif order_id in self._shown:
            self._shrink_shown(row, out)
        return out

    def _shrink_shown(self, row: OrderRow, out: list[Event]) -> None:
        trade = next((t for t in self._trades_of_instant() if t.maker_id == row.id), None)
        if trade is not None:
            self._print(trade, out)
        left = row.qty_1e8 if row.action == "changed" else 0
        self._set_left(self._shown[row.id], left, out)

    def _trades_of_instant(self) -> list[TradeRow]:
        due: list[TradeRow] = []
        for trade in self._trades:
            if trade.ts_ns > self._instant_ns:
                break
            due.append(trade)
        return due

    def _end_instant(self, out: list[Event]) -> None:
        """Nothing more will be said about this millisecond: believe what follows from it."""
        if self._trades and self._trades[0].ts_ns <= self._instant_ns:
            for trade in self._trades_of_instant():
                self._print(trade, out)
                maker = self._shown.get(trade.maker_id)
                if maker is not None:
                    self._set_left(maker, max(0, maker.qty_1e8 - trade.qty_1e8), out)
        if self._hidden:
            for row in tuple(self._hidden.values()):
                del self._hidden[row.id]
                self._clear_better(-row.side, row.px_1e9, out, inclusive=True)
                self._show(row, out)

    def _print(self, trade: TradeRow, out: list[Event]) -> None:
        self._clear_better(-trade.aggressor, trade.px_1e9, out, inclusive=False)
        self._trades.remove(trade)
        if trade.maker_id in self._shown:
            self._clear_before(self._shown[trade.maker_id], out)
        ts = self._instant_ns + self._shift_ns
        out.append(Trade(self._symbol, ts, trade.px_1e9, trade.qty_1e8, trade.aggressor, self._next_seq()))

    def _clear_better(self, side: int, px_1e9: int, out: list[Event], *, inclusive: bool) -> None:
        """Remove levels of ``side`` that are better than a price (or equal): they are proven to be gone."""
        passive: Side = BUY if side == BUY else SELL
        gone: list[int] = []
        for px, _ in self._book.from_best(passive):
            if not ((px - px_1e9) * side > 0 or (inclusive and px == px_1e9)):
                break
            gone.append(px)
        for px in gone:
            for order_id in tuple(self._at[passive][px]):
                self.repaired += 1
                del self._shown[order_id]
            del self._at[passive][px]
            self._level(passive, px, 0, out)

    def _clear_before(self, maker: OrderRow, out: list[Event]) -> None:
        """Remove orders that stood before one that traded: the exchange serves them first."""
        for order_id in tuple(self._at[maker.side][maker.px_1e9]):
            if order_id == maker.id:
                return
            self.repaired += 1
            self._set_left(self._shown[order_id], 0, out)

    def _would_trade(self, side: Side, px_1e9: int) -> bool:
        if side == BUY:
            asks = self._book.ask_prices
            return bool(asks) and px_1e9 >= asks[0]
        bids = self._book.bid_prices
        return bool(bids) and px_1e9 <= bids[-1]

    def _show(self, row: OrderRow, out: list[Event]) -> None:
        self._shown[row.id] = row
        self._at[row.side].setdefault(row.px_1e9, {})[row.id] = None
        self._level(row.side, row.px_1e9, self._book.size(row.side, row.px_1e9) + row.qty_1e8, out)

    def _set_left(self, row: OrderRow, qty_1e8: int, out: list[Event]) -> None:
        if qty_1e8 > 0:
            self._shown[row.id] = row._replace(qty_1e8=qty_1e8)
        else:
            del self._shown[row.id]
            queue = self._at[row.side][row.px_1e9]
            del queue[row.id]
            if not queue:
                del self._at[row.side][row.px_1e9]
        size = self._book.size(row.side, row.px_1e9) - row.qty_1e8 + qty_1e8
        self._level(row.side, row.px_1e9, size, out)

    def _level(self, side: Side, px_1e9: int, sz_1e8: int, out: list[Event]) -> None:
        self._book.apply(side, px_1e9, sz_1e8)
        ts = self._instant_ns + self._shift_ns
        out.append(BookDelta(self._symbol, ts, side, px_1e9, sz_1e8, self._next_seq()))

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq - 1
