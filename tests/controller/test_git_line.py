"""From a commit to a running algo, as far as it is the operator's: sources and builds are played by the test."""

from __future__ import annotations

import json

import pytest

from sequence_operator.cluster.resources import ALGO_BUILDS, ALGO_DEPLOYMENTS, CONFIG_MAPS
from support.processes import wait_until

from .conftest import Desk
from .git_desk import GitDesk, commit
from .test_life import writes


@pytest.fixture
def git(shared: Desk) -> GitDesk:
    return GitDesk(shared)


def test_a_new_algo_is_built_registered_and_started(git, controlplane):
    desk = git.desk
    wrote, built = (
        len(writes(controlplane, desk.namespace)),
        desk.operator.metric("sequence_operator_builds", phase="Succeeded"),
    )
    asked = desk.operator.metric("sequence_operator_plan_actions_total", action="Build")
    name = git.push("my-mm", 1)
    git.asked(1)
    said = desk.wait_condition(name, "Ready", "Building")
    assert "algos/my-mm at" in said["message"]
    assert desk.stub.count("create") == 0
    sha256 = git.succeed(1, 1)
    obj = desk.wait(name, "Running")
    assert obj["status"]["artifact"] | {"sizeBytes": 0} == {
        "sha256": sha256,
        "sizeBytes": 0,
        "commit": commit(1),
        "configMap": f"wasm-{sha256}",
    }
    assert desk.stub.one("my-mm")["wasm_sha256"] == sha256
    # Beside the three of every registration, one that says that it is being built.
    assert sorted(writes(controlplane, desk.namespace)[wrote:]) == ["object", *["status"] * 3]
    assert len(git.builds()) == 1
    wait_until(
        lambda: desk.operator.metric("sequence_operator_builds", phase="Succeeded") == built + 1, "counted"
    )
    assert desk.operator.metric("sequence_operator_plan_actions_total", action="Build") == asked + 1


def test_a_commit_that_changes_a_limit_is_one_write_and_no_build(git, controlplane):
    desk = git.desk
    name = git.push("my-mm", 1)
    git.succeed(1, 1)
    desk.wait(name, "Running")
    before, calls = len(writes(controlplane, desk.namespace)), len(desk.stub.calls)
    git.push("my-mm", 2, sources=1, risk={"maxPosition1e8": 100_000_000, "maxOrderRate": 5})
    wait_until(lambda: desk.stub.one("my-mm")["risk"]["max_order_rate"] == 5, "the limit on the platform")
    desk.wait(name, "Running")
    assert {call.operation for call in desk.stub.calls[calls:]} <= {"list", "patch"}
    assert desk.stub.count("patch") == 1
    assert len(writes(controlplane, desk.namespace)) == before + 1
    assert len(git.builds()) == 1


def test_what_does_not_compile_leaves_the_running_algo_alone(git):
    desk = git.desk
    name = git.push("my-mm", 1)
    first = git.succeed(1, 1)
    desk.wait(name, "Running")
    calls = len(desk.stub.calls)
    git.push("my-mm", 2)
    git.fail(2, "error[E0308]: algos/my-mm/src/lib.rs:7:9: mismatched types")
    said = desk.wait_condition(name, "Ready", "BuildFailed")
    assert "src/lib.rs:7:9" in said["message"]
    assert desk.condition(name, "Stalled")["status"] == "True"
    desk.ticks(2)
    assert {call.operation for call in desk.stub.calls[calls:]} == {"list"}
    assert desk.stub.one("my-mm")["wasm_sha256"] == first
    # It can be stopped all the same, and the next commit goes its way.
    git.push("my-mm", 2, state="Stopped")
    wait_until(lambda: desk.stub.status("my-mm") == "stopped", f"stopped; {desk.tail()}")
    git.push("my-mm", 3)
    third = git.succeed(3, 3)
    desk.wait(name, "Running")
    assert desk.stub.one("my-mm")["wasm_sha256"] == third


