"""What can be had where, cheapest first: a venue's book in whole lots, or a pool.

A lot that reaches over two levels has their mixed price, so in steps of whole lots a book stays convex and taking the
cheapest step first stays optimal.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from fractions import Fraction
from itertools import accumulate
from typing import Protocol

from sequence_paper.feed.events import BUY, Level, Side
from sequence_paper.routing.model import PER_MONEY, Venue
from sequence_paper.routing.pool import Pool
from sequence_paper.venue.book import reaches

UnitCost = int | Fraction
"""Of one unit of qty_1e8: price_1e9 x 10^6 with fees, negative for a sell."""


def rounded_down(cost: UnitCost) -> int:
    """The largest integer that is not above it."""
    return cost.numerator // cost.denominator


class Supply(Protocol):
    """Something to take from. ``at`` never falls with the price; what is taken must be a multiple of ``lot``."""

    name: str
    lot: int
    total: int
    fixed_1e9: int

    def first(self) -> UnitCost:
        """The cheapest unit."""
        ...

    def last(self) -> UnitCost:
        """The dearest unit."""
        ...

    def at(self, unit_cost: int) -> int:
        """Quantity whose units cost no more than this."""
        ...

    def step(self, taken: int, unit_cost: int) -> tuple[UnitCost, int]:
        """(price, quantity) of what comes after ``taken``, up to ``unit_cost``."""
        ...

    def cost_e23(self, qty: int) -> int:
        """Exact cost of the cheapest ``qty``."""
        ...

    def needed(self, qty: int) -> int:
        """``qty`` when an order of it is accepted; else the least above it that may be."""
        ...


class BookSupply:
    """One side of a venue's book, without what is consumed, beyond the limit, or not paid for by the balance."""

    fixed_1e9 = 0

    def __init__(self, venue: Venue, side: Side, limit_1e9: int) -> None:
        self.name = venue.name
        self.lot = venue.rules.lot_size_1e8
        self.side: Side = side
        self._rules = venue.rules
        self._factor = 10**6 + venue.taker_ppm if side == BUY else venue.taker_ppm - 10**6
        self.levels = list(_reachable(venue, side, limit_1e9))
        steps = _whole_lots(((px * self._factor, size) for px, size in self.levels), self.lot)
        self._costs = [cost for cost, _ in steps]
        self._ends = list(accumulate(qty for _, qty in steps))
        self.total = self._affordable(venue, self._ends[-1] if self._ends else 0)

    def first(self) -> UnitCost:
        return self._costs[0]

    def last(self) -> UnitCost:
        return self._costs[-1]

    def at(self, unit_cost: int) -> int:
        steps = bisect_right(self._costs, unit_cost)
        return min(self._ends[steps - 1], self.total) if steps else 0

    def step(self, taken: int, unit_cost: int) -> tuple[UnitCost, int]:
        place = bisect_right(self._ends, taken)
        return self._costs[place], self._ends[place] - taken

    def dearest(self, qty: int) -> UnitCost:
        """The step that ``qty`` ends in."""
        return self._costs[bisect_left(self._ends, qty)]

    @property
    def pays(self) -> bool:
        """Whether fees are a cost here; a rebate is not."""
        return self._factor > (10**6 if self.side == BUY else -(10**6))

    def cost_e23(self, qty: int) -> int:
        return sum(px * size for px, size in self.slices(qty)) * self._factor

    def slices(self, qty: int) -> list[Level]:
        """The levels that ``qty`` takes."""
        taken: list[Level] = []
        for px, size in self.levels:
            if qty <= 0:
                break
            taken.append((px, min(size, qty)))
            qty -= taken[-1][1]
        return taken

    def worst_px_1e9(self, qty: int) -> int:
        """The last level's price, moved outward to the tick grid."""
        tick, px = self._rules.tick_size_1e9, self.slices(qty)[-1][0]
        return -(-px // tick) * tick if self.side == BUY else px // tick * tick

    def needed(self, qty: int) -> int:
        if not self.too_small(qty):
            return qty
        lots = range(qty // self.lot + 1, self.total // self.lot + 1)
        return lots.start * self.lot + self.lot * bisect_left(
            lots, True, key=lambda count: not self.too_small(count * self.lot)
        )

    def too_small(self, qty: int) -> str:
        """Why the venue would refuse this part at its worst price; "" when it would not."""
        return self._rules.too_small(self.worst_px_1e9(qty), qty)

    def _affordable(self, venue: Venue, shown: int) -> int:
        if self.side != BUY:
            return shown if venue.base_1e8 is None else min(shown, self._rules.whole_lots(venue.base_1e8))
        if venue.quote_1e9 is None:
            return shown
        money, qty = venue.quote_1e9 * PER_MONEY, 0
        for px, size in self.levels:
            take = min(size, money // (px * self._factor))
            qty += take
            money -= take * px * self._factor
            if take < size:
                break
        return min(shown, self._rules.whole_lots(qty))


class PoolSupply:
    """A pool up to the limit price."""

    lot = 1

    def __init__(self, pool: Pool, side: Side, limit_1e9: int) -> None:
        self.name = pool.name
        self.pool = pool
        self.side: Side = side
        self.fixed_1e9 = pool.gas_1e9
        reach = pool.reach(side)
        self.total = min(reach, pool.at(side, limit_1e9 * 10**6 * side)) if limit_1e9 else reach

    def first(self) -> UnitCost:
        return self.pool.unit_cost(self.side, 0)

    def last(self) -> UnitCost:
        return self.pool.unit_cost(self.side, self.total)

    def at(self, unit_cost: int) -> int:
        return min(self.total, self.pool.at(self.side, unit_cost))

    def step(self, taken: int, unit_cost: int) -> tuple[UnitCost, int]:
        return unit_cost, self.at(unit_cost) - taken

    def cost_e23(self, qty: int) -> int:
        return self.pool.cost_e23(self.side, qty)

    def needed(self, qty: int) -> int:
        return qty


def _reachable(venue: Venue, side: Side, limit_1e9: int) -> Iterable[Level]:
    """Levels an order may take, best first; the venue rounds a limit to the passive side of its grid."""
    limit = venue.rules.passive_price(side, limit_1e9) if limit_1e9 else 0
    for px, size in venue.asks if side == BUY else venue.bids:
        if limit_1e9 and not reaches(side, limit, px):
            return
        left = size - venue.consumed.get(px, 0)
        if left > 0:
            yield px, left


def _whole_lots(levels: Iterable[tuple[int, int]], lot: int) -> list[tuple[UnitCost, int]]:
    steps: list[tuple[UnitCost, int]] = []
    open_qty = open_cost = 0
    for cost, size in levels:
        if open_qty:
            take = min(lot - open_qty, size)
            open_qty, open_cost, size = open_qty + take, open_cost + take * cost, size - take
            if open_qty == lot:
                steps.append((Fraction(open_cost, lot), lot))
                open_qty = open_cost = 0
        whole = size // lot * lot
        if whole:
            steps.append((cost, whole))
        if size > whole:
            open_qty, open_cost = size - whole, (size - whole) * cost
    return steps


def best_levels(venues: Collection[Venue]) -> tuple[int, int]:
    """(best bid, best ask) over the venues, 0 for none."""
    bids = [venue.bids[0][0] for venue in venues if venue.bids]
    asks = [venue.asks[0][0] for venue in venues if venue.asks]
    return max(bids, default=0), min(asks, default=0)
