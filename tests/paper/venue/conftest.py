"""A market in small numbers: prices in whole dollars, quantities in whole coins, one account unless said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sequence_paper.feed.events import BookDelta, BookSnapshot, FeedState, FeedStatus, Trade
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import (
    Acked,
    Cancelled,
    Execution,
    Filled,
    Order,
    OrderType,
    Rejected,
)
from sequence_paper.venue.rules import Fees, SymbolRules

USD = 10**9
COIN = 10**8
RULES = SymbolRules("BTC-USD", USD, COIN, COIN, 0, 0, 0)


class Scene:
    """Drives one Market and remembers every execution in ``log``."""

    def __init__(self, *, rules: SymbolRules = RULES, fees: Fees | None = None, **options: Any) -> None:
        self.market = Market("BTC-USD", rules, fees or Fees(0, 0), **options)
        self.now = 1_000
        self.log: list[Execution] = []
        self._orders = 0

    def book(self, bids: dict[int, int], asks: dict[int, int]) -> list[Execution]:
        def levels(side: dict[int, int], best_first: Callable[[int], int]) -> tuple[tuple[int, int], ...]:
            return tuple((px * USD, side[px] * COIN) for px in sorted(side, key=best_first))

        return self.event(
            BookSnapshot(
                "BTC-USD", self._tick(), levels(bids, lambda px: -px), levels(asks, lambda px: px), 0
            )
        )

    def level(self, side: int, px: int, size: int) -> list[Execution]:
        return self.event(BookDelta("BTC-USD", self._tick(), side, px * USD, size * COIN, 0))  # type: ignore[arg-type]

    def trade(self, aggressor: int, px: int, qty: int) -> list[Execution]:
        return self.event(Trade("BTC-USD", self._tick(), px * USD, qty * COIN, aggressor, 0))  # type: ignore[arg-type]

    def status(self, state: FeedState) -> list[Execution]:
        return self.event(FeedStatus("BTC-USD", self._tick(), state))

    def event(self, event: Any) -> list[Execution]:
        return self._note(self.market.on_event(event))

    def order(
        self,
        side: int,
        qty: int,
        px: int = 0,
        kind: OrderType | None = None,
        *,
        key: str = "",
        account: str = "a",
        expire_ns: int = 0,
        reduce_only: bool = False,
    ) -> list[Execution]:
        self._orders += 1
        kind = kind if kind is not None else (OrderType.LIMIT if px else OrderType.MARKET)
        key = key or f"o{self._orders}"
        sent = (key, account, f"{account}/algo", "BTC-USD", side, kind, qty * COIN, px * USD, expire_ns)
        order = Order(*sent, group="mm", reduce_only=reduce_only)  # type: ignore[arg-type]
        return self._note(self.market.submit(order, self._tick()))

    def cancel(self, key: str) -> list[Execution]:
        return self._note(self.market.cancel(key, self._tick()))

    def amend(self, key: str, qty: int = 0, px: int = 0) -> list[Execution]:
        return self._note(self.market.amend(key, qty * COIN, px * USD, self._tick()))

    def open(self) -> dict[str, tuple[int, int, int]]:
        """key -> (price, unfilled, ahead)."""
        return {
            o.key: (o.px_1e9 // USD, (o.qty_1e8 - o.filled_1e8) // COIN, o.ahead_1e8 // COIN)
            for o in self.market.open_orders()
        }

    def fills(self, executions: list[Execution] | None = None) -> list[tuple[str, int, int, bool]]:
        """(key, price, quantity, maker) of each fill."""
        executions = self.log if executions is None else executions
        return [
            (e.key, e.px_1e9 // USD, e.qty_1e8 // COIN, e.maker) for e in executions if isinstance(e, Filled)
        ]

    def _note(self, executions: list[Execution]) -> list[Execution]:
        self.log += executions
        return executions

    def _tick(self) -> int:
        self.now += 1
        return self.now


def say(executions: list[Execution]) -> list[str]:
    """One short sentence per execution, for tables."""
    out = []
    for e in executions:
        if isinstance(e, Acked):
            out.append("ack" if e.rests else "ack gone")
        elif isinstance(e, Filled):
            out.append(f"{'make' if e.maker else 'take'} {e.qty_1e8 // COIN}@{e.px_1e9 // USD}")
        elif isinstance(e, Cancelled):
            out.append(f"cancel {e.remaining_1e8 // COIN} {e.reason}")
        elif isinstance(e, Rejected):
            out.append(f"reject {int(e.code)}")
        else:
            out.append(f"amend {e.qty_1e8 // COIN}@{e.px_1e9 // USD} {'kept' if e.kept_place else 'back'}")
    return out


@pytest.fixture(scope="session")
def scene() -> type[Scene]:
    return Scene


@pytest.fixture(scope="session")
def told() -> Callable[[list[Execution]], list[str]]:
    return say


class Play(Scene):
    """Runs the steps of a generated script; the recorded book is kept uncrossed, as a feed's is.

    Steps: ("level", side, px, size) · ("print", aggressor, qty, worse, follow) prints at the passive side's best or
    ``worse`` beyond it, with the level's decrease or without · ("order", side, qty, px, kind, account) ·
    ("cancel", n) and ("amend", n, qty, px) of the n-th order sent.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sent: list[Order] = []
        self.book({98: 4, 97: 3, 95: 6}, {102: 4, 103: 2, 105: 9})

    def run(self, steps: list[tuple[Any, ...]]) -> list[Execution]:
        for step in steps:
            self.step(step)
        return self.log

    def step(self, step: tuple[Any, ...]) -> list[Execution]:
        begin = len(self.log)
        kind, *rest = step
        if kind == "level":
            side, px, size = rest
            for there, _ in self.market.top(99)[1 if side == 1 else 0]:
                if size and (px * USD - there) * side >= 0:
                    self.level(-side, there // USD, 0)
            self.level(side, px, size)
        elif kind == "print":
            self._print(*rest)
        elif kind == "order":
            side, qty, px, order_kind, account = rest
            self.order(side, qty, px, OrderType(order_kind), account=account)
        elif self._orders and kind == "cancel":
            self.cancel(f"o{rest[0] % self._orders + 1}")
        elif self._orders:
            self.amend(f"o{rest[0] % self._orders + 1}", rest[1], rest[2])
        return self.log[begin:]

    def _print(self, aggressor: int, qty: int, worse: int, follow: bool) -> None:
        bid, ask = self.market.best()
        best = ask if aggressor == 1 else bid
        if not best:
            return
        px = best // USD + worse * aggressor
        self.trade(aggressor, px, qty)
        sizes = dict(self.market.top(99)[1 if aggressor == 1 else 0])
        if follow and px * USD in sizes:
            self.level(-aggressor, px, max(0, sizes[px * USD] // COIN - qty))


@pytest.fixture(scope="session")
def play() -> type[Play]:
    return Play
