"""What must hold of matching for every sequence of market events and orders.

Of the queue: test_queue, test_certainty (the bracket); against a naive market: test_differential; of a whole run:
test_determinism.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.feed.events import BUY, SELL
from sequence_paper.venue.fees import notional_1e9
from sequence_paper.venue.orders import (
    Acked,
    Amended,
    Cancelled,
    Filled,
    Order,
    OrderType,
)
from sequence_paper.venue.position import Position, after_fill
from sequence_paper.venue.queue import QueueModel
from sequence_paper.venue.rules import Fees
from support.market_scripts import MARKET_ONLY, POLICY, PX, QTY, SCRIPT, SIDE, more

BOOK_SIDE = st.dictionaries(st.integers(101, 110), st.integers(1, 9), min_size=1, max_size=6)


def _desk(scene, account="a"):
    return scene.market._matcher.desks.get(account)


@more
@given(SCRIPT, POLICY)
def test_conservation_of_liquidity(play, steps, policy):
    """Never is more taken from a level than it shows, by all orders of an account together."""
    scene = play(self_trade=policy)
    for step in steps:
        scene.step(step)
        for account in ("a", "b"):
            desk = _desk(scene, account)
            for side, used in desk.consumed.items() if desk else ():
                for px, qty in used.items():
                    assert 0 < qty <= scene.market._shown.book.size(side, px)


@more
@given(SCRIPT, POLICY)
def test_conservation_of_orders(play, steps, policy):
    """Filled + cancelled + resting is what was accepted, and every order ends at most once."""
    scene = play(self_trade=policy)
    wanted: dict[str, int] = {}
    gone: dict[str, int] = defaultdict(int)
    ended: set[str] = set()
    for execution in scene.run(steps):
        if isinstance(execution, (Acked, Amended)):
            wanted[execution.key] = execution.qty_1e8
        elif isinstance(execution, Filled):
            assert execution.qty_1e8 > 0
            gone[execution.key] += execution.qty_1e8
            assert execution.key not in ended
            assert execution.remaining_1e8 == wanted[execution.key] - gone[execution.key]
        elif isinstance(execution, Cancelled):
            assert execution.key not in ended
            ended.add(execution.key)
            gone[execution.key] += execution.remaining_1e8
    resting = {o.key: o.qty_1e8 - o.filled_1e8 for o in scene.market.open_orders()}
    assert all(qty > 0 for qty in resting.values())
    assert {key: qty - gone[key] for key, qty in wanted.items() if qty != gone[key]} == resting


@more
@given(SCRIPT, st.integers(90, 110))
def test_conservation_of_money(play, steps, mark):
    """Cash, what is held at a mark, and fees: only fills move them, and to the unit."""
    scene = play(fees=Fees(maker_ppm=-33, taker_ppm=777))
    position, cash = Position(), 0
    for step in steps:
        for e in scene.step(step):
            if isinstance(e, Filled) and e.owner == "a/algo":
                position = after_fill(position, e.side, e.px_1e9, e.qty_1e8, e.fee_1e9)
                cash -= notional_1e9(e.px_1e9, e.qty_1e8) * e.side + e.fee_1e9
        held = notional_1e9(mark * 10**9, position.qty_1e8)
        assert cash + held == position.net_1e9 + position.unrealized_1e9(mark * 10**9)


@more
@given(SCRIPT, POLICY)
def test_no_trade_through(play, steps, policy):
    """No fill is worse than its limit; no taker gets better than the best price shown at that instant."""
    scene = play(self_trade=policy)
    limits: dict[str, int] = {}
    for step in steps:
        bid, ask = scene.market.best()
        for execution in scene.step(step):
            if isinstance(execution, (Acked, Amended)):
                limits[execution.key] = execution.px_1e9
            elif isinstance(execution, Filled):
                limit = limits[execution.key]
                assert not limit or (limit - execution.px_1e9) * execution.side >= 0
                if execution.maker:
                    assert execution.px_1e9 == limit
                else:
                    best = ask if execution.side == BUY else bid
                    assert (execution.px_1e9 - best) * execution.side >= 0


@more
@given(SCRIPT, POLICY)
def test_stp_own_orders_never_meet(play, steps, policy):
    scene = play(self_trade=policy)
    for step in steps:
        scene.step(step)
        for account in ("a", "b"):
            own = [o for o in scene.market.open_orders() if o.account == account]
            bids = [o.px_1e9 for o in own if o.side == BUY]
            asks = [o.px_1e9 for o in own if o.side == SELL]
            assert not bids or not asks or max(bids) < min(asks)


@more
@given(SCRIPT)
def test_time_in_force(play, steps):
    """IOC, FOK and market orders never rest; FOK is all or nothing; post-only never pays the taker fee."""
    scene = play()
    kinds: dict[str, OrderType] = {}
    for step in steps:
        if step[0] == "order":
            kinds[f"o{scene._orders + 1}"] = OrderType(step[4])
        filled: dict[str, int] = defaultdict(int)
        for execution in scene.step(step):
            kind = kinds.get(execution.key)
            if isinstance(execution, Filled):
                filled[execution.key] += execution.qty_1e8
                assert kind is not OrderType.POST_ONLY or execution.maker
        if step[0] == "order" and OrderType(step[4]) is OrderType.FOK:
            assert filled[f"o{scene._orders}"] in (0, step[2] * 10**8)
        resting = {kinds[o.key] for o in scene.market.open_orders()}
        assert resting <= {OrderType.LIMIT, OrderType.POST_ONLY}


@more
@given(SCRIPT, st.integers(0, 3))
def test_price_time_priority(play, steps, model):
    """Of an account's orders on a side, one that is nearer the market or earlier at its price is never passed over."""
    scene = play(queue_model=list(QueueModel)[model % 3])
    for step in steps:
        before = {o.key: o for o in scene.market.open_orders()}
        order_of = {key: n for n, key in enumerate(before)}
        makers = {e.key for e in scene.step(step) if isinstance(e, Filled) and e.maker}
        left = {o.key for o in scene.market.open_orders()}
        for filled in makers & set(before):
            for other in left & set(before) - makers:
                a, b = before[filled], before[other]
                if (a.account, a.side) == (b.account, b.side):
                    assert (b.px_1e9 - a.px_1e9) * a.side <= 0
                    assert a.px_1e9 != b.px_1e9 or order_of[filled] < order_of[other]


