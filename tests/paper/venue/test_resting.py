"""Orders that wait: queue, prints, crossing books, amends, self-trade prevention, untrusted data."""

from __future__ import annotations

import pytest

from sequence_paper.feed.events import BookDelta, FeedState
from sequence_paper.venue.orders import Order, OrderType, SelfTrade
from sequence_paper.venue.queue import QueueModel, ahead_after_decrease

BIDS = {99: 3, 98: 5}
ASKS = {101: 2, 102: 4}
POST = OrderType.POST_ONLY


def test_prints_serve_the_queue_ahead_first(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 4, 99)
    assert s.open() == {"o1": (99, 4, 3)}
    assert s.fills(s.trade(-1, 99, 2)) == []
    assert s.open() == {"o1": (99, 4, 1)}
    assert s.fills(s.trade(-1, 99, 3)) == [("o1", 99, 2, True)]
    assert s.open() == {"o1": (99, 2, 0)}


def test_a_buyers_print_does_nothing_for_our_bid(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 1, 100)
    assert s.fills(s.trade(1, 101, 9)) == []


def test_a_decrease_that_a_print_explains_is_not_counted_twice(scene):
    s = scene()
    s.book({99: 10}, ASKS)
    s.order(1, 4, 99)
    s.trade(-1, 99, 4)
    s.level(1, 99, 6)
    assert s.open() == {"o1": (99, 4, 6)}


def test_a_print_through_our_price_fills_us_first_and_no_more_than_it_had(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 4, 100)
    assert s.fills(s.trade(-1, 99, 3)) == [("o1", 100, 3, True)]


def test_one_print_is_one_pot_for_all_our_orders(scene):
    s = scene()
    s.book({99: 2}, ASKS)
    for px, qty in ((99, 2), (100, 2), (99, 2)):
        s.order(1, qty, px)
    assert s.fills(s.trade(-1, 99, 7)) == [("o2", 100, 2, True), ("o1", 99, 2, True), ("o3", 99, 1, True)]


def test_size_that_joined_between_two_own_orders_is_served_between_them(scene):
    s = scene()
    s.book({99: 2}, ASKS)
    s.order(1, 1, 99)
    s.level(1, 99, 5)
    s.order(1, 1, 99)
    assert s.open() == {"o1": (99, 1, 2), "o2": (99, 1, 6)}
    assert s.fills(s.trade(-1, 99, 6)) == [("o1", 99, 1, True)]
    assert s.fills(s.trade(-1, 99, 1)) == [("o2", 99, 1, True)]


def test_a_book_that_comes_to_our_price_fills_what_it_shows_once(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 5, 100)
    assert s.fills(s.level(-1, 100, 3)) == [("o1", 100, 3, True)]
    assert s.fills(s.level(-1, 100, 2)) == []
    assert s.fills(s.level(-1, 100, 3)) == [("o1", 100, 1, True)]
    assert s.fills(s.order(1, 9, 100, OrderType.IOC)) == []


def test_maker_fills_are_at_our_own_limit_even_when_the_book_went_further(scene):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 1, 100)
    s.level(1, 99, 0)
    assert s.fills(s.level(-1, 99, 3)) == [("o1", 100, 1, True)]


@pytest.mark.parametrize(
    ("model", "ahead", "level", "decrease", "left"),
    [
        (QueueModel.RISK_AVERSE, 5, 10, 4, 5),
        (QueueModel.RISK_AVERSE, 5, 10, 7, 3),
        (QueueModel.OPTIMISTIC, 5, 10, 4, 1),
        (QueueModel.OPTIMISTIC, 5, 10, 7, 0),
        (QueueModel.CALIBRATED, 500, 1000, 400, 450),
        (QueueModel.CALIBRATED, 1000, 1000, 400, 600),
        (QueueModel.CALIBRATED, 900, 1000, 800, 200),
        (QueueModel.CALIBRATED, 0, 1000, 400, 0),
        (QueueModel.CALIBRATED, 500, 1000, 1000, 0),
    ],
)
def test_a_cancel_in_the_level_moves_us_forward(model, ahead, level, decrease, left):
    assert ahead_after_decrease(model, ahead, level, decrease) == left


@pytest.mark.parametrize(
    ("qty", "px", "expected", "place"),
    [
        (2, 0, ["amend 2@99 kept"], {"o1": (99, 2, 3), "o2": (99, 1, 5)}),
        (6, 0, ["amend 6@99 back"], {"o2": (99, 1, 3), "o1": (99, 6, 4)}),
        (0, 98, ["amend 4@98 back"], {"o2": (99, 1, 3), "o1": (98, 4, 5)}),
        (0, 101, ["amend 4@101 back", "take 2@101"], {"o2": (99, 1, 3), "o1": (101, 2, 0)}),
    ],
)
def test_amending(scene, told, qty, px, expected, place):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 4, 99)
    s.order(1, 1, 99)
    assert told(s.amend("o1", qty, px)) == expected
    assert s.open() == place


def test_an_amend_that_is_refused_leaves_the_order(scene, told):
    s = scene()
    s.book({99: 1}, ASKS)
    s.order(1, 4, 99, POST)
    s.trade(-1, 99, 3)
    before = s.open()
    assert told(s.amend("o1", qty=2)) == ["reject 2"]
    assert told(s.amend("o1", px=101)) == ["reject 2"]
    assert told(s.amend("nobody", qty=1)) == ["reject 2"]
    assert s.open() == before == {"o1": (99, 2, 0)}


def test_cancelling_twice_says_nothing_the_second_time(scene, told):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(1, 4, 99)
    assert told(s.cancel("o1")) == ["cancel 4 requested"]
    assert s.cancel("o1") == []


