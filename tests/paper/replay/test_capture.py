"""What a store keeps of an edge's runs becomes a capsule that comes to the same fills, or is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.delivery import Delivery
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.journal import Journal
from sequence_paper.feed.generated import DEFAULT_START_NS, open_generated
from sequence_paper.replay.capsule import Capsule
from sequence_paper.replay.capture import CaptureError, capture, run_at
from sequence_paper.replay.compare import rows
from sequence_paper.replay.run import run
from sequence_paper.store import Store
from sequence_paper.store.inputs import KEEP_RUNS
from sequence_paper.store.records import NewDeployment, NewInstance
from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import symbol_rules, venue_fees

from .conftest import PARAMS

EDGE, SECOND = "venue-edge-kraken", 10**9


@dataclass
class Run:
    """One process of an edge, driven by hand."""

    store: Store
    core: EdgeCore
    delivery: Delivery
    converger: Converger
    host: Host

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
    store = Store(f"sqlite:///{tmp_path}/paper.db")
    yield store
    store.close()


@pytest.fixture
def account(store: Store) -> str:
    return store.accounts.ensure("desk", tier="free", rate_limit_qps=None).account_id


@pytest.fixture
def begin(store: Store) -> Iterator[object]:
    hosts: list[Host] = []

    def make(run_ns: int) -> Run:
        rules, fees = symbol_rules("kraken", "BTC-USD"), venue_fees("kraken")
        assert rules is not None
        assert fees is not None
        feed, journal = open_generated(venue="kraken", symbols=["BTC-USD"], seed=3), Journal(store)
        core = EdgeCore(EDGE, "kraken", {"BTC-USD": Market("BTC-USD", rules, fees)}, journal, lambda *_: None)
        host = Host()
        hosts.append(host)
        guests = Guests(core, store, "kraken", "spot")
        started = Run(
            store, core, Delivery(core, feed, None), Converger(core, host, store, guests, "kraken", "x"), host
        )
        started.delivery.prime()
        source = {"kind": "generated", "words": "generated", "seed": 3, "start_ns": feed.about.start_ns}
        about = {
            "venue": "kraken",
            "instrument_type": "spot",
            "symbols": ["BTC-USD"],
            "until_ns": None,
            "latency": "none",
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


async def test_a_run_with_starts_stops_and_changes_is_repeated(begin, store, account, maker) -> None:
    edge = begin(100)
    await edge.at(3.21)
    first = deploy(store, account, maker, "first")
    await edge.at(9.87)
    deploy(store, account, maker, "second", 5_000_000)
    await edge.at(15.0)
    store.deployments.stop(account, "sandbox", first)
    await edge.at(22.22)
    store.deployments.start(account, "sandbox", first, None)
    await edge.at(30.0)
    store.deployments.delete(account, "sandbox", first, {EDGE})
    end = await edge.at(36.5)
    began = run_at(store, EDGE, 200)
    for to_ns in (end, DEFAULT_START_NS + 17 * SECOND, DEFAULT_START_NS + SECOND):
        capsule = capture(store, began, account, "sandbox", to_ns, {})
        assert capsule.stored == await repeated(capsule)
    whole = capture(store, began, account, "sandbox", end, {})
    assert whole.stored is not None
    assert {row[0].split("/")[0] for row in whole.stored} == {"first", "second"}
    assert [entry.kind for entry in whole.inputs].count("unload") == 1
    # Both trade on the same book, so leaving one out is another run.
    alone = replace(whole, inputs=[entry for entry in whole.inputs if entry.n == whole.inputs[0].n])
    assert await repeated(alone) != whole.stored


async def test_runs_of_one_edge_are_told_apart(begin, store, account, maker) -> None:
    """Replays begin at the same feed time again: fills belong to the run that made them."""
    one = begin(100)
    deployment = deploy(store, account, maker, "mm")
    await one.at(1.0)
    await one.at(20.0)
    store.deployments.stop(account, "sandbox", deployment)
    end = await one.at(21.0)
    store.deployments.start(account, "sandbox", deployment, None)
    two = begin(200)
    await two.at(1.0)
    await two.at(12.0)
    with pytest.raises(CaptureError, match="nothing of a run so old"):
        run_at(store, EDGE, 99)
    first = capture(store, run_at(store, EDGE, 150), account, "sandbox", end, {})
    second = capture(store, run_at(store, EDGE, 250), account, "sandbox", two.core.now_ns, {})
    assert first.stored
    assert second.stored
    assert first.stored == await repeated(first)
    assert second.stored == await repeated(second)
    assert not {row[0] for row in first.stored} & {row[0] for row in second.stored}


async def test_what_no_repetition_can_bring_is_refused(begin, store, account, maker) -> None:
    edge = begin(100)
    deploy(store, account, maker, "mm")
    await edge.at(2.0)
    before = await edge.at(3.0)
    edge.core.inputs.outside(account, "sandbox", "a message from another edge")
    edge.core.inputs.outside("acct_other", "sandbox", "a kill switch")
    end = await edge.at(4.0)
    began = run_at(store, EDGE, 100)
    with pytest.raises(CaptureError, match=r"can bring: a message from another edge$"):
        capture(store, began, account, "sandbox", end, {})
    assert capture(store, began, account, "sandbox", before - 1, {}).inputs
    live = replace(began, body=began.body | {"feed": {"kind": "live", "start_ns": 0}})
    with pytest.raises(CaptureError, match="follows a live venue"):
        capture(store, live, account, "sandbox", before - 1, {})


async def test_orders_of_an_earlier_process_are_no_part_of_a_run(begin, store, account, maker) -> None:
    one = begin(100)
    deploy(store, account, maker, "mm")
    await one.at(2.0)
    await one.at(5.0)
    assert store.orders.open_on(EDGE)
    two = begin(200)
    end = await two.at(1.0)
    with pytest.raises(CaptureError, match="an order of an earlier process"):
        capture(store, run_at(store, EDGE, 200), account, "sandbox", end, {})


async def test_old_runs_go(begin, store) -> None:
    for run_ns in range(1, KEEP_RUNS + 4):
        begin(run_ns).core.journal.flush()
    kept = [row.run_ns for row in store.inputs.runs(EDGE)]
    assert kept == list(range(KEEP_RUNS + 3, 3, -1))
