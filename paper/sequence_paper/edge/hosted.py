"""One instance as its edge holds it: desired row, sandbox, open orders, counters, and what the algo may see of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from sequence_paper.edge import abi
from sequence_paper.edge.algo_state import OpenOrderView, StateWriter
from sequence_paper.edge.holding import Holding
from sequence_paper.edge.latency import LatencyHistogram
from sequence_paper.edge.sandbox import Sandbox
from sequence_paper.edge.trace import OrderTrace
from sequence_paper.feed.events import Side
from sequence_paper.store.intents import Intent
from sequence_paper.store.records import DesiredInstance, Observation, OrderCounts
from sequence_paper.store.words import InstanceStatus, Json
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import OrderType
from sequence_paper.venue.risk import RiskGate, RiskLimits, RiskState

MAX_WAITING_MESSAGES: Final = 256

PENDING, ACKED, PARTIAL = 0, 1, 2


@dataclass(slots=True)
class LiveOrder:
    """An order that may still fill. ``status`` as ``AlgoState`` shows it; quantities positive."""

    order_id: str
    algo_id: int
    symbol: str
    side: Side
    type: OrderType
    qty_1e8: int
    px_1e9: int
    created_ns: int
    status: int = PENDING
    filled_1e8: int = 0
    notional_1e9: int = 0
    fees_1e9: int = 0
    decision_mid_1e9: int = 0
    trace: OrderTrace = field(default_factory=OrderTrace)
    parent_id: str | None = None
    leaving: bool = False  # a cancel of the algo's is on its way to the venue
    expire_ns: int = 0  # on the feed's clock; 0: good till cancelled
    reduce_only: bool = False
    elsewhere: Market | None = None  # the market it was sent to, if that is not the one of its symbol here

    def view(self) -> OpenOrderView:
        return OpenOrderView(self.algo_id, self.px_1e9, self.qty_1e8, self.filled_1e8, self.side, self.status)


@dataclass(slots=True)
class LiveIntent:
    """What an algo asked the platform to trade anywhere, as far as it has heard of it. ``row`` as stored."""

    row: Intent
    filled_1e8: int = 0

    @property
    def left_1e8(self) -> int:
        return self.row.qty_1e8 - self.filled_1e8


@dataclass(slots=True)
class Counts:
    """Since registration; ``open`` is a level and kept by the order table."""

    submitted: int = 0
    filled: int = 0
    rejected: int = 0
    cancelled: int = 0


@dataclass(slots=True, eq=False)
class Slot:
    """One subscribed symbol of an instance. ``symbol_id`` is 1-based in the order of subscription."""

    symbol: str
    symbol_id: int
    market: Market
    holding: Holding
    writer: StateWriter
    orders_changed: bool = True
    _shown: int = -1
    _marked: int = 0

    def refresh(self, views: list[OpenOrderView] | None) -> bytearray:
        """Bring the state bytes up to date and return them. ``views``: open orders, None = unchanged."""
        holding = self.holding
        position = holding.position
        if holding.version != self._shown:
            self._shown = holding.version
            self.writer.position(
                position.qty_1e8,
                position.avg_entry_1e9,
                position.net_1e9,
                holding.session_1e9,
                holding.fill_count,
            )
            self.writer.unrealized(0)
            self._marked = 0
        if position.qty_1e8 and (mark := self.mark()) != self._marked:
            self._marked = mark
            self.writer.unrealized(position.unrealized_1e9(mark))
        if views is not None:
            self.writer.orders(views)
        return self.writer.data

    def mark(self) -> int:
        """Mid of the book, 0 when a side is empty."""
        bid, ask = self.market.best()
        return (bid + ask) // 2 if bid and ask else 0


@dataclass(slots=True, eq=False)
class Hosted:
    """``sandbox`` is None while nothing is loaded: refused modules, faulted instances.

    ``guest``: somebody who only trades here and is hosted nowhere or elsewhere; nothing is observed or logged of it.
    """

    want: DesiredInstance
    slots: list[Slot] = field(default_factory=list)
    sandbox: Sandbox | None = None
    status: InstanceStatus = "pending"
    error: str = ""
    pause_reason: str | None = None
    applied_revision: int = 0
    applied_starts: int = 0
    reduce_only: bool = False
    gate: RiskGate = field(default_factory=lambda: RiskGate(RiskLimits()))
    counts: Counts = field(default_factory=Counts)
    orders: dict[str, LiveOrder] = field(default_factory=dict)
    by_algo_id: dict[int, LiveOrder] = field(default_factory=dict)
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    update_count: int = 0
    callbacks: int = 0
    order_number: int = 0  # of the last order, over all processes that hosted this registration
    config_seq: int = 0
    params: list[abi.Param] = field(default_factory=list)
    sends: dict[int, str] = field(default_factory=dict)
    hears: dict[str, int] = field(default_factory=dict)
    inbox: deque[tuple[str, int, bytes]] = field(default_factory=deque)
    rejected_second: int = -1
    rejected_in_second: int = 0
    guest: bool = False
    intents: dict[str, LiveIntent] = field(default_factory=dict)
    away_1e8: dict[str, int] = field(default_factory=dict)
    """By symbol: what intents have brought at other edges since this process began, for the limits only."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.want.deployment_id, self.want.label)

    @property
    def owner(self) -> str:
        """How the markets name this instance."""
        own = f"{self.want.deployment_id}/{self.want.label}"
        return f"{self.account}/{own}" if self.guest else own

    @property
    def account(self) -> str:
        """The scope of consumed liquidity and of self-trade prevention."""
        return f"{self.want.account_id}/{self.want.mode}"

    @property
    def warm(self) -> bool:
        """Loaded, subscribed, and every book has two sides."""
        return self.sandbox is not None and all(slot.mark() for slot in self.slots)

    def state(self, slot: Slot) -> bytearray:
        """``AlgoState`` for a callback about ``slot``: its symbol's position and orders."""
        views = None
        if slot.orders_changed:
            slot.orders_changed = False
            views = [order.view() for order in self.orders.values() if order.symbol == slot.symbol]
        return slot.refresh(views)

    def state_of_all(self) -> bytearray:
        """``AlgoState`` for a callback without a symbol: the first symbol's position, the orders of all.

        So that ``cancel_all`` in a shutdown callback reaches every symbol.
        """
        first = self.slots[0]
        if len(self.slots) == 1:
            return self.state(first)
        first.orders_changed = True
        return first.refresh([order.view() for order in self.orders.values()])

    def session_1e9(self) -> int:
        """Realised since UTC midnight after fees, over all symbols."""
        return sum(slot.holding.session_1e9 for slot in self.slots)

    def risk_state(self, slot: Slot, without: str = "") -> RiskState:
        """For the gate; ``without``: an order that is about to be replaced."""
        left = {1: 0, -1: 0}
        for order in self.orders.values():
            if order.symbol == slot.symbol and order.order_id != without:
                left[order.side] += order.qty_1e8 - order.filled_1e8
        for intent in self.intents.values():
            if intent.row.symbol == slot.symbol:
                left[1 if intent.row.side == "buy" else -1] += intent.left_1e8
        return RiskState(
            position_1e8=slot.holding.position.qty_1e8 + self.away_1e8.get(slot.symbol, 0),
            open_buy_1e8=left[1],
            open_sell_1e8=left[-1],
            open_orders=len(self.orders) - (without in self.orders) + len(self.intents),
            session_pnl_1e9=self.session_1e9(),
        )

    def only_reduces(self, slot: Slot, side: int, qty_1e8: int, without: str = "") -> bool:
        """Whether an order can do nothing but bring the position nearer to zero, whatever else on its side fills."""
        state = self.risk_state(slot, without)
        pending = state.open_buy_1e8 if side > 0 else state.open_sell_1e8
        return qty_1e8 + pending <= -state.position_1e8 * side

    def add(self, order: LiveOrder) -> None:
        self.orders[order.order_id] = order
        self.by_algo_id[order.algo_id] = order
        self.touch(order.symbol)

    def drop(self, order: LiveOrder) -> None:
        self.orders.pop(order.order_id, None)
        if self.by_algo_id.get(order.algo_id) is order:
            del self.by_algo_id[order.algo_id]
        self.touch(order.symbol)

    def touch(self, symbol: str) -> None:
        """The orders of a symbol look different now."""
        for slot in self.slots:
            if slot.symbol == symbol:
                slot.orders_changed = True

    def observation(self, now_ns: int) -> Observation:
        """What is stored about this instance; ``now_ns`` is wall time."""
        counts = self.counts
        return Observation(
            deployment_id=self.want.deployment_id,
            label=self.want.label,
            status=self.status,
            warm=self.warm,
            applied_revision=self.applied_revision,
            applied_starts=self.applied_starts,
            heartbeat_ns=now_ns,
            error=self.error,
            pause_reason=self.pause_reason,
            update_count=self.update_count,
            callbacks=self.callbacks,
            latency_p50_ns=self.latency.percentile(0.5),
            latency_p99_ns=self.latency.percentile(0.99),
            orders=OrderCounts(
                open=len(self.orders),
                submitted=counts.submitted,
                filled=counts.filled,
                rejected=counts.rejected,
                cancelled=counts.cancelled,
            ),
        )


def limits_of(risk: Json) -> RiskLimits:
    """Effective limits by wire name; a missing key means no limit, but never more than 32 open orders."""
    return RiskLimits(
        max_position_1e8=int(risk.get("max_position_1e8", 0)),
        max_order_notional_1e9=int(risk.get("max_order_notional_1e9", 0)),
        max_order_rate=int(risk.get("max_order_rate", 0)),
        max_daily_loss_1e9=int(risk.get("max_daily_loss_1e9", 0)),
        max_price_deviation_bps=int(risk.get("max_price_deviation_bps", 0)),
        max_open_orders=min(int(risk.get("max_open_orders", abi.MAX_ORDERS)), abi.MAX_ORDERS),
    )


def params_of(params: list[Json]) -> list[abi.Param]:
    """Effective parameters ``[{name, slot, type, value}]`` as the config region wants them."""
    return [abi.Param(p["name"], int(p["slot"]), p["type"], p["value"]) for p in params]
