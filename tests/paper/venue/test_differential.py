"""The market against a naive one that looks at everything anew each time, written from the rules alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_paper.feed.events import BookDelta, BookSnapshot, Trade
from sequence_paper.venue.orders import Filled, OrderType
from sequence_paper.venue.queue import QueueModel
from support.market_scripts import CROWD

LIMIT, MARKET, IOC, FOK, POST = OrderType


def still_ahead(model, ahead, level, new):
    """Of ``ahead`` after a level of others fell to ``new`` without a print."""
    if level == 0:
        return 0
    ahead = min(ahead, level)
    if model is QueueModel.OPTIMISTIC:
        ahead -= level - new
    elif model is QueueModel.CALIBRATED:
        ahead -= (level - new) * ahead**3 // level**3
    return max(0, min(ahead, new))


class NaiveBound:
    """The same orders by another model: one list in time order of [key, side, px, rest, ahead]; key None = a ghost."""

    def __init__(self, model):
        self.model = model
        self.places = []

    def serve(self, side, px, pot, through):
        """``through``: whatever stood before our orders does not matter."""
        others = 0
        for place in sorted(self.places, key=lambda p: -p[2] * side):
            if place[1] != side or (place[2] - px) * side < 0:
                continue
            if not through:
                served = min(pot, max(0, place[4] - others)) if place[2] == px else 0
                others, pot = others + served, pot - served
                place[4] = max(0, place[4] - others) if place[2] == px else 0
            take = min(pot, place[3])
            place[3], pot = place[3] - take, pot - take
        self.places = [p for p in self.places if p[0] is not None or p[3]]

    def shrank(self, side, px, level, new):
        for place in self.places:
            if (place[1], place[2]) == (side, px):
                place[4] = still_ahead(self.model, place[4], level, new)

    def leave(self, key, rest):
        at = next(n for n, place in enumerate(self.places) if place[0] == key)
        gone = self.places[at]
        for later in self.places[at + 1 :]:
            if (later[1], later[2]) == (gone[1], gone[2]):
                later[4] = max(0, later[4] - max(0, rest - gone[3]))
        gone[0], gone[3] = None, gone[3] - rest
        self.places = [p for p in self.places if p[0] is not None or p[3] > 0]

    def crossed(self, side, px):
        for level in {p[2] for p in self.places if p[1] == side and (p[2] - px) * side >= 0}:
            there = [p for p in self.places if (p[1], p[2]) == (side, level)]
            if all(p[0] is None for p in there):
                self.places = [p for p in self.places if p not in there]


class Naive:
    """One account; an order that would meet our own ends. Lists and full scans only."""

    def __init__(self, model):
        self.model = model
        self.sizes = {}  # (side, px) -> displayed
        self.used = {}  # (side, px) -> consumed by us
        self.printed = {}  # (side, px) -> printed, not yet off the level
        self.mine = []  # in time order: [key, side, px, rest, ahead, kind]
        self.fills = []
        self.bounds = {other: NaiveBound(other) for other in QueueModel if other is not model}

    def crosses(self, side, px, there):
        return px >= there if side == 1 else px <= there

    def free(self, side, px):
        at = (side, px)
        return max(0, self.sizes.get(at, 0) - self.used.get(at, 0) - self.printed.get(at, 0))

    def take(self, side, limit, qty, stop=None):
        """[(px, qty)] from the displayed levels of the other side."""
        taken = []
        for px in sorted((px for s, px in self.sizes if s == -side), reverse=side == -1):
            if limit is not None and not self.crosses(side, limit, px):
                continue
            if stop is not None and (px - stop) * side >= 0:
                continue
            part = min(qty, self.free(-side, px))
            if part:
                taken.append((px, part))
                qty -= part
        return taken

    def mine_by_priority(self, side):
        return sorted((o for o in self.mine if o[1] == side), key=lambda o: -o[2] * side)

    def event(self, event):
        if isinstance(event, BookSnapshot):
            self.sizes = {(s, px): sz for s, ls in ((1, event.bids), (-1, event.asks)) for px, sz in ls}
        elif isinstance(event, Trade):
            self.on_print(-event.aggressor, event.px_1e9, event.qty_1e8)
        else:
            self.on_level(event)

    def on_print(self, side, px, pot):
        if (side, px) in self.sizes:
            self.printed[side, px] = min(self.sizes[side, px], self.printed.get((side, px), 0) + pot)
        for bound in self.bounds.values():
            bound.serve(side, px, pot, through=False)
        others = 0
        for order in self.mine_by_priority(side):
            if self.crosses(side, order[2], px):
                if order[2] != px:
                    order[4] = 0
                served = min(pot, max(0, order[4] - others))
                others, pot = others + served, pot - served
                order[4] = max(0, order[4] - others)
                pot -= self.fill(order, order[2], min(pot, order[3]))

    def on_level(self, event):
        at, old, new = (event.side, event.px_1e9), self.sizes.get((event.side, event.px_1e9), 0), event.sz_1e8
        self.sizes[at] = new
        if new == 0:
            del self.sizes[at]
        if new < old:
            explained = min(self.printed.get(at, 0), old - new)
            self.printed[at] = self.printed.get(at, 0) - explained if new else 0
            self.used[at] = max(0, min(new, self.used.get(at, 0) - (old - new - explained)))
            for bound in self.bounds.values():
                bound.shrank(*at, old - explained, new)
            for order in [o for o in self.mine if (o[1], o[2]) == at]:
                order[4] = still_ahead(self.model, order[4], old - explained, new)
        if new > old:
            for order in self.mine_by_priority(-event.side):
                taken = self.take(order[1], order[2], order[3])
                for bound in self.bounds.values():
                    bound.serve(order[1], order[2], sum(qty for _, qty in taken), through=True)
                for px, qty in taken:
                    self.used[-order[1], px] = self.used.get((-order[1], px), 0) + qty
                    self.fill(order, order[2], qty)
            for bound in self.bounds.values():
                bound.crossed(-event.side, event.px_1e9)

    def fill(self, order, px, qty):
        if qty:
            order[3] -= qty
            self.fills.append((order[0], px, qty))
            if order[3] == 0 and order in self.mine:
                self.leave(order)
        return qty

    def leave(self, order):
        self.mine.remove(order)
        for bound in self.bounds.values():
            bound.leave(order[0], order[3])

    def submit(self, key, side, kind, qty, px):
        limit = None if kind is MARKET else px
        own = [
            o[2] for o in self.mine if o[1] == -side and (limit is None or self.crosses(side, limit, o[2]))
        ]
        stop = (min(own) if side == 1 else max(own)) if own else None
        if kind is POST and (
            own or any(s == -side and self.crosses(side, px, there) for s, there in self.sizes)
        ):
            return
        taken = self.take(side, limit, qty, stop)
        if kind is FOK and sum(q for _, q in taken) < qty:
            return
        order = [key, side, px, qty, 0, kind]
        for there, q in taken:
            self.used[-side, there] = self.used.get((-side, there), 0) + q
            self.fill(order, there, q)
        if order[3] and stop is None and kind in (LIMIT, POST):
            order[4] = self.sizes.get((side, px), 0) - self.printed.get((side, px), 0)
            self.mine.append(order)
            for bound in self.bounds.values():
                bound.places.append(order[:5])


SIDE = st.sampled_from([1, -1])
PX = st.integers(94, 106)
QTY = st.integers(1, 6)
STEP = st.one_of(
    st.tuples(st.just("level"), SIDE, PX, st.integers(0, 8)),
    st.tuples(st.just("print"), SIDE, QTY, st.integers(0, 3), st.booleans()),
    st.tuples(st.just("order"), SIDE, QTY, PX, st.sampled_from([int(k) for k in OrderType]), st.just("a")),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
)


def _per_price(fills):
    """Fills of an order at a price may come in several pieces from several levels; their sum counts."""
    out = {}
    for key, px, qty in fills:
        out[key, px] = out.get((key, px), 0) + qty
    return out


def _compare(play, steps, model):
    scene, naive = play(queue_model=model), Naive(model)
    bids, asks = scene.market.top(99)
    naive.event(BookSnapshot("BTC-USD", 0, tuple(bids), tuple(asks), 0))
    inner = scene.event

    def both(event):
        assert isinstance(event, (BookDelta, Trade))
        naive.event(event)
        return inner(event)

    scene.event = both
    for step in steps:
        if step[0] == "order":
            _, side, qty, px, kind, _ = step
            naive.submit(f"o{scene._orders + 1}", side, OrderType(kind), qty * 10**8, px * 10**9)
        elif step[0] == "cancel" and scene._orders:
            key = f"o{step[1] % scene._orders + 1}"
            for order in [o for o in naive.mine if o[0] == key]:
                naive.leave(order)
        executions = scene.step(step)
        ours = [(e.key, e.px_1e9, e.qty_1e8) for e in executions if isinstance(e, Filled)]
        assert _per_price(ours) == _per_price(naive.fills)
        naive.fills.clear()
        resting = {o.key: (o.px_1e9, o.qty_1e8 - o.filled_1e8) for o in scene.market.open_orders()}
        assert resting == {o[0]: (o[2], o[3]) for o in naive.mine}
        aheads = {r.order.key: r.ahead_1e8 for r in scene.market._matcher.live.values()}
        assert aheads == {o[0]: o[4] for o in naive.mine}
        for desk in scene.market._matcher.desks.values():
            for model, bound in desk.bounds.items():
                places = [
                    (side, px, p.rest_1e8, p.ahead_1e8, p.ghost)
                    for side, levels in bound.levels.items()
                    for px, queue in levels.items()
                    for p in queue
                ]
                assert sorted(places) == sorted(
                    (side, px, rest, ahead, key is None)
                    for key, side, px, rest, ahead in naive.bounds[model].places
                )


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(STEP, max_size=60), CROWD), st.sampled_from(list(QueueModel)))
def test_reference_it_fills_as_the_naive_market_does(play, steps, model):
    _compare(play, steps, model)


@pytest.mark.parametrize("model", QueueModel)
@pytest.mark.parametrize("seed", range(4))
def test_reference_over_a_long_crowded_day(play, model, seed):
    """Rare states of the bounds need many steps: orders behind one another, cancelled after the models have parted."""
    dice = random.Random(seed)
    near = (97, 98)
    moves = (
        lambda: ("order", 1, dice.randint(1, 4), dice.choice(near), int(POST), "a"),
        lambda: ("level", 1, dice.choice(near), dice.randint(1, 30)),
        lambda: ("level", 1, dice.choice(near), dice.randint(1, 12)),
        lambda: ("print", -1, dice.randint(1, 5), dice.choice((0, 0, 0, 1)), dice.random() < 0.5),
        lambda: ("print", -1, dice.randint(1, 5), 0, False),
        lambda: ("cancel", dice.randint(0, 400)),
        lambda: ("level", -1, dice.choice((98, 99)), dice.randint(1, 3)),
    )
    weights = (4, 4, 4, 3, 3, 3, 1)
    _compare(play, [dice.choices(moves, weights)[0]() for _ in range(500)], model)
