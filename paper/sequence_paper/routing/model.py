"""What a route is made from and what comes out.

Costs are compared in one exact unit, money x 10^23 (price_1e9 x qty_1e8 x parts per million), negative for what a
sell brings in: then for both sides the smallest sum is the best, and nothing is rounded before it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from sequence_paper.feed.events import BUY, Level, Side
from sequence_paper.venue.fees import half_even
from sequence_paper.venue.rules import SymbolRules

PER_MONEY: Final = 10**14
"""Exact cost units in one unit of money_1e9."""


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue as a route may use it.

    ``problem``: why it may not be used now (feed stale, edge away), "" when it may. ``consumed``: what we already
    took of the side an order would take from, by price. ``base_1e8`` and ``quote_1e9``: what we hold there to sell
    and to pay with; None = not limited.
    """

    name: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    rules: SymbolRules
    taker_ppm: int
    problem: str = ""
    consumed: Mapping[int, int] = field(default_factory=dict)
    base_1e8: int | None = None
    quote_1e9: int | None = None


@dataclass(frozen=True, slots=True)
class Leg:
    """One venue's (or pool's) part. ``slices``: (price, quantity) it is expected to take, best first.

    ``worst_px_1e9``: on the venue's tick grid; as a limit it lets through all slices and nothing worse. ``cost_e23``
    includes fees, not gas.
    """

    venue: str
    qty_1e8: int
    worst_px_1e9: int
    est_avg_px_1e9: int
    notional_1e9: int
    fee_1e9: int
    cost_e23: int
    slices: tuple[Level, ...] = ()
    is_pool: bool = False
    gas_1e9: int = 0


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another way would have cost. ``kind``: venue, all_cex or with_pools; ``qty_1e8``: what it can fill."""

    name: str
    kind: str
    qty_1e8: int
    total_1e9: int
    cost_bps: float | None
    split: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PoolView:
    """``break_even_1e8``: smallest order at which the pool pays for its gas; None: at no size the books can fill.

    ``alone_bps``: cost of the whole quantity in this pool alone, gas included; None when it cannot fill it.
    ``would_take_1e8``: its part in the route with pools.
    """

    name: str
    source: str
    spot_1e9: int
    gas_1e9: int
    gas_bps: float | None
    break_even_1e8: int | None
    alone_bps: float | None
    would_take_1e8: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A route and what it was weighed against. ``total_1e9``: paid (buy) or received (sell), fees and gas included.

    ``exact``: False when the search for the cheapest split of lots and minima was cut short.
    """

    side: Side
    qty_1e8: int
    limit_1e9: int
    bid_1e9: int
    ask_1e9: int
    legs: tuple[Leg, ...]
    alternatives: tuple[Alternative, ...] = ()
    pools: tuple[PoolView, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    exact: bool = True

    @property
    def routed_1e8(self) -> int:
        return sum(leg.qty_1e8 for leg in self.legs)

    @property
    def unfilled_1e8(self) -> int:
        return self.qty_1e8 - self.routed_1e8

    @property
    def notional_1e9(self) -> int:
        """Before fees and gas."""
        return sum(leg.notional_1e9 for leg in self.legs)

    @property
    def fees_1e9(self) -> int:
        return sum(leg.fee_1e9 for leg in self.legs)

    @property
    def gas_1e9(self) -> int:
        return sum(leg.gas_1e9 for leg in self.legs)

    @property
    def cost_e23(self) -> int:
        """All-in, exact; negative for a sell."""
        return sum(leg.cost_e23 + leg.gas_1e9 * PER_MONEY for leg in self.legs)

    @property
    def total_1e9(self) -> int:
        return half_even(abs(self.cost_e23), PER_MONEY)

    @property
    def est_avg_px_1e9(self) -> int:
        """Before fees; 0 when nothing is routed."""
        return half_even(self.notional_1e9 * 10**8, self.routed_1e8) if self.routed_1e8 else 0

    @property
    def mid_1e9(self) -> int:
        """Of the best bid and ask over all usable venues; 0 when a side is empty."""
        return (self.bid_1e9 + self.ask_1e9) // 2 if self.bid_1e9 and self.ask_1e9 else 0

    @property
    def cost_bps(self) -> float | None:
        """All-in against the mid, positive = cost."""
        return bps(self.cost_e23, self.routed_1e8, self.bid_1e9, self.ask_1e9, self.side)


def bps(cost_e23: int, qty_1e8: int, bid_1e9: int, ask_1e9: int, side: Side) -> float | None:
    """All-in cost against the mid; None without a mid or a quantity. Exact up to the last step."""
    if not (bid_1e9 and ask_1e9 and qty_1e8):
        return None
    paper = Fraction(bid_1e9 + ask_1e9, 2) * qty_1e8 * 10**6
    if side == BUY:
        return float((cost_e23 - paper) / paper * 10_000)
    return float((paper + cost_e23) / paper * 10_000)
