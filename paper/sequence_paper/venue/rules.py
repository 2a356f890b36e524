"""What a venue accepts: tick, lot, minimum sizes and fees, per venue and symbol."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from sequence_paper.feed.events import BUY, Side
from sequence_paper.venue.fees import notional_1e9


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """``price_precision``/``qty_precision``: decimals, as the WASM interface's ``SymbolMeta`` wants them."""

    symbol: str
    tick_size_1e9: int
    lot_size_1e8: int
    min_qty_1e8: int
    min_notional_1e9: int
    price_precision: int
    qty_precision: int

    def passive_price(self, side: Side, px_1e9: int) -> int:
        """On the tick grid and never more aggressive than asked: buys round down, sells up."""
        tick = self.tick_size_1e9
        floor = px_1e9 // tick * tick
        return floor if side == BUY or floor == px_1e9 else floor + tick

    def whole_lots(self, qty_1e8: int) -> int:
        """On the lot grid, rounded down."""
        return qty_1e8 // self.lot_size_1e8 * self.lot_size_1e8

    def too_small(self, px_1e9: int, qty_1e8: int) -> str:
        """Why a rounded order is below the venue's minimum, as a sentence; empty when it is not."""
        if qty_1e8 < self.min_qty_1e8:
            return f"quantity {qty_1e8} is below the minimum {self.min_qty_1e8} (both _1e8) of {self.symbol}"
        notional = notional_1e9(px_1e9, qty_1e8)
        if notional < self.min_notional_1e9:
            return f"notional {notional} is below the minimum {self.min_notional_1e9} (both _1e9) of {self.symbol}"
        return ""


@dataclass(frozen=True, slots=True)
class Fees:
    """Rates in parts per million of notional: 16 bps = 1600. Negative maker = rebate."""

    maker_ppm: int
    taker_ppm: int


def _rules(symbol: str, tick: str, lot: str, min_qty: str, min_notional: str) -> SymbolRules:
    return SymbolRules(
        symbol=symbol,
        tick_size_1e9=_scaled(tick, 9),
        lot_size_1e8=_scaled(lot, 8),
        min_qty_1e8=_scaled(min_qty, 8),
        min_notional_1e9=_scaled(min_notional, 9),
        price_precision=len(tick.partition(".")[2]),
        qty_precision=len(lot.partition(".")[2]),
    )


def _scaled(decimal: str, digits: int) -> int:
    whole, _, fraction = decimal.partition(".")
    return int(whole + fraction.ljust(digits, "0"))


_RULES = MappingProxyType(
    {
        ("kraken", "BTC-USD"): _rules("BTC-USD", "0.1", "0.00000001", "0.00005", "0.5"),
        ("kraken", "ETH-USD"): _rules("ETH-USD", "0.01", "0.00000001", "0.001", "0.5"),
        ("coinbase", "BTC-USD"): _rules("BTC-USD", "0.01", "0.00000001", "0.00000001", "1"),
        ("coinbase", "ETH-USD"): _rules("ETH-USD", "0.01", "0.00000001", "0.00000001", "1"),
        ("binance", "BTC-USD"): _rules("BTC-USD", "0.01", "0.00001", "0.00001", "5"),
        ("binance", "ETH-USD"): _rules("ETH-USD", "0.01", "0.0001", "0.0001", "5"),
    }
)
_FEES = MappingProxyType(
    {
        "kraken": Fees(maker_ppm=1600, taker_ppm=2600),
        "coinbase": Fees(maker_ppm=4000, taker_ppm=6000),
        "binance": Fees(maker_ppm=1000, taker_ppm=1000),
    }
)


def symbol_rules(venue: str, symbol: str) -> SymbolRules | None:
    """Rules of a spot symbol at a venue; None when the paper venue does not list it."""
    return _RULES.get((venue, symbol))


def venue_fees(venue: str) -> Fees | None:
    """Default fees of a venue; None for an unknown venue."""
    return _FEES.get(venue)


def listed() -> tuple[tuple[str, str], ...]:
    """All (venue, symbol) pairs that can be traded on paper."""
    return tuple(_RULES)