@more
@given(BOOK_SIDE, st.lists(QTY, min_size=1, max_size=5), st.integers(100, 111))
def test_no_double_dip(play, scene, asks, parts, limit):
    """Children of an order, sent at the same instant, get what the order would have got, for the same money."""
    whole, split = scene(), scene()
    for one in (whole, split):
        one.book({99: 1}, asks)
    whole.order(BUY, sum(parts), limit, OrderType.IOC)
    for part in parts:
        split.order(BUY, part, limit, OrderType.IOC)

    def by_price(one):
        taken = defaultdict(int)
        for _, px, qty, _ in one.fills():
            taken[px] += qty
        return taken

    assert by_price(whole) == by_price(split)


@more
@given(BOOK_SIDE, st.integers(1, 40), st.integers(1, 40))
def test_monotone_a_bigger_order_pays_no_better_price(scene, asks, small, extra):
    def average(qty):
        one = scene()
        one.book({99: 1}, asks)
        fills = one.fills(one.order(BUY, qty, 0, OrderType.MARKET))
        return Fraction(sum(px * q for _, px, q, _ in fills), sum(q for _, _, q, _ in fills))

    assert average(small) <= average(small + extra)


@more
@given(BOOK_SIDE, QTY, st.integers(0, 4 * 10**9))
def test_monotone_arriving_later_on_a_book_that_stands_still_changes_nothing(scene, asks, qty, wait_ns):
    now, later = scene(), scene()
    for one in (now, later):
        one.book({99: 1}, asks)
    later.now += wait_ns
    assert now.fills(now.order(BUY, qty, 0)) == later.fills(later.order(BUY, qty, 0))


@more
@given(SCRIPT)
def test_accounts_do_not_see_each_other(play, steps):
    """An account's executions are the same whether others trade beside it or not."""
    both, alone = play(), play()
    together = [e for e in both.run(steps) if e.owner == "a/algo"]
    for step in steps:
        if step[0] == "order" and step[5] == "b":
            alone._orders += 1
        else:
            alone.step(step)
        alone.now = max(alone.now, 0)

    def told(executions):
        return [(e.key, e.px_1e9, e.qty_1e8, e.maker) for e in executions if isinstance(e, Filled)]

    assert told(together) == told(e for e in alone.log if e.owner == "a/algo")


@more
@given(SCRIPT)
def test_fee_identity(play, steps):
    """Fees of all fills together are the exact fee, rounded; makers pay the maker's rate, takers the taker's."""
    scene = play(fees=Fees(maker_ppm=-33, taker_ppm=777))
    exact: dict[str, Fraction] = defaultdict(Fraction)
    booked: dict[str, int] = defaultdict(int)
    for e in scene.run(steps):
        if isinstance(e, Filled):
            exact[e.owner] += Fraction(e.px_1e9 * e.qty_1e8 * (-33 if e.maker else 777), 10**14)
            booked[e.owner] += e.fee_1e9
    assert booked == {owner: round(fee) for owner, fee in exact.items()}


@more
@given(MARKET_ONLY, SIDE, PX, QTY, st.integers(0, 40))
def test_restart_an_order_put_back_fills_no_earlier(play, steps, side, px, qty, cut):
    """Whenever the market is made anew from what it shows and what rests."""
    whole, again = play(), play()
    whole.order(side, qty, px, OrderType.POST_ONLY)
    order = Order("o1", "a", "a/algo", "BTC-USD", side, OrderType.POST_ONLY, qty * 10**8, px * 10**9)
    for step in steps[:cut]:
        whole.step(step)
        again.step(step)
    resting = whole.market.open_orders()
    if resting:
        again.market.restore(order, resting[0].filled_1e8, again.now)
    for step in steps[cut:]:
        whole.step(step)
        again.step(step)
        left = [sum(o.qty_1e8 - o.filled_1e8 for o in one.market.open_orders()) for one in (whole, again)]
        assert left[0] <= left[1]


@more
@given(SCRIPT, st.integers(0, 40))
def test_no_lookahead(play, steps, cut):
    """What happened up to a moment does not depend on what comes after it."""
    whole, part = play(), play()
    part.run(steps[:cut])
    assert whole.run(steps)[: len(part.log)] == part.log
