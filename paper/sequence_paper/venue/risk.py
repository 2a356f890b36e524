"""Limits checked before an order leaves an edge, with the reject codes of the WASM interface.

Codes below 100 are a venue's word, so everything refused here is 100 or above, the order rate too.
Order of the checks: daily loss, order rate, open orders, notional, position, price. A refused order
is not counted against the rate: a limit must not lock an algo out because it was refused.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, replace

from sequence_paper.feed.events import BUY
from sequence_paper.venue.fees import notional_1e9
from sequence_paper.venue.orders import Order, OrderType, RejectCode

_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Effective limits of an instance; 0 = no limit."""

    max_position_1e8: int = 0
    max_order_notional_1e9: int = 0
    max_order_rate: int = 0
    max_daily_loss_1e9: int = 0
    max_price_deviation_bps: int = 0
    max_open_orders: int = 32


@dataclass(frozen=True, slots=True)
class RiskState:
    """What the gate needs to know of the instance at this moment.

    ``position_1e8`` signed; ``open_buy_1e8``/``open_sell_1e8``: unfilled quantity resting on each side;
    ``session_pnl_1e9``: the figure the algo sees, since UTC midnight.
    """

    position_1e8: int
    open_buy_1e8: int
    open_sell_1e8: int
    open_orders: int
    session_pnl_1e9: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order does not leave; ``pauses``: the instance must be paused, ``reason`` says why.

    ``check``: the limit that refused, by its wire name, with the ``value`` that was held against ``limit``.
    """

    code: RejectCode
    reason: str
    pauses: bool = False
    check: str = ""
    value: int | None = None
    limit: int | None = None


class RiskGate:
    """One per instance; keeps only the order-rate window. ``limits`` may be replaced while running."""

    def __init__(self, limits: RiskLimits) -> None:
        self.limits = limits
        self._sent: deque[int] = deque()

    @property
    def limits(self) -> RiskLimits:
        return self._limits

    @limits.setter
    def limits(self, limits: RiskLimits) -> None:
        self._limits = limits
        self.checks = {name: limit for name, limit in asdict(limits).items() if limit}
        """What ``check`` holds an order against: limits that are set, by wire name. Read, do not change."""

    def check(self, order: Order, state: RiskState, best: tuple[int, int], now_ns: int) -> Refusal | None:
        """None = may leave, and is counted. ``best``: (bid, ask) px of the symbol, 0 = empty side."""
        refusal = (
            self.breached(state.session_pnl_1e9)
            or self._too_fast(now_ns)
            or self._too_many(state)
            or self._too_large(order, best)
            or self._position(order, state)
            or self._too_far(order, best)
        )
        if refusal is None:
            self._sent.append(now_ns)
        return refusal

    def check_amend(
        self, order: Order, filled_1e8: int, state: RiskState, best: tuple[int, int], now_ns: int
    ) -> Refusal | None:
        """As ``check`` for an order already resting, given with its new price and new total quantity.

        ``state`` must not count the order itself among the open ones. It adds no open order and passes the
        daily-loss and rate checks like a new one.
        """
        left = replace(order, qty_1e8=max(0, order.qty_1e8 - filled_1e8))
        return self.check(left, state, best, now_ns)

    def breached(self, session_pnl_1e9: int) -> Refusal | None:
        """The daily-loss check alone, for use after each fill and mark."""
        limit = self.limits.max_daily_loss_1e9
        if not limit or session_pnl_1e9 >= -limit:
            return None
        why = f"session PnL {session_pnl_1e9} is below the daily loss limit -{limit} (both _1e9)"
        return Refusal(RejectCode.DAILY_LOSS_LIMIT, why, True, "max_daily_loss_1e9", session_pnl_1e9, -limit)

    def _too_fast(self, now_ns: int) -> Refusal | None:
        limit = self.limits.max_order_rate
        if not limit:
            self._sent.clear()
            return None
        while self._sent and now_ns - self._sent[0] >= _SECOND_NS:
            self._sent.popleft()
        if len(self._sent) < limit:
            return None
        why = f"more than {limit} orders within one second"
        return _failed(why, "max_order_rate", len(self._sent) + 1, limit)

    def _too_many(self, state: RiskState) -> Refusal | None:
        limit = self.limits.max_open_orders
        if not limit or state.open_orders < limit:
            return None
        why = f"{state.open_orders} orders are open, the limit is {limit}"
        return _failed(why, "max_open_orders", state.open_orders, limit)

    def _too_large(self, order: Order, best: tuple[int, int]) -> Refusal | None:
        limit = self.limits.max_order_notional_1e9
        px = order.px_1e9 or (best[1] if order.side == BUY else best[0])
        notional = notional_1e9(px, order.qty_1e8)
        if not limit or notional <= limit:
            return None
        why = f"order notional {notional} is above the limit {limit} (both _1e9)"
        return _failed(why, "max_order_notional_1e9", notional, limit)

    def _position(self, order: Order, state: RiskState) -> Refusal | None:
        """Everything open on the order's side may fill; an order that only reduces always passes."""
        limit = self.limits.max_position_1e8
        if not limit:
            return None
        signed = state.position_1e8 * order.side
        pending = state.open_buy_1e8 if order.side == BUY else state.open_sell_1e8
        reach = signed + pending + order.qty_1e8
        if reach <= limit or reach <= 0:
            return None
        why = f"position could reach {reach * order.side}, the limit is {limit} (both _1e8)"
        return Refusal(RejectCode.POSITION_LIMIT, why, False, "max_position_1e8", reach * order.side, limit)

    def _too_far(self, order: Order, best: tuple[int, int]) -> Refusal | None:
        """A limit price may lie beyond the touch by at most so much, on either side of the book.

        Above the ask it is a fat finger; far below the bid it is as often a mistake in units. Between the two
        there is nothing to measure.
        """
        limit = self.limits.max_price_deviation_bps
        if not limit or order.type is OrderType.MARKET:
            return None
        bid, ask = best[0] or best[1], best[1] or best[0]
        px = order.px_1e9
        reference, off = (ask, px - ask) if px > ask else (bid, bid - px)
        if not reference or off * 10_000 <= limit * reference:
            return None
        bps = off * 10_000 // reference
        why = f"price {px} is {bps} bps from {reference} (both _1e9), the limit is {limit}"
        return Refusal(RejectCode.PRICE_DEVIATION, why, False, "max_price_deviation_bps", bps, limit)


def _failed(why: str, check: str, value: int, limit: int) -> Refusal:
    return Refusal(RejectCode.RISK_CHECK_FAILED, why, False, check, value, limit)
