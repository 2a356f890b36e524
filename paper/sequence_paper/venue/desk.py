"""What one account has at one market: its resting orders and the displayed liquidity it has already used.

Both are shared by all instances of the account, so two algos cannot take the same size twice, and prints are
handed out once. Accounts do not see each other: each trades alone against the recorded market.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.venue.book import Book
from sequence_paper.venue.bounds import Bound, share, shrink
from sequence_paper.venue.fees import FeeMeter
from sequence_paper.venue.orders import Certainty, OpenOrder, Order
from sequence_paper.venue.queue import QueueModel
from sequence_paper.venue.wallet import Wallet


@dataclass(slots=True)
class Resting:
    """An order in the book. ``ahead_1e8`` counts other people's quantity only; our own order is by list place.

    ``possible_1e8``: what an optimist had filled at places it has given up since, beyond what was filled.
    """

    order: Order
    px_1e9: int
    qty_1e8: int
    filled_1e8: int
    ahead_1e8: int
    accepted_ns: int
    possible_1e8: int = 0

    @property
    def rest_1e8(self) -> int:
        return self.qty_1e8 - self.filled_1e8


class Desk:
    """Orders by side and price, in time order; ``best`` is the price nearest the market, 0 for none.

    Fills follow ``model``; ``bounds`` (``others`` without names) are the same orders as the other models see them.
    """

    __slots__ = ("best", "bounds", "consumed", "fees", "levels", "model", "others", "wallet")

    def __init__(self, model: QueueModel, wallet: Wallet) -> None:
        self.model = model
        self.wallet = wallet
        self.bounds = {other: Bound(other) for other in QueueModel if other is not model}
        self.others = tuple(self.bounds.values())
        self.levels: dict[Side, dict[int, list[Resting]]] = {BUY: {}, SELL: {}}
        self.best: dict[Side, int] = {BUY: 0, SELL: 0}
        self.consumed: dict[Side, dict[int, int]] = {BUY: {}, SELL: {}}
        self.fees = FeeMeter()

    def add(self, resting: Resting) -> None:
        """Join the back of the queue at its price."""
        side = resting.order.side
        self.levels[side].setdefault(resting.px_1e9, []).append(resting)
        self._find_best(side)
        for bound in self.others:
            bound.add(side, resting, resting.ahead_1e8)

    def remove(self, resting: Resting) -> None:
        side = resting.order.side
        for bound in self.others:
            more = bound.remove(side, resting)
            if bound.model is QueueModel.OPTIMISTIC:
                resting.possible_1e8 += max(0, more)
        queue = self.levels[side][resting.px_1e9]
        queue.remove(resting)
        if not queue:
            del self.levels[side][resting.px_1e9]
            self._find_best(side)

    def shorten(self, resting: Resting, qty_1e8: int) -> None:
        """A smaller total quantity; the place stays."""
        for bound in self.others:
            bound.shorten(resting.order.side, resting, resting.qty_1e8 - qty_1e8)
        resting.qty_1e8 = qty_1e8

    def certainty(self, resting: Resting) -> Certainty:
        """Of a maker fill just booked: which of the models had filled all this by now."""
        for model, word in (
            (QueueModel.RISK_AVERSE, Certainty.CERTAIN),
            (QueueModel.CALIBRATED, Certainty.LIKELY),
        ):
            if model is self.model or self.bounds[model].rest(resting) <= resting.rest_1e8:
                return word
        return Certainty.POSSIBLE

    def _find_best(self, side: Side) -> None:
        prices = self.levels[side]
        self.best[side] = (max(prices) if side == BUY else min(prices)) if prices else 0

    def by_priority(self, side: Side) -> Iterator[Resting]:
        """Better price first, then earlier. Safe against removals while iterating."""
        levels = self.levels[side]
        for px in sorted(levels, reverse=side == BUY):
            yield from tuple(levels[px])

    def open(self, resting: Resting) -> OpenOrder:
        """The order as others may see it; its queue includes our own earlier orders at the price."""
        order = resting.order
        own = 0
        for earlier in self.levels[order.side][resting.px_1e9]:
            if earlier is resting:
                break
            own += earlier.rest_1e8
        return OpenOrder(
            order.key,
            order.account,
            order.owner,
            order.symbol,
            order.side,
            resting.px_1e9,
            resting.qty_1e8,
            resting.filled_1e8,
            resting.ahead_1e8 + own,
            resting.accepted_ns,
        )

    def consume(self, side: Side, px_1e9: int, qty_1e8: int) -> None:
        """We took this much of what the book shows; it stays taken until the level itself shrinks."""
        used = self.consumed[side]
        used[px_1e9] = used.get(px_1e9, 0) + qty_1e8

    def level_shrank(
        self, side: Side, px_1e9: int, before_1e8: int, after_1e8: int, printed_1e8: int
    ) -> None:
        """A displayed level lost size, ``printed_1e8`` of it by prints that were already worked through."""
        used = self.consumed[side]
        if px_1e9 in used:
            # What somebody cancelled may be what we had taken. What printed was never ours to take: it was out
            # of reach from the print on. Nothing comes back by itself.
            left = min(after_1e8, used[px_1e9] - (before_1e8 - after_1e8 - printed_1e8))
            if left > 0:
                used[px_1e9] = left
            else:
                del used[px_1e9]
        level = before_1e8 - printed_1e8
        queue = self.levels[side].get(px_1e9)
        if queue:
            shrink(queue, self.model, level, after_1e8)
        for bound in self.others:
            queued = bound.levels[side].get(px_1e9)
            if queued:
                shrink(queued, bound.model, level, after_1e8)

    def reseed(self, book: Book) -> None:
        """After untrusted data: everything displayed now stands before us, and no more is taken than is shown."""
        for side, levels in self.levels.items():
            for px, queue in levels.items():
                for resting in queue:
                    resting.ahead_1e8 = book.size(side, px)
        for bound in self.others:
            bound.reseed(book)
        for side, used in self.consumed.items():
            shown = {px: min(qty, book.size(side, px)) for px, qty in used.items()}
            self.consumed[side] = {px: qty for px, qty in shown.items() if qty > 0}

    def share_print(self, side: Side, px_1e9: int, qty_1e8: int) -> list[tuple[Resting, int]]:
        """One print for our orders of ``side`` (the passive one): (order, fill) pairs, in priority order."""
        for bound in self.others:
            bound.serve(side, px_1e9, qty_1e8)
        return share(self.levels[side], side, px_1e9, qty_1e8)

    def reached(self, resting: Resting, qty_1e8: int) -> None:
        """Displayed orders of the other side came to ``resting`` for ``qty``, whatever stood before it."""
        for bound in self.others:
            bound.serve(resting.order.side, resting.px_1e9, qty_1e8, queues=False)