@pytest.mark.parametrize(
    ("policy", "kind", "expected", "left"),
    [
        (SelfTrade.CANCEL_NEWEST, OrderType.LIMIT, ["ack gone", "take 2@101", "cancel 3 self-trade"], ["o1"]),
        (SelfTrade.CANCEL_OLDEST, OrderType.LIMIT, ["ack gone", "cancel 1 self-trade", "take 2@101", "take 3@102"], []),
        (SelfTrade.CANCEL_BOTH, OrderType.IOC,
         ["ack gone", "cancel 1 self-trade", "take 2@101", "cancel 3 self-trade"], []),
        (SelfTrade.DECREMENT, OrderType.LIMIT,
         ["ack gone", "cancel 1 self-trade", "amend 4@103 kept", "take 2@101", "take 2@102"], []),
        (SelfTrade.DECREMENT, OrderType.FOK, ["ack gone", "cancel 5 self-trade"], ["o1"]),
        (SelfTrade.CANCEL_OLDEST, OrderType.FOK, ["ack gone", "cancel 5 self-trade"], ["o1"]),
        (SelfTrade.CANCEL_NEWEST, OrderType.POST_ONLY, ["reject 2"], ["o1"]),
    ],
)  # fmt: skip
def test_own_orders_never_meet(scene, told, policy, kind, expected, left):
    s = scene(self_trade=policy)
    s.book(BIDS, ASKS)
    s.order(-1, 1, 102)
    assert told(s.order(1, 5, 103, kind)) == expected
    assert list(s.open()) == left


def test_decrement_leaves_the_larger_order_with_what_is_left_of_it_in_its_place(scene, told):
    s = scene(self_trade=SelfTrade.DECREMENT)
    s.book(BIDS, ASKS)
    s.order(-1, 5, 102)
    ahead = s.open()["o1"][2]
    assert told(s.order(1, 4, 102)) == ["ack gone", "amend 3@102 kept", "take 2@101", "cancel 2 self-trade"]
    assert s.open() == {"o1": (102, 3, ahead)}


def test_another_account_is_somebody_else(scene, told):
    s = scene()
    s.book(BIDS, ASKS)
    s.order(-1, 1, 102, account="b")
    assert told(s.order(1, 5, 103)) == ["ack gone", "take 2@101", "take 3@102"]


@pytest.mark.parametrize("state", [FeedState.GAP, FeedState.STALE, FeedState.ENDED])
def test_nothing_fills_on_data_the_feed_itself_doubts(scene, told, state):
    s = scene()
    s.book({99: 3}, ASKS)
    s.order(1, 4, 99)
    s.status(state)
    assert s.market.feed_state is state
    assert s.trade(-1, 98, 50) == []
    assert s.level(-1, 99, 9) == []
    assert told(s.order(1, 1)) == ["reject 106"]
    assert told(s.amend("o1", qty=9)) == ["reject 106"]
    assert told(s.amend("o1", qty=3)) == ["amend 3@99 kept"]
    assert told(s.cancel("o1")) == ["cancel 3 requested"]


def test_a_crossed_book_fills_nothing_and_costs_the_place_in_the_queue(scene, told):
    s = scene()
    s.book({99: 3}, ASKS)
    s.order(1, 4, 99)
    s.trade(-1, 99, 3)
    s.level(1, 99, 5)
    assert s.open() == {"o1": (99, 4, 0)}
    assert s.level(1, 101, 1) == []
    assert s.market.feed_state is FeedState.CROSSED
    assert told(s.order(1, 1)) == ["reject 106"]
    assert s.trade(-1, 99, 50) == []
    s.level(1, 101, 0)
    assert s.market.feed_state is FeedState.OK
    assert s.open() == {"o1": (99, 4, 5)}


def test_without_a_snapshot_there_is_no_market(scene, told):
    s = scene()
    assert s.market.feed_state is FeedState.GAP
    assert told(s.order(1, 1, 99)) == ["reject 106"]


def test_silence_makes_the_data_stale_until_the_next_event(scene, told):
    s = scene(stale_after_ns=10**9)
    s.book(BIDS, ASKS)
    s.now += 10**9
    assert told(s.order(1, 1, 101, OrderType.IOC)) == ["reject 106"]
    s.level(1, 98, 6)
    assert told(s.order(1, 1, 101, OrderType.IOC)) == ["ack gone", "take 1@101"]


def test_a_restored_order_waits_at_the_back_and_fills_as_maker(scene):
    s = scene()
    order = Order("k", "a", "a/algo", "BTC-USD", 1, OrderType.LIMIT, 4 * 10**8, 99 * 10**9)
    s.market.restore(order, 10**8, s.now)
    s.book({99: 3}, ASKS)
    assert s.open() == {"k": (99, 3, 3)}
    assert s.fills(s.trade(-1, 99, 5)) == [("k", 99, 2, True)]


def test_the_top_follows_every_level_and_only_those_within_it_cost_a_new_cut(scene):
    s = scene()
    s.book({99: 3, 98: 5, 97: 1}, ASKS)
    bids, asks = s.market.top(2)
    assert (bids, asks) == (
        [(99 * 10**9, 3 * 10**8), (98 * 10**9, 5 * 10**8)],
        [(101 * 10**9, 2 * 10**8), (102 * 10**9, 4 * 10**8)],
    )
    s.level(1, 97, 9)
    assert s.market.top(2)[0] is bids
    s.level(1, 98, 0)
    assert s.market.top(2)[0] == [(99 * 10**9, 3 * 10**8), (97 * 10**9, 9 * 10**8)]
    assert s.market.top(2)[1] is asks
    s.event(BookDelta("BTC-USD", s.now, -1, 100 * 10**9, 10**8, 0))
    assert s.market.top(1)[1] == [(100 * 10**9, 10**8)]
