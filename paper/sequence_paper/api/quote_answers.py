"""What `quotes` is asked and what its answers look like, as `answers` has those of deployments.

Numbers without a unit in their name are for display; those with one are for arithmetic.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from sequence_paper.api.answers import Answer
from sequence_paper.api.bodies import Symbol

MAX_BATCH = 2000


class BatchBody(BaseModel):
    """Unknown keys are passed over: clients send some that mean nothing here."""

    model_config = ConfigDict(extra="ignore")

    symbols: Annotated[list[str], Field(max_length=MAX_BATCH)]
    depth: Annotated[int, Field(ge=1, le=100)] = 10
    nowait: bool = True
    concurrency: Annotated[int, Field(ge=1, le=256)] = 64
    instrument_type: Literal["spot", "perp", "prediction"] | None = None


class NbboAnswer(Answer):
    """The best of all venues; mid and spread are 0 while the venues cross, all is null without a price."""

    bid: float | None
    ask: float | None
    mid: float | None
    spread_bps: float | None
    bid_px_1e9: int | None
    ask_px_1e9: int | None
    bid_sz_1e8: int | None
    ask_sz_1e8: int | None


class VenueQuoteAnswer(Answer):
    """One venue's best, as last shown; it counts for the NBBO only while it is `usable`."""

    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    bid_px_1e9: int | None
    ask_px_1e9: int | None
    bid_sz_1e8: int | None
    ask_sz_1e8: int | None
    age_ms: int = Field(description="since its edge last showed it")
    ts_ns: int = Field(description="time of the data, which a replay simulates")
    state: Literal["ok", "gap", "crossed", "stale", "ended", "away"]
    usable: bool
    edge_id: str


class LevelsAnswer(Answer):
    """`[[price, size], …]`, best first; and the same in integers."""

    bids: list[list[float]]
    asks: list[list[float]]
    bids_1e9_1e8: list[list[int]]
    asks_1e9_1e8: list[list[int]]


class BriefQuoteAnswer(Answer):
    """Without the book. `age_ms`: of the newest venue."""

    symbol: str
    source: Literal["edge_nbbo", "unavailable"]
    crossed: bool
    nbbo: NbboAnswer
    venues: dict[str, VenueQuoteAnswer]
    age_ms: int | None
    ts_ns: int | None


class QuoteAnswer(BriefQuoteAnswer):
    """One symbol."""

    book: LevelsAnswer


class QuotesAnswer(Answer):
    """In the order asked for."""

    quotes: list[BriefQuoteAnswer]
    count: int


class NoQuoteAnswer(Answer):
    """Why there is none."""

    symbol: str
    error: str


class BatchAnswer(Answer):
    """In the order asked for."""

    quotes: list[QuoteAnswer | NoQuoteAnswer]
    count: int
    elapsed_ms: int


class SymbolAnswer(Answer):
    """`connected`: an edge that trades it is there now."""

    symbol: Symbol
    base: str
    quote: str
    instrument_type: Literal["spot", "perp"]
    venues: list[str]
    connected: bool


class SymbolsAnswer(RootModel[list[SymbolAnswer]]):
    """By name."""


class FeeAnswer(Answer):
    """null: unknown, do not route there. A negative maker fee is a rebate."""

    venue: str
    maker_bps: float | None
    taker_bps: float | None
    maker_ppm: int | None
    taker_ppm: int | None


class PairVenueAnswer(FeeAnswer):
    """A venue that trades the symbol."""

    edge_id: str
    instrument_type: Literal["spot", "perp"]
    connected: bool
    tick_size_1e9: int | None
    lot_size_1e8: int | None
    min_qty_1e8: int | None
    min_notional_1e9: int | None


class PairAnswer(Answer):
    """By venue."""

    symbol: str
    venues: list[PairVenueAnswer]


class FeesAnswer(Answer):
    """By venue."""

    ticker: str
    fees: list[FeeAnswer]


class FairPriceAnswer(Answer):
    """`fair_price` null: a side is empty, the venues cross, or no edge shows the symbol."""

    underlying: str
    symbol: str
    fair_price: float | None
    fair_price_1e9: int | None
    mid: float | None
    levels: int
    venues: list[str]
    source: Literal["edge_nbbo", "unavailable"]
    ts_ns: int | None


class FairPricesAnswer(Answer):
    """By symbol."""

    fair_prices: list[FairPriceAnswer]
