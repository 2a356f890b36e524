"""A sandbox host, real algos, and an edge without processes: real store, real markets, events by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.journal import Journal
from sequence_paper.feed.events import BookDelta, BookSnapshot, Event, Trade
from sequence_paper.store import Store
from sequence_paper.store.records import NewDeployment, NewInstance
from sequence_paper.venue.floor import open_markets
from sequence_paper.venue.latency import Latency
from sequence_paper.venue.tiers import parse as parse_fees
from support.algos import build_algos
from support.stores import with_tables

EDGE_ID = "venue-edge-kraken"
T0 = 1_767_571_200 * 10**9
UNIT = 10**9
BTC = 10**8


@pytest.fixture(scope="session")
def algos() -> dict[str, bytes]:
    """The crates of tests/algos by name."""
    return build_algos()


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    """One for all tests; it compiles equal bytes once, since each compilation costs a process."""
    host = Host()
    host.load = functools.cache(host.load)  # type: ignore[method-assign]
    yield host
    host.close()


class InProcessEdge:
    """An edge of kraken whose clock is the events a test feeds. ``sent``: mesh messages to other edges."""

    def __init__(
        self,
        store: Store,
        host: Host,
        symbols: tuple[str, ...] = ("BTC-USD", "ETH-USD"),
        latency: Latency | None = None,
    ) -> None:
        self.store, self.host = store, host
        self.account = store.accounts.ensure("desk", tier="free", rate_limit_qps=None).account_id
        self.markets = open_markets("kraken", symbols, parse_fees("base", "kraken"))
        self.sent: list[tuple[str, str, str, bytes]] = []
        self.journal = Journal(store)
        self.core = EdgeCore(
            EDGE_ID, "kraken", self.markets, self.journal, lambda *m: self.sent.append(m), latency=latency
        )
        self.guests = Guests(self.core, store, "kraken", "spot")
        self.converger = Converger(self.core, host, store, self.guests, "kraken", "test feed")
        self.seq = 0
        self.core.prime([self.snapshot(symbol, 0) for symbol in symbols])

    # -- what a client of the platform does

    def deploy(
        self, wasm: bytes, *, name: str = "mm", labels: tuple[str, ...] = ("main",), **more: Any
    ) -> str:
        symbols = more.pop("symbols", ["BTC-USD"])
        params = [
            {"name": f"p{slot}", "slot": slot, "type": "int", "value": value}
            for slot, value in enumerate(more.pop("params", ()))
        ]
        instances = [NewInstance(label, "kraken", "spot", symbols, EDGE_ID) for label in labels]
        desired = more.pop("desired", "running")
        new = NewDeployment(name, wasm, symbols, instances, desired, params=params, **more)
        return self.store.deployments.create(self.account, "sandbox", new).deployment.deployment_id

    async def converge(self) -> None:
        """Passes until every module is there: one may compile for long on a busy machine."""
        await self.one_pass()
        while self.converger._modules._fetching:
            await self.one_pass()

    async def one_pass(self) -> None:
        """As an edge does it, whatever is still being compiled."""
        await self.converger.converge()
        self.journal.flush()

    def get(self, deployment_id: str, label: str = "main") -> Hosted:
        return self.core.roster.hosted[(deployment_id, label)]

    # -- the market

    def snapshot(self, symbol: str, ts: int, mid: int = 100_000) -> BookSnapshot:
        """Twenty levels a side, one dollar apart, 1.0 at each; best bid mid - 1, best ask mid + 1."""
        bids = tuple(((mid - i) * UNIT, BTC) for i in range(1, 21))
        asks = tuple(((mid + i) * UNIT, BTC) for i in range(1, 21))
        return BookSnapshot(symbol, T0 + ts, bids, asks, self._next())

    def delta(self, ts: int, side: int, px: int, sz: int, symbol: str = "BTC-USD") -> BookDelta:
        return BookDelta(symbol, T0 + ts, side, px * UNIT, sz, self._next())  # type: ignore[arg-type]

    def trade(self, ts: int, px: int, qty: int, aggressor: int, symbol: str = "BTC-USD") -> Trade:
        return Trade(symbol, T0 + ts, px * UNIT, qty, aggressor, self._next())  # type: ignore[arg-type]

    def feed(self, *events: Event) -> None:
        self.core.feed(list(events))

    def tick(self, ts: int) -> None:
        """A book update that changes nothing at the touch."""
        self.feed(self.delta(ts, 1, 99_980, BTC + ts))

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    # -- what is stored

    def logs(self, deployment_id: str) -> list[str]:
        self.journal.flush()
        return [entry.line.message for entry in self.store.logs.read(deployment_id, limit=1000)]

    def orders(self) -> list[Any]:
        self.journal.flush()
        return self.store.orders.page(self.account, "sandbox", limit=1000, offset=0)[0][::-1]

    def fills(self) -> list[Any]:
        self.journal.flush()
        return self.store.fills.page(self.account, "sandbox", limit=1000, offset=0)[0][::-1]

    def positions(self) -> list[Any]:
        self.journal.flush()
        return [position for _, position in self.store.positions.of_account(self.account, "sandbox")]


@pytest.fixture
def make_edge(tmp_path: Path, host: Host) -> Iterator[Callable[..., InProcessEdge]]:
    """A new edge process, so to say, on the same database each time."""
    stores: list[Store] = []

    def make(**more: Any) -> InProcessEdge:
        stores.append(Store(with_tables(tmp_path / "paper.db")))
        return InProcessEdge(stores[-1], host, **more)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def edge(make_edge: Callable[..., InProcessEdge]) -> InProcessEdge:
    return make_edge()


@pytest.fixture
def in_process_edge() -> type[InProcessEdge]:
    """The class itself, for tests that bring their own store."""
    return InProcessEdge
