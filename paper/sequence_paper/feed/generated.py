"""A seeded market: one latent price per symbol, and each venue's book following it with its own lag and noise.

Time is cut into slots of 100 ms. All randomness of a slot comes from a hash of (seed, venue, symbol, slot), and a
slot's events only follow from slots before it: cutting the stream anywhere or reading it at another pace changes
nothing. No prefix of the stream leaves the book crossed, and a trade comes before the change of the level it hit.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BUY, SELL, BookDelta, BookSnapshot, Event, FeedAbout, Side, Trade
from sequence_paper.feed.latent import SLOT_NS, LatentPrice, draws
from sequence_paper.feed.profiles import SYMBOLS, VENUES
from sequence_paper.feed.stream import StreamFeed
from sequence_paper.venue.book import Book

DEFAULT_START_NS: Final = 1_767_571_200 * 10**9
"""2026-01-05T00:00:00Z"""

_DEPTH: Final = 28
_SLOTS_PER_SECOND: Final = 10**9 // SLOT_NS

_Op: TypeAlias = tuple[bool, Side, int, int]
"""(is a trade, side of the level or of the aggressor, price, size or quantity)"""


def open_generated(
    *, venue: str, symbols: Sequence[str], seed: int, start_ns: int = DEFAULT_START_NS
) -> StreamFeed:
    """An endless feed from ``start_ns`` (rounded down to 100 ms). Raises FeedError for an unknown venue or symbol."""
    if venue not in VENUES:
        raise FeedError(f"no generated venue is called {venue!r}; there are: {', '.join(VENUES)}")
    unknown = [symbol for symbol in symbols if symbol not in SYMBOLS]
    if unknown:
        raise FeedError(f"no generated symbol is called {unknown[0]!r}; there are: {', '.join(SYMBOLS)}")
    first = start_ns // SLOT_NS
    makers = [GeneratedBook(venue, symbol, seed) for symbol in dict.fromkeys(symbols)]
    snapshots = [maker.open(first) for maker in makers]
    streams = [maker.events(first) for maker in makers]
    about = FeedAbout(
        kind="generated",
        dataset=f"seed {seed}",
        venue=venue,
        symbols=tuple(maker.symbol for maker in makers),
        start_ns=first * SLOT_NS,
        end_ns=None,
    )
    merged = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda event: event.ts_ns)
    return StreamFeed(about, snapshots, merged)


class GeneratedBook:
    """One symbol at one venue."""

    def __init__(self, venue: str, symbol: str, seed: int) -> None:
        self.symbol = symbol
        self._symbol, self._venue = SYMBOLS[symbol], VENUES[venue]
        self._key = (seed, venue, symbol)
        self._shared_key = (seed, symbol)
        self._latent = LatentPrice(seed, symbol, self._symbol.sigma)
        self._basis = LatentPrice(seed, f"{venue}/{symbol}", self._venue.basis_sigma)
        self._book = Book()
        self._seq = 1
        self._touch = (0, 0)
        self._ops: list[_Op] = []
        self._random = draws().random

    def open(self, slot: int) -> BookSnapshot:
        """The book at the start of ``slot``; the touch is there, one in seven deeper levels is not."""
        self._random = draws(*self._key, "open", slot).random
        self._touch = bid, ask = self._wanted_touch(slot)
        step = self._symbol.step_1e9
        for depth in range(_DEPTH + 4):
            for side, index in ((BUY, bid - depth), (SELL, ask + depth)):
                if depth == 0 or self._random() < 6 / 7:
                    self._book.apply(1 if side == BUY else -1, index * step, self._size(depth))
        bids, asks = self._book.top(_DEPTH + 4)
        return BookSnapshot(self.symbol, slot * SLOT_NS, tuple(bids), tuple(asks), 0)

    def events(self, first_slot: int) -> Iterator[Event]:
        """Everything from ``first_slot`` on, without end."""
        for slot in itertools.count(first_slot):
            yield from self._slot(slot)

    def _slot(self, slot: int) -> list[Event]:
        self._random = random = draws(*self._key, slot).random
        self._ops = []
        activity = self._activity(slot)
        changes = int(self._venue.changes_per_second / _SLOTS_PER_SECOND * activity + random())
        trades = int(0.35 * activity + random())
        before_move = int(changes * random())
        self._change(before_move)
        self._move(slot)
        for _ in range(trades):
            self._trade()
        self._change(changes - before_move)
        self._keep_depth()
        return self._timed(slot, sorted(int(random() * SLOT_NS) for _ in self._ops))

    def _timed(self, slot: int, offsets: list[int]) -> list[Event]:
        out: list[Event] = []
        seq, start = self._seq, slot * SLOT_NS
        for offset, (is_trade, side, px, qty) in zip(offsets, self._ops, strict=True):
            ts = start + offset
            event = (
                Trade(self.symbol, ts, px, qty, side, seq)
                if is_trade
                else BookDelta(self.symbol, ts, side, px, qty, seq)
            )
            out.append(event)
            seq += 1
        self._seq = seq
        return out

    def _activity(self, slot: int) -> float:
        """Quiet, busy or bursting, second by second and in all venues at once."""
        mood = draws(*self._shared_key, "mood", slot // _SLOTS_PER_SECOND).random()
        return 3.5 if mood < 0.05 else 1.6 if mood < 0.25 else 0.7

    def _wanted_touch(self, slot: int) -> tuple[int, int]:
        """(bid, ask) in steps for the end of the slot; the old touch while the price has not left it."""
        now = (slot + 1) * SLOT_NS
        relative = self._latent.at(now - self._venue.lag_ns) + self._basis.at(now)
        mid = self._symbol.base_1e9 / self._symbol.step_1e9 * (1 + relative)
        mood = draws(*self._key, "spread", slot // (2 * _SLOTS_PER_SECOND)).random()
        spread = 1 if mood < 0.7 else 2 if mood < 0.93 else 3
        left = mid - (spread - 1) / 2
        bid, ask = self._touch
        if ask - bid == spread and bid - 0.35 <= left <= bid + 1.35:
            return bid, ask
        bid = int(left)
        return bid, bid + spread

    def _move(self, slot: int) -> None:
        """Bring the touch to where the price is: first take away what is in the way, then add behind it."""
        step, book = self._symbol.step_1e9, self._book
        self._touch = bid, ask = self._wanted_touch(slot)
        while book.ask_prices and book.ask_prices[0] < ask * step:
            self._take_best(SELL)
        while book.bid_prices and book.bid_prices[-1] > bid * step:
            self._take_best(BUY)
        for depth in range(3):
            if not book.size(BUY, (bid - depth) * step):
                self._set(BUY, (bid - depth) * step, self._size(depth))
            if not book.size(SELL, (ask + depth) * step):
                self._set(SELL, (ask + depth) * step, self._size(depth))

    def _take_best(self, side: Side) -> None:
        """The price runs through the best level: most of it trades, some of it is pulled."""
        px = self._book.ask_prices[0] if side == SELL else self._book.bid_prices[-1]
        if self._random() < 0.6:
            self._ops.append((True, BUY if side == SELL else SELL, px, self._book.size(side, px)))
        self._set(side, px, 0)

    def _trade(self) -> None:
        """Somebody takes part of the best level, now and then all of it and some of the next."""
        aggressor: Side = BUY if self._random() < 0.5 else SELL
        side: Side = SELL if aggressor == BUY else BUY
        appetite = self._random()
        rest = self._lots(self._size(0) * (0.05 + 0.5 * appetite * appetite if appetite < 0.93 else 1.5))
        for px, size in self._book.top(3)[0 if side == BUY else 1]:
            qty = min(rest, size)
            self._ops.append((True, aggressor, px, qty))
            self._set(side, px, size - qty)
            rest -= qty
            if rest <= 0:
                return

    def _change(self, count: int) -> None:
        """Quotes come, go and change size, mostly near the touch."""
        random, step = self._random, self._symbol.step_1e9
        for _ in range(count):
            side: Side = BUY if random() < 0.5 else SELL
            near = random()
            depth = int(_DEPTH * near * near)
            best = self._book.bid_prices[-1] if side == BUY else self._book.ask_prices[0]
            px = best - depth * step * side
            gone = depth > 0 and random() < 0.12 and self._book.size(side, px) > 0
            self._set(side, px, 0 if gone else self._size(depth))

    def _keep_depth(self) -> None:
        """Fill up at the far end, so that 20 levels stand at any moment, and cut a tail of old ones."""
        step, book = self._symbol.step_1e9, self._book
        for side, prices in ((BUY, book.bid_prices), (SELL, book.ask_prices)):
            passive: Side = 1 if side == BUY else -1
            while len(prices) < _DEPTH:
                worst = prices[0] if side == BUY else prices[-1]
                self._set(passive, worst - step * side, self._size(len(prices)))
            while len(prices) > _DEPTH + 12:
                self._set(passive, prices[0] if side == BUY else prices[-1], 0)

    def _set(self, side: Side, px_1e9: int, sz_1e8: int) -> None:
        if self._book.apply(side, px_1e9, sz_1e8) != sz_1e8:
            self._ops.append((False, side, px_1e9, sz_1e8))

    def _size(self, depth: int) -> int:
        """Skewed: many small levels, few large ones, more further out."""
        draw = self._random()
        scale = self._symbol.size_1e8 * self._venue.size_factor * (1 + 0.06 * depth)
        return self._lots(scale * (0.1 + 2 * draw * draw))

    def _lots(self, qty_1e8: float) -> int:
        lot = self._symbol.lot_1e8
        return max(1, int(qty_1e8) // lot) * lot
