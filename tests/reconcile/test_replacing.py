"""Replacing: what stands in its way, and what happens when the platform refuses."""

from __future__ import annotations

from reconcile.sim import SHA_A, SHA_B, Cluster, World, spec_of, with_wasm
from sequence_operator.reconcile.model import ArtifactState


def running(**spec: object) -> World:
    return World(cluster=Cluster(spec=spec_of(state="Running", **spec))).deploy()


def test_a_refused_replacement_brings_the_previous_wasm_back() -> None:
    world = running()
    world.platform.reject = lambda body: body["wasm_base64"] == SHA_B
    world.cluster.edit(artifact=with_wasm(SHA_B))
    world.run()
    world.settle(15)
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_A, "running")
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
    assert world.cluster.status.artifact is not None
    assert world.cluster.status.artifact.sha256 == SHA_A
    creates = [c for c in world.platform.calls if c[0] == "create"]
    world.restart()
    world.settle(10)
    assert [c for c in world.platform.calls if c[0] == "create"] == creates
    world.cluster.edit(artifact=with_wasm(SHA_A))
    world.run()
    world.settle()
    assert world.condition("Ready") == ("True", "InSync")
    assert world.condition("Stalled")[0] == "False"


def test_a_refused_place_brings_the_previous_place_back() -> None:
    world = running()
    world.platform.reject = lambda body: body["instances"][0]["venue"] == "okx"
    world.cluster.edit(instances=[{"label": "maker", "venue": "okx", "symbols": ["BTC-USD"]}])
    world.run()
    world.settle(15)
    row = world.platform.only()
    assert row is not None
    assert (row["body"]["instances"][0]["venue"], row["status"]) == ("kraken", "running")
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
    assert [e.event for e in world.cluster.status.history][:2] == ["Started", "Registered"]
    creates = [c for c in world.platform.calls if c[0] == "create"]
    world.restart()
    world.settle(10)
    assert [c for c in world.platform.calls if c[0] == "create"] == creates
    world.cluster.edit(instances=spec_of()["instances"])
    world.run()
    world.settle()
    assert world.condition("Ready") == ("True", "InSync")


def test_a_refused_place_after_a_crash_leaves_nothing_and_says_so() -> None:
    world = running()
    world.platform.reject = lambda body: body["instances"][0]["venue"] == "okx"
    world.cluster.edit(instances=[{"label": "maker", "venue": "okx", "symbols": ["BTC-USD"]}])
    world.fault = lambda point: "crash" if point == "before Register" else None
    world.run()
    world.settle(15)
    assert world.platform.deployments == {}
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
    assert "nothing is registered now" in world.cluster.status.conditions[0].message
    world.cluster.edit(instances=spec_of()["instances"])
    world.run()
    world.settle()
    assert world.condition("Live") == ("True", "Running")


def test_nothing_is_unregistered_before_the_new_wasm_was_inspected() -> None:
    world = running()
    world.artifacts[SHA_B] = ArtifactState.INVALID
    world.cluster.edit(artifact=with_wasm(SHA_B))
    world.run()
    world.settle(6)
    assert world.condition("Stalled") == ("True", "ArtifactInvalid")
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_A, "running")


def test_orders_that_do_not_go_away_stall_a_replacement_until_they_do() -> None:
    world = running()
    row = world.platform.only()
    assert row is not None

    def stop_and_keep(key: str) -> tuple[int, object]:
        row.update(status="stopped", open=3)
        return 200, world.platform.answer(row)

    world.platform.stop = stop_and_keep  # type: ignore[method-assign]
    world.cluster.edit(artifact=with_wasm(SHA_B))
    world.run()
    world.settle(8)
    assert world.condition("Stalled") == ("True", "OrdersOpen")
    assert world.platform.only() is row
    row["open"] = 0
    world.settle()
    assert world.condition("Ready") == ("True", "InSync")
    after = world.platform.only()
    assert after is not None
    assert after["sha"] == SHA_B


def test_an_edge_that_refuses_is_quoted() -> None:
    world = running()
    row = world.platform.only()
    assert row is not None
    row["status"] = "rejected"
    world.settle(3)
    assert world.condition("Stalled") == ("True", "EdgeRejected")
    assert world.cluster.status.state == "Failed"
