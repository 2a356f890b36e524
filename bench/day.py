"""A day of random trading through the core of an edge, which dies now and then: for the soak and for a small test.

Everything is real but the algos: their place is taken by `Dice`, which wants anything an algo can want (and some things
it cannot have). Beside them accounts trade by the gateway, are given money, stop and start what runs. What waits in
the journal when the edge dies is lost, as with kill -9; what was answered is not.
"""

from __future__ import annotations

import functools
import random
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final, cast

from sequence_paper.analysis.reconcile import Report, reconcile
from sequence_paper.edge.abi import AMEND, CANCEL, NEW, VENUE_IDS, Action
from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.delivery import Delivery
from sequence_paper.edge.funds import FundsWatch
from sequence_paper.edge.gateway import Gateway
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.sandbox import Sandbox
from sequence_paper.feed.events import BookSnapshot, Event, FeedState, FeedStatus
from sequence_paper.feed.generated import DEFAULT_START_NS
from sequence_paper.feed.open import open_feed
from sequence_paper.store import Store
from sequence_paper.store.records import NewDeployment, NewInstance
from sequence_paper.store.sandbox import Given
from sequence_paper.store.words import Json, Mode
from sequence_paper.venue.floor import open_markets
from sequence_paper.venue.latency import Latency
from sequence_paper.venue.latency import parse as parse_latency
from sequence_paper.venue.rules import Fees
from sequence_paper.venue.tiers import Schedule, Tier

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.wat import algo

VENUE: Final = "kraken"
EDGE: Final = f"venue-edge-{VENUE}"
SYMBOLS: Final = ("BTC-USD", "ETH-USD")
USD: Final = 10**9
SCHEDULE: Final = Schedule(
    "day",
    (
        Tier(0, Fees(1600, 2600)),
        Tier(20_000 * USD, Fees(800, 1777)),
        Tier(200_000 * USD, Fees(-33, 1001)),
    ),
)
"""So low that a day goes through all of it."""
_TOUCH: Final = struct.Struct("<Q312xQ312xBBH")
_BURST_NS: Final = 50_000_000


class Dice:
    """In place of a module's code. `odds`: of doing something at a book update."""

    def __init__(self, box: Sandbox, seed: str, odds: float) -> None:
        self.module = box.module
        self._dice, self._odds = random.Random(seed), odds
        self._next = self._dice.randrange(1 << 40) << 20
        self._sent: list[int] = []

    def on_book(self, book: bytes, _state: bytes, _features: bytes) -> list[Action]:
        """Up to three actions about the symbol of the book."""
        dice = self._dice
        if dice.random() > self._odds:
            return []
        bid, ask, *_ = _TOUCH.unpack_from(book)
        return [self._action(bid, ask) for _ in range(dice.choice((1, 1, 2, 3)))]

    def _action(self, bid: int, ask: int) -> Action:
        dice = self._dice
        side, kind = dice.choice((1, -1)), dice.choice((NEW,) * 4 + (CANCEL,) * 3 + (AMEND,))
        touch = bid if side == 1 else ask
        px = touch - side * round(touch * dice.choice((0, 0, 1, 2, 10, -2, -20)) / 10_000)
        qty = dice.choice((10**5, 123_457, 10**6, 7_654_321))
        if kind != NEW and self._sent:
            return Action(dice.choice(self._sent), px, qty, side, kind, 0, 0, 0, 0, 0)
        self._next += 1
        self._sent = [*self._sent[-31:], self._next]
        ttl_ms, venue = dice.choice((0, 0, 0, 250)), dice.choice((0,) * 30 + (VENUE_IDS["binance"],))
        return Action(self._next, px, qty, side, NEW, dice.choice((0, 0, 0, 1, 2, 3, 4)), venue, 0, 0, ttl_ms)

    def on_heartbeat(self, *_: object) -> list[Action]:
        return []

    on_shutdown = on_heartbeat

    def on_fill(self, *_: object) -> None:
        """Nothing is learnt."""

    on_reject = config = mesh = table = on_fill


