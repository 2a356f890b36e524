"""What the answers of `readings` look like, as `answers` has those of deployments."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sequence_paper.api.answers import Answer


class CapitalAnswer(Answer):
    """What trading has come to. `available_usd_1e9`: dollars that were given and no order holds; null: none were given,
    then there are as many as anybody likes."""

    available_usd_1e9: int | None
    cash_usd_1e9: int
    nav_usd_1e9: int


class KillSwitchAnswer(Answer):
    """The switch of the caller's account and mode."""

    active: bool
    reason: str | None
    since_ns: int | None = Field(description="wall clock; null while it is off")


class SwitchedAnswer(KillSwitchAnswer):
    """By edge: whether it holds there already; where not, the edge reads it within a second."""

    edges: dict[str, bool]


class AccountAnswer(Answer):
    """Whose key it is."""

    account_id: str
    name: str
    mode: Literal["live", "sandbox"]
    tier: str
    rate_limit_qps: int
    capital: CapitalAnswer
    kill_switch: KillSwitchAnswer


class FillAnswer(Answer):
    """One execution; a negative fee is a rebate."""

    fill_id: str
    node_order_id: str
    deployment_id: str
    deployment: str
    label: str
    edge_id: str
    venue: str
    symbol: str
    is_sandbox: bool
    is_prediction: bool
    side: Literal["buy", "sell"]
    price_1e9: int
    qty_1e8: int
    fee_1e9: int
    liquidity: Literal["maker", "taker"]
    realized_pnl_1e9: int
    feed_state: str
    certainty: str | None
    ts_ns: int


class OrderAnswer(Answer):
    """One order; `price_1e9` is null for market orders. `fills` comes with a single order only."""

    node_order_id: str
    order_id: str
    graph_id: str
    node_id: str
    parent_id: str | None
    client_order_id: str
    deployment_id: str
    deployment: str
    label: str
    edge_id: str
    venue: str
    instrument_type: Literal["spot", "perp"]
    symbol: str
    is_sandbox: bool
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    tif: Literal["gtc", "gtd", "ioc", "fok", "post_only"]
    expire_ns: int | None
    reduce_only: bool
    price_1e9: int | None
    qty_1e8: int
    filled_qty_1e8: int
    avg_fill_price_1e9: int | None
    fees_1e9: int
    status: Literal["NEW", "OPEN", "PARTIALLY_FILLED", "FILLED", "PARTIAL", "CANCELLED", "REJECTED"]
    is_terminal: bool
    failure_reason: str | None
    reject_code: int | None
    created_ns: int
    updated_ns: int
    fills: list[FillAnswer] = Field(default_factory=list)


class Page(Answer):
    """`total` counts all that match, `has_more` tells whether some come after this page."""

    total: int
    limit: int
    offset: int
    has_more: bool


class OrdersAnswer(Page):
    """Newest first."""

    orders: list[OrderAnswer]


class FillsAnswer(Page):
    """Newest first."""

    fills: list[FillAnswer]


class ClockAnswer(Answer):
    """The clock of another edge minus this one's, as probes between them tell; `bound_ns` bounds the error."""

    edge_id: str
    offset_ns: int
    bound_ns: int
    p50_ns: int | None
    p99_ns: int | None
    lost: int
    last_ns: int
    stale: bool


class EdgeAnswer(Answer):
    """One edge; `instances` and `callback_latency_ns` are what it hosts now, null when that is not known."""

    edge_id: str
    venue: str
    instrument_type: Literal["spot", "perp"]
    region: str
    remote: bool
    alive: bool
    last_heartbeat: int = Field(description="Unix seconds; 0: it left in an orderly way")
    symbols: list[str]
    feed: dict[str, Any]
    clock: list[ClockAnswer]
    instances: int | None
    callback_latency_ns: dict[Literal["p50", "p99"], int] | None = Field(
        description="nanoseconds, over all its instances; null before the first callback"
    )


class EdgesAnswer(Answer):
    """By id."""

    edges: list[EdgeAnswer]


class InstrumentAnswer(Answer):
    """`crypto` for spot."""

    kind: Literal["crypto", "perp"]
    symbol: str


class PositionAnswer(Answer):
    """A position of (deployment name, venue, symbol), valued at the last mark."""

    id: int
    venue: str
    deployment: str
    instrument: InstrumentAnswer
    qty_1e8: int
    locked_qty_1e8: int
    available_qty_1e8: int
    entry_price_usd_1e9: int
    current_price_usd_1e9: int
    current_value_usd_1e9: int
    unrealized_pnl_usd_1e9: int
    realized_pnl_usd_1e9: int
    session_realized_pnl_usd_1e9: int
    fees_usd_1e9: int
    lifecycle: dict[str, str]
    transferable: bool
    settled: bool
    settled_mark_usd_1e9: int | None
    updated_ns: int


class BalanceAnswer(Answer):
    """`counted`: it was given, so it can run short. `reserved_1e9`: what open orders may still need."""

    venue: str
    asset: str
    total_1e9: int
    reserved_1e9: int
    available_1e9: int | None
    counted: bool


class BalancesAnswer(Answer):
    """By venue and asset."""

    balances: list[BalanceAnswer]
    as_of_ns: int


class PositionsAnswer(Answer):
    """Positions shown, and totals over all of them."""

    positions: list[PositionAnswer]
    totals: dict[str, int]
    as_of_ns: int
