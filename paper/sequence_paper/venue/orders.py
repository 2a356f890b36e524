"""Orders and what happens to them. Units as everywhere: ``_1e9`` prices and money, ``_1e8`` quantities, ns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

from sequence_paper.feed.events import FeedState, Side


class OrderType(IntEnum):
    """Values are those of the WASM interface's ``Action.order_type``."""

    LIMIT = 0
    MARKET = 1
    IOC = 2
    FOK = 3
    POST_ONLY = 4


class RejectCode(IntEnum):
    """Values are those of the WASM interface's ``Reject.code``: below 100 the venue's word, from 100 risk's."""

    UNKNOWN = 0
    INSUFFICIENT_BALANCE = 1
    INVALID_PARAMS = 2
    RATE_LIMIT = 3
    EXCHANGE_BUSY = 4
    NETWORK = 5
    AUTH = 6
    RISK_CHECK_FAILED = 100
    POSITION_LIMIT = 101
    KILL_SWITCH = 102
    PRICE_DEVIATION = 103
    DAILY_LOSS_LIMIT = 104
    BAD_VENUE = 105
    STALE_VENUE = 106


class CancelReason(StrEnum):
    """Why an accepted order ended unfilled."""

    REQUESTED = "requested"
    IOC_REMAINDER = "ioc-remainder"
    FOK_UNFILLABLE = "fok-unfillable"
    NO_LIQUIDITY = "no-liquidity"
    SELF_TRADE = "self-trade"
    EXPIRED = "expired"
    REDUCE_ONLY = "reduce-only"


class Certainty(StrEnum):
    """How far a fill depends on where we stood in the queue, by cumulative quantity of the order.

    CERTAIN: the risk-averse model had filled as much by then; every fill of a taker. LIKELY: the calibrated model
    had, the risk-averse one not. POSSIBLE: only the optimistic one had (a market fills so only if told to).
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class SelfTrade(StrEnum):
    """What happens when an order would meet an order of its own account."""

    CANCEL_NEWEST = "cancel-newest"
    CANCEL_OLDEST = "cancel-oldest"
    CANCEL_BOTH = "cancel-both"
    DECREMENT = "decrement"
    """Both lose the smaller of the two quantities; the smaller order ends."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request to a venue.

    ``key``: unique among live orders of the market. ``account``: the scope of consumed liquidity and of self-trade
    prevention (account id and mode, e.g. ``acct_1/sandbox``). ``owner``: who gets the executions (the instance).
    ``px_1e9``: limit, 0 for MARKET. ``qty_1e8``: positive. ``expire_ns``: 0 = good till cancelled. ``group``: whose
    position it changes (the deployment's name). ``reduce_only``: it may only bring that position nearer to zero.
    """

    key: str
    account: str
    owner: str
    symbol: str
    side: Side
    type: OrderType
    qty_1e8: int
    px_1e9: int = 0
    expire_ns: int = 0
    group: str = ""
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A resting order as the venue sees it. ``ahead_1e8``: estimated quantity in front of it at its price."""

    key: str
    account: str
    owner: str
    symbol: str
    side: Side
    px_1e9: int
    qty_1e8: int
    filled_1e8: int
    ahead_1e8: int
    accepted_ns: int


@dataclass(frozen=True, slots=True)
class Acked:
    """Accepted; ``px_1e9`` and ``qty_1e8`` after rounding. ``rests`` tells whether it is now in the book."""

    key: str
    owner: str
    ts_ns: int
    px_1e9: int
    qty_1e8: int
    ahead_1e8: int
    rests: bool


@dataclass(frozen=True, slots=True)
class Filled:
    """One execution. ``qty_1e8`` of this fill (positive), ``remaining_1e8`` after it; fee negative = rebate.

    ``feed``: state of the data it rests on.
    """

    key: str
    owner: str
    ts_ns: int
    side: Side
    px_1e9: int
    qty_1e8: int
    remaining_1e8: int
    maker: bool
    fee_1e9: int
    feed: FeedState = FeedState.OK
    certainty: Certainty = Certainty.CERTAIN


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Ended with ``remaining_1e8`` unfilled; ``possible_1e8``: what the optimistic queue had filled of that."""

    key: str
    owner: str
    ts_ns: int
    remaining_1e8: int
    reason: CancelReason
    possible_1e8: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never accepted (or, for ``amend``/``cancel`` of an unknown key, request refused); ``reason`` is a sentence."""

    key: str
    owner: str
    ts_ns: int
    code: RejectCode
    reason: str


@dataclass(frozen=True, slots=True)
class Amended:
    """New total quantity and price; ``kept_place`` False = it went to the back of the queue."""

    key: str
    owner: str
    ts_ns: int
    px_1e9: int
    qty_1e8: int
    kept_place: bool


Execution: TypeAlias = Acked | Filled | Cancelled | Rejected | Amended