class Day:
    """`orders` were answered, with what was answered; `lives` of the edge so far."""

    def __init__(self, folder: Path, seed: int, *, latency: str = "none", odds: float = 0.1) -> None:
        self._url, self._seed, self._odds = f"sqlite:///{folder}/paper.db", seed, odds
        self._dice = random.Random(seed)
        self._latency: Latency | None = parse_latency(latency, VENUE, seed)
        self._host = Host()
        self._host.load = functools.cache(self._host.load)  # type: ignore[method-assign]
        self.store = Store(self._url)
        self.orders: dict[str, Json] = {}
        self.lives = self.events = self.expired = 0
        self._now_ns = DEFAULT_START_NS
        self._register()

    def close(self) -> None:
        self.store.close()
        self._host.close()

    def _register(self) -> None:
        """Two accounts, one of them live too; three deployments each, on one symbol or both."""
        store = self.store
        ids = [store.accounts.ensure(name, tier="pro", rate_limit_qps=None).account_id for name in ("a", "b")]
        self._desks: list[tuple[str, Mode]] = [(ids[0], "sandbox"), (ids[1], "sandbox"), (ids[1], "live")]
        self._deployments: list[tuple[str, Mode, str]] = []
        for account_id, mode in self._desks:
            for name, labels in {"one": ["main"], "two": ["left", "right"], "both": ["main"]}.items():
                symbols = list(SYMBOLS) if name == "both" else ["BTC-USD"]
                instances = [NewInstance(label, VENUE, "spot", symbols, EDGE) for label in labels]
                new = NewDeployment(
                    name, algo(), symbols, instances, "running", risk={"max_position_1e8": 10**9}
                )
                made = store.deployments.create(account_id, mode, new).deployment
                self._deployments.append((account_id, mode, made.deployment_id))
        self._give(ids[0])

    def _give(self, account_id: str) -> None:
        dice = self._dice
        rows = [
            Given(VENUE, "fiat", "USD", dice.choice((500, 20_000, 90_000)) * 10**8, USD, 1),
            Given(VENUE, "crypto", "BTC", dice.choice((0, 10**7, 10**8)), 0, 1),
        ]
        self.store.sandbox.write(account_id, rows[: dice.choice((1, 2))], replace=dice.random() < 0.3)

    async def run(self, events: int, deaths: int) -> Report:
        """So many events of the feed, and so many deaths between them; then everything has to add up."""
        ends = sorted(self._dice.sample(range(events), deaths)) if deaths else []
        for end in [*ends, events]:
            await self._live(end)
            self.lives += 1
        return reconcile(self.store.audit.rows())

    async def _live(self, until: int) -> None:
        """From the store to `until` events; unless it is the last life nothing is stored at its end."""
        delivery = self._begin()
        await self._converge()
        before = self.events
        while self.events < until:
            due = delivery.next_due()
            assert due is not None
            delivery.deliver(due, due + _BURST_NS)
            self.events = before + self.core.taken
            await self._something()
        self._now_ns = self.core.now_ns
        if self._dice.random() < 0.5:
            self.check()
        self.store.close()
        self.store = Store(self._url)

    def _begin(self) -> Delivery:
        markets = open_markets(VENUE, SYMBOLS, SCHEDULE)
        self.journal = Journal(self.store)
        self.core = EdgeCore(EDGE, VENUE, markets, self.journal, lambda *_: None, latency=self._latency)
        feed = open_feed("generated", venue=VENUE, symbols=SYMBOLS, seed=self._seed, start_ns=self._now_ns)
        delivery = Delivery(self.core, feed, None)
        delivery.prime()
        guests = Guests(self.core, self.store, VENUE, "spot")
        self._converger = Converger(self.core, self._host, self.store, guests, VENUE, "a day")
        self._gateway = Gateway(EDGE, self.core, guests, self.store, self._flush)
        self._funds = FundsWatch(self.core, self.store.funds, VENUE)
        self._funds.begin()
        return delivery

    async def _flush(self) -> None:
        self.journal.flush()

    async def _converge(self) -> None:
        await self._converger.converge()
        while self._converger._modules._fetching:
            await self._converger.converge()
        for hosted in self.core.roster.hosted.values():
            if isinstance(hosted.sandbox, Sandbox):
                seed = f"{self._seed}/{self.lives}/{hosted.want.name}/{hosted.want.label}/{hosted.want.mode}"
                hosted.sandbox = cast(Sandbox, Dice(hosted.sandbox, seed, self._odds))
        self._gateway.open()

    async def _something(self) -> None:
        dice = self._dice
        if dice.random() < 0.5:
            self.journal.flush()
        if dice.random() < 0.08:
            await self._by_hand()
        if dice.random() < 0.002:
            self._give(self._desks[0][0])
            await self._funds.read()
        if dice.random() < 0.002:
            await self._start_or_stop()
        if dice.random() < 0.04:
            self._doubt(dice.choice(SYMBOLS))

    def _doubt(self, symbol: str) -> None:
        """A hole in the data of a symbol, or its end: then a snapshot shows the book anew."""
        market, now = self.core.markets[symbol], self.core.now_ns
        event: Event = FeedStatus(symbol, now, FeedState.GAP)
        if market.feed_state is not FeedState.OK:
            bids, asks = market.depth(1000)
            event = BookSnapshot(symbol, now, tuple(bids), tuple(asks), market.book_seq)
        self.core.feed([event])

    async def _start_or_stop(self) -> None:
        account_id, mode, deployment_id = self._dice.choice(self._deployments)
        if self._dice.random() < 0.4:
            self.store.deployments.stop(account_id, mode, deployment_id)
        else:
            self.store.deployments.start(account_id, mode, deployment_id, None)
        await self._converge()

    async def _by_hand(self) -> None:
        dice = self._dice
        known = [*self.orders][-10:]
        if known and dice.random() < 0.4:
            asked: Json = {"op": dice.choice(("cancel", "amend")), "order_id": dice.choice(known)}
            asked |= {"qty_1e8": dice.choice((0, 2 * 10**6)), "price_1e9": 0}
        else:
            asked = self._order()
        answer = await self._gateway.answer(asked)
        if answer.get("order"):
            self.orders[asked["order_id"]] = answer["order"]

    def _order(self) -> Json:
        dice, (account_id, mode) = self._dice, self._dice.choice(self._desks)
        symbol, side = dice.choice(SYMBOLS), dice.choice((1, -1))
        bid, ask = self.core.markets[symbol].best()
        tif = dice.choice(("gtc", "gtd", "ioc", "fok", "post_only"))
        px = dice.choice((bid, ask, bid - 5 * 10**9, ask + 5 * 10**9))
        return {
            "op": "submit",
            "order_id": f"graph:g{len(self.orders)}.{self.lives}.{self.events}:order:1",
            "parent_id": None,
            "account_id": account_id,
            "mode": mode,
            **dict.fromkeys(("deployment_id", "deployment", "label"), ""),
            "symbol": symbol,
            "side": "buy" if side == 1 else "sell",
            "order_type": "limit",
            "tif": tif,
            "qty_1e8": dice.choice((10**6, 3_333_333)),
            "price_1e9": px,
            "until_ns": 2**62,
            "ttl_ms": 2_000 if tif == "gtd" else 0,
            "reduce_only": dice.random() < 0.2,
        }

    # -- what must hold ----------------------------------------------------------------------------------------

    def check(self) -> None:
        """With everything heard and stored, wallets are what the ledger says."""
        market = self.core.markets["BTC-USD"]
        for account_id, mode in self._desks:
            self.core.settle(account_id, mode)
        self.journal.flush()
        for account_id, mode in self._desks:
            wallet = market.wallets.of(f"{account_id}/{mode}")
            stored = self.store.ledger.balances(account_id, mode)
            for asset, amount in wallet.balances.items():
                assert amount == stored.get((VENUE, asset), 0), (account_id, asset)
            assert all(wallet.held(asset) >= 0 for asset in wallet.balances)

    def lost(self) -> list[str]:
        """Answered orders that are not stored, or with less than was answered."""
        stored = {order.order_id: order for order in self.store.audit.rows().orders}
        return [
            order_id
            for order_id, told in self.orders.items()
            if order_id not in stored or stored[order_id].filled_qty_1e8 < told["filled_qty_1e8"]
        ]

    def counts(self) -> Counter[str]:
        """Of stored orders by status, reject word and time in force, and of fills by the state of the feed."""
        rows, found = self.store.audit.rows(), Counter[str]()
        for order in rows.orders:
            found.update([order.status, order.tif, order.failure_reason or "no reason"])
        found.update(f"fills while {fill.feed_state}" for fill in rows.fills)
        return found


def figures(day: Day, report: Report) -> dict[str, Any]:
    """What happened, in numbers."""
    return {
        "events": day.events,
        "lives": day.lives,
        "orders": report.orders,
        "fills": report.fills,
        "positions": report.positions,
        "ledger_rows": report.ledger,
        "answered": len(day.orders),
        "differences": len(report.differences),
        "lost": len(day.lost()),
        "by_word": dict(sorted(day.counts().items())),
    }
