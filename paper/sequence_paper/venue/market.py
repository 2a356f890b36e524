"""One symbol at one venue: the recorded book, our orders in it, and who gets filled.

The recorded market never changes by our trading; what we took from it is remembered per account (``desk``). A
resting order fills by prints that reach it through its queue, by prints at a worse price, or when the other side
of the book comes to its price. While the data cannot be believed (gap, crossed, stale, ended) nothing fills and
new orders are refused; cancels always work.

An order arrives at the instant it is submitted: what lies between an algo and the venue is the edge's (``wires``).
"""

from __future__ import annotations

from sequence_paper.feed.events import (
    BUY,
    SELL,
    BookDelta,
    BookSnapshot,
    Event,
    FeedState,
    FeedStatus,
    Level,
    Trade,
)
from sequence_paper.venue.admission import Admitted, admit, on_grid
from sequence_paper.venue.book import reaches
from sequence_paper.venue.desk import Resting
from sequence_paper.venue.matcher import Matcher, other
from sequence_paper.venue.orders import (
    Acked,
    Amended,
    CancelReason,
    Execution,
    OpenOrder,
    Order,
    OrderType,
    RejectCode,
    Rejected,
    SelfTrade,
)
from sequence_paper.venue.queue import QueueModel
from sequence_paper.venue.rules import Fees, SymbolRules
from sequence_paper.venue.shown import Touch
from sequence_paper.venue.tiers import flat
from sequence_paper.venue.wallet import Wallets


