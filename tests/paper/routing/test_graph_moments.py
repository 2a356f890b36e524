"""The API is killed after every single transaction and every word of an edge: in each state that it can leave behind.

The process that comes next trades what would have been traded without it: each order once, and none less.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from sequence_paper.api.dispatch import Dispatcher
from sequence_paper.api.graph_runner import GraphRunner
from sequence_paper.api.market import MarketView
from sequence_paper.api.order_bodies import Wanted
from sequence_paper.graphs import Edge, Pacing
from sequence_paper.store import Store
from sequence_paper.store.graphing import GraphRow, NodeRow
from sequence_paper.store.parent_state import filled_1e8
from support.parents import ACCOUNT, order

EDGES = [Edge("1", "in", "out", "on_fill"), Edge("2", "out", "last", "on_done")]
WANT = {"symbol": "BTC-USD", "notional_1e9": 0, "limit_1e9": None, "venue": "kraken", "tif": "ioc"}
_files = itertools.count()


class KilledError(BaseException):
    """Not an error that anybody catches."""


class World:
    """A store, and an edge that fills everything that reaches it, once. `last`: the step after which all ends."""

    def __init__(self, empty: Path, last: int = 10**9) -> None:
        """`empty`: a database whose tables are made, which takes longest."""
        mine = empty.with_name(f"{next(_files)}.db")
        shutil.copy(empty, mine)
        self.store = Store(f"sqlite:///{mine}")
        self.last, self.steps = last, 0
        writing = self.store._db.writing

        @contextlib.contextmanager
        def counted() -> Iterator[Any]:
            with writing() as connection:
                yield connection
            self.step()

        self.store._db.writing = counted

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.last:
            raise KilledError

    async def hear(self, subject: str, _heard: Any) -> str:
        return subject

    async def forget(self, _ear: Any) -> None:
        pass

    async def publish(self, _subject: str, _payload: Any) -> None:
        pass

    async def ask(self, _subject: str, request: dict[str, Any], _seconds: float) -> dict[str, Any]:
        names = ("order_id", "parent_id", "symbol", "side", "order_type", "tif", "qty_1e8", "price_1e9")
        known = {name: request[name] for name in names}
        done = order(**known, status="FILLED", filled_qty_1e8=request["qty_1e8"])
        last, self.last = self.last, 10**9  # the edge is another process, and lives
        self.store.orders.claim(done)
        self.last = last
        self.step()
        return {"order": {"order_id": done.order_id}}

    def process(self) -> tuple[GraphRunner, Dispatcher]:
        market = MarketView(self)
        level = {"state": "ok", "bids": [[99 * 10**12, 10**10]], "asks": [[100 * 10**12, 10**10]]}
        names = {"venue": "kraken", "symbol": "BTC-USD", "instrument_type": "spot", "edge_id": "edge"}
        market.hear(orjson.dumps({**names, **level, "seq": 1, "ts_ns": 1}))
        pools = type("Pools", (), {"of": staticmethod(lambda _symbol: [])})()
        orders = Dispatcher(self.store, self, market, pools)
        return GraphRunner(self.store, self, market, pools, orders), orders


def graph() -> tuple[GraphRow, list[NodeRow]]:
    row = GraphRow(*ACCOUNT, "g", "digest", time.time_ns(), [asdict(edge) for edge in EDGES])
    nodes = []
    for number, (name, side, qty) in enumerate(
        [("in", "buy", 10**6), ("out", "sell", 5 * 10**5), ("last", "buy", 10**5)]
    ):
        want = Wanted("g", name, side=side, qty_1e8=qty, **WANT)
        pacing = asdict(Pacing(2, 1)) if name == "in" else None
        nodes.append(NodeRow(*row.key, name, number, f"graph:g:{name}:0", asdict(want), pacing, 1))
    return row, nodes


async def go(world: World, *, new: bool) -> None:
    """One life of the API, until all is done or it is killed."""
    runner, orders = world.process()
    row, nodes = graph()
    if new:
        await runner.submit(row, nodes)
    while world.store.graphs.live() or world.store.routes.unfinished():
        await runner._advance_all()
        await asyncio.gather(*runner._sending)
        await orders._advance_all()


def traded(store: Store) -> dict[str, tuple[int, int]]:
    """By order: what was asked and what was filled."""
    found = store.routes.of_graph(*ACCOUNT, "g")
    legs = [leg.order_id for _, pairs in found for leg, _ in pairs]
    assert len(set(legs)) == len(legs)
    assert not store.routes.unfinished()
    return {parent.node_id: (parent.qty_1e8, filled_1e8(pairs)) for parent, pairs in found}


def live(world: World, *, new: bool) -> None:
    async def life() -> None:
        try:
            await go(world, new=new)
        finally:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    asyncio.run(life())


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("moments") / "empty.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="module")
def whole(empty: Path) -> tuple[int, dict[str, tuple[int, int]]]:
    """How many moments there are, and what is traded when nobody dies."""
    world = World(empty)
    live(world, new=True)
    return world.steps, traded(world.store)


def test_all_of_it_is_traded(whole):
    steps, orders = whole
    assert sum(qty for name, (qty, _) in orders.items() if name.startswith("in.")) == 10**6
    assert sum(qty for name, (qty, _) in orders.items() if name.startswith("out.")) == 5 * 10**5
    assert orders["last"] == (10**5, 10**5)
    assert all(qty == filled for qty, filled in orders.values())
    assert steps > 10


def test_every_moment_may_be_the_last(whole, empty):
    steps, _ = whole
    for moment in range(1, steps + 1):
        world = World(empty, moment)
        with contextlib.suppress(KilledError):
            live(world, new=True)
        world.last = 10**9
        if world.store.graphs.get(graph()[0].key) is None:
            assert traded(world.store) == {}  # nobody was told that it exists
            continue
        live(world, new=False)
        orders = traded(world.store)
        sums = {
            name: sum(qty for one, (qty, _) in orders.items() if one.startswith(name))
            for name in ("in", "out", "last")
        }
        assert sums == {"in": 10**6, "out": 5 * 10**5, "last": 10**5}, moment
        assert all(qty == filled for qty, filled in orders.values()), moment
        world.store.close()
