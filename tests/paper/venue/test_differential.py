"""The market against a naive one that looks at everything anew each time, written from the rules alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_paper.feed.events import BookDelta, BookSnapshot, Trade
from sequence_paper.venue.orders import Filled, OrderType

LIMIT, MARKET, IOC, FOK, POST = OrderType


class Naive:
    """One account; an order that would meet our own ends. Lists and full scans only."""

    def __init__(self):
        self.sizes = {}  # (side, px) -> displayed
        self.used = {}  # (side, px) -> consumed by us
        self.printed = {}  # (side, px) -> printed, not yet off the level
        self.mine = []  # in time order: [key, side, px, rest, ahead, kind]
        self.fills = []

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
            for order in [o for o in self.mine if (o[1], o[2]) == at]:
                level, ahead = old - explained, order[4]
                if level:
                    ahead = min(ahead, level)
                    ahead -= (level - new) * ahead**3 // level**3
                order[4] = min(ahead, new)
        if new > old:
            for order in self.mine_by_priority(-event.side):
                for px, qty in self.take(order[1], order[2], order[3]):
                    self.used[-order[1], px] = self.used.get((-order[1], px), 0) + qty
                    self.fill(order, order[2], qty)

    def fill(self, order, px, qty):
        if qty:
            order[3] -= qty
            self.fills.append((order[0], px, qty))
            if order[3] == 0 and order in self.mine:
                self.mine.remove(order)
        return qty

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


@settings(max_examples=600, deadline=None)
@given(st.lists(STEP, max_size=60))
def test_reference_it_fills_as_the_naive_market_does(play, steps):
    scene, naive = play(), Naive()
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
            naive.mine = [o for o in naive.mine if o[0] != key]
        executions = scene.step(step)
        ours = [(e.key, e.px_1e9, e.qty_1e8) for e in executions if isinstance(e, Filled)]
        assert _per_price(ours) == _per_price(naive.fills)
        naive.fills.clear()
        resting = {o.key: (o.px_1e9, o.qty_1e8 - o.filled_1e8) for o in scene.market.open_orders()}
        assert resting == {o[0]: (o[2], o[3]) for o in naive.mine}
        aheads = {r.order.key: r.ahead_1e8 for r in scene.market._matcher.live.values()}
        assert aheads == {o[0]: o[4] for o in naive.mine}
