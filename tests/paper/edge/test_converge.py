"""Whatever the store says should be, the edge makes so, also after it was killed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sequence_paper.store.deployments import Change, NotRegisteredError
from support import wat

SECOND = 10**9


def observed(edge, deployment_id: str) -> Any:
    return edge.store.deployments.get(edge.account, "sandbox", deployment_id).instances[0].observed


async def test_deployed_stopped_is_loaded_warm_and_quiet(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], desired="stopped", params=(5,))
    await edge.converge()
    edge.tick(10)
    seen = observed(edge, dep)
    assert (seen.status, seen.warm, seen.applied_revision, seen.applied_starts) == ("accepted", True, 1, 0)
    assert (edge.orders(), edge.logs(dep)) == ([], [])


async def test_start_and_a_plain_stop_keep_orders_and_memory(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], desired="stopped", params=(5,))
    edge.store.deployments.start(edge.account, "sandbox", dep, None)
    await edge.converge()
    assert (observed(edge, dep).status, observed(edge, dep).applied_starts) == ("running", 1)
    edge.tick(10)
    edge.store.deployments.stop(edge.account, "sandbox", dep)
    await edge.converge()
    assert observed(edge, dep).status == "stopped"
    edge.tick(20)
    assert edge.get(dep).update_count == 1
    assert edge.logs(dep) == ["config 1 half spread 5"]  # no shutdown callback either
    edge.feed(edge.trade(30, 99_000, 10**8, -1))
    assert [o.status for o in edge.orders()] == ["FILLED", "OPEN"]  # what rests may still fill
    edge.store.deployments.start(edge.account, "sandbox", dep, None)
    await edge.converge()
    edge.tick(40)
    assert [o.client_key for o in edge.orders()] == [1, 2, 3]  # the algo's own counter went on


async def test_on_stop_cancel_calls_shutdown_and_sweeps(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,), on_stop="cancel")
    await edge.converge()
    edge.tick(10)
    edge.store.deployments.stop(edge.account, "sandbox", dep)
    await edge.converge()
    assert edge.logs(dep)[-1] == "shutdown with 2 orders"
    assert [o.status for o in edge.orders()] == ["CANCELLED", "CANCELLED"]
    assert observed(edge, dep).orders.open == 0


async def test_more_orders_than_a_shutdown_can_cancel_are_swept(edge) -> None:
    wasm = wat.algo(
        """
        (global.set $id (i64.add (global.get $id) (i64.const 1)))
        (i32.store (i32.const 0x100000) (i32.const 1))
        (i64.store (i32.const 0x100008) (global.get $id))
        (i64.store (i32.const 0x100010) (i64.const 99000000000000))
        (i64.store (i32.const 0x100018) (i64.const 1000000))
        (i64.store (i32.const 0x100020) (i64.const 1))
        (i32.const 0x100000)""",
        more="(global $id (mut i64) (i64.const 0))",
    )
    dep = edge.deploy(wasm, on_stop="cancel")
    await edge.converge()
    for i in range(20):
        edge.tick(10 + i)
    assert len(edge.get(dep).orders) == 20
    edge.store.deployments.stop(edge.account, "sandbox", dep)
    await edge.converge()
    assert {o.status for o in edge.orders()} == {"CANCELLED"}


async def test_new_limits_and_parameters_reach_a_running_algo(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    params = [{"name": "p0", "slot": 0, "type": "int", "value": 9}]
    change = Change({"params": params, "risk": {"max_position_1e8": 1}}, {})
    edge.store.deployments.change(edge.account, "sandbox", dep, lambda _: change, None)
    await edge.converge()
    assert observed(edge, dep).applied_revision == 2
    edge.tick(20)
    assert edge.logs(dep)[:2] == ["config 1 half spread 5", "config 2 half spread 9"]
    edge.tick(30)
    assert edge.orders()[-1].failure_reason == "POSITION_LIMIT"
    state = edge.get(dep).state_of_all()
    assert int.from_bytes(state[1376:1384], "little") == 1


REFUSED = {
    "no wasm": (b"hello", ["BTC-USD"], "not a WebAssembly module"),
    "foreign import": (wat.algo(before='(import "env" "system" (func))'), ["BTC-USD"], "env.system"),
    "unknown symbol": (
        wat.algo(),
        ["BTC-USD", "DOGE-USD"],
        "DOGE-USD not available at kraken: this edge has",
    ),
    "too much memory": (wat.algo(memory='(memory (export "memory") 300)'), ["BTC-USD"], "instantiated"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_run_is_rejected_with_the_reason(edge, algos, name: str) -> None:
    wasm, symbols, says = REFUSED[name]
    bad = edge.deploy(wasm, name="bad", symbols=symbols)
    good = edge.deploy(algos["maker"], name="good")
    await edge.converge()
    seen = observed(edge, bad)
    assert (seen.status, seen.warm, seen.applied_starts) == ("rejected", False, 1)
    assert says in seen.error
    assert observed(edge, good).status == "running"
    edge.store.deployments.delete(edge.account, "sandbox", bad, set())
    await edge.converge()
    with pytest.raises(NotRegisteredError):
        observed(edge, bad)


async def test_a_rejected_instance_is_tried_again_when_asked(edge, algos) -> None:
    dep = edge.deploy(algos["smallstack"])
    await edge.converge()
    first = edge.get(dep)
    await edge.converge()
    assert edge.get(dep) is first  # not compiled again on every look
    edge.store.deployments.stop(edge.account, "sandbox", dep)
    edge.store.deployments.start(edge.account, "sandbox", dep, None)
    await edge.converge()
    assert edge.get(dep) is not first
    assert (observed(edge, dep).status, observed(edge, dep).applied_starts) == ("rejected", 2)


async def test_a_pause_ends_only_by_acknowledging_it(edge, algos) -> None:
    dep = edge.deploy(algos["faulty"], params=(2,))
    await edge.converge()
    edge.tick(10)
    await edge.converge()
    pause = edge.store.deployments.get(edge.account, "sandbox", dep).deployment.pause
    assert (observed(edge, dep).status, edge.get(dep).sandbox) == ("paused", None)
    change = Change({"params": [{"name": "p0", "slot": 0, "type": "int", "value": 0}]}, {})
    edge.store.deployments.change(edge.account, "sandbox", dep, lambda _: change, None)
    await edge.converge()
    assert (observed(edge, dep).status, observed(edge, dep).applied_revision) == ("paused", 2)
    edge.store.deployments.start(edge.account, "sandbox", dep, pause["id"])
    await edge.converge()
    edge.tick(20)
    seen = observed(edge, dep)
    assert (seen.status, seen.pause_reason, seen.applied_starts) == ("running", None, 2)
    assert edge.get(dep).update_count == 2


async def test_a_pause_survives_a_stop_and_a_start_ends_it(edge, make_edge, algos) -> None:
    dep = edge.deploy(algos["faulty"], params=(2,))
    await edge.converge()
    edge.tick(10)
    edge.journal.flush()
    again = make_edge()  # killed while paused
    await again.converge()
    assert observed(again, dep).status == "paused"
    assert again.core.roster.running == []
    again.store.deployments.stop(again.account, "sandbox", dep)
    await again.converge()
    seen = observed(again, dep)
    assert seen.status == "stopped" and seen.pause_reason.startswith("UNREACHABLE")
    again.store.deployments.start(again.account, "sandbox", dep, None)
    await again.converge()
    assert (observed(again, dep).status, observed(again, dep).pause_reason) == ("running", None)


async def test_deleting_shuts_down_cancels_and_forgets(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    edge.feed(edge.trade(20, 99_000, 10**8, -1))
    edge.store.deployments.delete(edge.account, "sandbox", dep, set())
    await edge.converge()
    with pytest.raises(NotRegisteredError):
        observed(edge, dep)
    assert [o.status for o in edge.orders()] == ["FILLED", "CANCELLED"]
    assert edge.core.roster.hosted == {} and edge.markets["BTC-USD"].open_orders() == []
    # A new registration of the same name goes on with the position.
    again = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    state = edge.get(again).state_of_all()
    assert int.from_bytes(state[:8], "little") == 1_000_000
    assert int.from_bytes(state[1328:1336], "little") == 1


async def test_a_killed_edge_goes_on_from_what_was_stored(edge, make_edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5, 2_000_000))
    await edge.converge()
    edge.tick(10)
    edge.feed(edge.trade(20, 99_950, 10**8 + 500_000, -1))
    before = edge.orders(), edge.fills(), edge.positions()
    counts = observed(edge, dep).orders
    again = make_edge()  # the first is simply left, as kill -9 would
    await again.converge()
    assert (again.orders(), again.fills(), again.positions()) == before
    assert observed(again, dep).status == "running"
    hosted = again.get(dep)
    assert sorted(o.algo_id for o in hosted.orders.values()) == [
        o.client_key for o in before[0] if o.status in ("OPEN", "PARTIALLY_FILLED")
    ]
    assert len(again.markets["BTC-USD"].open_orders()) == len(hosted.orders) > 0
    # What was restored fills, and counts go on.
    again.feed(again.trade(30, 99_000, 10**8, -1), again.trade(31, 101_000, 10**8, 1))
    assert {o.status for o in again.orders()} == {"FILLED"}
    assert len(again.fills()) > len(before[1])
    again.core.observe()
    again.journal.flush()
    assert observed(again, dep).orders.filled >= counts.filled + 1


async def test_what_was_not_stored_did_not_happen(edge, make_edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)  # orders exist in the edge, but nothing was flushed before it died
    again = make_edge()
    await again.converge()
    assert again.orders() == [] and again.markets["BTC-USD"].open_orders() == []
    again.tick(10)
    assert [o.client_key for o in again.orders()] == [1, 2]
    assert again.get(dep).status == "running"


async def test_orders_of_a_vanished_instance_end(edge, make_edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    edge.journal.flush()
    edge.store.deployments.delete(edge.account, "sandbox", dep, set())
    edge.store.instances.removed("venue-edge-kraken", dep, "main")
    again = make_edge()
    await again.converge()
    assert [o.status for o in again.orders()] == ["CANCELLED", "CANCELLED"]


async def test_two_instances_of_a_deployment_share_its_position(edge, algos) -> None:
    dep = edge.deploy(algos["single01"], labels=("a", "b"))
    await edge.converge()
    edge.tick(10)
    assert [p.qty_1e8 for p in edge.positions()] == [2_000_000]
    assert edge.get(dep, "a").slots[0].holding is edge.get(dep, "b").slots[0].holding


async def test_a_slow_compiler_holds_up_nobody_else(edge, algos, monkeypatch) -> None:
    compiling, load = threading.Event(), edge.host.load

    def slow(wasm: bytes) -> Any:
        if wasm == algos["pair"]:
            assert compiling.wait(30)
        return load(wasm)

    monkeypatch.setattr(edge.host, "load", slow)
    monkeypatch.setattr("sequence_paper.edge.modules._PATIENCE_SECONDS", 0.01)
    heavy = edge.deploy(algos["pair"], name="heavy")
    light = edge.deploy(algos["maker"], name="light")
    while observed(edge, light).status != "running":
        await edge.one_pass()
    assert observed(edge, heavy).status == "pending"
    compiling.set()
    while observed(edge, heavy).status != "running":
        await edge.one_pass()


async def test_orders_wait_for_a_module_that_is_still_being_compiled(
    edge, make_edge, algos, monkeypatch
) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    edge.journal.flush()
    again, compiling = make_edge(), threading.Event()
    load = again.host.load

    def slow(wasm: bytes) -> Any:
        assert compiling.wait(30)
        return load(wasm)

    monkeypatch.setattr(again.host, "load", slow)
    monkeypatch.setattr("sequence_paper.edge.modules._PATIENCE_SECONDS", 0.01)
    await again.one_pass()
    assert again.core.roster.hosted == {}
    assert [o.status for o in again.orders()] == ["OPEN", "OPEN"]
    compiling.set()
    while (dep, "main") not in again.core.roster.hosted:
        await again.one_pass()
    assert len(again.markets["BTC-USD"].open_orders()) == 2
