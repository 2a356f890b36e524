"""What the answers of `venues` look like, as `answers` has those of deployments."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sequence_paper.api.answers import Answer
from sequence_paper.api.reading_answers import KillSwitchAnswer


class FeesAnswer(Answer):
    """Parts per million of notional: 16 bps = 1600."""

    maker_ppm: int
    taker_ppm: int


class MarketAnswer(Answer):
    """A symbol at a venue. `state` and `age_ms` are of the book last shown, null before the first."""

    symbol: str
    tick_size_1e9: int | None
    lot_size_1e8: int | None
    min_qty_1e8: int | None
    min_notional_1e9: int | None
    state: str | None
    usable: bool = Field(description="fresh and believed: it counts in quotes")
    age_ms: int | None


class VenueAnswer(Answer):
    """One venue over all its edges; `edges` are those that are there now."""

    venue: str
    connected: bool
    instrument_types: list[Literal["spot", "perp"]]
    symbols: list[str]
    edges: list[str]
    last_heartbeat: int = Field(description="Unix seconds; 0: every edge left in an orderly way")
    fees: FeesAnswer | None
    markets: list[MarketAnswer]


class VenuesAnswer(Answer):
    """By name."""

    venues: list[VenueAnswer]


class CredentialAnswer(Answer):
    """A venue; secrets are never returned. `readable` false: the key they were sealed with is not there any more."""

    venue: str
    status: Literal["connected", "disconnected"]
    requires_credentials: bool
    stored: bool
    stored_ns: int | None
    readable: bool | None


class CredentialsAnswer(Answer):
    """By name."""

    credentials: list[CredentialAnswer]


class LimitsAnswer(Answer):
    """In the words of a deployment's `risk`; null is no limit."""

    max_position_1e8: int | None
    max_order_notional_1e9: int | None
    max_order_rate: int | None
    max_daily_loss_1e9: int | None
    max_price_deviation_bps: int | None
    max_open_orders: int | None


class RiskLimitsAnswer(Answer):
    """The account's limits, and whether it may send anything new."""

    limits: LimitsAnswer
    kill_switch: KillSwitchAnswer
