"""The history names the plan that was reviewed, and its author, on what carries it out and on nothing else."""

from __future__ import annotations

from typing import Any

from reconcile.sim import SHA_B, Cluster, World, spec_of, with_wasm
from sequence_operator.reconcile.case import Case
from sequence_operator.spec.names import AUTHOR, STATE_AT
from sequence_operator.spec.resources import AlgoDeploymentSpec, HistoryEntry
from sequence_operator.spec.review import plan_hash, review_digest

AT = {STATE_AT: "Sequence.toml:3:1", AUTHOR: "Ann <ann@example.com>"}


def review(world: World) -> str:
    spec = AlgoDeploymentSpec.model_validate(world.cluster.spec)
    return review_digest(spec, spec.artifact.digest, with_state=STATE_AT in world.cluster.annotations)


def running(**spec: Any) -> World:
    return World(cluster=Cluster(spec=spec_of(**{"state": "Running", **spec}), annotations=dict(AT))).deploy()


def newest(world: World, count: int) -> list[tuple[str, str]]:
    return [(e.event, e.plan_hash) for e in world.cluster.status.history[:count]]


def entry(world: World, event: str) -> HistoryEntry:
    return next(e for e in world.cluster.status.history if e.event == event)


def test_what_carries_out_an_edit_names_its_hash_and_its_author() -> None:
    world = running()
    first = review(world)
    assert newest(world, 9) == [("Started", plan_hash("", first)), ("Registered", plan_hash("", first))]
    assert world.cluster.status.review_digest == first
    assert {e.author for e in world.cluster.status.history} == {AT[AUTHOR]}
    world.cluster.annotations[AUTHOR] = "Bob <bob@example.com>"
    world.cluster.edit(risk={"maxPosition1e8": 100, "maxOrderRate": 20})
    second = review(world)
    world.settle()
    assert newest(world, 1) == [("Updated", plan_hash(first, second))]
    assert entry(world, "Updated").author == "Bob <bob@example.com>"
    world.cluster.edit(artifact=with_wasm(SHA_B))
    third = review(world)
    world.settle()
    # every step of one edit has its hash
    assert newest(world, 2) == [("Started", plan_hash(second, third)), ("Replaced", plan_hash(second, third))]
    world.cluster.edit(state="Stopped")
    fourth = review(world)
    world.settle()
    assert newest(world, 1) == [("Stopped", plan_hash(third, fourth))]
    assert world.cluster.status.review_digest == fourth


def test_what_nobody_reviewed_has_no_hash() -> None:
    world = running()
    world.platform.others_loosen()
    world.settle()
    world.platform.others_stop()
    world.settle()
    world.platform.others_tighten()
    world.settle()
    assert newest(world, 3) == [("DriftCorrected", ""), ("DriftCorrected", ""), ("DriftKept", "")] or newest(
        world, 3
    ) == [("DriftKept", ""), ("DriftCorrected", ""), ("DriftCorrected", "")]


def test_a_start_by_a_person_is_no_reviewed_plan_where_git_leaves_the_state_open() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Stopped"))).deploy()
    before = world.cluster.status.review_digest
    world.cluster.edit(state="Running")
    world.settle()
    assert newest(world, 1) == [("Started", "")]
    assert world.cluster.status.review_digest == before


def test_a_refused_edit_is_not_carried_out() -> None:
    world = running()
    before = world.cluster.status.review_digest
    world.platform.reject = lambda body: body["wasm_base64"] == SHA_B
    world.cluster.edit(artifact=with_wasm(SHA_B))
    world.settle(15)
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
    assert world.cluster.status.review_digest == before


def test_an_edit_that_needs_no_call_is_carried_out_at_once() -> None:
    world = running()
    world.cluster.edit(driftPolicy="Report")
    world.run()
    assert world.cluster.status.review_digest == review(world)
    assert newest(world, 1)[0][0] == "Started"


def test_an_edit_under_suspension_is_carried_out_later() -> None:
    world = running()
    world.cluster.edit(suspend=True)
    world.settle(3)
    suspended = world.cluster.status.review_digest
    assert suspended == review(world)
    world.cluster.edit(params=[{"name": "size", "slot": 0, "int": 9}])
    world.settle(3)
    assert world.cluster.status.review_digest == suspended
    world.cluster.edit(suspend=False)
    world.settle()
    assert newest(world, 1) == [("Updated", plan_hash(suspended, review(world)))]


def test_the_index_of_what_is_in_force_follows_the_platform() -> None:
    world = running()
    case = Case(world.desired(), world.observed(), world.cluster.status, world.policy, world.now)
    assert world.cluster.status.spec_digest == case.digest
    world.cluster.edit(params=[{"name": "size", "slot": 0, "int": 9}])
    before = world.cluster.status.spec_digest
    world.fault = lambda at: "broken" if at == "call Update" else None
    world.run()
    assert world.cluster.status.spec_digest == before
    world.settle()
    assert world.cluster.status.spec_digest != before
