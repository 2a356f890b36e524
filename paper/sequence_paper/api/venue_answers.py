"""What the answers of `venues` look like, as `answers` has those of deployments."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sequence_paper.api.answers import Answer


class FeesAnswer(Answer):
    """Parts per million of notional: 16 bps = 1600."""

    maker_ppm: int
    taker_ppm: int


class VenueAnswer(Answer):
    """One venue over all its edges; `edges` are those that are there now."""

    venue: str
    connected: bool
    instrument_types: list[Literal["spot", "perp"]]
    symbols: list[str]
    edges: list[str]
    last_heartbeat: int = Field(description="Unix seconds; 0: every edge left in an orderly way")
    fees: FeesAnswer | None


class VenuesAnswer(Answer):
    """By name."""

    venues: list[VenueAnswer]


class CredentialAnswer(Answer):
    """A connected venue; secrets are never returned."""

    venue: str
    status: Literal["connected"]
    requires_credentials: bool


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
    """The account's limits."""

    limits: LimitsAnswer