def test_a_forged_result_is_not_used(git):
    desk = git.desk
    name = git.push("my-mm", 1)
    build = git.asked(1)
    git.say(build, manager="kubectl", **git.result(1))
    said = desk.wait_condition(name, "Ready", "BuildFailed")
    assert "written by kubectl" in said["message"]
    desk.ticks(2)
    assert desk.stub.count("create") == 0
    desk.api.delete(ALGO_BUILDS, build["metadata"]["name"])
    wait_until(
        lambda: [b["metadata"]["uid"] for b in git.builds(1)] not in ([], [build["metadata"]["uid"]]),
        "asked for anew",
    )
    git.succeed(1, 1)
    desk.wait(name, "Running")


def test_a_result_that_was_deleted_is_built_again(git):
    desk = git.desk
    name = git.push("my-mm", 1)
    build, done = git.asked(1), git.result(41)  # a module that the operator has never seen
    desk.api.delete(CONFIG_MAPS, done["configMap"])
    git.say(build, **done)
    wait_until(
        lambda: [b["metadata"]["uid"] for b in git.builds(1)] not in ([], [build["metadata"]["uid"]]),
        f"asked for anew; {desk.tail()}",
    )
    git.succeed(1, 41)
    desk.wait(name, "Running")
    assert desk.stub.count("create") == 1


def test_a_restart_asks_for_nothing_again(desk, controlplane):
    git = GitDesk(desk)
    desk.run()
    ready, waiting = git.push("ready", 1), git.push("waiting", 2)
    git.succeed(1, 1)
    desk.wait(ready, "Running")
    git.asked(2)
    desk.wait_condition(waiting, "Ready", "Building")
    before = {obj["metadata"]["uid"]: obj["metadata"]["resourceVersion"] for obj in git.builds()}
    count = len(writes(controlplane, desk.namespace))
    assert desk.operator.stop() == 0
    desk.run()
    desk.ticks(2)
    assert {obj["metadata"]["uid"]: obj["metadata"]["resourceVersion"] for obj in git.builds()} == before
    assert len(writes(controlplane, desk.namespace)) == count


def test_an_operator_without_a_toolchain_says_so(desk):
    git = GitDesk(desk)
    desk.options = ()
    desk.run()
    name = git.push("my-mm", 1)
    assert "--build-toolchain" in desk.wait_condition(name, "ArtifactReady", "NoToolchain")["message"]
    assert git.builds() == []


def test_what_runs_is_taken_over_as_running_when_nobody_said_so(shared):
    """A default must not stop what another cluster left running."""
    desk = shared
    artifact = desk.artifact(1)
    row = desk.stub.foreign("my-mm", risk={"max_position_1e8": 100_000_000, "max_order_rate": 10})
    row |= {"wasm_sha256": artifact["sha256"], "status": "running"}
    row["instances"] = [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}]
    name = desk.algo("my-mm", artifact=artifact, adopt=True)
    obj = desk.wait(name, "Running")
    assert obj["spec"]["state"] == "Running"
    owner = next(e for e in obj["metadata"]["managedFields"] if e["manager"] == "sequence-state")
    assert owner["fieldsV1"] == {"f:spec": {"f:state": {}}}
    assert desk.stub.count("stop") == desk.stub.count("create") == 0


def test_a_persons_stop_holds_until_the_next_commit(git):
    desk = git.desk
    name = git.push("my-mm", 1)
    git.succeed(1, 1)
    desk.wait(name, "Running")
    override = {"state": "Stopped", "commit": commit(1), "by": "somebody", "at": "2026-11-24T12:00:00Z"}
    desk.annotate(name, "override", json.dumps(override))
    wait_until(lambda: desk.stub.status("my-mm") == "stopped", f"stopped; {desk.tail()}")
    assert desk.api.get(ALGO_DEPLOYMENTS, name)["spec"]["state"] == "Running"
    git.push("my-mm", 2, sources=1)
    desk.wait(name, "Running")
    assert desk.stub.status("my-mm") == "running"
    assert desk.stub.count("create") == 1
