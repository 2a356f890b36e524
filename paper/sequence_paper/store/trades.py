"""What trading leaves behind. Units and clocks as in `records`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sequence_paper.store.words import InstrumentType, Mode, OrderStatus


@dataclass(frozen=True, slots=True)
class Order:
    """One order at its newest state; written again under the same `order_id` whenever it changes.

    `order_id` has the form `graph:<graph_id>:<node_id>:<seq>`. `client_key` is the id the algo chose.
    `price_1e9` is None for market orders. `failure_reason` is a word such as `POSITION_LIMIT`, `reject_code` the
    number an algo sees.
    """

    order_id: str
    account_id: str
    mode: Mode
    deployment_id: str
    deployment: str
    label: str
    edge_id: str
    venue: str
    instrument_type: InstrumentType
    symbol: str
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    tif: Literal["gtc", "gtd", "ioc", "fok", "post_only"]
    price_1e9: int | None
    qty_1e8: int
    filled_qty_1e8: int
    filled_notional_1e9: int
    fees_1e9: int
    status: OrderStatus
    created_ns: int
    updated_ns: int
    client_key: int = 0
    reject_code: int | None = None
    failure_reason: str | None = None
    decision_mid_1e9: int = 0
    """Mid of the book the algo saw when it decided; 0 when a side was empty."""
    parent_id: str | None = None
    """The routed order that this is a leg of."""
    expire_ns: int | None = None
    """On the feed's clock; None for what is good till cancelled."""
    reduce_only: bool = False
    """It may only bring the position nearer to zero."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `fill_id` is unique for ever; writing it twice is the same fill. A rebate is a negative fee."""

    fill_id: str
    order_id: str
    account_id: str
    mode: Mode
    deployment_id: str
    deployment: str
    label: str
    edge_id: str
    venue: str
    instrument_type: InstrumentType
    symbol: str
    side: Literal["buy", "sell"]
    price_1e9: int
    qty_1e8: int
    fee_1e9: int
    liquidity: Literal["maker", "taker"]
    realized_pnl_1e9: int
    ts_ns: int
    mid_1e9: int = 0
    feed_state: str = "live"
    certainty: str | None = None
    """certain, likely or possible; None for fills stored before it was known."""


@dataclass(frozen=True, slots=True)
class Position:
    """Position of (account, mode, deployment name, venue, symbol); it outlives the registration.

    `realized_pnl_1e9` is before fees, `fees_1e9` what was paid, `session_realized_pnl_1e9` is after fees and belongs to
    `session_day` (UTC day number of the feed clock). `fill_count` and the first two only grow, over all registrations,
    until a sandbox is reset. `cost_1e9` is the signed money paid for what is held, of which the average is a rounding;
    None in rows of before it was kept.
    """

    account_id: str
    mode: Mode
    deployment: str
    venue: str
    symbol: str
    instrument_type: InstrumentType
    qty_1e8: int
    avg_entry_1e9: int
    realized_pnl_1e9: int
    session_day: int
    session_realized_pnl_1e9: int
    fees_1e9: int
    mark_1e9: int
    updated_ns: int
    fill_count: int = 0
    cost_1e9: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One movement of one asset. `amount_1e9`: units of the asset × 10^9 (signed).

    trade, fee, rebate: of a fill · deposit: given to a sandbox, or taken back · reset: brings what was traded to zero.
    """

    entry_id: str
    account_id: str
    mode: Mode
    deployment: str
    venue: str
    kind: Literal["trade", "fee", "rebate", "deposit", "reset"]
    asset: str
    amount_1e9: int
    ref: str
    ts_ns: int
