"""Balances, what open orders hold of them, and fees by volume."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_paper.venue.fees import notional_1e9
from sequence_paper.venue.orders import Filled, Rejected
from sequence_paper.venue.rules import Fees
from sequence_paper.venue.tiers import Schedule, ScheduleError, Tier, flat, parse
from sequence_paper.venue.wallet import DAY_NS, Wallet, Wallets, needed

USD = COIN = 10**9
BOOK = ({98: 4, 97: 3}, {102: 4, 103: 2})


def funded(scene: Any, dollars: int, coins: int, fees: Fees | None = None) -> tuple[Any, Wallet]:
    """A market whose account ``a`` was given this much."""
    wallets = Wallets(flat(fees or Fees(0, 10_000)))
    made = scene(wallets=wallets)
    made.book(*BOOK)
    wallet = wallets.of("a")
    wallet.load({"USD": dollars * USD, "BTC": coins * COIN}, {})
    return made, wallet


def codes(executions: list[Any]) -> list[int]:
    return [int(e.code) for e in executions if isinstance(e, Rejected)]


def test_nothing_is_counted_until_it_is_given(scene):
    made = scene()
    made.book(*BOOK)
    assert codes(made.order(1, 1000, 90) + made.order(-1, 1000, 110) + made.order(1, 4)) == []
    assert made.market.wallets.of("a").free("USD") is None


@pytest.mark.parametrize(
    ("dollars", "coins", "order"),
    [
        pytest.param(100, 0, (1, 1, 100), id="a resting buy needs its fee, too"),
        pytest.param(103, 0, (1, 1), id="a market buy needs what it would pay"),
        pytest.param(0, 1, (-1, 2, 110), id="a resting sell"),
        pytest.param(0, 1, (-1, 2), id="a market sell"),
    ],
)
def test_an_order_that_cannot_be_paid_is_refused(scene, dollars, coins, order):
    made, wallet = funded(scene, dollars, coins)
    assert codes(made.order(*order)) == [1]
    assert (wallet.held("USD"), wallet.held("BTC")) == (0, 0)
    wallet.load({"USD": (dollars + 2) * USD, "BTC": (coins + 1) * COIN}, {})
    assert codes(made.order(*order)) == []


def test_open_orders_hold_what_they_may_need_and_give_it_back(scene):
    made, wallet = funded(scene, 1000, 5)
    made.order(1, 2, 90, key="low")
    made.order(-1, 3, 120, key="high")
    assert (wallet.held("USD"), wallet.held("BTC")) == (2 * 90 * 101 * USD // 100, 3 * COIN)
    assert codes(made.order(-1, 3, 121)) == [1]
    made.amend("high", qty=1)
    assert wallet.held("BTC") == COIN
    assert codes(made.amend("low", px=600)) == [1]
    made.amend("low", px=91)
    assert wallet.held("USD") == 2 * 91 * 101 * USD // 100
    made.cancel("low")
    made.cancel("high")
    assert (wallet.free("USD"), wallet.free("BTC")) == (1000 * USD, 5 * COIN)
    made.order(1, 2, 90, expire_ns=made.now + 3)
    made.level(1, 50, 1)
    made.level(1, 50, 2)
    assert (made.open(), wallet.held("USD")) == ({}, 0)


def test_orders_that_rest_when_a_balance_is_given_hold_of_it(scene):
    made, wallet = funded(scene, 0, 0)
    wallet.load({}, {})
    made.order(-1, 3, 120)
    wallet.load({"BTC": 4 * COIN}, {})
    made.market.hold_again("a")
    assert wallet.free("BTC") == COIN
    assert codes(made.order(-1, 2, 120)) == [1]


STEP = st.one_of(
    st.tuples(st.just("level"), st.sampled_from([1, -1]), st.integers(94, 106), st.integers(0, 4)),
    st.tuples(
        st.just("print"), st.sampled_from([1, -1]), st.integers(1, 5), st.integers(0, 1), st.booleans()
    ),
    st.tuples(
        st.just("order"),
        st.sampled_from([1, -1]),
        st.integers(1, 6),
        st.integers(94, 106),
        st.sampled_from([0, 0, 0, 1, 2, 3, 4]),
        st.just("a"),
    ),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("amend"), st.integers(0, 20), st.integers(0, 6), st.integers(94, 106)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40), st.integers(0, 2000), st.integers(0, 12))
def test_balances_are_what_fills_moved_and_holds_are_what_open_orders_need(play, steps, dollars, coins):
    wallets = Wallets(flat(Fees(-200, 2_500)))
    made = play(wallets=wallets)
    wallet = wallets.of("a")
    wallet.load({"USD": dollars * USD, "BTC": coins * COIN}, {})
    for step in steps:
        made.step(step)
        open_orders = made.market.open_orders()
        for side, asset in ((1, "USD"), (-1, "BTC")):
            need = sum(
                needed(side, o.px_1e9, o.qty_1e8 - o.filled_1e8, 2_500) for o in open_orders if o.side == side
            )
            assert wallet.held(asset) == need
            assert wallet.free(asset) >= -len(made.log)  # rounding: 10^-9 a fill
    fills = [e for e in made.log if isinstance(e, Filled)]
    spent = sum(e.side * notional_1e9(e.px_1e9, e.qty_1e8) + e.fee_1e9 for e in fills)
    assert wallet.balances["USD"] == dollars * USD - spent
    assert wallet.balances["BTC"] == coins * COIN + sum(e.side * e.qty_1e8 * 10 for e in fills)


# -- fees by volume ------------------------------------------------------------------------------------------------

TIERS = Schedule("t", (Tier(0, Fees(10, 20)), Tier(1000 * USD, Fees(0, 10)), Tier(5000 * USD, Fees(-5, 8))))


def test_a_fill_counts_from_the_next_one_on_and_for_thirty_days():
    wallet, day = Wallet(TIERS), 20_000
    assert wallet.rates(day * DAY_NS) == Fees(10, 20)
    wallet.traded("BTC", "USD", 1, 999 * USD, 10**8, 0, day * DAY_NS)
    assert wallet.rates(day * DAY_NS) == Fees(10, 20)
    wallet.traded("BTC", "USD", -1, 1 * USD, 10**8, 0, (day + 1) * DAY_NS)
    assert wallet.rates((day + 1) * DAY_NS) == Fees(0, 10)
    assert wallet.rates((day + 29) * DAY_NS) == Fees(0, 10)
    assert wallet.rates((day + 30) * DAY_NS) == Fees(10, 20)


def test_all_markets_of_a_venue_count_together_and_a_rebate_is_paid(scene):
    wallets = Wallets(TIERS)
    one, two = scene(wallets=wallets), scene(wallets=wallets)
    for made in (one, two):
        made.book({98: 90}, {100: 90})
    assert [e.fee_1e9 for e in one.order(1, 10, 100) if isinstance(e, Filled)] == [1000 * USD * 20 // 10**6]
    assert [e.fee_1e9 for e in two.order(1, 40, 100) if isinstance(e, Filled)] == [4000 * USD * 10 // 10**6]
    two.order(1, 1, 99)
    (rebate,) = [e for e in two.trade(-1, 99, 1) if isinstance(e, Filled)]
    assert rebate.fee_1e9 == -99 * USD * 5 // 10**6
    assert TIERS.worst_ppm == 20


@pytest.mark.parametrize("venue", ["kraken", "coinbase", "binance"])
def test_the_tiers_of_a_venue_begin_at_its_entry_rate_and_only_fall(venue):
    base, tiers = parse("base", venue), parse("tiers", venue)
    assert base.flat
    assert tiers.tiers[0].fees == base.tiers[0].fees
    rates = [(tier.fees.maker_ppm, tier.fees.taker_ppm) for tier in tiers.tiers]
    assert all(later <= earlier for one in zip(*rates, strict=True) for earlier, later in pairwise(one))
    assert tiers.at(tiers.tiers[-1].from_1e9) == tiers.tiers[-1].fees


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('{"kraken": [[0, -5, 8]]}', ""),
        ('{"kraken": [[0, -9, 8]]}', "a rebate may not exceed"),
        ('{"kraken": [[1, 5, 8]]}', "begin at 0"),
        ('{"kraken": [[0, 5, 8], [0, 4, 8]]}', "ascend"),
        ('{"binance": [[0, 5, 8]]}', "no fees of kraken"),
        ("[]", "no fees of kraken"),
    ],
)
def test_a_table_of_ones_own_is_read_or_told_wrong(tmp_path, table, says):
    path = tmp_path / "fees.json"
    path.write_text(table)
    if not says:
        assert parse(f"table:{path}", "kraken").tiers == (Tier(0, Fees(-5, 8)),)
        return
    with pytest.raises(ScheduleError, match=says):
        parse(f"table:{path}", "kraken")


def test_words_that_are_no_fees_are_refused():
    for word in ("cheap", "table:", "tiers:x"):
        with pytest.raises(ScheduleError, match="neither base"):
            parse(word, "kraken")
