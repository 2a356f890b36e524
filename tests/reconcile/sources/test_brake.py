"""The brake: one commit that touches many running algos waits for a person."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.sources.desk import Desk, done
from reconcile.sources.repository import (
    file,
    snapshot,
)
from sequence_operator.reconcile.sources import (
    SourceFile,
)
from sequence_operator.spec.render import stored


def running(number: int, **tables: Any) -> tuple[Desk, list[SourceFile]]:
    files = [file(f"n{i:02}", state="running", **tables) for i in range(number)]
    desk = Desk(snapshot("one", *files))
    desk.cluster.runs()
    return desk, files


@pytest.mark.parametrize(
    ("number", "changed", "held"),
    [(9, 9, False), (10, 3, False), (10, 4, True), (20, 6, False), (20, 7, True)],
)
def test_a_commit_that_touches_more_than_thirty_percent_of_ten_is_held(number, changed, held):
    desk, files = running(number)
    seen = snapshot(
        "two", *(file(f"n{i:02}", state="running", rate=3) for i in range(changed)), *files[changed:]
    )
    plan = desk.carry_out(seen)
    assert (plan.held is not None) == held
    assert len(plan.actions) == (0 if held else changed)
    if held:
        assert (plan.held.touched, plan.held.running) == (changed, number)
        assert desk.condition("Stalled")[:2] == ("True", "Brake")
        assert all(change.held == plan.held.message for change in plan.changes)
        desk.approve("two")
        assert len(desk.carry_out(seen).actions) == changed
        assert desk.condition("Stalled")[0] == "False"


def test_removals_count_and_what_does_not_run_does_not():
    desk, files = running(10)
    desk.cluster.runs("n00.sandbox", state="Paused")
    assert desk.plan(snapshot("two", *files[4:])).held is None  # 3 of 9
    desk.cluster.runs("n00.sandbox", state="Degraded")
    assert desk.plan(snapshot("two", *files[4:])).held is not None  # 4 of 10


def test_plain_stops_pass_and_do_not_let_the_rest_follow():
    desk, files = running(12)
    stops = [file(f"n{i:02}", state="stopped") for i in range(6)]
    changes = [file(f"n{i:02}", state="running", rate=3) for i in range(6, 11)]
    seen = snapshot("two", *stops, *changes, files[11])
    plan = desk.carry_out(seen)
    assert done(plan) == [f"Apply n{i:02}" for i in range(6)]
    desk.cluster.runs(*(f"n{i:02}.sandbox" for i in range(6)), state="Stopped")
    again = desk.carry_out(seen)
    assert (done(again), again.held is not None) == ([], True)
    assert again.held.running == 6
    assert done(desk.carry_out(snapshot("three", *stops, *files[6:]))) == []
    assert desk.condition("Ready")[0] == "True"


def test_a_commit_that_stops_everything_passes():
    desk, _ = running(12)
    plan = desk.carry_out(snapshot("two", *(file(f"n{i:02}", state="stopped") for i in range(12))))
    assert (plan.held, len(plan.actions)) == (None, 12)


def test_a_stop_with_another_change_is_no_plain_stop():
    desk, _ = running(10)
    seen = snapshot("two", *(file(f"n{i:02}", state="stopped", rate=3) for i in range(10)))
    assert done(desk.carry_out(seen)) == []


def test_comments_and_dropped_states_touch_nothing():
    desk, _ = running(10)
    plan = desk.carry_out(snapshot("two", *(file(f"n{i:02}", extra="# now by hand") for i in range(10))))
    assert plan.held is None
    assert {obj["spec"]["state"] for obj in desk.cluster.objects.values()} == {"Running"}


def test_edits_by_hand_come_back_however_many_they_are():
    desk, files = running(10, rate=5)
    for name in desk.cluster.objects:
        desk.cluster.edit(name, 99)
    plan = desk.carry_out(snapshot("one", *files))
    assert (plan.held, len(plan.actions)) == (None, 10)
    assert done(desk.carry_out(snapshot("one", *files))) == []


def by_cli(desk: Desk, *files: SourceFile) -> None:
    """Deployed and started by the CLI, and running."""
    for apply in Desk().plan(snapshot("one", *files)).actions:
        metadata = {k: v for k, v in apply.obj["metadata"].items() if k in ("name", "namespace")}
        artifact = stored("9" * 64).model_dump(by_alias=True, exclude_none=True)
        desk.cluster.applied_by(
            "sequence-cli",
            {**apply.obj, "metadata": metadata, "spec": {**apply.obj["spec"], "artifact": artifact}},
        )
        desk.cluster.state(metadata["name"], "Running")
    desk.cluster.runs()


@pytest.mark.parametrize("before", [0, 10])
def test_what_the_cli_runs_may_be_taken_over_at_once(before):
    desk, files = running(before)
    taken = [file(f"cli{i:02}") for i in range(12)]
    by_cli(desk, *taken)
    plan = desk.carry_out(seen := snapshot("two", *files, *taken))
    assert (plan.held, len(plan.actions)) == (None, 24)
    assert {obj["spec"]["state"] for obj in desk.cluster.objects.values()} == {"Running"}
    assert done(desk.carry_out(seen)) == []
