"""An artifact that has to be built: nothing that runs is touched before the build is over, and then it is replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconcile.sim import SHA_A, SHA_B, SHA_C, Cluster, World, spec_of
from sequence_operator.reconcile.builds import BuildState, BuildView

FIRST, SECOND, THIRD = "a" * 40, "b" * 40, "c" * 40


def source(commit: str) -> dict[str, Any]:
    return {"build": {"url": "https://git.example.com/algos.git", "commit": commit, "path": "algos/my-mm"}}


def done(sha: str) -> BuildView:
    return BuildView(BuildState.READY, name=f"build-{sha[:12]}", sha256=sha)


def failed(message: str = "src/lib.rs:3:5: expected `;`") -> BuildView:
    return BuildView(BuildState.FAILED, name="build-bad", message=message)


def absent(name: str = "build-new") -> BuildView:
    return BuildView(BuildState.ABSENT, name=name, spec={"path": "algos/my-mm"})


def running(**spec: Any) -> World:
    world = World(cluster=Cluster(spec=spec_of(**{"state": "Running", "artifact": source(FIRST), **spec})))
    world.builds = {FIRST: done(SHA_A)}
    return world.deploy()


def writes(world: World) -> list[str]:
    return [name for name, _ in world.platform.calls if name != "get"]


def test_a_build_is_asked_for_once_and_then_registered() -> None:
    world = World(cluster=Cluster(spec=spec_of(artifact=source(FIRST), state="Running")))
    world.builds = {FIRST: absent()}
    world.settle(4)
    assert world.cluster.writes.count("build") == 1
    assert world.condition("Ready") == world.condition("ArtifactReady") == ("False", "Building")
    assert world.condition("Reconciling") == ("True", "Building")
    assert world.platform.calls == []
    world.builds = {FIRST: done(SHA_A)}
    world.settle()
    assert world.condition("Live") == ("True", "Running")
    assert writes(world) == ["create", "start"]


def test_a_compile_error_leaves_what_runs_and_says_what_rustc_said() -> None:
    world = running()
    before = writes(world)
    world.cluster.edit(artifact=source(SECOND))
    world.builds[SECOND] = absent()
    world.settle(3)
    world.builds[SECOND] = failed()
    world.settle(5)
    assert writes(world) == before
    assert world.condition("Stalled") == ("True", "BuildFailed")
    assert world.condition("ArtifactReady") == ("False", "BuildFailed")
    assert world.condition("Live") == ("True", "Running")
    message = next(c.message for c in world.cluster.status.conditions if c.type == "Ready")
    assert "src/lib.rs:3:5: expected `;`" in message
    assert f"{SHA_A[:12]} stays registered" in message
    assert world.cluster.status.artifact is not None
    assert world.cluster.status.artifact.sha256 == SHA_A
    world.cluster.edit(artifact=source(THIRD))
    world.builds[THIRD] = done(SHA_B)
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_B, "running")
    assert world.condition("Stalled")[0] == "False"


@pytest.mark.parametrize(
    ("state", "stalled"),
    [
        (BuildState.NO_TREE, False),
        (BuildState.NO_TOOLCHAIN, True),
        (BuildState.WAITING, False),
        (BuildState.FAILED, True),
    ],
)
def test_an_open_build_lets_only_a_stop_through(state: BuildState, stalled: bool) -> None:
    world = running()
    world.cluster.edit(artifact=source(SECOND), risk={"maxPosition1e8": 500}, params=[])
    world.builds[SECOND] = BuildView(state, name="build-b")
    before = writes(world)
    world.settle(4)
    assert writes(world) == before
    assert world.condition("Stalled")[0] == str(stalled)
    world.cluster.edit(state="Stopped")
    world.settle(4)
    assert writes(world) == [*before, "stop"]
    assert world.history()[0] == "Stopped"
    world.cluster.edit(state="Running")
    world.settle(4)
    assert writes(world) == [*before, "stop"]  # half of a commit is not carried out


def test_nobody_knows_of_the_build_yet() -> None:
    world = World(cluster=Cluster(spec=spec_of(artifact=source(FIRST))))
    world.settle(2)
    assert world.condition("Ready") == ("False", "Building")
    assert world.platform.calls == []


def test_limits_are_taken_back_while_a_build_is_open() -> None:
    world = running()
    world.cluster.edit(artifact=source(SECOND), params=[{"name": "size", "slot": 0, "int": 9}])
    world.builds[SECOND] = failed()
    world.settle(3)
    world.platform.others_loosen()
    world.settle(4)
    row = world.platform.only()
    assert row is not None
    assert row["body"]["risk"] == {"max_position_1e8": 200, "max_order_rate": 20}
    assert row["body"]["params"][0]["value"] == 3
    assert world.condition("Stalled") == ("True", "BuildFailed")
    world.builds[SECOND] = done(SHA_B)
    world.settle()
    after = world.platform.only()
    assert after is not None
    assert (after["sha"], after["body"]["params"][0]["value"]) == (SHA_B, 9)


def test_a_commit_that_compiles_to_the_same_wasm_touches_nothing() -> None:
    world = running()
    before = writes(world)
    world.cluster.edit(artifact=source(SECOND), origin={"commit": SECOND})
    world.builds[SECOND] = done(SHA_A)
    world.settle()
    # the platform is told the commit, which restarts nothing
    assert [w for w in writes(world) if w != "patch"] == before
    assert world.condition("Ready") == ("True", "InSync")
    assert world.cluster.status.artifact is not None
    assert world.cluster.status.artifact.commit == SECOND


@pytest.mark.parametrize(
    "point", ["before Stop", "before Unregister", "before Register", "after Register", "before Start"]
)
@pytest.mark.parametrize("ending", ["fails", "succeeds"])
def test_a_replacement_that_a_new_commit_interrupts_is_brought_to_its_end(point: str, ending: str) -> None:
    """At no point may a commit that does not compile leave the algo unregistered or stopped that ran before."""
    world = running()
    world.cluster.edit(artifact=source(SECOND))
    world.builds[SECOND] = done(SHA_B)
    world.fault = lambda at: "crash" if at == point else None
    for _ in range(8):
        world.run()
        world.tick(5)
        world.list()
    world.fault = lambda at: None
    world.cluster.edit(artifact=source(THIRD))
    world.builds[THIRD] = failed()
    world.settle(15)
    row = world.platform.only()
    assert row is not None
    assert row["status"] == "running"
    assert row["sha"] in (SHA_A, SHA_B)
    assert world.condition("Stalled") == ("True", "BuildFailed")
    if ending == "succeeds":
        world.builds[THIRD] = done(SHA_C)
        world.settle()
        row = world.platform.only()
        assert row is not None
        assert (row["sha"], row["status"]) == (SHA_C, "running")
        assert world.condition("Ready") == ("True", "InSync")
    assert world.platform.duplicates == 0
    assert world.platform.creates == world.platform.removals + 1


def test_what_others_delete_while_a_build_is_open_waits_for_the_build() -> None:
    world = running()
    world.cluster.edit(artifact=source(SECOND))
    world.builds[SECOND] = replace(absent(), state=BuildState.WAITING)
    world.platform.others_delete()
    world.settle(6)
    assert world.platform.deployments == {}
    assert world.condition("Ready") == ("False", "Building")
    world.builds[SECOND] = done(SHA_B)
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_B, "running")
