"""What must hold of queues for every sequence of market events and orders."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.feed.events import BUY, SELL, Trade
from sequence_paper.venue.orders import Amended, Filled, OrderType, Rejected
from sequence_paper.venue.queue import QueueModel, ahead_after_decrease
from support.market_scripts import MARKET_ONLY, POLICY, PX, QTY, SCRIPT, SIDE, more


def _desk(scene, account="a"):
    return scene.market._matcher.desks.get(account)


@more
@given(SCRIPT)
def test_the_queue_never_runs_backwards(play, steps):
    """What stands before an order only shrinks, is never negative and never more than the level shows."""
    scene = play()
    last: dict[str, tuple[int, int]] = {}
    for step in steps:
        moved = {e.key for e in scene.step(step) if isinstance(e, Amended) and not e.kept_place}
        for account in ("a", "b"):
            desk = _desk(scene, account)
            for side, levels in desk.levels.items() if desk else ():
                for px, queue in levels.items():
                    aheads = [resting.ahead_1e8 for resting in queue]
                    assert aheads == sorted(aheads)
                    assert aheads[0] >= 0
                    assert aheads[-1] <= scene.market._shown.book.size(side, px)
                    for resting in queue:
                        key = resting.order.key
                        if key in last and key not in moved and last[key][0] == px:
                            assert resting.ahead_1e8 <= last[key][1]
                        last[key] = (px, resting.ahead_1e8)


@more
@given(st.integers(0, 10**4), st.integers(1, 10**4), st.integers(1, 10**4))
def test_queue_bracket_of_one_step(ahead, level, decrease):
    """Pessimist >= calibrated >= optimist, and no order overtakes another."""
    decrease = min(decrease, level)
    ahead = min(ahead, level)
    worst, middle, best = (
        ahead_after_decrease(model, ahead, level, decrease)
        for model in (QueueModel.RISK_AVERSE, QueueModel.CALIBRATED, QueueModel.OPTIMISTIC)
    )
    assert level - decrease >= worst >= middle >= best >= 0
    if ahead:
        fewer = ahead_after_decrease(QueueModel.CALIBRATED, ahead - 1, level, decrease)
        assert fewer <= middle


@more
@given(SIDE, PX, QTY, MARKET_ONLY)
def test_queue_bracket_of_fills(play, side, px, qty, steps):
    """At every moment: filled by the pessimist <= by the calibrated model <= by the optimist."""
    scenes = [
        play(queue_model=model)
        for model in (QueueModel.RISK_AVERSE, QueueModel.CALIBRATED, QueueModel.OPTIMISTIC)
    ]
    for scene in scenes:
        scene.order(side, qty, px, OrderType.POST_ONLY)
    for step in steps:
        for scene in scenes:
            scene.step(step)
        filled = [sum(fill[2] for fill in scene.fills()) for scene in scenes]
        assert filled == sorted(filled)


@more
@given(MARKET_ONLY, QTY, st.integers(1, 5))
def test_monotone_a_shorter_queue_never_fills_later(play, steps, qty, extra):
    near, far = play(), play()
    far.level(BUY, 98, 4 + extra)
    for scene in (near, far):
        scene.order(BUY, qty, 98, OrderType.POST_ONLY)
    far.level(BUY, 98, 4 + extra)
    desk_near, desk_far = _desk(near), _desk(far)
    assert desk_near.levels[BUY][98 * 10**9][0].ahead_1e8 < desk_far.levels[BUY][98 * 10**9][0].ahead_1e8
    for step in steps:
        if step[0] == "print" and step[1] == SELL:
            for scene in (near, far):
                scene.trade(SELL, 98, step[2])
            assert sum(f[2] for f in near.fills()) >= sum(f[2] for f in far.fills())


@more
@given(SCRIPT, POLICY)
def test_prints_are_handed_out_once(play, steps, policy):
    """All fills of an account caused by one print together are no more than the print."""
    scene = play(self_trade=policy)
    inner = scene.event

    def watched(event):
        executions = inner(event)
        if isinstance(event, Trade):
            for owner in ("a/algo", "b/algo"):
                got = sum(e.qty_1e8 for e in executions if isinstance(e, Filled) and e.owner == owner)
                assert got <= event.qty_1e8
        return executions

    scene.event = watched
    for step in steps:
        assert not any(isinstance(e, Rejected) and not e.reason for e in scene.step(step))
