"""What a store keeps of an edge's runs becomes a capsule that comes to the same fills, or is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sequence_paper.analysis.reconcile import reconcile
from sequence_paper.edge.funds import FundsWatch
from sequence_paper.feed.generated import DEFAULT_START_NS
from sequence_paper.replay.capture import CaptureError, capture, run_at
from sequence_paper.replay.compare import first_other_fill, rows
from sequence_paper.replay.run import run
from sequence_paper.store.inputs import KEEP_RUNS
from sequence_paper.store.sandbox import Given

from .conftest import EDGE, SECOND, deploy, repeated


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


async def test_positions_that_were_reset_are_so_in_a_repetition(begin, store, account, maker) -> None:
    edge = begin(100)
    deployment = deploy(store, account, maker, "mm")
    await edge.at(1.0)
    await edge.at(18.0)
    store.deployments.stop(account, "sandbox", deployment)
    await edge.at(18.5)
    assert any(holding.position.qty_1e8 for holding in edge.core.holdings.values())
    edge.core.forget_positions(account, "sandbox")
    store.deployments.start(account, "sandbox", deployment, None)
    await edge.at(19.0)
    end = await edge.at(40.0)
    capsule = capture(store, run_at(store, EDGE, 100), account, "sandbox", end, {})
    assert capsule.stored == await repeated(capsule)
    kept = [entry for entry in capsule.inputs if entry.kind != "reset"]
    assert len(kept) == len(capsule.inputs) - 1
    assert capsule.stored != await repeated(replace(capsule, inputs=kept))


async def test_money_that_was_given_meanwhile_bounds_a_repetition_too(begin, store, account, maker) -> None:
    edge = begin(100, "constant:40")
    watch = FundsWatch(edge.core, store.funds, "kraken")
    watch.begin()
    deploy(store, account, maker, "mm")
    await edge.at(1.0)
    await edge.at(20.0)
    coins = [Given("kraken", "crypto", "BTC", 5 * 10**6, 0, 1), Given("kraken", "fiat", "USD", 10**11, 0, 1)]
    store.sandbox.write(account, coins, replace=False)
    await watch.read()
    end = await edge.at(60.0)
    capsule = capture(store, run_at(store, EDGE, 100), account, "sandbox", end, {})
    assert [entry.kind for entry in capsule.inputs].count("funds") == 1
    assert capsule.stored == await repeated(capsule)
    refused = {order.failure_reason for order in store.audit.rows().orders}
    assert "INSUFFICIENT_BALANCE" in refused
    free = [entry for entry in capsule.inputs if entry.kind != "funds"]
    assert capsule.stored != await repeated(replace(capsule, inputs=free))
    assert reconcile(store.audit.rows()).differences == []


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
    edge.core.inputs.outside(account, "sandbox", "what became of an intent")
    edge.core.inputs.outside("acct_other", "sandbox", "a cancel from outside the algos of this edge")
    end = await edge.at(4.0)
    began = run_at(store, EDGE, 100)
    with pytest.raises(CaptureError, match=r"can bring: what became of an intent$"):
        capture(store, began, account, "sandbox", end, {})
    assert capture(store, began, account, "sandbox", before - 1, {}).inputs
    live = replace(began, body=began.body | {"feed": {"kind": "live", "start_ns": 0}})
    with pytest.raises(CaptureError, match="follows a live venue and records nothing"):
        capture(store, live, account, "sandbox", before - 1, {})


async def test_what_was_under_way_at_the_end_is_no_difference(begin, store, account, maker) -> None:
    """A fill is stored with the time at which it happened, and may be heard of only after the slice."""
    edge = begin(100, "constant:400")
    deploy(store, account, maker, "mm")
    await edge.at(2.0)
    await edge.at(60.0)
    last = store.fills.page(account, "sandbox", limit=1, offset=0)[0][0]
    capsule = capture(store, run_at(store, EDGE, 100), account, "sandbox", last.ts_ns + SECOND // 10, {})
    outcome = await asyncio.to_thread(run, capsule)
    ours = rows(outcome.kept.fills)
    assert capsule.stored is not None
    assert (len(capsule.stored) - len(ours), outcome.unheard) == (1, 1)
    assert first_other_fill(capsule.stored, ours, outcome.unheard) == ""
    assert "no further fill" in first_other_fill(capsule.stored, ours)


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
