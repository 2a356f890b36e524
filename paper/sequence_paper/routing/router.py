"""From books, pools and a quantity to a decision that says what else there was."""

from __future__ import annotations

from collections.abc import Sequence

from sequence_paper.feed.events import BUY, Side
from sequence_paper.routing.fill import MAX_POOLS, Split, cheapest, split_over, water_fill
from sequence_paper.routing.model import PER_MONEY, Alternative, Decision, Leg, PoolView, Venue, bps
from sequence_paper.routing.pool import Pool
from sequence_paper.routing.supply import BookSupply, PoolSupply, best_levels, rounded_down
from sequence_paper.routing.words import price, quantity
from sequence_paper.venue.fees import half_even

NOT_EXECUTED = "priced only: swaps on pools are not executed here"


def route(
    side: Side,
    qty_1e8: int,
    venues: Sequence[Venue],
    pools: Sequence[Pool] = (),
    *,
    limit_1e9: int = 0,
    pools_tradable: bool = False,
    break_even: bool = False,
) -> Decision:
    """The cheapest way to trade ``qty_1e8`` now, all-in. The order of venues and pools does not matter.

    ``limit_1e9``: no level and no pool is used beyond it (0: none). ``pools_tradable``: legs may go to pools; else
    they are only among the alternatives. ``break_even``: also compute from which size each pool pays for its gas,
    which costs some tens of milliseconds a pool.
    """
    skipped = {venue.name: venue.problem for venue in venues if venue.problem}
    usable = sorted((v for v in venues if not v.problem), key=lambda venue: venue.name)
    books = [BookSupply(venue, side, limit_1e9) for venue in usable]
    skipped |= {v.name: _empty(v, side, limit_1e9) for v, b in zip(usable, books, strict=True) if not b.total}
    offered = [book for book in books if book.total]
    swaps, unused = _swaps(pools, side, limit_1e9)
    skipped |= unused
    bid, ask = best_levels(usable)
    all_cex, exact = cheapest(offered, [], qty_1e8)
    mixed, mixed_exact = cheapest(offered, swaps, qty_1e8) if swaps else (all_cex, exact)
    chosen = mixed if pools_tradable else all_cex
    legs = _legs(chosen, offered, swaps)
    skipped |= _passed_over(chosen, offered, qty_1e8)
    for swap in swaps:
        if swap.name not in chosen.taken:
            skipped[swap.name] = "its gas costs more than it saves" if pools_tradable else NOT_EXECUTED
    return Decision(
        side=side,
        qty_1e8=qty_1e8,
        limit_1e9=limit_1e9,
        bid_1e9=bid,
        ask_1e9=ask,
        legs=legs,
        alternatives=tuple(
            _alternatives(side, qty_1e8, (bid, ask), offered, all_cex, mixed if swaps else None)
        ),
        pools=tuple(_pool_view(swap, offered, qty_1e8, mixed, (bid, ask), break_even) for swap in swaps),
        skipped=dict(sorted(skipped.items())),
        exact=mixed_exact if pools_tradable else exact,
    )


def _swaps(pools: Sequence[Pool], side: Side, limit_1e9: int) -> tuple[list[PoolSupply], dict[str, str]]:
    """Pools worth a look, at most ``MAX_POOLS`` (the deepest), and why the others are not."""
    skipped: dict[str, str] = {}
    swaps: list[PoolSupply] = []
    for pool in sorted(pools, key=lambda pool: (-pool.base_reserve, pool.name)):
        why = pool.problem or _unfit(pool)
        swap = None if why else PoolSupply(pool, side, limit_1e9)
        if swap is not None and not swap.total:
            why = f"its price {price(pool.spot_1e9)} with the fee is beyond the limit {price(limit_1e9)}"
        elif swap is not None and len(swaps) == MAX_POOLS:
            why = f"only the {MAX_POOLS} deepest pools are compared"
        if why or swap is None:
            skipped[pool.name] = why
        else:
            swaps.append(swap)
    return sorted(swaps, key=lambda swap: swap.name), skipped


def _unfit(pool: Pool) -> str:
    if pool.base_decimals < 8:
        return f"its base token has {pool.base_decimals} decimals, quantities need 8"
    if pool.base_reserve <= 0 or pool.quote_reserve <= 0:
        return "it is empty"
    return ""


def _empty(venue: Venue, side: Side, limit_1e9: int) -> str:
    levels = venue.asks if side == BUY else venue.bids
    if not levels:
        return "its book shows nothing on that side"
    best = levels[0][0]
    if limit_1e9 and (best > limit_1e9 if side == BUY else best < limit_1e9):
        return f"its best price {price(best)} is beyond the limit {price(limit_1e9)}"
    if (venue.quote_1e9 if side == BUY else venue.base_1e8) is not None:
        return "no balance there, or less than one lot"
    return "what it shows within the limit is already taken, or less than one lot"


def _legs(split: Split, books: Sequence[BookSupply], swaps: Sequence[PoolSupply]) -> tuple[Leg, ...]:
    legs = [_book_leg(book, split.taken[book.name]) for book in books if book.name in split.taken]
    legs += [_pool_leg(swap, split.taken[swap.name]) for swap in swaps if swap.name in split.taken]
    return tuple(legs)


