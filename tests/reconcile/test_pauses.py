"""A pause is the platform's word; only a person takes it back."""

from __future__ import annotations

import pytest

from reconcile.sim import SHA_B, Cluster, Platform, World, spec_of, with_wasm
from sequence_operator.spec.names import ACKNOWLEDGE_PAUSE


def running(**spec: object) -> World:
    return World(cluster=Cluster(spec=spec_of(state="Running", **spec))).deploy()


def test_an_acknowledged_pause_goes_on_and_is_acknowledged_only_once() -> None:
    world = running()
    world.platform.pause()
    world.settle(5)
    first = world.cluster.status.pause
    assert first is not None
    world.cluster.annotations[ACKNOWLEDGE_PAUSE] = first.id
    world.run()
    world.settle()
    assert world.condition("Live") == ("True", "Running")
    world.platform.pause()
    world.settle(5)
    assert world.condition("Live") == ("False", "Paused")
    second = world.cluster.status.pause
    assert second is not None
    assert second.id != first.id


def test_a_platform_without_pause_ids_gets_ours_and_each_is_its_own() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running")), platform=Platform(extras=False))
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    world.deploy()
    ids = []
    for _ in range(2):
        world.platform.pause()
        world.settle(5)
        assert world.condition("Live") == ("False", "Paused")
        assert world.cluster.status.pause is not None
        ids.append(world.cluster.status.pause.id)
        world.cluster.annotations[ACKNOWLEDGE_PAUSE] = ids[-1]
        world.run()
        world.settle()
        assert world.condition("Live") == ("True", "Running")
    assert len(set(ids)) == 2


@pytest.mark.parametrize(("risk", "runs"), [({"maxPosition1e8": 900}, True), ({"maxPosition1e8": 50}, False)])
def test_only_a_looser_limit_clears_a_pause(risk: dict[str, int], runs: bool) -> None:
    world = running(risk={"maxPosition1e8": 200})
    world.platform.pause()
    world.settle(5)
    world.cluster.edit(risk=risk)
    world.run()
    world.settle(6)
    assert world.condition("Live") == (("True", "Running") if runs else ("False", "Paused"))
    assert world.cluster.status.pending is None


def test_limits_that_others_changed_do_not_clear_a_pause() -> None:
    world = running()
    world.platform.pause()
    row = world.platform.only()
    assert row is not None
    world.platform.others_loosen()
    world.settle(6)
    assert row["body"]["risk"]["max_position_1e8"] == 200
    assert world.condition("Live") == ("False", "Paused")
    world.platform.others_tighten()
    world.settle(6)
    assert row["body"]["risk"]["max_position_1e8"] == 7
    assert world.condition("Live") == ("False", "Paused")


def test_a_pause_is_told_by_the_history_once() -> None:
    world = running()
    world.platform.pause("POSITION_LIMIT")
    world.settle(6)
    pause = world.cluster.status.pause
    assert pause is not None
    told = [e for e in world.cluster.status.history if e.event == "Paused"]
    assert [e.message for e in told] == [f"POSITION_LIMIT (pause {pause.id})"]
    assert told[0].plan_hash == ""


def test_a_pause_survives_a_replacement() -> None:
    world = running()
    world.platform.pause()
    world.settle(5)
    world.cluster.edit(artifact=with_wasm(SHA_B))
    world.run()
    world.settle(12)
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_B, "accepted")
    assert world.condition("Live") == ("False", "Paused")
    for state in ("Stopped", "Running"):
        world.cluster.edit(state=state)
        world.run()
        world.settle()
    assert world.condition("Live") == ("True", "Running")
    assert world.cluster.status.pause is None


def test_an_edit_that_was_taken_back_is_no_acknowledgement() -> None:
    world = running()
    world.platform.pause()
    world.settle(5)
    world.cluster.edit(risk={"maxPosition1e8": 900, "maxOrderRate": 20})
    world.fault = lambda point: "broken" if point == "call Update" else None
    world.run()
    pending = world.cluster.status.pending
    assert pending is not None
    assert pending.action == "Acknowledge"
    world.cluster.edit(risk={"maxPosition1e8": 200, "maxOrderRate": 20})
    world.settle(6)
    assert world.condition("Live") == ("False", "Paused")
    assert world.cluster.status.pending is None


def test_a_paused_algo_that_others_stop_is_still_paused_to_us() -> None:
    world = running()
    world.platform.pause()
    world.settle(5)
    row = world.platform.only()
    assert row is not None
    row["status"] = "stopped"
    calls = len(world.platform.calls)
    world.settle(6)
    assert len(world.platform.calls) == calls
    assert world.condition("Live") == ("False", "Paused")
    assert world.cluster.status.pause is not None
    world.cluster.annotations[ACKNOWLEDGE_PAUSE] = world.cluster.status.pause.id
    world.run()
    world.settle()
    assert world.condition("Live") == ("True", "Running")


def test_a_pause_that_is_only_readable_after_a_stop_holds_nothing() -> None:
    world = running()
    world.platform.pause()
    world.settle(5)
    world.cluster.edit(state="Stopped")
    world.run()
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert row["pause"] is not None
    assert world.cluster.status.pause is None
    assert world.condition("Ready") == ("True", "InSync")
    world.cluster.edit(state="Running")
    world.run()
    world.settle()
    assert world.condition("Live") == ("True", "Running")
