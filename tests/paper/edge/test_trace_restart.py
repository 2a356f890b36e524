"""A trace goes on over the death of its edge, and its clock goes on with it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sequence_paper.edge.trace import TraceClock
from support.order_traces import SECOND, action, scripted, traces


async def test_a_restart_continues_the_trace(make_edge, algos) -> None:
    edge = make_edge()
    dep = edge.deploy(algos["maker"], params=(5, 2_000_000))
    await edge.converge()
    edge.tick(10)
    before = traces(edge)
    again = make_edge()
    await again.converge()
    again.feed(again.trade(20, 99_940, 1_000_000, -1))
    after = traces(again)
    for (_, old), (order, new) in zip(before, after, strict=True):
        assert new.head == old.head
        assert new.steps[:6] == old.steps
        assert new.steps[6][0] == "restored"
        assert new.steps[6][3]["filled_1e8"] == 0
        assert order.order_id in again.get(dep).orders
    assert [stage for stage, *_ in after[0][1].steps[6:]] == ["restored", "fill"]


async def test_an_order_older_than_traces_gets_one_from_now_on(make_edge, algos, tmp_path: Path) -> None:
    edge = make_edge()
    edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    edge.journal.flush()
    with closing(sqlite3.connect(tmp_path / "paper.db")) as raw, raw:
        raw.execute("DELETE FROM traces")
        raw.execute("DELETE FROM trace_steps")
    again = make_edge()
    await again.converge()
    found = again.store.traces.page(again.account, "sandbox", limit=10)
    assert len(found) == 2
    for order, trace in found:
        assert (order.status, trace.head.book, [stage for stage, *_ in trace.steps]) == (
            "OPEN",
            None,
            ["restored"],
        )


async def test_the_clock_goes_on_from_the_last_step_when_the_machine_was_set_back(make_edge, algos) -> None:
    edge = make_edge()
    edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.core.tracer.clock.not_before(edge.core.tracer.clock.now() + 3600 * SECOND)
    edge.tick(10)
    traces(edge)
    again = make_edge()
    await again.converge()
    assert len(traces(again)) == 2  # `well_formed` compared the times


async def test_an_order_without_an_instance_ends_in_its_trace_too(make_edge) -> None:
    edge = make_edge()
    dep = edge.deploy(scripted(action()))
    await edge.converge()
    edge.tick(10)
    ((order, _),) = traces(edge)
    edge.store.deployments.delete(edge.account, "sandbox", dep, set())
    edge.store.instances.removed("venue-edge-kraken", dep, "main")
    again = make_edge()
    await again.converge()
    ((ended, trace),) = traces(again)
    assert (ended.order_id, ended.status, ended.failure_reason) == (
        order.order_id,
        "CANCELLED",
        "EDGE_RESTARTED",
    )
    assert trace.steps[-1][3] == {"reason": "EDGE_RESTARTED", "remaining_1e8": 10**6}


def test_the_clock_never_steps_back() -> None:
    clock = TraceClock()
    before = clock.now()
    clock.not_before(before - SECOND)
    assert clock.now() >= before
    clock.not_before(before + SECOND)
    assert clock.now() >= before + SECOND
