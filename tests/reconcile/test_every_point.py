"""The life of a deployment, cut off or deprived of an answer at every single point: it is registered once per life, and
the end is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy

import pytest

from reconcile.sim import SHA_A, SHA_B, Platform, World, with_wasm
from sequence_operator.spec.names import ROLLBACK

STEPS: dict[str, Callable[[World], None]] = {
    "deploy": lambda w: None,
    "start": lambda w: w.cluster.edit(state="Running"),
    "update": lambda w: w.cluster.edit(risk={"maxPosition1e8": 150, "maxOrderRate": 20}),
    "replace": lambda w: w.cluster.edit(artifact=with_wasm(SHA_B)),
    "rollback": lambda w: w.cluster.annotations.update(
        {ROLLBACK: json.dumps({"to": SHA_A, "denied": SHA_B, "commit": "1" * 40})}
    ),
    "stop": lambda w: w.cluster.edit(state="Stopped"),
    "undeploy": lambda w: w.cluster.delete(),
}
PLATFORMS = {
    "full": lambda: Platform(unique=False),
    "silent": lambda: Platform(unique=False, empty_answers=True),
    "slow": lambda: Platform(unique=True, slow_deletes=True),
    "plain": lambda: Platform(extras=False, unique=False),
}


def world_before(step: str, make: Callable[[], Platform]) -> World:
    world = World(platform=make())
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    world.list()
    for name, act in STEPS.items():
        act(world)
        if name == step:
            return world
        world.run()
        world.settle()
    raise AssertionError(step)


def points_of(world: World) -> list[str]:
    """Every point that the undisturbed step passes."""
    seen: list[str] = []

    def listen(point: str) -> None:
        seen.append(point)

    for _ in range(12):
        world.fault = listen
        world.run()
        world.tick(5)
        world.list()
    return seen


def check_end(world: World, step: str) -> None:
    platform = world.platform
    assert platform.duplicates == 0
    if step == "undeploy":
        assert world.cluster.gone
        assert platform.deployments == {}
        assert platform.creates == platform.removals
        return
    row = platform.only()
    assert row is not None
    assert len(platform.deployments) == 1
    assert platform.creates == platform.removals + 1
    assert world.condition("Ready") == ("True", "InSync")
    assert world.cluster.status.deployment_id == row["deployment_id"]
    assert world.last_plan.empty
    if step == "rollback":
        assert row["sha"] == SHA_A
    running = world.cluster.spec["state"] == "Running"
    assert (row["status"] == "running") == running


@pytest.mark.parametrize("kind", PLATFORMS)
@pytest.mark.parametrize("step", STEPS)
def test_disturbed_at_every_point(step: str, kind: str) -> None:
    begin = world_before(step, PLATFORMS[kind])
    points = points_of(deepcopy(begin))
    assert any(p.startswith("call") for p in points)
    for index, point in enumerate(points):
        faults = ["crash", "lost", "broken", "refused"] if point.startswith("call") else ["crash"]
        for fault in faults:
            world = deepcopy(begin)
            left = [index]

            def strike(at: str, left: list[int] = left, fault: str = fault) -> str | None:
                left[0] -= 1
                return fault if left[0] == -1 else None

            world.fault = strike
            for _ in range(12):
                world.run()
                world.tick(5)
                world.list()
                if left[0] < 0:
                    break
            assert left[0] < 0, f"{fault} at {point} was never reached"
            world.settle(rounds=90, seconds=5)
            check_end(world, step)


@pytest.mark.parametrize("kind", ["full", "silent"])
def test_the_calls_of_a_whole_life_are_one_of_each(kind: str) -> None:
    world = World(platform=PLATFORMS[kind]())
    world.list()
    for step in ("deploy", "start", "stop", "undeploy"):
        STEPS[step](world)
        world.run()
        world.settle()
    calls = [name for name, _ in world.platform.calls]
    # the last GET is the proof that it is gone
    look = ["get"] if kind == "silent" and "get" in calls[1:-1] else []
    assert calls == ["create", *look, "start", "stop", "delete", "get"]


def test_writes_to_the_api_server() -> None:
    world = World()
    world.list()
    counts = {}
    for step, act in STEPS.items():
        before = len(world.cluster.writes)
        act(world)
        world.run()
        world.settle()
        counts[step] = world.cluster.writes[before:]
    assert counts == {
        "deploy": ["finalizer", "pending", "status"],
        "start": ["status"],
        "update": ["status"],
        "replace": ["pending", "status"],
        "rollback": ["pending", "status"],
        "stop": ["status"],
        "undeploy": ["status", "drop"],
    }
