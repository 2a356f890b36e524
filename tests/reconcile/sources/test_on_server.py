"""Plans carried out on a real API server: who owns what is its book, and nobody else's idea of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reconcile.sources.repository import commit_of, file, sibling, snapshot
from reconcile.sources.world import NAME, SHA, World
from sequence_operator.cluster import ClusterClient
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.reconcile.sources import (
    Apply,
    HandOver,
    Prune,
    Release,
    SourcePlan,
    TakeOver,
)
from sequence_operator.reconcile.sources.reading import read
from sequence_operator.spec.names import CLI_MANAGER, OVERRIDE, SOURCE_LABEL, SOURCE_MANAGER, STATE_MANAGER
from sequence_operator.spec.ownership import owners
from sequence_operator.spec.render import algo_deployment, stored


def kinds(plan: SourcePlan) -> list[type]:
    return [type(action) for action in plan.actions]


@pytest.fixture
async def world(
    controlplane: ControlPlane, crds: list[str], namespace: str, tmp_path: Path
) -> AsyncIterator[World]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as cluster:
        yield World(cluster, namespace, tmp_path)


async def test_a_limit_in_one_of_many_files_writes_one_object(world):
    files = [file(f"algo-{i}", rate=10) for i in range(5)]
    await world.carry_out(snapshot("one", *files))
    await world.settled(snapshot("one", *files))
    before = await world.objects()
    files[3] = file("algo-3", rate=20)
    plan = await world.carry_out(snapshot("two", *files))
    assert [action.name for action in plan.actions] == ["algo-3.sandbox"]
    changed = {n for n, o in (await world.objects()).items() if o != before[n]}
    assert changed == {"algo-3.sandbox"}
    spec = (await world.one("algo-3.sandbox"))["spec"]
    assert spec["risk"]["maxOrderRate"] == 20
    assert (spec["origin"]["commit"], spec["artifact"]["build"]["commit"]) == (
        commit_of("two"),
        commit_of("one"),
    )
    await world.settled(snapshot("two", *files))


async def test_an_edit_by_hand_comes_back_and_what_git_does_not_say_stays(world):
    seen = snapshot("one", file("maker", rate=10, params="size = 3"))
    await world.carry_out(seen)
    await world.edited({"risk": {"maxOrderRate": 50, "maxOpenOrders": 4}, "onStop": "Cancel"})
    plan = await world.carry_out(seen)
    assert plan.changes[0].fields == ("spec.risk.maxOrderRate",)
    spec = (await world.one())["spec"]
    assert spec["risk"] == {"maxOrderRate": 10, "maxOpenOrders": 4}
    assert spec["onStop"] == "Cancel"
    assert spec["origin"]["commit"] == commit_of("one")
    await world.settled(seen)


async def test_a_commit_that_was_edited_by_hand_is_not_believed(world):
    seen = snapshot("one", file("maker"))
    await world.carry_out(seen)
    build = (await world.one())["spec"]["artifact"]["build"]
    await world.edited({"origin": {"commit": "f" * 40}, "artifact": {"build": {**build, "commit": "e" * 40}}})
    await world.carry_out(seen)
    spec = (await world.one())["spec"]
    assert (spec["origin"]["commit"], spec["artifact"]["build"]["commit"]) == (
        commit_of("one"),
        commit_of("one"),
    )
    await world.settled(seen)


async def test_a_field_that_was_edited_back_is_owned_again_so_that_it_can_leave(world):
    seen = snapshot("one", file("maker", rate=10))
    await world.carry_out(seen)
    await world.edited({"risk": {"maxOrderRate": 50}})
    await world.edited({"risk": {"maxOrderRate": 10}})
    assert owners(await world.one(), "spec", "risk", "maxOrderRate") == ("kubectl-edit",)
    await world.carry_out(seen)
    assert SOURCE_MANAGER in owners(await world.one(), "spec", "risk", "maxOrderRate")
    await world.settled(seen)


async def test_entries_added_by_hand_to_lists_that_git_spells_out_go(world):
    seen = snapshot("one", file("maker", params="size = 3"))
    await world.carry_out(seen)
    spec = (await world.one())["spec"]
    extra = {"label": "extra", "venue": "coinbase", "symbols": ["ETH-USD"]}
    maker = {**spec["instances"][0], "symbols": ["BTC-USD", "ETH-USD"]}
    await world.edited(
        {
            "instances": [maker, extra],
            "params": [*spec["params"], {"name": "extra", "slot": 1, "int": 1}],
            "description": "by hand",
        }
    )
    plan = await world.carry_out(seen)
    assert kinds(plan) == [TakeOver, Apply]
    now = (await world.one())["spec"]
    assert [(i["label"], i["symbols"]) for i in now["instances"]] == [("main", ["BTC-USD"])]
    assert [p["name"] for p in now["params"]] == ["size"]
    assert now["description"] == "by hand"
    await world.settled(seen)


@pytest.mark.parametrize("routes", ['[{ from = "a", to = "b" }]', "[]"])
async def test_lists_and_tables_that_leave_the_file_leave_the_object(world, routes):
    two = {"a": "kraken", "b": "coinbase"}
    mesh = '[mesh]\nroutes = [{ from = "a", to = "b" }, { from = "b", to = "a" }]'
    await world.carry_out(
        snapshot("one", file("maker", rate=10, params="size = 3", instances=two, extra=mesh))
    )
    fewer = snapshot("two", file("maker", instances=two, extra=f"[mesh]\nroutes = {routes}"))
    await world.carry_out(fewer)
    spec = (await world.one())["spec"]
    assert "risk" not in spec
    assert not spec.get("params")
    assert spec["mesh"]["routes"] == ([] if routes == "[]" else [{"from": "a", "to": "b"}])
    await world.settled(fewer)


async def test_what_the_cli_applied_is_taken_over_as_it_runs(world):
    seen = snapshot("one", file("maker", rate=10))
    await world.by_cli(
        snapshot("zero", file("maker", params="size = 3; wide = true", instances={"a": "kraken"}))
    )
    await world.state("Running")
    for manager in (CLI_MANAGER, "sequence-rollback"):
        noted = {"metadata": {"annotations": {f"note/{manager}": "stays"}}}
        await world.cluster.merge(await world.one(), noted, manager=manager)
    plan = await world.carry_out(seen)
    assert kinds(plan) == [TakeOver, Apply]
    obj = await world.one()
    assert {key for key in obj["metadata"]["annotations"] if key.startswith("note/")} == {
        f"note/{CLI_MANAGER}",
        "note/sequence-rollback",
    }
    assert obj["spec"]["state"] == "Running"
    assert owners(obj, "spec", "instances") == (SOURCE_MANAGER,)
    assert not obj["spec"].get("params")
    assert [i["label"] for i in obj["spec"]["instances"]] == ["main"]
    assert obj["spec"]["artifact"].keys() == {"build"}
    assert owners(obj, "spec", "state") == (STATE_MANAGER,)
    await world.settled(seen)


async def test_a_take_over_is_refused_when_somebody_was_faster(world):
    seen = snapshot("one", file("maker"))
    await world.by_cli(seen)
    plan = await world.plan(seen)
    await world.edited({"description": "meanwhile"})
    done, failed = await world.executor.execute("desk", plan.actions)
    assert not done
    assert list(failed) == [NAME]
    await world.carry_out(seen)
    await world.settled(seen)


async def test_a_state_that_git_drops_is_handed_over_as_it_is(world):
    await world.carry_out(snapshot("one", file("maker", state="running")))
    seen = snapshot("two", file("maker"))
    plan = await world.carry_out(seen)
    assert kinds(plan) == [HandOver, Apply]
    obj = await world.one()
    assert obj["spec"]["state"] == "Running"
    assert owners(obj, "spec", "state") == (STATE_MANAGER,)
    assert obj["metadata"]["annotations"].keys() == {"sequencemkts.com/tree", "sequencemkts.com/author"}
    await world.state("Stopped")
    await world.settled(seen)


async def test_a_stop_that_overrides_git_is_what_is_handed_over(world):
    await world.carry_out(snapshot("one", file("maker", state="running")))
    note = f'{{"state": "Stopped", "commit": "{commit_of("one")}"}}'
    await world.cluster.merge(
        await world.one(), {"metadata": {"annotations": {OVERRIDE: note}}}, manager=STATE_MANAGER
    )
    seen = snapshot("two", file("maker"))
    await world.carry_out(seen)
    assert (await world.one())["spec"]["state"] == "Stopped"
    await world.settled(seen)


async def test_git_takes_the_state_when_it_says_one(world):
    await world.carry_out(snapshot("one", file("maker")))
    await world.state("Stopped")
    seen = snapshot("two", file("maker", state="running"))
    await world.carry_out(seen)
    obj = await world.one()
    assert obj["spec"]["state"] == "Running"
    assert owners(obj, "spec", "state") == (SOURCE_MANAGER,)
    assert obj["metadata"]["annotations"]["sequencemkts.com/state-at"] == "maker/Sequence.toml:3:1"
    await world.settled(seen)


async def test_a_label_gives_an_object_of_anybody_to_the_source_with_its_state(world):
    seen = snapshot("one", file("maker"))
    await world.by_cli(seen, labels={SOURCE_LABEL: "desk"})
    obj = await world.one()
    entries = [e | {"manager": "kustomize-controller"} for e in obj["metadata"]["managedFields"]]
    patch = {"metadata": {"managedFields": entries, "resourceVersion": obj["metadata"]["resourceVersion"]}}
    await world.cluster.merge(obj, patch, manager="x")
    shell = {**obj, "metadata": {k: obj["metadata"][k] for k in ("name", "namespace", "labels")}}
    shell = {k: v for k, v in shell.items() if k != "status"}
    await world.cluster.apply(
        shell | {"spec": {**shell["spec"], "state": "Running"}}, manager="kustomize-controller", force=True
    )
    first = await world.carry_out(seen)
    assert kinds(first) == [HandOver]
    second = await world.carry_out(seen)
    assert kinds(second) == [TakeOver, Apply]
    obj = await world.one()
    assert obj["spec"]["state"] == "Running"
    assert "kustomize-controller" not in {e["manager"] for e in obj["metadata"]["managedFields"]}
    await world.settled(seen)


async def test_an_object_of_somebody_else_is_left_alone_until_it_is_labelled(world, kubectl):
    seen = snapshot("one", file("maker"))
    (declared,) = read(seen, "sandbox").declared.values()
    obj = algo_deployment(
        declared.file,
        namespace=world.namespace,
        account="sandbox",
        mode="sandbox",
        artifact=stored(SHA),
        origin=None,
        with_state=True,
    )
    kubectl.apply(obj, manager="kustomize-controller")
    plan = await world.carry_out(seen)
    assert plan.actions == ()
    (problem,) = plan.problems
    assert problem.where == "maker/Sequence.toml:2:1"
    assert "written by kustomize-controller" in problem.message
    command = problem.message.rsplit(": kubectl ", 1)[1]
    kubectl(*command.split())
    plan = await world.carry_out(seen)
    assert kinds(plan) == [TakeOver, Apply]
    await world.settled(seen)


async def test_a_move_to_another_source_touches_nothing_but_the_label(world):
    seen = snapshot("one", file("maker"), file("taker"))
    await world.carry_out(seen)
    before = await world.one()
    rest = snapshot("two", file("taker"))
    theirs = snapshot("three", file("maker"))
    plan = await world.carry_out(rest, (sibling("other", NAME),))
    assert kinds(plan) == [Release]
    assert (await world.one())["metadata"]["labels"] == {SOURCE_LABEL: "other"}
    assert (await world.one())["spec"] == before["spec"]
    await world.settled(rest)
    world.source = world.called("other")
    await world.carry_out(theirs, (sibling("desk", "taker.sandbox"),))
    obj = await world.one()
    assert obj["metadata"]["uid"] == before["metadata"]["uid"]
    assert obj["spec"] == before["spec"]
    await world.settled(theirs)


async def test_a_prune_is_refused_when_the_object_changed_since(world):
    await world.carry_out(snapshot("one", file("maker"), file("taker")))
    rest = snapshot("two", file("taker"))
    plan = await world.plan(rest)
    assert kinds(plan) == [Prune]
    await world.edited({"deletionPolicy": "Orphan"})
    _, failed = await world.executor.execute("desk", plan.actions)
    assert list(failed) == [NAME]
    await world.carry_out(rest)
    assert NAME not in await world.objects()
