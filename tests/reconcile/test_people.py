"""What other people do on the platform, and what is respected, restored or reported."""

from __future__ import annotations

import pytest

from reconcile.sim import SHA_A, Cluster, World, spec_of
from reconcile.sim_platform import Platform
from sequence_operator.spec.names import RECONCILE_REQUESTED_AT


def running(**spec: object) -> World:
    return World(cluster=Cluster(spec=spec_of(state="Running", **spec))).deploy()


def newest(world: World) -> tuple[str, str]:
    entry = world.cluster.status.history[0]
    return entry.event, entry.message


def test_limits_changed_by_others_are_restored_and_history_says_so() -> None:
    world = running()
    world.platform.others_loosen()
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert row["body"]["risk"] == {"max_position_1e8": 200, "max_order_rate": 20}
    assert newest(world) == ("DriftCorrected", "risk.maxPosition1e8 was 999 on the platform, restored to 200")


def test_a_deletion_by_others_is_repaired_after_proof() -> None:
    world = running()
    world.platform.others_delete()
    world.tick(10)
    world.list()  # empty after non-empty: needs confirming
    world.run()
    assert world.platform.creates == 1
    world.settle()
    assert world.platform.creates == 2
    assert world.condition("Ready") == ("True", "InSync")
    assert ("get", "dep_1") in world.platform.calls
    events = [(e.event, e.message) for e in world.cluster.status.history]
    assert ("DriftCorrected", "the deployment was gone from the platform, registered again") in events


def test_a_first_stop_by_others_is_undone_a_second_within_ten_minutes_is_not() -> None:
    world = running()
    world.platform.others_stop()
    world.settle()
    assert newest(world) == ("DriftCorrected", "state was stopped on the platform, started again")
    world.tick(300)
    world.platform.others_stop()
    world.settle(6)
    assert world.condition("Live") == ("False", "ManualStop")
    assert world.cluster.status.drift[0].field == "state"
    world.tick(3600)  # it stays respected, however long
    world.restart()
    world.settle(6)
    assert world.condition("Live") == ("False", "ManualStop")
    row = world.platform.only()
    assert row is not None
    assert row["status"] == "stopped"
    for state in ("Stopped", "Running"):
        world.cluster.edit(state=state)
        world.run()
        world.settle()
    assert world.condition("Live") == ("True", "Running")


def test_a_restart_that_takes_a_moment_is_not_taken_for_a_second_stop() -> None:
    world = running()
    world.platform.slow_starts = True
    world.platform.others_stop()
    world.list()
    world.run()
    assert newest(world) == ("DriftCorrected", "state was stopped on the platform, started again")
    for _ in range(
        3
    ):  # lists that follow each other within a second, as events of the platform bring them about
        world.tick(0.3)
        world.list()
        world.run()
    assert world.platform.calls.count(("start", "dep_1")) == 2
    assert world.condition("Live") != ("False", "ManualStop")
    world.platform.arrive()
    world.settle()
    assert world.condition("Live") == ("True", "Running")


def test_two_stops_far_apart_are_both_undone() -> None:
    world = running()
    for _ in range(2):
        world.platform.others_stop()
        world.settle()
        assert world.condition("Live") == ("True", "Running")
        world.tick(601)


def test_a_request_for_reconciliation_overrides_a_respected_stop() -> None:
    world = running()
    for _ in range(2):
        world.platform.others_stop()
        world.settle(6)
    assert world.condition("Live") == ("False", "ManualStop")
    world.cluster.annotations[RECONCILE_REQUESTED_AT] = "2026-11-22T15:00:00Z"
    world.settle()
    assert world.condition("Live") == ("True", "Running")
    assert world.cluster.status.last_handled_reconcile_at == "2026-11-22T15:00:00Z"


def test_somebody_who_undoes_every_correction_wins_and_is_named_a_loop() -> None:
    world = running()
    for _ in range(5):
        world.platform.others_loosen()
        world.settle(6)
    assert world.condition("Stalled") == ("True", "DriftLoop")
    patches = [c for c in world.platform.calls if c[0] == "patch"]
    assert len(patches) == 3
    world.tick(7200)
    world.settle(4)
    assert [c for c in world.platform.calls if c[0] == "patch"] == patches
    world.cluster.edit(description="looked into")
    world.run()
    world.settle()
    assert world.condition("Ready") == ("True", "InSync")


@pytest.mark.parametrize("disturb", ["others_stop", "others_delete"])
def test_report_changes_nothing_however_long_it_lasts(disturb: str) -> None:
    world = running(driftPolicy="Report")
    getattr(world.platform, disturb)()
    before = [c for c in world.platform.calls if c[0] != "get"]
    world.settle(8)
    world.restart()
    world.settle(8)
    assert [c for c in world.platform.calls if c[0] != "get"] == before
    assert world.condition("Ready") == ("False", "Drifted")
    assert len(world.cluster.status.drift) == 1


def test_report_still_applies_edits() -> None:
    world = running(driftPolicy="Report")
    world.platform.others_tighten()
    world.settle(5)
    world.cluster.edit(risk={"maxPosition1e8": 120})
    world.run()
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert row["body"]["risk"] == {"max_position_1e8": 120}
    assert world.cluster.status.drift == []


def test_a_start_by_others_is_undone() -> None:
    world = World().deploy()
    world.platform.others_start()
    world.settle()
    assert newest(world) == ("DriftCorrected", "state was running on the platform, stopped")


@pytest.mark.parametrize("answer", ["taken", "throttled"])
def test_a_name_taken_while_we_registered_stays_theirs(answer: str) -> None:
    """The platform keeps no metadata and names no field: their row was absent before our attempt and is there after
    it, as ours would be. But ours was refused."""
    world = World(
        platform=Platform(extras=False, unique=True), cluster=Cluster(spec=spec_of(state="Running"))
    )
    world.list()
    theirs = {"name": world.cluster.spec["deployment"], "symbols": ["BTC-USD"], "wasm_base64": SHA_A}

    def strike(point: str) -> str | None:
        if point != "call Register" or world.platform.creates:
            return None
        assert world.platform.create(theirs)[0] == 201
        return "refused" if answer == "throttled" else None

    world.fault = strike
    world.run()
    world.settle(6)
    assert world.condition("Stalled") == ("True", "NameConflict")
    world.restart()
    world.settle(6)
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert world.cluster.status.deployment_id is None
    assert world.platform.creates == 1
    assert {c[0] for c in world.platform.calls} <= {"create", "get"}  # never started, stopped or deleted
