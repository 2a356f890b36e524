"""How an order takes liquidity, rests, fills and ends. The moves of matching, without requests and feed dispatch."""

from __future__ import annotations

from sequence_paper.feed.events import Side
from sequence_paper.venue.admission import Admitted
from sequence_paper.venue.book import reaches
from sequence_paper.venue.desk import Desk, Resting
from sequence_paper.venue.orders import (
    Amended,
    Cancelled,
    CancelReason,
    Certainty,
    Execution,
    Filled,
    Order,
    OrderType,
    SelfTrade,
)
from sequence_paper.venue.queue import QueueModel
from sequence_paper.venue.rules import SymbolRules
from sequence_paper.venue.shown import ShownBook
from sequence_paper.venue.wallet import Wallets, assets, needed

FOREVER_NS = 2**63 - 1


def other(side: Side) -> Side:
    return -1 if side == 1 else 1


class Matcher:
    """The recorded book, the desks of all accounts and every live order.

    ``reducing``: those that may only reduce; ``net``: the position of each (account, group) for them.
    """

    def __init__(
        self, rules: SymbolRules, wallets: Wallets, self_trade: SelfTrade, queue_model: QueueModel
    ) -> None:
        self.wallets = wallets
        self.shown = ShownBook()
        self.desks: dict[str, Desk] = {}
        self.live: dict[str, Resting] = {}
        self.reducing: dict[str, Resting] = {}
        self.net: dict[tuple[str, str], int] = {}
        self._rules = rules
        self._base, self._quote = assets(rules.symbol)
        self.next_expiry_ns = FOREVER_NS
        self._self_trade = self_trade
        self._queue_model = queue_model

    def desk(self, account: str) -> Desk:
        desk = self.desks.get(account)
        if desk is None:
            desk = self.desks[account] = Desk(self._queue_model, self.wallets.of(account))
        return desk

    def enter(self, desk: Desk, resting: Resting, now_ns: int) -> list[Execution]:
        """Take what the limit allows, then rest or end. The order is not in the book yet."""
        out: list[Execution] = []
        order = resting.order
        plan, met_ourselves = self._plan(desk, resting, now_ns, out)
        if order.type is OrderType.FOK and sum(qty for _, qty in plan) < resting.rest_1e8:
            why = CancelReason.SELF_TRADE if met_ourselves else CancelReason.FOK_UNFILLABLE
            return [*out, _cancelled(resting, now_ns, why)]
        for px, qty in plan:
            desk.consume(other(order.side), px, qty)
            out.append(self._book_fill(desk, resting, px, qty, now_ns, maker=False))
        if resting.rest_1e8 == 0:
            return out
        if met_ourselves:
            out.append(_cancelled(resting, now_ns, CancelReason.SELF_TRADE))
        elif order.type is OrderType.MARKET:
            out.append(_cancelled(resting, now_ns, CancelReason.NO_LIQUIDITY))
        elif order.type in (OrderType.IOC, OrderType.FOK):
            out.append(_cancelled(resting, now_ns, CancelReason.IOC_REMAINDER))
        else:
            self.rest(desk, resting, now_ns)
        return out

    def _plan(
        self, desk: Desk, resting: Resting, now_ns: int, out: list[Execution]
    ) -> tuple[list[tuple[int, int]], bool]:
        """(what to take, whether the rest must end because our own order stands next).

        Liquidity at the very price of our own order is left alone: its place among others there is an estimate.
        """
        order = resting.order
        opposite = other(order.side)
        while True:
            own = desk.best[opposite]
            if own and resting.px_1e9 and not reaches(order.side, resting.px_1e9, own):
                own = 0
            plan = self.walk(desk, order.side, resting.px_1e9, resting.rest_1e8, own, now_ns)
            if not own or sum(qty for _, qty in plan) == resting.rest_1e8:
                return plan, False
            # A fill-or-kill order that cannot be whole must leave everything as it was.
            if self._self_trade is SelfTrade.CANCEL_NEWEST or order.type is OrderType.FOK:
                return plan, True
            oldest = next(desk.by_priority(opposite))
            if self._self_trade is not SelfTrade.DECREMENT:
                out.append(self.end(oldest, now_ns, CancelReason.SELF_TRADE))
                if self._self_trade is SelfTrade.CANCEL_BOTH:
                    return plan, True
            elif self._decrement(desk, resting, oldest, sum(qty for _, qty in plan), now_ns, out):
                return plan, True

    def _decrement(
        self,
        desk: Desk,
        resting: Resting,
        oldest: Resting,
        planned_1e8: int,
        now_ns: int,
        out: list[Execution],
    ) -> bool:
        """Take from both what they would trade with each other; whether all but ``planned`` of the new one is gone."""
        left = resting.rest_1e8 - planned_1e8
        if oldest.rest_1e8 <= left:
            by = oldest.rest_1e8
            out.append(self.end(oldest, now_ns, CancelReason.SELF_TRADE))
        else:
            by = left
            self.shorten(desk, oldest, oldest.qty_1e8 - by)
            out.append(_shortened(oldest, now_ns))
        if by == left:
            return True
        resting.qty_1e8 -= by
        out.append(_shortened(resting, now_ns))
        return False

    def walk(
        self, desk: Desk, side: Side, limit_1e9: int, qty_1e8: int, stop_1e9: int, now_ns: int
    ) -> list[tuple[int, int]]:
        """(price, quantity) an order of ``side`` would take, best first, nothing changed.

        ``limit_1e9``: 0 = any price. ``stop_1e9``: levels at or beyond it are out of reach (0 = none).
        """
        shown, opposite = self.shown, other(side)
        used = desk.consumed[opposite]
        plan: list[tuple[int, int]] = []
        rest = qty_1e8
        for px, size in shown.book.from_best(opposite):
            if limit_1e9 and not reaches(side, limit_1e9, px):
                break
            if stop_1e9 and reaches(side, px, stop_1e9):
                break
            take = min(rest, size - used.get(px, 0) - shown.printed(opposite, px, now_ns))
            if take > 0:
                plan.append((px, take))
                rest -= take
                if rest == 0:
                    break
        return plan

    def passive_only(self, desk: Desk, order: Order, wanted: Admitted) -> Admitted | str:
        """``wanted``, or why a post-only order is refused: it would trade on arrival."""
        opposite = other(order.side)
        for best, whose in (
            (self.shown.best_of(opposite), "the book"),
            (desk.best[opposite], "an own order"),
        ):
            if best and reaches(order.side, wanted.px_1e9, best):
                return f"post-only at {wanted.px_1e9} would trade with {whose} at {best} (both _1e9)"
        return wanted

    def rest(self, desk: Desk, resting: Resting, now_ns: int) -> None:
        """Join the book behind everything displayed at the price, less what has already printed there."""
        side, px = resting.order.side, resting.px_1e9
        resting.ahead_1e8 = self.shown.book.size(side, px) - self.shown.printed(side, px, now_ns)
        desk.add(resting)
        self.live[resting.order.key] = resting
        if resting.order.expire_ns:
            self.next_expiry_ns = min(self.next_expiry_ns, resting.order.expire_ns)
        if resting.order.reduce_only:
            self.reducing[resting.order.key] = resting
        self.hold(desk, resting)

    def forget(self, resting: Resting) -> None:
        """Take it out of the book."""
        key, desk = resting.order.key, self.desks[resting.order.account]
        del self.live[key]
        self.reducing.pop(key, None)
        desk.remove(resting)
        if desk.wallet.balances:
            desk.wallet.hold(key, "", 0)

    def shorten(self, desk: Desk, resting: Resting, qty_1e8: int) -> None:
        """A smaller total quantity; the place stays."""
        desk.shorten(resting, qty_1e8)
        self.hold(desk, resting)

    def needed(self, desk: Desk, order: Order, px_1e9: int, qty_1e8: int) -> tuple[str, int]:
        """(asset, amount ``_1e9``) that an order with a limit holds."""
        asset = self._quote if order.side == 1 else self._base
        return asset, needed(order.side, px_1e9, qty_1e8, desk.wallet.worst_ppm)

    def hold(self, desk: Desk, resting: Resting) -> None:
        """Keep aside what the rest of it may need."""
        if desk.wallet.balances:
            need = self.needed(desk, resting.order, resting.px_1e9, resting.rest_1e8)
            desk.wallet.hold(resting.order.key, *need)

    def unpaid(self, desk: Desk, order: Order, wanted: Admitted, filled_1e8: int, now_ns: int) -> str:
        """Why the account cannot pay for an order, empty when it can.

        A market order to buy needs what it would pay now; a sell its quantity.
        """
        px, qty = wanted.px_1e9, wanted.qty_1e8 - filled_1e8
        if px or order.side != 1:
            asset, amount = self.needed(desk, order, px, qty)
        else:
            plan = self.walk(desk, order.side, 0, qty, desk.best[other(order.side)], now_ns)
            asset, amount = self._quote, sum(self.needed(desk, order, *level)[1] for level in plan)
        return desk.wallet.short(asset, amount, order.key)

    def room(self, order: Order) -> int:
        """How much of the position of its group an order could close."""
        return max(0, -self.net.get((order.account, order.group), 0) * order.side)

    def cut(self, order: Order, wanted: Admitted, filled_1e8: int = 0) -> Admitted | str:
        """``wanted`` with no more than the position to close, or why nothing of it is left."""
        room = self._rules.whole_lots(self.room(order))
        if not room:
            return "reduce-only: there is no position that it would bring nearer to zero"
        return Admitted(wanted.px_1e9, min(wanted.qty_1e8, filled_1e8 + room))

    def trim(self, now_ns: int, out: list[Execution]) -> None:
        """After fills: orders that only reduce end or shrink with the position they would close."""
        for resting in tuple(self.reducing.values()):
            desk = self.desks[resting.order.account]
            room = self._rules.whole_lots(self.room(resting.order))
            if not room:
                out.append(self.end(resting, now_ns, CancelReason.REDUCE_ONLY))
            elif room < resting.rest_1e8:
                self.shorten(desk, resting, resting.filled_1e8 + room)
                out.append(_shortened(resting, now_ns))

    def end(self, resting: Resting, now_ns: int, why: CancelReason) -> Cancelled:
        self.forget(resting)
        return _cancelled(resting, now_ns, why)

    def fill_resting(self, desk: Desk, resting: Resting, qty_1e8: int, ts_ns: int) -> Execution:
        """A maker fill, always at its own limit; a filled order leaves the book.

        One that only reduces ends instead when the same event has closed the position before it.
        """
        if resting.order.reduce_only:
            qty_1e8 = min(qty_1e8, self.room(resting.order))
            if not qty_1e8:
                return self.end(resting, ts_ns, CancelReason.REDUCE_ONLY)
        filled = self._book_fill(desk, resting, resting.px_1e9, qty_1e8, ts_ns, maker=True)
        if resting.rest_1e8 == 0:
            self.forget(resting)
        else:
            self.hold(desk, resting)
        return filled

    def book_reached(self, desk: Desk, side: Side, ts_ns: int, out: list[Execution]) -> None:
        """Displayed orders of the other side stand at our price or beyond: they would have met us, at our price."""
        for resting in desk.by_priority(side):
            plan = self.walk(desk, side, resting.px_1e9, resting.rest_1e8, 0, ts_ns)
            if not plan:
                return
            for px, qty in plan:
                desk.consume(other(side), px, qty)
            taken = sum(qty for _, qty in plan)
            desk.reached(resting, taken)
            out.append(self.fill_resting(desk, resting, taken, ts_ns))

    def expire(self, now_ns: int) -> list[Execution]:
        """End what was good till a time now past."""
        due = [resting for resting in self.live.values() if 0 < resting.order.expire_ns <= now_ns]
        ended: list[Execution] = [self.end(resting, now_ns, CancelReason.EXPIRED) for resting in due]
        left = [resting.order.expire_ns for resting in self.live.values() if resting.order.expire_ns]
        self.next_expiry_ns = min(left, default=FOREVER_NS)
        return ended

    def _book_fill(
        self, desk: Desk, resting: Resting, px_1e9: int, qty_1e8: int, ts_ns: int, *, maker: bool
    ) -> Filled:
        resting.filled_1e8 += qty_1e8
        order, wallet = resting.order, desk.wallet
        rates = wallet.rates(ts_ns)
        fee = desk.fees.charge(px_1e9, qty_1e8, rates.maker_ppm if maker else rates.taker_ppm)
        whose = (order.account, order.group)
        self.net[whose] = self.net.get(whose, 0) + order.side * qty_1e8
        if wallet.active:
            wallet.traded(self._base, self._quote, order.side, px_1e9, qty_1e8, fee, ts_ns)
        return Filled(
            order.key,
            order.owner,
            ts_ns,
            order.side,
            px_1e9,
            qty_1e8,
            resting.rest_1e8,
            maker,
            fee,
            self.shown.state,
            desk.certainty(resting) if maker else Certainty.CERTAIN,
        )


def _shortened(resting: Resting, now_ns: int) -> Amended:
    return Amended(resting.order.key, resting.order.owner, now_ns, resting.px_1e9, resting.qty_1e8, True)


def _cancelled(resting: Resting, now_ns: int, why: CancelReason) -> Cancelled:
    possible = min(resting.possible_1e8, resting.rest_1e8)
    return Cancelled(resting.order.key, resting.order.owner, now_ns, resting.rest_1e8, why, possible)
