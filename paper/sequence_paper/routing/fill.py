"""The cheapest split of a quantity over supplies, with lots, minima and the gas of pools.

Without those the problem is convex: raise one price for all until what is offered up to it is enough (water-filling;
over books alone this is the merge of their levels). A quantity that is no whole lot or below a venue's minimum splits
the problem in two, above and below (branch and bound); gas is paid or not, so every subset of pools is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, gcd
from typing import Final

from sequence_paper.routing.model import PER_MONEY
from sequence_paper.routing.supply import PoolSupply, Supply, UnitCost, rounded_down

MAX_POOLS: Final = 6
MAX_NODES: Final = 400
"""Branches tried for one subset of pools; more than a handful needs venues whose lots do not nest."""


@dataclass(frozen=True, slots=True)
class Split:
    """Quantities by the supplies' names, none of them 0; ``cost_e23`` with gas."""

    taken: Mapping[str, int]
    unfilled: int
    cost_e23: int

    def rank(self) -> tuple[int, int]:
        """Fill as much as can be, then as cheaply as can be."""
        return self.unfilled, self.cost_e23


def cheapest(books: Sequence[Supply], pools: Sequence[PoolSupply], want: int) -> tuple[Split, bool]:
    """The best split over every subset of the pools, and whether no search was cut short."""
    best, exact = _simple(books, want), True
    for count in range(len(pools) + 1):
        for chosen in combinations(pools, count):
            best, complete = split_over([*books, *chosen], want, best)
            exact = exact and complete
    return best, exact


def _simple(books: Sequence[Supply], want: int) -> Split:
    """The best that one supply alone can do, or nothing at all: every search starts from it."""
    best = Split({}, want, 0)
    for supply in books:
        qty = min(want, supply.total) // supply.lot * supply.lot
        if qty and supply.needed(qty) == qty:
            alone = Split({supply.name: qty}, want - qty, supply.cost_e23(qty))
            best = min(best, alone, key=Split.rank)
    return best


def split_over(supplies: Sequence[Supply], want: int, to_beat: Split) -> tuple[Split, bool]:
    """The best split that is better than ``to_beat``, else that; False when the search was cut short.

    The gas of every pool among the supplies is paid.
    """
    gas = sum(supply.fixed_1e9 for supply in supplies) * PER_MONEY
    grid = gcd(*(supply.lot for supply in supplies)) or 1
    best = to_beat
    nodes = [[(0, supply.total) for supply in supplies]]
    visited = 0
    while nodes and visited < MAX_NODES:
        visited += 1
        bounds = nodes.pop()
        taken = water_fill(supplies, want // grid * grid, bounds)
        if taken is None:
            continue
        cost = sum(s.cost_e23(q) for s, q in zip(supplies, taken, strict=True)) + gas
        used = {s.name: q for s, q in zip(supplies, taken, strict=True) if q}
        split = Split(used, want - sum(taken), cost)
        if split.rank() >= best.rank():
            continue
        children = _branches(supplies, taken, bounds)
        if children is None:
            best = split
        nodes += children or ()
    return best, not nodes


def water_fill(supplies: Sequence[Supply], want: int, bounds: Sequence[tuple[int, int]]) -> list[int] | None:
    """The convex optimum within bounds; less than ``want`` when there is no more; None when the bounds ask for more."""
    if sum(low for low, _ in bounds) > want:
        return None
    if sum(high for _, high in bounds) <= want:
        return [high for _, high in bounds]
    offered = [supply for supply, (low, high) in zip(supplies, bounds, strict=True) if high > low]
    below, enough = rounded_down(min(s.first() for s in offered)) - 1, ceil(max(s.last() for s in offered))
    while enough - below > 1:
        middle = (below + enough) // 2
        if sum(_offers(supplies, bounds, middle)) >= want:
            enough = middle
        else:
            below = middle
    taken = _offers(supplies, bounds, below)
    ceilings = _offers(supplies, bounds, enough)
    rest = want - sum(taken)
    while rest > 0:
        place, qty = _next(supplies, taken, ceilings, enough)
        taken[place] += min(rest, qty)
        rest -= min(rest, qty)
    return taken


def _offers(supplies: Sequence[Supply], bounds: Sequence[tuple[int, int]], unit_cost: int) -> list[int]:
    return [
        max(low, min(high, supply.at(unit_cost)))
        for supply, (low, high) in zip(supplies, bounds, strict=True)
    ]


def _next(
    supplies: Sequence[Supply], taken: Sequence[int], ceilings: Sequence[int], unit_cost: int
) -> tuple[int, int]:
    """Who has the cheapest next step up to a price that all together have enough at; by name when equal."""
    steps: list[tuple[UnitCost, str, int, int]] = []
    for place, supply in enumerate(supplies):
        room = ceilings[place] - taken[place]
        if room > 0:
            cost, qty = supply.step(taken[place], unit_cost)
            steps.append((cost, supply.name, place, min(qty, room)))
    _, _, place, qty = min(steps)
    return place, qty


def _branches(
    supplies: Sequence[Supply], taken: Sequence[int], bounds: list[tuple[int, int]]
) -> list[list[tuple[int, int]]] | None:
    """None: every venue accepts its part. Else the two problems above and below the first part that is not."""
    for place, (supply, qty) in enumerate(zip(supplies, taken, strict=True)):
        if qty == 0:
            continue
        low, high = bounds[place]
        whole = qty // supply.lot * supply.lot
        above = whole + supply.lot if whole < qty else supply.needed(qty)
        if above == qty:
            continue
        down = whole if whole < qty else 0
        halves = [(low, down)] if low <= down else []
        halves += [(above, high)] if above <= high else []
        return [[*bounds[:place], half, *bounds[place + 1 :]] for half in halves]
    return None
