"""A new cluster takes over what another one registered: only from one that a person declared gone, from the same file
of the same repository, and without a single stop."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.sim import SHA_A, Cluster, Platform, World, spec_of
from reconcile.test_building import absent, done, source
from sequence_operator.spec.names import ADOPT_FROM, CLUSTER_GONE, SOURCE_LABEL
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import create_body, desired_wire, spec_digest

ORIGIN = {"repository": "https://git.example.com/algos.git", "commit": "1" * 40, "path": "Sequence.toml"}


def left_behind(
    *, adopt_from: str = "lost", spec: dict[str, Any] | None = None, state: str = "running", **metadata: Any
) -> World:
    """A world in which the cluster `lost` registered the algo; ours is new. `metadata` overrides what it told."""
    written = spec or spec_of(state=None)
    model = AlgoDeploymentSpec.model_validate(spec_of())
    cluster = Cluster(spec=written, annotations={ADOPT_FROM: adopt_from} if adopt_from else {})
    cluster.labels, cluster.state_owner = {SOURCE_LABEL: "desk"}, ""
    world = World(platform=Platform(), cluster=cluster)
    told = {
        "managed_by": "sequence-operator",
        "uid": "uid-of-old",
        "cluster": "lost",
        "origin": {"repository": ORIGIN["repository"], "path": ORIGIN["path"]},
        "spec_digest": spec_digest(model),
        "commit": ORIGIN["commit"],
    }
    body = create_body(desired_wire(model), b"", told | metadata)
    world.platform.create(body | {"wasm_base64": SHA_A})
    row = world.platform.only()
    assert row is not None
    row["status"] = state
    world.platform.calls.clear()
    world.tick(60)
    return world


def calls(world: World) -> list[str]:
    return [name for name, _ in world.platform.calls if name != "get"]


def message(world: World) -> str:
    return next(c.message for c in world.cluster.status.conditions if c.type == "Ready")


def test_what_runs_is_taken_over_running_without_a_stop_or_a_start() -> None:
    world = left_behind()
    world.settle()
    assert calls(world) == ["patch"]
    assert world.cluster.spec["state"] == "Running"
    assert world.cluster.state_owner == "sequence-state"
    assert world.condition("Ready") == ("True", "InSync")
    assert world.condition("Live") == ("True", "Running")
    row = world.platform.only()
    assert row is not None
    assert row["body"]["metadata"]["uid"] == "uid-1"
    assert row["body"]["metadata"]["cluster"] == "cluster-1"
    adopted = world.cluster.status.history[-1]
    assert (adopted.event, adopted.message) == ("Adopted", "took over dep_1 from cluster lost")


@pytest.mark.parametrize(
    "point", ["after AddFinalizer", "before Adopt", "after Adopt", "before status", "after TakeState"]
)
@pytest.mark.parametrize("lost", [False, True])
def test_nothing_stops_wherever_it_is_cut_off(point: str, lost: bool) -> None:
    world = left_behind()
    world.fault = lambda at: "crash" if at == point else "lost" if lost and at.startswith("call") else None
    for _ in range(4):
        world.run()
        world.tick(10)
        world.list()
    world.settle()
    assert set(calls(world)) == {"patch"}
    assert world.condition("Live") == ("True", "Running")


def test_what_git_says_about_the_state_holds() -> None:
    world = left_behind(spec=spec_of(state="Stopped"))
    world.cluster.state_owner = "sequence-source"
    world.settle()
    assert calls(world) == ["patch", "stop"]


def test_what_stands_still_is_taken_over_standing_still() -> None:
    world = left_behind(state="stopped")
    world.settle()
    assert calls(world) == ["patch"]
    assert "state" not in world.cluster.spec


def test_a_pause_is_taken_over_as_a_pause() -> None:
    world = left_behind()
    world.platform.pause()
    world.platform.calls.clear()
    world.settle()
    assert calls(world) == ["patch"]
    assert world.condition("Live") == ("False", "Paused")


def test_a_limit_that_somebody_tightened_before_stays_tight() -> None:
    world = left_behind()
    world.platform.others_tighten()
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert row["body"]["risk"]["max_position_1e8"] == 7
    assert calls(world) == ["patch"]
    assert world.condition("Ready") == ("True", "TighterKept")


def test_a_newer_commit_is_an_edit_after_the_adoption() -> None:
    world = left_behind(spec=spec_of(state=None, risk={"maxPosition1e8": 300, "maxOrderRate": 20}))
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert row["body"]["risk"]["max_position_1e8"] == 300
    assert calls(world) == ["patch", "patch"]
    assert {"Updated", "Adopted"} <= set(world.history())


def test_a_build_is_not_waited_for() -> None:
    spec = spec_of(state=None, artifact=source("1" * 40))
    world = left_behind(spec=spec)
    world.builds = {"1" * 40: absent()}
    world.settle(4)
    assert calls(world) == ["patch"]
    assert world.condition("Live") == ("True", "Running")
    assert world.condition("Ready") == ("False", "Building")
    world.builds = {"1" * 40: done(SHA_A)}
    world.settle()
    assert calls(world) == ["patch"]
    assert world.condition("Ready") == ("True", "InSync")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"adopt_from": ""}, "is run by cluster lost from the same repository and path"),
        ({"adopt_from": "other"}, "what was declared gone is other"),
        ({"origin": {"repository": ORIGIN["repository"], "path": "b/Sequence.toml"}}, "b/Sequence.toml"),
        ({"origin": {"repository": "https://elsewhere", "path": ORIGIN["path"]}}, "https://elsewhere"),
        ({"managed_by": "somebody"}, "was registered by another manager"),
        ({"cluster": "cluster-2"}, "cluster cluster-2"),
    ],
)
def test_anything_else_is_not_touched_and_it_says_why(change: dict[str, Any], says: str) -> None:
    world = left_behind(**change)
    world.settle(4)
    assert calls(world) == []
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert says in message(world)
    assert "state" not in world.cluster.spec


def test_the_way_out_is_a_command_that_can_be_copied() -> None:
    world = left_behind(adopt_from="")
    world.settle(3)
    assert "spec.adopt: SameOrigin on AlgoSource desk" in message(world)
    assert f"kubectl annotate algosrc desk -n trading {CLUSTER_GONE}=lost --overwrite" in message(world)
    alone = left_behind(adopt_from="")
    alone.cluster.labels = {}
    alone.settle(3)
    assert "set spec.adopt: true" in message(alone)


def test_a_platform_that_keeps_no_metadata_proves_no_origin() -> None:
    world = left_behind()
    world.platform.extras = False
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    world.settle(4)
    assert calls(world) == []
    assert world.condition("Stalled") == ("True", "NameConflict")


def test_the_old_cluster_sees_that_it_lost_it() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running"))).deploy()
    row = world.platform.only()
    assert row is not None
    row["body"]["metadata"] |= {"uid": "uid-of-new", "cluster": "cluster-2"}
    before = calls(world)
    world.settle(4)
    assert calls(world) == before
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert "was taken over by cluster cluster-2" in message(world)
