"""How sure a fill is: the three queue models side by side in one market."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.feed.events import BUY, SELL, FeedState
from sequence_paper.venue.orders import Cancelled, Filled, OrderType
from sequence_paper.venue.queue import QueueModel
from support.market_scripts import CROWD, MARKET_ONLY, POLICY, PX, QTY, SCRIPT, SIDE, more

AVERSE, MIDDLE, OPTIMIST = QueueModel.RISK_AVERSE, QueueModel.CALIBRATED, QueueModel.OPTIMISTIC


def rests(scene) -> dict[str, dict[QueueModel, int]]:
    """Unfilled quantity of each resting order by each model."""
    matcher = scene.market._matcher
    out = {}
    for key, resting in matcher.live.items():
        desk = matcher.desks[resting.order.account]
        out[key] = {model: bound.rest(resting) for model, bound in desk.bounds.items()}
        out[key][desk.model] = resting.rest_1e8
    return out


def certainties(executions) -> list[str]:
    return [f"{e.qty_1e8 // 10**8} {e.certainty}" for e in executions if isinstance(e, Filled)]


@more
@given(st.one_of(SCRIPT, CROWD), POLICY, st.sampled_from(list(QueueModel)))
def test_queue_bracket(play, steps, policy, model):
    """Filled by the pessimist <= by the calibrated model <= by the optimist, of every order, at every time."""
    scene = play(self_trade=policy, queue_model=model)
    for step in steps:
        scene.step(step)
        for desk in scene.market._matcher.desks.values():
            for bound in desk.bounds.values():
                places = [p for levels in bound.levels.values() for queue in levels.values() for p in queue]
                assert bound.ghosts == sum(place.ghost for place in places)
                assert all(place.rest_1e8 > 0 for place in places if place.ghost)
                assert all(queue for levels in bound.levels.values() for queue in levels.values())
        for rest in rests(scene).values():
            assert rest[AVERSE] >= rest[MIDDLE] >= rest[OPTIMIST] >= 0


@more
@given(SCRIPT, POLICY)
def test_the_bounds_change_no_fill(play, steps, policy):
    """What is never possible for the calibrated model: a fill that only the optimist had."""
    scene = play(self_trade=policy)
    for execution in scene.run(steps):
        if isinstance(execution, Filled):
            assert execution.certainty != "possible"
            assert execution.maker or execution.certainty == "certain"
        elif isinstance(execution, Cancelled):
            assert 0 <= execution.possible_1e8 <= execution.remaining_1e8


@more
@given(SIDE, PX, QTY, MARKET_ONLY)
def test_what_is_certain_a_pessimist_fills_too(play, side, px, qty, steps):
    """Against a market of its own that follows the risk-averse queue."""
    market, pessimist = play(), play(queue_model=AVERSE)
    certain = 0
    for scene in (market, pessimist):
        scene.order(side, qty, px, OrderType.POST_ONLY)
    for step in steps:
        filled = sum(e.qty_1e8 for e in market.log if isinstance(e, Filled))
        for execution in market.step(step):
            if isinstance(execution, Filled):
                filled += execution.qty_1e8
                certain = filled if execution.certainty == "certain" else certain
        pessimist.step(step)
        assert certain <= sum(e.qty_1e8 for e in pessimist.log if isinstance(e, Filled))


@more
@given(SIDE, PX, QTY, MARKET_ONLY)
def test_alone_at_its_price_each_bound_is_that_model(play, side, px, qty, steps):
    """One order, prints and cancels at its price only: the bounds are markets of their own."""
    scenes = {model: play(queue_model=model) for model in QueueModel}
    for scene in scenes.values():
        scene.order(side, qty, px, OrderType.POST_ONLY)
    for step in steps:
        for scene in scenes.values():
            scene.step(step)
        for key, rest in rests(scenes[MIDDLE]).items():
            assert rest[OPTIMIST] == rests(scenes[OPTIMIST]).get(key, {OPTIMIST: 0})[OPTIMIST]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (AVERSE, []),
        (MIDDLE, ["1 likely"]),
        (OPTIMIST, ["3 possible"]),
    ],
)
def test_a_cancel_of_unknown_place_makes_fills_likely_or_possible(scene, model, words):
    # 10 stand before us; others join behind; then 9 of the 19 cancel, of whom nobody knows the place.
    one = scene(queue_model=model)
    one.book({98: 10}, {102: 5})
    one.order(BUY, 3, 98, OrderType.POST_ONLY, key="o")
    one.level(BUY, 98, 19)
    one.level(BUY, 98, 10)
    ahead = one.open()["o"][2]
    exact = Fraction(10) - 9 * Fraction(10, 19) ** 3
    assert ahead == {AVERSE: 10, MIDDLE: int(exact), OPTIMIST: 1}[model]
    assert certainties(one.trade(SELL, 98, 10)) == words


def test_a_pessimist_who_catches_up_makes_the_next_fill_certain(scene):
    one = scene()
    one.book({98: 10}, {102: 5})
    one.order(BUY, 5, 98, OrderType.POST_ONLY)
    one.level(BUY, 98, 19)
    one.level(BUY, 98, 10)
    assert certainties(one.trade(SELL, 98, 10)) == ["1 likely"]
    # At a worse price everything at ours had traded before.
    assert certainties(one.trade(SELL, 97, 5)) == ["3 certain"]


def test_print_through_and_a_book_that_comes_to_us_are_certain(scene):
    one = scene()
    one.book({98: 10}, {102: 5})
    one.order(BUY, 2, 98, OrderType.POST_ONLY)
    assert certainties(one.trade(SELL, 97, 1)) == ["1 certain"]
    one.level(BUY, 98, 0)
    assert certainties(one.level(SELL, 98, 1)) == ["1 certain"]


def test_what_only_the_optimist_had_filled_is_told_when_the_order_ends(scene):
    one = scene()
    one.book({98: 10}, {102: 5})
    one.order(BUY, 3, 98, OrderType.POST_ONLY, key="o")
    one.level(BUY, 98, 19)
    one.level(BUY, 98, 10)
    assert one.trade(SELL, 98, 3) == []
    (ended,) = one.cancel("o")
    assert (ended.remaining_1e8, ended.possible_1e8) == (3 * 10**8, 2 * 10**8)


def test_what_the_pessimist_had_not_filled_stands_before_the_next_order(scene):
    one = scene()
    one.book({98: 10}, {102: 5})
    one.order(BUY, 1, 98, OrderType.POST_ONLY, key="first")
    one.level(BUY, 98, 19)
    one.level(BUY, 98, 10)
    one.order(BUY, 1, 98, OrderType.POST_ONLY, key="second")
    assert certainties(one.trade(SELL, 98, 10)) == ["1 likely"]
    # To the pessimist the first order is now at the front: it takes this print, and the second the next.
    assert one.trade(SELL, 98, 1) == []
    assert rests(one)["second"][AVERSE] == 10**8
    assert certainties(one.trade(SELL, 98, 1)) == ["1 certain"]


def test_what_waits_for_the_pessimist_ends_when_the_other_side_comes_to_its_price(scene):
    one = scene()
    one.book({98: 10}, {102: 5})
    one.order(BUY, 1, 98, OrderType.POST_ONLY)
    one.level(BUY, 98, 19)
    one.level(BUY, 98, 10)
    one.trade(SELL, 98, 10)
    (bound,) = (b for b in one.market._matcher.desks["a"].others if b.ghosts)
    assert (bound.model, bound.ghosts) == (AVERSE, 1)
    one.level(BUY, 98, 0)
    one.level(SELL, 99, 1)
    assert bound.ghosts == 1
    one.level(SELL, 98, 1)
    assert (bound.ghosts, bound.levels[BUY]) == (0, {})


def test_after_doubtful_data_the_models_agree_again(scene):
    one = scene()
    one.book({98: 10}, {102: 5})
    one.order(BUY, 5, 98, OrderType.POST_ONLY, key="o")
    one.level(BUY, 98, 19)
    one.level(BUY, 98, 10)
    one.status(FeedState.GAP)
    one.book({98: 4}, {102: 5})
    desk = one.market._matcher.desks["a"]
    assert {place.ahead_1e8 for b in desk.bounds.values() for place in b.levels[BUY][98 * 10**9]} == {
        4 * 10**8
    }
    assert certainties(one.trade(SELL, 98, 9)) == ["5 certain"]
