"""``OnlineFeatures`` of one symbol: every feature whose definition needs nothing but the book and the prints.

Where the interface names a quantity without its window, the window is ours (see ``docs/paper.md``). All arithmetic is
on whole numbers, so equal feeds give equal features. What is not computed stays zero and is listed in ``ABSENT``.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from math import isqrt
from typing import Final

from sequence_paper.feed.events import Level, Side

SECOND_NS: Final = 10**9
FLOW_LEVELS: Final = 10
TRADES_NS: Final = 60 * SECOND_NS
SPREAD_SAMPLES: Final = 300
MIN_SPREAD_SAMPLES: Final = 30
RV_SECONDS: Final = (60, 300, 3600)

ABSENT: Final = {
    "ofi_ewma_1e6": "the interface gives neither a half-life nor the unit of what is averaged",
    "vpin_1e4": "the interface gives no bucket volume (flag bit 0 stays clear)",
    "cancel_rate_1e4": "the interface does not say of what it is a share",
    "queue_decay_rate_1e4": "needs a prediction service, which this platform does not have",
    "fill_prob_*": "need a prediction service",
    "pred_*": "need a prediction service",
    "prediction_age_ms": "there is no prediction",
}
"""Field of ``OnlineFeatures`` -> why it is always zero here."""

_REGION = struct.Struct("<HH4xQ3q8xqI2x2xBxh2xh3I28xQ136x")
_I64_MAX: Final = (1 << 63) - 1
_U32_MAX: Final = (1 << 32) - 1
_TIGHT, _NORMAL, _WIDE, _CRISIS = range(4)
EMPTY: Final = _REGION.pack(1, 0, 0, 0, 0, 0, 0, 0, _NORMAL, 0, 0, 0, 0, 0, 0)
"""Version 1 and nothing known yet."""


class Features:
    """Told of every book (``book``), print (``trade``) and full second (``second``) of the feed, in order."""

    def __init__(self, now_ns: int) -> None:
        self._began_ns = now_ns
        self._trades: deque[tuple[int, Side]] = deque()
        self._signs = 0
        self._spreads: deque[int] = deque()
        self._spread_sum = self._spread_squares = 0
        self._squares: deque[int] = deque(maxlen=RV_SECONDS[-1])
        self._sums = [0] * len(RV_SECONDS)
        self._volatility = (0,) * len(RV_SECONDS)
        self._z: tuple[int, int] | None = None
        self._sampled: tuple[int, int] | None = None
        self._bids: Sequence[Level] | None = None
        self._asks: Sequence[Level] = ()
        self._flow = (0, 0, 0)

    def book(self, bids: Sequence[Level], asks: Sequence[Level], now_ns: int) -> bytes:
        """The region after this book update: order flow is what it changed since the one before."""
        before, self._bids = self._bids, bids
        if before is not None:
            flow = [0] * FLOW_LEVELS
            # A market keeps the list of a side that did not change.
            if bids is not before:
                _add_flow(flow, bids, before, 1)
            if asks is not self._asks:
                _add_flow(flow, asks, self._asks, -1)
            self._flow = (_fit(flow[0]), _fit(sum(flow[:5])), _fit(sum(flow)))
        self._asks = asks
        return self.region(bids, asks, now_ns)

    def region(self, bids: Sequence[Level], asks: Sequence[Level], now_ns: int) -> bytes:
        """256 bytes as things stand now."""
        rate, sign = self._trade_flow(now_ns)
        z = self._spread_z(asks[0][0] - bids[0][0]) if bids and asks else 0
        regime = _TIGHT if z < -1_000 else _NORMAL if z <= 1_000 else _WIDE if z <= 3_000 else _CRISIS
        return _REGION.pack(
            1,
            0,
            microprice(bids, asks),
            *self._flow,
            sign,
            rate,
            regime,
            z,
            depth_imbalance(bids, asks),
            *self._volatility,
            now_ns,
        )

    def trade(self, ts_ns: int, aggressor: Side) -> None:
        self._trades.append((ts_ns, aggressor))
        self._signs += aggressor
        self._forget_trades(ts_ns)

    def second(self, now_ns: int, bid_1e9: int, ask_1e9: int) -> None:
        """Sample the touch; an empty side or a second that was left out starts these windows anew."""
        if not (bid_1e9 and ask_1e9):
            self.suspect()
            return
        mid = (bid_1e9 + ask_1e9) // 2
        if self._sampled is not None and now_ns - self._sampled[0] != SECOND_NS:
            self.suspect()
        if self._sampled is not None:
            self._add_return((mid - self._sampled[1]) * 10**9 // self._sampled[1])
        self._sampled = (now_ns, mid)
        self._add_spread(ask_1e9 - bid_1e9)
        self._volatility, self._z = self._volatility_now(), None

    def suspect(self) -> None:
        """The book cannot be believed: what comes after it is no change of what was before."""
        self._bids, self._asks, self._flow = None, (), (0, 0, 0)
        self._sampled = None
        self._squares.clear()
        self._sums = [0] * len(RV_SECONDS)
        self._spreads.clear()
        self._spread_sum = self._spread_squares = 0
        self._volatility, self._z = self._volatility_now(), None

    def _forget_trades(self, now_ns: int) -> None:
        trades = self._trades
        while trades and now_ns - trades[0][0] >= TRADES_NS:
            self._signs -= trades.popleft()[1]

    def _trade_flow(self, now_ns: int) -> tuple[int, int]:
        """(trades a second x 1000, mean of their signs x 10^6)."""
        self._forget_trades(now_ns)
        count, seen_ns = len(self._trades), min(TRADES_NS, now_ns - self._began_ns)
        if not count:
            return 0, 0
        rate = count * 1000 * SECOND_NS // max(seen_ns, SECOND_NS)
        return min(rate, _U32_MAX), _toward_zero(self._signs * 10**6, count)

    def _add_spread(self, spread: int) -> None:
        self._spreads.append(spread)
        self._spread_sum += spread
        self._spread_squares += spread * spread
        if len(self._spreads) > SPREAD_SAMPLES:
            gone = self._spreads.popleft()
            self._spread_sum -= gone
            self._spread_squares -= gone * gone

    def _spread_z(self, spread: int) -> int:
        """Standard deviations above the mean of the samples x 1000; 0 while there are too few, or all are equal."""
        if self._z is None or self._z[0] != spread:
            self._z = (spread, self._spread_z_of(spread))
        return self._z[1]

    def _spread_z_of(self, spread: int) -> int:
        count = len(self._spreads)
        scatter = count * self._spread_squares - self._spread_sum * self._spread_sum
        if count < MIN_SPREAD_SAMPLES or not scatter:
            return 0
        z = _toward_zero((count * spread - self._spread_sum) * 1000, isqrt(scatter) or 1)
        return max(-32_768, min(32_767, z))

    def _add_return(self, return_1e9: int) -> None:
        squares, square = self._squares, return_1e9 * return_1e9
        for index, seconds in enumerate(RV_SECONDS):
            gone = squares[-seconds] if len(squares) >= seconds else 0
            self._sums[index] += square - gone
        squares.append(square)

    def _volatility_now(self) -> tuple[int, ...]:
        """Root of the summed squared returns in bps; 0 until a window was seen whole."""
        seen = len(self._squares)
        return tuple(
            min(isqrt(total) // 10**5, _U32_MAX) if seen >= seconds else 0
            for total, seconds in zip(self._sums, RV_SECONDS, strict=True)
        )


def microprice(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """The touch weighted by the opposite sizes; 0 when a side is empty."""
    if not (bids and asks):
        return 0
    (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
    size = bid_size + ask_size
    return (bid * ask_size + ask * bid_size) // size if size else (bid + ask) // 2


def depth_imbalance(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """(bid - ask) / (bid + ask) over all levels of the delivered book x 10^4."""
    bid, ask = sum([size for _, size in bids]), sum([size for _, size in asks])
    return _toward_zero((bid - ask) * 10_000, bid + ask) if bid + ask else 0


def _add_flow(flow: list[int], now: Sequence[Level], before: Sequence[Level], sign: int) -> None:
    """Order flow of each level of one side, after Cont, Kukanov and Stoikov.

    A level that is better than the one that stood at its place brought its whole size, one that is worse took the old
    size away, one at the same price the difference. ``sign`` 1: bids, -1: asks, whose flow counts the other way.
    """
    for level in range(FLOW_LEVELS):
        px, size = now[level] if level < len(now) else (0, 0)
        old_px, old_size = before[level] if level < len(before) else (0, 0)
        if px == old_px:
            change = size - old_size
        elif not old_px or (px and (px - old_px) * sign > 0):
            change = size
        else:
            change = -old_size
        flow[level] += sign * change


def _fit(value: int) -> int:
    return max(-_I64_MAX, min(_I64_MAX, value))


def _toward_zero(numerator: int, denominator: int) -> int:
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
