"""A person's stop and a rollback: in force until the next commit, shown, and never undone by us before."""

from __future__ import annotations

import json
from typing import Any

from reconcile.sim import SHA_A, SHA_B, SHA_C, Cluster, World, spec_of, with_wasm
from reconcile.test_building import done, failed, source
from sequence_operator.spec.names import OVERRIDE, ROLLBACK, STATE_AT

COMMIT, NEXT = "1" * 40, "2" * 40


def running(**spec: Any) -> World:
    cluster = Cluster(
        spec=spec_of(**{"state": "Running", **spec}), annotations={STATE_AT: "algos/my-mm/Sequence.toml:3:1"}
    )
    return World(cluster=cluster).deploy()


def message(world: World, kind: str) -> str:
    return next(c.message for c in world.cluster.status.conditions if c.type == kind)


def stop(world: World) -> None:
    note = {"state": "Stopped", "commit": COMMIT, "by": "ann", "at": "2026-11-22T14:05:00Z"}
    world.cluster.annotations[OVERRIDE] = json.dumps(note)


def roll_back(world: World, to: str, denied: str, commit: str = COMMIT) -> None:
    note = {"to": to, "denied": denied, "commit": commit, "by": "ann", "at": "2026-11-22T14:05:00Z"}
    world.cluster.annotations[ROLLBACK] = json.dumps(note)


def test_a_stop_holds_against_git_until_the_next_commit_and_is_shown() -> None:
    world = running()
    stop(world)
    world.run()
    world.settle(5)
    row = world.platform.only()
    assert row is not None
    assert row["status"] == "stopped"
    assert world.condition("Ready") == ("True", "Overridden")
    assert world.condition("Live") == ("False", "Overridden")
    for kind in ("Ready", "Live"):
        told = message(world, kind)
        assert "stopped by ann at 2026-11-22T14:05:00Z" in told
        assert "git says Running (algos/my-mm/Sequence.toml:3:1 at 11111111)" in told
        assert "next commit" in told
    newest = world.cluster.status.history[0]
    assert (newest.event, newest.plan_hash) == ("Stopped", "")
    assert "ann" in newest.message
    world.restart()
    world.settle(5)
    assert row["status"] == "stopped"
    assert world.cluster.status.drift == []
    world.cluster.edit(origin={"commit": NEXT})
    world.settle()
    assert row["status"] == "running"
    assert world.condition("Ready") == ("True", "InSync")


def test_a_start_by_others_during_a_stop_is_undone() -> None:
    world = running()
    stop(world)
    world.settle(4)
    world.platform.others_start()
    world.settle(4)
    row = world.platform.only()
    assert row is not None
    assert row["status"] == "stopped"
    assert world.condition("Ready") == ("True", "Overridden")


def test_an_annotation_that_means_nothing_is_said_to() -> None:
    world = running()
    world.cluster.annotations[OVERRIDE] = "stop it!"
    world.cluster.edit(description="so that the status is written")
    world.settle(3)
    assert world.condition("Live") == ("True", "Running")
    assert "ignored" in message(world, "Ready")


def test_a_rollback_brings_the_earlier_wasm_and_denies_the_bad_one() -> None:
    world = running()
    world.cluster.edit(artifact=with_wasm(SHA_B), origin={"commit": NEXT})
    world.settle()
    roll_back(world, SHA_A, SHA_B, NEXT)
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_A, "running")
    assert world.cluster.status.denied_digests == [SHA_B]
    assert world.condition("Ready") == ("True", "InSync")
    assert f"rolled back by ann from {SHA_B[:12]} to {SHA_A[:12]}" in message(world, "Ready")
    assert world.history()[:2] == ["Started", "RolledBack"]
    assert world.cluster.status.artifact is not None
    assert world.cluster.status.artifact.commit == COMMIT  # of the WASM, not of the spec
    world.restart()
    world.settle(5)
    assert row["sha"] == SHA_A
    # limits go on being taken from git
    world.cluster.edit(risk={"maxPosition1e8": 50})
    world.settle()
    assert row["body"]["risk"] == {"max_position_1e8": 50}
    assert row["sha"] == SHA_A
    # the next commit of the artifact lifts it
    world.cluster.edit(artifact=with_wasm(SHA_C), origin={"commit": "3" * 40})
    world.settle()
    after = world.platform.only()
    assert after is not None
    assert after["sha"] == SHA_C
    assert world.cluster.status.denied_digests == []


def test_a_rollback_works_without_the_build_and_ends_a_failed_one() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running", artifact=source(COMMIT))))
    world.builds = {COMMIT: done(SHA_A)}
    world.deploy()
    world.cluster.edit(artifact=source(NEXT))
    world.builds[NEXT] = failed()
    world.settle(3)
    roll_back(world, SHA_A, SHA_B, NEXT)
    world.settle(4)
    assert world.condition("Ready") == ("True", "InSync")
    assert world.condition("Stalled")[0] == "False"
    assert world.cluster.status.denied_digests == [SHA_B]
    assert world.history()[0] == "RolledBack"  # nothing had to be replaced, and it is told all the same
    world.settle(4)
    assert world.history().count("RolledBack") == 1


def test_a_denied_wasm_does_not_come_back_when_the_earlier_one_is_refused() -> None:
    world = running()
    world.cluster.edit(artifact=with_wasm(SHA_B), origin={"commit": NEXT})
    world.settle()
    world.platform.reject = lambda body: body["wasm_base64"] == SHA_A
    roll_back(world, SHA_A, SHA_B, NEXT)
    world.settle(15)
    assert world.platform.deployments == {}
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
    assert "nothing is registered now" in message(world, "Ready")


def test_a_rollback_goes_on_from_what_was_refused() -> None:
    """No edit of the spec lies between: the annotation alone is a person's new word."""
    world = running()
    world.cluster.edit(artifact=with_wasm(SHA_B), origin={"commit": NEXT})
    world.settle()
    world.platform.reject = lambda body: body["wasm_base64"] == SHA_C
    world.cluster.edit(artifact=with_wasm(SHA_C), origin={"commit": "3" * 40})
    world.settle(15)
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
    roll_back(world, SHA_A, SHA_C, "3" * 40)
    world.settle()
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_A, "running")
    assert world.condition("Stalled")[0] == "False"
    del world.cluster.annotations[ROLLBACK]
    world.settle(15)
    row = world.platform.only()
    assert row is not None
    assert (row["sha"], row["status"]) == (SHA_A, "running")  # refused once more, and brought back
    assert world.condition("Stalled") == ("True", "ReplaceRejected")
