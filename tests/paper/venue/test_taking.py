"""Orders that take liquidity on arrival: walking the book, time in force, consumption, refusals."""

from __future__ import annotations

import pytest

from sequence_paper.venue.orders import OrderType

BIDS = {99: 3, 98: 5, 97: 8}
ASKS = {101: 2, 102: 4, 103: 6}
LIMIT, MARKET, IOC, FOK, POST = OrderType


@pytest.mark.parametrize(
    ("side", "qty", "px", "kind", "expected"),
    [
        (1, 1, 0, MARKET, ["ack gone", "take 1@101"]),
        (1, 5, 0, MARKET, ["ack gone", "take 2@101", "take 3@102"]),
        (-1, 9, 0, MARKET, ["ack gone", "take 3@99", "take 5@98", "take 1@97"]),
        (1, 15, 0, MARKET, ["ack gone", "take 2@101", "take 4@102", "take 6@103", "cancel 3 no-liquidity"]),
        (1, 5, 102, LIMIT, ["ack gone", "take 2@101", "take 3@102"]),
        (1, 7, 102, LIMIT, ["ack", "take 2@101", "take 4@102"]),
        (1, 7, 102, IOC, ["ack gone", "take 2@101", "take 4@102", "cancel 1 ioc-remainder"]),
        (1, 2, 100, IOC, ["ack gone", "cancel 2 ioc-remainder"]),
        (1, 6, 102, FOK, ["ack gone", "take 2@101", "take 4@102"]),
        (1, 7, 102, FOK, ["ack gone", "cancel 7 fok-unfillable"]),
        (-1, 8, 98, FOK, ["ack gone", "take 3@99", "take 5@98"]),
        (1, 1, 100, POST, ["ack"]),
        (1, 1, 101, POST, ["reject 2"]),
        (-1, 1, 99, POST, ["reject 2"]),
        (-1, 1, 100, POST, ["ack"]),
        (1, 0, 100, LIMIT, ["reject 2"]),
        (1, 1, 0, LIMIT, ["reject 2"]),
    ],
)
def test_what_an_arriving_order_does(scene, told, side, qty, px, kind, expected):
    s = scene()
    s.book(BIDS, ASKS)
    assert told(s.order(side, qty, px, kind)) == expected


def test_a_rejected_order_touches_nothing(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 7, 102, FOK)
    s.order(1, 1, 101, POST)
    assert s.open() == {}
    assert s.fills(s.order(1, 6, 102, IOC)) == [("o3", 101, 2, False), ("o3", 102, 4, False)]


def test_taken_liquidity_stays_taken_while_the_level_stands(scene, told):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 2, 101, IOC)
    assert told(s.order(1, 2, 101, IOC)) == ["ack gone", "cancel 2 ioc-remainder"]


@pytest.mark.parametrize(
    ("sizes", "available"),
    [
        pytest.param([6], 1, id="half taken, half left"),
        pytest.param([8], 3, id="an increase is new size"),
        pytest.param([4], 1, id="a decrease first takes what we had taken"),
        pytest.param([1], 1, id="all we took is gone, the rest is real"),
        pytest.param([5, 6], 2, id="a flicker of one restores one, not the level"),
        pytest.param([0, 6], 6, id="the level went away: a new level is new"),
    ],
)
def test_consumption_follows_the_level(scene, sizes, available):
    s = scene()
    s.book(BIDS, {101: 6})
    s.order(1, 5, 101, IOC)
    for size in sizes:
        s.level(-1, 101, size)
    assert sum(qty for _, _, qty, _ in s.fills(s.order(1, 99, 101, IOC))) == available


def test_two_algos_of_one_account_share_the_liquidity_and_other_accounts_do_not(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 2, 101, IOC, account="a")
    assert s.fills(s.order(1, 2, 101, IOC, account="a")) == []
    assert s.fills(s.order(1, 2, 101, IOC, account="b")) == [("o3", 101, 2, False)]


def test_a_print_not_yet_off_the_book_cannot_be_taken_again(scene):
    s = scene()
    s.book(BIDS, {101: 6})
    s.trade(1, 101, 4)
    assert s.fills(s.order(1, 6, 101, IOC)) == [("o1", 101, 2, False)]
    s.level(-1, 101, 2)
    assert s.fills(s.order(1, 6, 101, IOC)) == []


def test_a_print_that_no_decrease_follows_is_forgotten_after_a_second(scene):
    s = scene()
    s.book(BIDS, {101: 6})
    s.trade(1, 101, 4)
    s.now += 10**9 + 1
    assert s.fills(s.order(1, 6, 101, IOC)) == [("o1", 101, 6, False)]


def test_a_key_that_is_open_is_refused_and_free_again_afterwards(scene, told):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 1, 100, key="k")
    assert told(s.order(1, 1, 100, key="k")) == ["reject 2"]
    s.cancel("k")
    assert told(s.order(1, 1, 100, key="k")) == ["ack"]


def test_good_till_time_ends_before_the_event_at_that_time_can_fill_it(scene, told):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 1, 100, expire_ns=s.now + 10)
    s.now += 10
    assert told(s.trade(-1, 99, 5)) == ["cancel 1 expired"]
    assert told(s.order(1, 1, 100, expire_ns=s.now)) == ["reject 2"]
