"""Routes by hand: minima, lots, limits, gas, and what is said about those that got nothing."""

from __future__ import annotations

import pytest

from sequence_paper.feed.events import BUY, SELL
from sequence_paper.routing import Venue, decision_row, gas_cost_1e9, route
from sequence_paper.routing.pool import amount_in, amount_out
from support.routes import PX, pool, venue

COIN = 10**8


def legs(decision):
    return {leg.venue: leg.qty_1e8 for leg in decision.legs}


def test_levels_are_taken_by_price_with_fees():
    dear = venue("binance", [(100, 3), (104, 5)], fee=40_000)
    cheap = venue("kraken", [(102, 2), (103, 2)])
    decision = route(BUY, 5, [dear, cheap])
    assert legs(decision) == {"kraken": 4, "binance": 1}
    assert decision.notional_1e9 == 102 * 2 + 103 * 2 + 100
    assert decision.fees_1e9 == 4
    assert decision.total_1e9 == 514


def test_a_part_below_the_minimum_goes_elsewhere_or_is_raised_to_it():
    small = venue("kraken", [(100, 1), (101, 9)], min_qty=3)
    other = venue("coinbase", [(102, 9)])
    raised = route(BUY, 5, [small, other])
    assert legs(raised) == {"kraken": 5}
    dear = venue("kraken", [(100, 1), (150, 9)], min_qty=3)
    dropped = route(BUY, 5, [dear, other])
    assert legs(dropped) == {"coinbase": 5}
    assert dropped.skipped["kraken"].startswith("the part it would get is below its minimum")


def test_an_order_below_every_minimum_goes_nowhere_and_says_why():
    decision = route(SELL, 2, [venue("kraken", [], [(100, 9)], min_qty=3)])
    assert decision.legs == ()
    assert decision.unfilled_1e8 == 2
    assert "below the minimum 3" in decision.skipped["kraken"]


def test_lots_leave_the_rest_to_the_venue_with_the_finer_grid():
    coarse = venue("binance", [(100, 9)], lot=4)
    fine = venue("kraken", [(101, 9)])
    assert legs(route(BUY, 7, [coarse, fine])) == {"binance": 4, "kraken": 3}
    assert route(BUY, 7, [coarse]).unfilled_1e8 == 3


def test_a_limit_keeps_worse_levels_out_and_is_rounded_as_the_venue_does():
    one = venue("kraken", [(100, 1), (101, 1)], [(99, 1), (98, 1)])
    assert legs(route(BUY, 5, [one], limit_1e9=101 * PX - 1)) == {"kraken": 1}
    assert legs(route(SELL, 5, [one], limit_1e9=98 * PX + 1)) == {"kraken": 1}
    beyond = route(BUY, 5, [one], limit_1e9=99 * PX)
    assert "beyond the limit" in beyond.skipped["kraken"]


def test_the_worst_price_of_a_leg_lets_levels_beside_the_tick_grid_through():
    one = venue("kraken", [], [])
    off = Venue("kraken", [(99 * PX + 7, 5)], [(100 * PX + 7, 5)], one.rules, 0)
    assert route(BUY, 2, [off]).legs[0].worst_px_1e9 == 101 * PX
    assert route(SELL, 2, [off]).legs[0].worst_px_1e9 == 99 * PX


def test_a_venue_with_a_problem_is_left_out_with_that_problem():
    stale = venue("kraken", [(90, 9)], problem="its feed is stale")
    decision = route(BUY, 2, [stale, venue("coinbase", [(100, 9)], [(98, 1)])])
    assert decision.skipped == {"kraken": "its feed is stale"}
    assert decision.ask_1e9 == 100 * PX
    assert decision.mid_1e9 == 99 * PX
    assert decision.cost_bps == pytest.approx(1e4 / 99)


def test_a_rebate_is_a_negative_fee():
    decision = route(BUY, 2, [venue("kraken", [(100, 9)], fee=-10_000)])
    assert decision.fees_1e9 == -2
    assert decision.total_1e9 == 198


def test_a_pool_joins_from_its_break_even_size_on():
    # Books rise by 0.1 % a coin; the pool's price is the same at first, its gas is 50.
    asks = [(100 * 10**9 + n * 10**8, COIN) for n in range(400)]
    book = Venue("kraken", [(99 * 10**9, COIN)], asks, venue("x", []).rules, 3_000)
    swap = pool(base=1_000, gas=50 * 10**9)
    size = route(BUY, COIN, [book], [swap], break_even=True).pools[0].break_even_1e8
    assert size is not None
    below = route(BUY, size - 1, [book], [swap], pools_tradable=True)
    above = route(BUY, size, [book], [swap], pools_tradable=True)
    assert "uni" not in legs(below)
    assert "gas" in below.skipped["uni"]
    assert "uni" in legs(above)
    assert above.gas_1e9 == 50 * 10**9


def test_a_pool_that_may_not_be_traded_is_priced_but_gets_nothing():
    book = venue("kraken", [(100, 9)], [(98, 9)])
    swap = pool(px=1)  # far below the book: prices of the book are 100 * 10^8
    decision = route(BUY, 5, [book], [swap])
    assert legs(decision) == {"kraken": 5}
    assert decision.skipped["uni"] == "priced only: swaps on pools are not executed here"
    row = decision_row(decision)
    assert [one["kind"] for one in row["alternatives"]] == ["venue", "all_cex", "with_pools"]
    assert row["pools"][0]["source"] == "test"


def test_only_six_pools_are_compared():
    pools = [pool(f"p{n}", base=1_000 + n) for n in range(8)]
    decision = route(SELL, COIN, [], pools, pools_tradable=True)
    assert sorted(decision.skipped)[:2] == ["p0", "p1"]
    assert decision.unfilled_1e8 == 0


def test_swaps_come_out_as_the_contracts_compute_them():
    # floor(in*997*out_reserve / (in_reserve*1000 + in*997)), and its inverse rounded up plus one, by hand.
    assert amount_out(1_000, 1_000_000, 2_000_000, 3_000) == 1_992
    assert amount_in(1_992, 1_000_000, 2_000_000, 3_000) == 1_000
    assert amount_out(10**18, 5 * 10**18, 10 * 10**18, 3_000) == 1_662_497_915_624_478_906
    assert amount_out(10**18, 10 * 10**18, 5 * 10**18, 3_000) == 453_305_446_940_074_565
    assert amount_out(10**18, 100 * 10**18, 100 * 10**18, 3_000) == 987_158_034_397_061_298
    with pytest.raises(ValueError, match="cannot come out"):
        amount_in(100, 1_000, 100, 3_000)


def test_gas_is_rounded_up():
    assert gas_cost_1e9(150_000, 20 * 10**9, 10**9, 2_000 * 10**9) == 6_300_000_000
    assert gas_cost_1e9(1, 1, 0, 1) == 1
