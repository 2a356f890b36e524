"""Real algos, and capsules of short runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.delivery import Delivery
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.journal import Journal
from sequence_paper.feed.generated import DEFAULT_START_NS, open_generated
from sequence_paper.feed.recording import Entry, Header, Recorder
from sequence_paper.replay.capsule import Capsule
from sequence_paper.replay.compare import expected_of, rows
from sequence_paper.replay.make import build
from sequence_paper.replay.run import run
from sequence_paper.store import Store
from sequence_paper.store.records import NewDeployment, NewInstance
from sequence_paper.venue.latency import parse
from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import symbol_rules, venue_fees
from support.algos import build_algos
from support.stores import with_tables

EDGE, SECOND = "venue-edge-kraken", 10**9
PARAMS = [
    {"name": "half_spread", "slot": 0, "type": "int", "value": 1},
    {"name": "size", "slot": 1, "type": "int", "value": 2_000_000},
]


@pytest.fixture(scope="session")
def maker() -> bytes:
    """Quotes one bid and one ask."""
    return build_algos()["maker"]


@pytest.fixture(scope="session")
def sealed(maker: bytes) -> Callable[..., Capsule]:
    """A capsule of a run of the maker, with its digest."""

    def make(**more: Any) -> Capsule:
        given = {"venue": "kraken", "symbols": ["BTC-USD"], "seconds": 20.0, "params": PARAMS} | more
        capsule = build(maker, **given)
        return replace(capsule, expected=expected_of(run(capsule).log))

    return make


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten seconds of a book that moves, as frames of Coinbase. Twice as long as what tests take of it."""
    path = tmp_path / "coinbase.feed.zst"
    recorder = Recorder(path, Header("coinbase", ("BTC-USD",), "ws://here", SECOND))
    recorder.write(Entry(SECOND, "open"))
    levels = [_level("bid", 1000 - n, 3) for n in range(20)] + [
        _level("offer", 1001 + n, 3) for n in range(20)
    ]
    recorder.write(Entry(SECOND, "frame", _frame("snapshot", levels, 0)))
    for n in range(1, 100):
        change = [_level("bid", 1000, 1 + n % 3), _level("offer", 1001, 1 + n % 4)]
        recorder.write(Entry(SECOND + n * SECOND // 10, "frame", _frame("update", change, n)))
    recorder.close()
    return path


def _level(side: str, price: int, size: int) -> dict[str, str]:
    at = "2026-01-05T00:00:00Z"
    return {"side": side, "event_time": at, "price_level": str(price), "new_quantity": str(size)}


def _frame(kind: str, levels: list[dict[str, str]], number: int) -> str:
    events = [{"type": kind, "product_id": "BTC-USD", "updates": levels}]
    return json.dumps({"channel": "l2_data", "sequence_num": number, "events": events})


@dataclass
class Run:
    """One process of an edge, driven by hand."""

    store: Store
    core: EdgeCore
    delivery: Delivery
    converger: Converger
    host: Host
    log: EventLog

    async def at(self, seconds: float) -> int:
        """Go there, in pieces of no particular size, and look at what is wanted; returns the feed time."""
        until = DEFAULT_START_NS + int(seconds * SECOND)
        while (due := self.delivery.next_due()) is not None and due <= until:
            self.delivery.deliver(due, min(due + 7_000_001, until))
        await self.converger.converge()
        while self.converger._modules._fetching:
            await self.converger.converge()
        self.core.journal.flush()
        return self.core.now_ns


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(with_tables(tmp_path / "paper.db"))
    yield store
    store.close()


@pytest.fixture
def account(store: Store) -> str:
    return store.accounts.ensure("desk", tier="free", rate_limit_qps=None).account_id


@pytest.fixture
def begin(store: Store) -> Iterator[object]:
    hosts: list[Host] = []

    def make(run_ns: int, latency: str = "none") -> Run:
        rules, fees = symbol_rules("kraken", "BTC-USD"), venue_fees("kraken")
        assert rules is not None
        assert fees is not None
        feed, journal, log = (
            open_generated(venue="kraken", symbols=["BTC-USD"], seed=3),
            Journal(store),
            EventLog(),
        )
        core = EdgeCore(
            EDGE,
            "kraken",
            {"BTC-USD": Market("BTC-USD", rules, fees)},
            journal,
            lambda *_: None,
            log=log,
            latency=parse(latency, "kraken", 3),
        )
        host = Host()
        hosts.append(host)
        guests = Guests(core, store, "kraken", "spot")
        started = Run(
            store,
            core,
            Delivery(core, feed, None),
            Converger(core, host, store, guests, "kraken", "x"),
            host,
            log,
        )
        started.delivery.prime()
        source = {"kind": "generated", "words": "generated", "seed": 3, "start_ns": feed.about.start_ns}
        about = {
            "venue": "kraken",
            "instrument_type": "spot",
            "symbols": ["BTC-USD"],
            "until_ns": None,
            "latency": latency,
        }
        core.inputs.began(run_ns, about | {"feed": source})
        return started

    yield make
    for host in hosts:
        host.close()


def deploy(store: Store, account: str, wasm: bytes, name: str, size: int = 2_000_000) -> str:
    params = [PARAMS[0], PARAMS[1] | {"value": size}]
    new = NewDeployment(
        name,
        wasm,
        ["BTC-USD"],
        [NewInstance("main", "kraken", "spot", ["BTC-USD"], EDGE)],
        "running",
        params=params,
        on_stop="cancel",
    )
    return store.deployments.create(account, "sandbox", new).deployment.deployment_id


async def repeated(capsule: Capsule) -> list[list[Any]]:
    """Fills of a repetition, which has an event loop of its own."""
    return rows((await asyncio.to_thread(run, capsule)).kept.fills)
