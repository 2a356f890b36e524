"""What must hold of every route."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sequence_paper.feed.events import BUY
from sequence_paper.routing import Pool, Venue, route
from sequence_paper.routing.model import PER_MONEY
from sequence_paper.routing.pool import amount_in, amount_out
from support.routes import PX, SIDES, pool, venue, venues

many = settings(max_examples=100)
WANT = st.integers(1, 14)


def walk(one: Venue, side: int, qty: int, limit: int = 0) -> tuple[int, int] | None:
    """(exact all-in cost, worst price) of an order at one venue alone; None when it does not take it."""
    rest, cost, worst = qty, Fraction(0), 0
    for px, size in one.asks if side == BUY else one.bids:
        if rest == 0 or (limit and side * (px - limit) > 0):
            break
        take = min(rest, size - one.consumed.get(px, 0))
        if take > 0:
            cost += side * Fraction(px * take) * (10**6 + side * one.taker_ppm)
            rest, worst = rest - take, px
    if rest or qty % one.rules.lot_size_1e8 or one.rules.too_small(worst, qty):
        return None
    return int(cost), worst


def every_split(sources: list[Venue], side: int, want: int, limit: int = 0):
    """(unfilled, cost) of each way to split the order."""
    offers = []
    for one in sources:
        walks = ((qty, walk(one, side, qty, limit)) for qty in range(1, want + 1))
        offers.append([(0, 0)] + [(qty, found[0]) for qty, found in walks if found])
    for parts in product(*offers):
        taken = sum(qty for qty, _ in parts)
        if taken <= want:
            yield want - taken, sum(cost for _, cost in parts)


@settings(max_examples=200)
@given(venues(), SIDES, WANT, st.sampled_from((0, 103 * PX, 97 * PX)))
def test_a_route_is_as_good_as_the_best_of_all_splits(sources, side, want, limit):
    decision = route(side, want, sources, limit_1e9=limit)
    best = min(every_split(sources, side, want, limit))
    assert (decision.unfilled_1e8, decision.cost_e23) == best
    assert decision.exact


@many
@given(venues(), SIDES, WANT)
def test_every_leg_is_an_order_that_its_venue_accepts_and_fills(sources, side, want):
    decision = route(side, want, sources)
    by_name = {one.name: one for one in sources}
    for leg in decision.legs:
        found = walk(by_name[leg.venue], side, leg.qty_1e8)
        assert found == (leg.cost_e23, leg.worst_px_1e9)
        assert sum(size for _, size in leg.slices) == leg.qty_1e8
        paid = leg.notional_1e9 * side + leg.fee_1e9
        assert abs(paid * PER_MONEY - leg.cost_e23) <= PER_MONEY


@many
@given(venues(), SIDES, WANT)
def test_a_route_is_never_dearer_than_the_best_single_venue(sources, side, want):
    decision = route(side, want, sources)
    singles = [walk(one, side, want) for one in sources]
    best = min((found[0] for found in singles if found), default=None)
    assume(best is not None)
    assert decision.unfilled_1e8 == 0
    assert decision.cost_e23 <= best


@many
@given(venues(lots=(1,), minima=False), SIDES, st.booleans())
def test_cost_is_monotone_and_convex_in_the_quantity_without_fixed_costs(sources, side, with_pool):
    pools = [pool(base=1, fee=3_000)] if with_pool else []
    depth = sum(size for one in sources for _, size in (one.asks if side == BUY else one.bids))
    costs = [0]
    for want in range(1, depth + 1):
        costs.append(route(side, want, sources, pools).cost_e23)
    steps = [after - before for before, after in pairwise(costs)]
    assert all(step * side > 0 for step in steps)
    assert steps == sorted(steps)


@many
@given(venues(), SIDES, WANT, st.randoms(use_true_random=False))
def test_the_order_of_venues_and_pools_changes_nothing(sources, side, want, random):
    pools = [pool("a"), pool("b", px=101), pool("c", fee=500)]
    before = route(side, want, sources, pools, pools_tradable=True)
    random.shuffle(sources)
    random.shuffle(pools)
    assert route(side, want, sources, pools, pools_tradable=True) == before


@many
@given(venues(lots=(1,), minima=False), SIDES, WANT)
def test_one_venue_without_fees_is_a_plain_walk(sources, side, want):
    one = venue(
        "kraken",
        [(px // PX, sz) for px, sz in sources[0].asks],
        [(px // PX, sz) for px, sz in sources[0].bids],
    )
    expected, rest = [], want
    for px, size in one.asks if side == BUY else one.bids:
        if rest:
            expected.append((px, min(size, rest)))
            rest -= expected[-1][1]
    decision = route(side, want, [one])
    assert [level for leg in decision.legs for level in leg.slices] == expected
    assert decision.unfilled_1e8 == rest
    assert decision.total_1e9 == decision.notional_1e9


@many
@given(venues(), SIDES, WANT, st.data())
def test_what_we_took_already_is_not_taken_again(sources, side, want, data):
    used = []
    for one in sources:
        shown = one.asks if side == BUY else one.bids
        consumed = {px: data.draw(st.integers(0, size)) for px, size in shown}
        left = [(px, size - consumed[px]) for px, size in shown if size > consumed[px]]
        kept = (one.bids, left) if side == BUY else (left, one.asks)
        used.append(
            (Venue(one.name, one.bids, one.asks, one.rules, one.taker_ppm, consumed=consumed), kept, one)
        )
    overlaid = route(side, want, [with_overlay for with_overlay, _, _ in used])
    plain = route(side, want, [Venue(one.name, *kept, one.rules, one.taker_ppm) for _, kept, one in used])
    assert overlaid.legs == plain.legs


@many
@given(venues(minima=False), SIDES, WANT, st.integers(0, 700))
def test_no_more_is_spent_at_a_venue_than_its_balance(sources, side, want, balance):
    held = [
        Venue(o.name, o.bids, o.asks, o.rules, o.taker_ppm, base_1e8=balance // 100, quote_1e9=balance)
        for o in sources
    ]
    for leg in route(side, want, held).legs:
        assert leg.qty_1e8 <= balance // 100 if side != BUY else leg.cost_e23 <= balance * PER_MONEY


RESERVE = st.integers(10**6, 10**30)


@many
@given(RESERVE, RESERVE, st.integers(1, 10**30), st.sampled_from((0, 100, 500, 3_000, 10_000)))
def test_no_swap_makes_the_product_of_the_reserves_smaller(reserve_in, reserve_out, amount, fee):
    given_out = amount_out(amount, reserve_in, reserve_out, fee)
    assert (reserve_in + amount) * (reserve_out - given_out) >= reserve_in * reserve_out
    wanted = 1 + amount % (reserve_out - 1)
    paid = amount_in(wanted, reserve_in, reserve_out, fee)
    assert (reserve_in + paid) * (reserve_out - wanted) >= reserve_in * reserve_out
    assert amount_out(paid, reserve_in, reserve_out, fee) >= wanted


@many
@given(SIDES, st.integers(1, 499 * 10**8), st.sampled_from((0, 500, 3_000)))
def test_the_marginal_price_of_a_pool_is_the_inverse_of_what_it_offers(side, qty, fee):
    one = pool(base=1_000, fee=fee)
    price = one.unit_cost(side, qty)
    assert abs(one.at(side, price) - qty) <= 1
    assert one.at(side, price - 10**9) <= qty


COIN = 10**8


def deep(name: str, px: int, side: int, fee: int, sizes: list[int]) -> Venue:
    """Levels a thousandth apart, whole coins, worse and worse."""
    step = px * 10**6
    shown = [(px * 10**9 + side * n * step, size * COIN) for n, size in enumerate(sizes)]
    base = venue(name, [], fee=fee)
    return Venue(name, *([], shown) if side == BUY else (shown, []), base.rules, fee)


@settings(max_examples=60)
@given(
    SIDES,
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(98, 102),
    st.integers(98, 102),
    st.sampled_from((0, 2 * 10**9, 30 * 10**9)),
    st.integers(1, 30),
)
def test_with_pools_a_route_is_as_good_as_every_split_on_a_grid(side, sizes, px, other_px, gas, want):
    book = deep("kraken", 100, side, 1_000, sizes)
    pools = [pool("a", base=2_000, px=px, gas=gas), pool("b", base=500, px=other_px, fee=500, gas=gas // 2)]
    decision = route(side, want * COIN, [book], pools, pools_tradable=True)
    rounding = 2 * 10**3 * PER_MONEY  # one unit of the quote token in each pool
    for in_book in range(min(want, sum(sizes)) + 1):
        for in_a in range(want - in_book + 1):
            parts = (in_a, want - in_book - in_a)
            cost = sum(_swapped(one, side, qty) for one, qty in zip(pools, parts, strict=True))
            cost += route(side, in_book * COIN, [book]).cost_e23 if in_book else 0
            assert (decision.unfilled_1e8, decision.cost_e23) <= (0, cost + rounding)


def _swapped(one: Pool, side: int, coins: int) -> int:
    return one.cost_e23(side, coins * COIN) + one.gas_1e9 * PER_MONEY if coins else 0