class Market:
    """Matching for one (venue, symbol). Synchronous and pure: same calls, same answers.

    ``strict``: refuse off-tick prices and off-lot sizes (code 2) instead of rounding them to the passive side.
    ``stale_after_ns``: without any event for so long, new orders are refused. Executions name their ``owner``:
    one call may return executions of several (self-trade prevention, expiry, prints).

    ``wallets``: shared by all markets of a venue; without them this market has its own, and charges ``fees`` always.
    """

    def __init__(
        self,
        symbol: str,
        rules: SymbolRules,
        fees: Fees,
        *,
        strict: bool = False,
        queue_model: QueueModel = QueueModel.CALIBRATED,
        self_trade: SelfTrade = SelfTrade.CANCEL_NEWEST,
        stale_after_ns: int = 5 * 10**9,
        wallets: Wallets | None = None,
    ) -> None:
        self.symbol = symbol
        self.rules = rules
        self.wallets = wallets or Wallets(flat(fees))
        self._strict = strict
        self._stale_after_ns = stale_after_ns
        self._matcher = Matcher(rules, self.wallets, self_trade, queue_model)
        self._shown = self._matcher.shown
        self.packed = self._shown.packed
        """The best levels of both sides in bytes: in step with the feed, so never to be kept."""
        self._trusted = False

    # -- the feed ----------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> list[Execution]:
        """Apply one feed event; returns fills and expiries of resting orders it caused, in order."""
        matcher, shown = self._matcher, self._shown
        shown.last_event_ns = event.ts_ns
        out = matcher.expire(event.ts_ns) if event.ts_ns >= matcher.next_expiry_ns else []
        if type(event) is BookDelta:
            before, printed = shown.apply(event)
            if shown.state is FeedState.OK and self._trusted:
                if matcher.desks:
                    self._level_changed(event, before, printed, out)
                return self._trimmed(out, event.ts_ns) if out else out
        elif type(event) is Trade:
            if self._trusted:
                shown.note_print(event)
                self._printed(event, out)
            return self._trimmed(out, event.ts_ns)
        elif type(event) is BookSnapshot:
            shown.load(event)
            self._trusted = False
        elif type(event) is FeedStatus:
            shown.say(event.state)
        self._judge(event.ts_ns, out)
        return self._trimmed(out, event.ts_ns)

    def elapse(self, now_ns: int) -> list[Execution]:
        """Time passed without an event of this symbol: what was good till then ends."""
        matcher = self._matcher
        return matcher.expire(now_ns) if now_ns >= matcher.next_expiry_ns else []

    def _trimmed(self, out: list[Execution], now_ns: int) -> list[Execution]:
        if out and self._matcher.reducing:
            self._matcher.trim(now_ns, out)
        return out

    def _judge(self, ts_ns: int, out: list[Execution]) -> None:
        """Stop believing the book, or believe it again: then queues start over, pessimistically."""
        believable = self._shown.state is FeedState.OK
        if believable and not self._trusted:
            for desk in self._matcher.desks.values():
                desk.reseed(self._shown.book)
                for side in desk.levels:
                    self._matcher.book_reached(desk, side, ts_ns, out)
        self._trusted = believable

    def _level_changed(self, delta: BookDelta, before: int, printed: int, out: list[Execution]) -> None:
        side, px, after = delta.side, delta.px_1e9, delta.sz_1e8
        if after < before:
            for desk in self._matcher.desks.values():
                desk.level_shrank(side, px, before, after, printed)
        elif after > before:
            passive = other(side)
            for desk in self._matcher.desks.values():
                best = desk.best[passive]
                if best and reaches(passive, best, px):
                    self._matcher.book_reached(desk, passive, delta.ts_ns, out)
                for bound in desk.others:
                    if bound.ghosts:
                        bound.crossed(passive, px)

    def _printed(self, trade: Trade, out: list[Execution]) -> None:
        passive = other(trade.aggressor)
        for desk in self._matcher.desks.values():
            for resting, qty in desk.share_print(passive, trade.px_1e9, trade.qty_1e8):
                out.append(self._matcher.fill_resting(desk, resting, qty, trade.ts_ns))

    # -- requests ----------------------------------------------------------------------------------------------

    def submit(self, order: Order, now_ns: int) -> list[Execution]:
        """An order arrives. Returns [Rejected] or [Acked, *Filled, Cancelled?] (and self-trade cancels)."""
        unusable = self._unusable(order.key, order.owner, now_ns)
        if unusable:
            return [unusable]
        matcher = self._matcher
        desk = matcher.desk(order.account)
        if order.key in matcher.live:
            return [_invalid(order, now_ns, f"an order with the key {order.key!r} is already open")]
        reference = self._shown.best_of(other(order.side))
        admitted = admit(order, self.rules, strict=self._strict, reference_1e9=reference, now_ns=now_ns)
        if isinstance(admitted, Admitted) and order.type is OrderType.POST_ONLY:
            admitted = matcher.passive_only(desk, order, admitted)
        if isinstance(admitted, Admitted) and order.reduce_only:
            admitted = self._reduced(order, admitted, reference)
        if isinstance(admitted, str):
            return [_invalid(order, now_ns, admitted)]
        if desk.wallet.balances and (why := matcher.unpaid(desk, order, admitted, 0, now_ns)):
            return [Rejected(order.key, order.owner, now_ns, RejectCode.INSUFFICIENT_BALANCE, why)]
        resting = Resting(order, admitted.px_1e9, admitted.qty_1e8, 0, 0, now_ns)
        happened = matcher.enter(desk, resting, now_ns)
        rests = order.key in matcher.live
        px, qty = admitted.px_1e9, admitted.qty_1e8
        ack = Acked(order.key, order.owner, now_ns, px, qty, resting.ahead_1e8, rests)
        return self._trimmed([ack, *happened], now_ns)

    def _reduced(
        self, order: Order, wanted: Admitted, reference_1e9: int, filled_1e8: int = 0
    ) -> Admitted | str:
        cut = self._matcher.cut(order, wanted, filled_1e8)
        if isinstance(cut, str) or cut.qty_1e8 == wanted.qty_1e8:
            return cut
        judged_at = cut.px_1e9 or reference_1e9
        return (judged_at and self.rules.too_small(judged_at, cut.qty_1e8)) or cut

    def cancel(self, key: str, now_ns: int) -> list[Execution]:
        """Returns [Cancelled]; [] when no such order rests (it has already ended)."""
        resting = self._matcher.live.get(key)
        return [self._matcher.end(resting, now_ns, CancelReason.REQUESTED)] if resting else []

    def amend(self, key: str, qty_1e8: int, px_1e9: int, now_ns: int) -> list[Execution]:
        """New total quantity and limit (0 = unchanged). Returns [Amended, *Filled, Cancelled?] or [Rejected].

        Less quantity at the same price keeps the place in the queue; anything else goes to the back and may
        take liquidity. A refused amend leaves the order as it was. Unknown key: Rejected with an empty owner.
        """
        matcher = self._matcher
        resting = matcher.live.get(key)
        if resting is None:
            why = f"no order with the key {key!r} is open"
            return [Rejected(key, "", now_ns, RejectCode.INVALID_PARAMS, why)]
        order = resting.order
        px, qty = px_1e9 or resting.px_1e9, qty_1e8 or resting.qty_1e8
        wanted = on_grid(order, self.rules, px, qty, strict=self._strict, reference_1e9=0)
        if isinstance(wanted, Admitted) and order.reduce_only:
            wanted = self._reduced(order, wanted, 0, resting.filled_1e8)
        if isinstance(wanted, str):
            return [_invalid(order, now_ns, wanted)]
        if wanted.qty_1e8 <= resting.filled_1e8:
            why = (
                f"quantity {wanted.qty_1e8} is not above the {resting.filled_1e8} already filled (both _1e8)"
            )
            return [_invalid(order, now_ns, why)]
        if wanted.px_1e9 == resting.px_1e9 and wanted.qty_1e8 <= resting.qty_1e8:
            matcher.shorten(matcher.desk(order.account), resting, wanted.qty_1e8)
            return [Amended(key, order.owner, now_ns, wanted.px_1e9, wanted.qty_1e8, True)]
        return self._move(resting, wanted, now_ns)

    def _move(self, resting: Resting, wanted: Admitted, now_ns: int) -> list[Execution]:
        """Amend that loses the place in the queue."""
        order, matcher = resting.order, self._matcher
        unusable = self._unusable(order.key, order.owner, now_ns)
        if unusable:
            return [unusable]
        desk = matcher.desk(order.account)
        if order.type is OrderType.POST_ONLY:
            passive = matcher.passive_only(desk, order, wanted)
            if isinstance(passive, str):
                return [_invalid(order, now_ns, passive)]
        if desk.wallet.balances and (why := matcher.unpaid(desk, order, wanted, resting.filled_1e8, now_ns)):
            return [Rejected(order.key, order.owner, now_ns, RejectCode.INSUFFICIENT_BALANCE, why)]
        matcher.forget(resting)
        resting.px_1e9, resting.qty_1e8 = wanted.px_1e9, wanted.qty_1e8
        amended = Amended(order.key, order.owner, now_ns, wanted.px_1e9, wanted.qty_1e8, False)
        return self._trimmed([amended, *matcher.enter(desk, resting, now_ns)], now_ns)

    def restore(self, order: Order, filled_1e8: int, now_ns: int) -> None:
        """Put back an order that rested before a restart: behind everything at its price, without matching now.

        ``order`` carries the accepted price and quantity. A later event that reaches it fills it as maker.
        """
        resting = Resting(order, order.px_1e9, order.qty_1e8, filled_1e8, 0, now_ns)
        self._matcher.rest(self._matcher.desk(order.account), resting, now_ns)

    def holds(self, account: str, group: str, qty_1e8: int) -> None:
        """What a group of instances has before any of it trades here, for orders that may only reduce it."""
        self._matcher.net[account, group] = qty_1e8

    def hold_again(self, account: str) -> None:
        """The account's wallet was loaded anew: open orders hold of it what they may need."""
        for resting in self._matcher.live.values():
            if resting.order.account == account:
                self._matcher.hold(self._matcher.desks[account], resting)

    def _unusable(self, key: str, owner: str, now_ns: int) -> Rejected | None:
        state = self.state_at(now_ns)
        if state is FeedState.OK:
            return None
        why = f"market data of {self.symbol} cannot be traded on: {state}"
        return Rejected(key, owner, now_ns, RejectCode.STALE_VENUE, why)

    # -- looking -----------------------------------------------------------------------------------------------

    def open_orders(self, owner: str | None = None) -> list[OpenOrder]:
        """Resting orders, oldest first; of one owner, or all."""
        return [
            self._matcher.desks[resting.order.account].open(resting)
            for resting in self._matcher.live.values()
            if owner is None or resting.order.owner == owner
        ]

    def top(self, n: int = 20) -> tuple[list[Level], list[Level]]:
        """Best n bids and asks as the feed shows them (without our orders and consumption).

        The lists are shared with later calls until a level in them changes, and then made anew: keep them if you
        like, never change them.
        """
        return self._shown.top(n)

    def depth(self, n: int) -> tuple[list[Level], list[Level]]:
        """As ``top``, but cut anew each time: for those who look now and then, so that ``top`` keeps its cut."""
        return self._shown.book.top(n)

    def flat_depth(self, n: int) -> tuple[list[int], list[int]]:
        """As ``depth``, each side as price, size, price, size, …"""
        book = self._shown.book
        return book.flat(BUY, n), book.flat(SELL, n)

    def best(self) -> tuple[int, int]:
        """(best bid px, best ask px); 0 for an empty side."""
        return self._shown.book.best()

    def touch(self) -> Touch:
        """The best of both sides, and whether it is believed."""
        return self._shown.touch()

    @property
    def book_seq(self) -> int:
        """The feed's number of the newest event that changed the book."""
        return self._shown.seq

    @property
    def book_ns(self) -> int:
        """Feed time of that event."""
        return self._shown.book_ns

    @property
    def feed_state(self) -> FeedState:
        """OK, or why fills are suspended; staleness is judged by ``state_at``."""
        return self._shown.state

    def state_at(self, now_ns: int) -> FeedState:
        """As ``feed_state``, and STALE when the last event is older than allowed."""
        state = self._shown.state
        if state is FeedState.OK and now_ns - self._shown.last_event_ns > self._stale_after_ns:
            return FeedState.STALE
        return state


def _invalid(order: Order, now_ns: int, why: str) -> Rejected:
    return Rejected(order.key, order.owner, now_ns, RejectCode.INVALID_PARAMS, why)