def _book_leg(book: BookSupply, qty: int) -> Leg:
    slices = tuple(book.slices(qty))
    exact = sum(px * size for px, size in slices)
    cost = book.cost_e23(qty)
    fee = half_even(abs(abs(cost) - exact * 10**6), PER_MONEY)
    return Leg(
        venue=book.name,
        qty_1e8=qty,
        worst_px_1e9=book.worst_px_1e9(qty),
        est_avg_px_1e9=half_even(exact, qty),
        notional_1e9=half_even(exact, 10**8),
        fee_1e9=fee if book.pays else -fee,
        cost_e23=cost,
        slices=slices,
    )


def _pool_leg(swap: PoolSupply, qty: int) -> Leg:
    pool, side = swap.pool, swap.side
    cost, fee = swap.cost_e23(qty), pool.fee_1e9(side, qty)
    notional = abs(cost) // PER_MONEY - fee * side
    return Leg(
        venue=swap.name,
        qty_1e8=qty,
        worst_px_1e9=abs(pool.unit_cost(side, qty)) // 10**6,
        est_avg_px_1e9=half_even(notional * 10**8, qty),
        notional_1e9=notional,
        fee_1e9=fee,
        cost_e23=cost,
        is_pool=True,
        gas_1e9=pool.gas_1e9,
    )


def _passed_over(split: Split, books: Sequence[BookSupply], want: int) -> dict[str, str]:
    """Why usable venues got nothing."""
    worst = max(
        (book.dearest(split.taken[book.name]) for book in books if book.name in split.taken), default=None
    )
    reasons: dict[str, str] = {}
    for book in books:
        if book.name in split.taken:
            continue
        whole = min(want, book.total) // book.lot * book.lot
        if not whole:
            reasons[book.name] = f"the order is less than one lot of {quantity(book.lot)}"
        elif book.needed(whole) != whole:
            reasons[book.name] = book.too_small(whole)
        elif worst is not None and book.first() >= worst:
            best, last = (abs(rounded_down(cost)) // 10**6 for cost in (book.first(), worst))
            reasons[book.name] = _dearer(best, last, book.side)
        else:
            reasons[book.name] = "the part it would get is below its minimum, all of it there is dearer"
    return reasons


def _dearer(best_1e9: int, last_1e9: int, side: Side) -> str:
    best, last = price(best_1e9), price(last_1e9)
    if side == BUY:
        return f"dearer: its best is {best} with the fee, the last part of the route costs {last}"
    return f"pays less: its best is {best} after the fee, the last part of the route brings {last}"


def _alternatives(
    side: Side,
    want: int,
    best: tuple[int, int],
    books: Sequence[BookSupply],
    all_cex: Split,
    mixed: Split | None,
) -> list[Alternative]:
    nothing = Split({}, want, 0)
    found = [(book.name, "venue", split_over([book], want, nothing)[0]) for book in books]
    found.sort(key=lambda one: (one[2].rank(), one[0]))
    found.append(("all venues", "all_cex", all_cex))
    if mixed is not None:
        found.append(("venues and pools", "with_pools", mixed))
    return [
        Alternative(
            name=name,
            kind=kind,
            qty_1e8=want - split.unfilled,
            total_1e9=half_even(abs(split.cost_e23), PER_MONEY),
            cost_bps=bps(split.cost_e23, want - split.unfilled, *best, side),
            split=split.taken,
        )
        for name, kind, split in found
    ]


def _pool_view(
    swap: PoolSupply,
    books: Sequence[BookSupply],
    want: int,
    mixed: Split,
    best: tuple[int, int],
    break_even: bool,
) -> PoolView:
    gas = swap.fixed_1e9 * PER_MONEY
    alone = swap.cost_e23(want) + gas if want <= swap.total else None
    return PoolView(
        name=swap.name,
        source=swap.pool.source,
        spot_1e9=swap.pool.spot_1e9,
        gas_1e9=swap.fixed_1e9,
        gas_bps=gas_bps(swap.fixed_1e9, want, best),
        break_even_1e8=pool_break_even(swap, books) if break_even else None,
        alone_bps=None if alone is None else bps(alone, want, *best, swap.side),
        would_take_1e8=mixed.taken.get(swap.name, 0),
    )


def gas_bps(gas_1e9: int, qty_1e8: int, best: tuple[int, int]) -> float | None:
    """Gas against the mid's value of the quantity."""
    money = sum(best) * qty_1e8
    return gas_1e9 * 2 * 10**8 * 10_000 / money if min(best) and money else None


def pool_break_even(swap: PoolSupply, books: Sequence[BookSupply]) -> int | None:
    """Smallest quantity at which books and this pool, gas included, cost no more than the books alone.

    What the pool saves before gas never falls with the quantity (its marginal price joins below the books' own), so
    halving finds it. Lots and minima are left out. None: not within what the books can fill.
    """
    low, high = 0, sum(book.total for book in books)
    gas = swap.fixed_1e9 * PER_MONEY
    if not high or _saving(swap, books, high) < gas:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if _saving(swap, books, middle) >= gas:
            high = middle
        else:
            low = middle
    return high


def _saving(swap: PoolSupply, books: Sequence[BookSupply], qty: int) -> int:
    return _cost(books, qty) - _cost([*books, swap], qty)


def _cost(supplies: Sequence[BookSupply | PoolSupply], qty: int) -> int:
    taken = water_fill(supplies, qty, [(0, supply.total) for supply in supplies]) or ()
    return sum(supply.cost_e23(part) for supply, part in zip(supplies, taken, strict=True))
