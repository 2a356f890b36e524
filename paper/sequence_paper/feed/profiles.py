"""How generated symbols and venues look: price, grid, volatility, sizes, lag, rate."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class SymbolProfile:
    """``step_1e9``: distance of levels. ``sigma``: volatility per square-root second. Sizes ``_1e8``."""

    base_1e9: int
    step_1e9: int
    sigma: float
    size_1e8: int
    lot_1e8: int


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """``lag_ns``: how far behind the latent price. ``basis_sigma``: the venue's own walk beside it, as ``sigma``.

    ``changes_per_second``: of the book, besides those that follow the price. ``size_factor``: how deep it is.
    """

    lag_ns: int
    basis_sigma: float
    changes_per_second: float
    size_factor: float


SYMBOLS = MappingProxyType(
    {
        "BTC-USD": SymbolProfile(78_000 * 10**9, 10**9, 4.5e-5, 30_000_000, 10_000),
        "ETH-USD": SymbolProfile(2_300 * 10**9, 50_000_000, 6e-5, 400_000_000, 100_000),
    }
)
VENUES = MappingProxyType(
    {
        "kraken": VenueProfile(60_000_000, 2.5e-7, 60.0, 0.7),
        "coinbase": VenueProfile(25_000_000, 2e-7, 80.0, 1.0),
        "binance": VenueProfile(0, 1.5e-7, 110.0, 1.6),
    }
)
