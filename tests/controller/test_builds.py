"""What a deployment may know of its build, and which results are believed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import BUILDER, OPERATOR
from sequence_operator.cluster.resources import ALGO_BUILDS
from sequence_operator.controller.builds import Builds, create
from sequence_operator.controller.garbage import collect_builds
from sequence_operator.controller.said import inputs_of, lane_of, state_owner
from sequence_operator.controller.state import Entries, begin
from sequence_operator.platform.limiter import Lane
from sequence_operator.reconcile.build_results import Build, Workshop, build_view
from sequence_operator.reconcile.builds import BuildState
from sequence_operator.spec.builds import build_name, tree_url
from sequence_operator.spec.names import API_VERSION, LAST_USED, OVERRIDE, TREE, artifact_name
from sequence_operator.spec.resources import AlgoDeployment
from support.objects import deployment, put

TREE_A, TREE_B = "a" * 64, "b" * 64
WASM, OTHER_WASM = "1" * 64, "2" * 64
PATH, OLD, NEW, BASE = "algos/mm", "1.90.0", "1.95.0", "http://trees.test:8090"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_VERSIONS = itertools.count(1)


def build_object(
    toolchain: str = NEW, *, tree: str = TREE_A, uid: str = "", **changes: Any
) -> dict[str, Any]:
    """An AlgoBuild as a watch brings it; `status` and `writer` say how far it is and who said so."""
    name = changes.get("name", build_name(tree, PATH, toolchain))
    status, writer = changes.get("status"), changes.get("writer", BUILDER)
    fields = {"f:status": {f"f:{key}": {} for key in status}} if status else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "AlgoBuild",
        "metadata": {
            "name": name,
            "namespace": "trading",
            "uid": uid or name,
            "resourceVersion": str(next(_VERSIONS)),
            "creationTimestamp": changes.get("created", "2026-11-24T11:00:00Z"),
            "annotations": changes.get("annotations", {}),
            "managedFields": [{"manager": w, "fieldsV1": fields} for w in writer.split(",")]
            if status
            else [],
        },
        "spec": {
            "treeDigest": tree,
            "treeUrl": changes.get("url", tree_url(BASE, "trading", tree)),
            "commit": "c" * 40,
            "path": PATH,
            "toolchain": toolchain,
        },
        **({"status": status} if status else {}),
    }


def succeeded(sha256: str = WASM, **changes: Any) -> dict[str, Any]:
    return {
        "phase": "Succeeded",
        "sha256": sha256,
        "sizeBytes": 7,
        "configMap": artifact_name(sha256),
        **changes,
    }


def failed(*, final: bool) -> dict[str, Any]:
    said = {"reason": "CompileError", "message": "src/lib.rs:3:5: expected `;`"}
    kind = "Stalled" if final else "Ready"
    return {
        "phase": "Failed",
        "conditions": [{"type": kind, "status": "True" if final else "False", **said}],
    }


def algo(tree: str = TREE_A, held: str = "") -> AlgoDeployment:
    reference = {"url": "https://git.test/algos.git", "commit": "c" * 40, "path": PATH}
    obj = deployment(put("artifact", value={"build": reference}))
    obj["metadata"] |= {"namespace": "trading", "annotations": {TREE: tree} if tree else {}}
    if held:
        obj["status"] = {"artifact": {"sha256": held}}
    return AlgoDeployment.model_validate(obj)


def store(*objects: dict[str, Any], toolchain: str = NEW, base: str = BASE) -> Builds:
    made = Builds(lambda inputs: None, Workshop(toolchain, base))
    for obj in objects:
        made.changed(obj)
    return made


def test_an_artifact_that_is_stored_needs_no_build():
    obj = deployment()
    obj["metadata"]["namespace"] = "trading"
    assert store().view(AlgoDeployment.model_validate(obj)) is None


@pytest.mark.parametrize("tree", ["", "main", TREE_A.upper()])
def test_without_published_sources_there_is_nothing_to_build(tree):
    view = store().view(algo(tree))
    assert view.state is BuildState.NO_TREE
    assert PATH in view.message


def test_an_absent_build_says_what_to_ask_for():
    view = store().view(algo())
    assert (view.state, view.name) == (BuildState.ABSENT, build_name(TREE_A, PATH, NEW))
    assert view.spec == {
        "treeDigest": TREE_A,
        "treeUrl": f"{BASE}/trees/trading/{TREE_A}.tar.gz",
        "commit": "c" * 40,
        "path": PATH,
        "toolchain": NEW,
    }


@pytest.mark.parametrize(
    ("given", "option"), [({"toolchain": ""}, "--build-toolchain"), ({"base": ""}, "--tree-address")]
)
def test_an_operator_that_cannot_build_names_the_option(given, option):
    view = store(**given).view(algo())
    assert view.state is BuildState.NO_TOOLCHAIN
    assert option in view.message
    assert store(build_object(status=succeeded()), **given).view(algo()).state is BuildState.READY


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (None, BuildState.WAITING, "Building"),
        ({"phase": "Building"}, BuildState.WAITING, "Building"),
        (failed(final=False), BuildState.WAITING, "Building"),
        (failed(final=True), BuildState.FAILED, "CompileError"),
        (succeeded(), BuildState.READY, ""),
    ],
)
def test_how_far_it_is(status, state, reason):
    view = store(build_object(status=status)).view(algo())
    assert (view.state, view.reason, view.tree) == (state, reason, TREE_A)
    if status and status["phase"] == "Failed":
        assert "src/lib.rs:3:5" in view.message
    if state is BuildState.READY:
        assert (view.sha256, view.size_bytes, view.config_map) == (WASM, 7, artifact_name(WASM))


def test_what_keeps_a_build_from_beginning_is_passed_on():
    said = {
        "type": "Ready",
        "status": "False",
        "reason": "ToolchainMissing",
        "message": "it waits for Rust 1.95.0",
    }
    view = store(build_object(status={"phase": "Pending", "conditions": [said]})).view(algo())
    assert (view.state, view.message) == (BuildState.WAITING, "ToolchainMissing: it waits for Rust 1.95.0")


@pytest.mark.parametrize(
    ("forged", "says"),
    [
        ({"status": succeeded(), "writer": "kubectl"}, "written by kubectl"),
        ({"status": succeeded(), "writer": f"{BUILDER},kubectl"}, "written by kubectl"),
        ({"status": failed(final=True), "writer": "kubectl"}, "written by kubectl"),
        ({"status": succeeded(configMap="wasm-of-mine")}, "no ConfigMap of its digest"),
        ({"status": {**succeeded(), "sha256": "x", "configMap": "wasm-x"}}, "no ConfigMap of its digest"),
    ],
)
def test_nobody_but_the_builder_is_believed(forged, says):
    view = store(build_object(**forged)).view(algo())
    assert view.state is BuildState.FAILED
    assert says in view.message
    assert f"delete algobuild {view.name}" in view.message


def test_a_status_whose_writer_was_wiped_off_is_nobodys():
    obj = build_object(status=succeeded())
    obj["metadata"]["managedFields"] = []
    assert "nobody known" in store(obj).view(algo()).message


def test_a_name_that_is_not_of_its_inputs_counts_for_neither():
    stolen = build_object(name=build_name(TREE_A, PATH, NEW), tree=TREE_B, status=succeeded())
    view = store(stolen).view(algo(TREE_A))
    assert view.state is BuildState.FAILED
    assert "not the one of its inputs" in view.message
    assert store(build_object(name="build-mine", status=succeeded())).view(algo()).state is BuildState.ABSENT


def test_another_toolchain_is_no_reason_to_build_again():
    old = build_object(OLD, status=succeeded(WASM), created="2026-11-24T10:00:00Z")
    new = build_object(NEW, status=succeeded(OTHER_WASM))
    assert store(old).view(algo()).sha256 == WASM
    assert store(old, new).view(algo()).sha256 == OTHER_WASM
    assert store(old, new).view(algo(held=WASM)).sha256 == WASM
    assert store(old, new, toolchain="9.9.9").view(algo()).sha256 == WASM
    assert store(build_object(OLD, status=failed(final=True))).view(algo()).state is BuildState.ABSENT


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([], BuildState.ABSENT),
        ([failed(final=True), {"phase": "Building"}], BuildState.WAITING),
        ([None, failed(final=True)], BuildState.FAILED),
        ([succeeded(), failed(final=True)], BuildState.READY),
    ],
)
def test_who_does_not_know_the_toolchain_sees_the_youngest(statuses, state):
    """A plan made outside the operator."""
    objects = [
        build_object(f"1.{number}.0", status=status, created=f"2026-11-24T1{number}:00:00Z")
        for number, status in enumerate(statuses)
    ]
    view = build_view(algo(), [Build.of(obj) for obj in objects], Workshop(None))
    assert view.state is state


def test_sources_that_moved_are_asked_for_anew_unless_there_is_a_result():
    moved = {"url": tree_url("http://elsewhere:1", "trading", TREE_A)}
    assert store(build_object(**moved)).view(algo()).state is BuildState.ABSENT
    assert store(build_object(**moved, status=succeeded())).view(algo()).state is BuildState.READY


def test_only_news_wakes_and_an_echo_is_none():
    woken: list[Any] = []
    builds = Builds(woken.append, Workshop(NEW, BASE))
    first = build_object(status={"phase": "Building", "claim": {"holder": "a"}})
    inputs = ("trading", TREE_A, PATH)
    builds.changed(first)
    builds.changed(first)
    builds.changed(build_object(status={"phase": "Building", "claim": {"holder": "b"}}))
    assert woken == [inputs]
    builds.changed(build_object(status=succeeded()))
    builds.changed(first)  # an older event than what is known
    assert len(woken) == 2
    assert builds.view(algo()).state is BuildState.READY
    builds.gone(first)
    builds.gone(first)
    assert len(woken) == 3
    assert (len(builds), builds.versions("trading")) == (0, {})
    assert builds.view(algo()).state is BuildState.ABSENT


def test_a_successor_of_the_same_name_outlives_the_end_of_the_first():
    builds = store(build_object(uid="u1"), build_object(uid="u2", status=succeeded()))
    builds.gone(build_object(uid="u1"))
    assert builds.view(algo()).state is BuildState.READY


def test_an_object_is_found_by_what_it_is_built_of():
    entries = Entries()
    obj = algo_object(TREE_A, version=1)
    entry = entries.put(obj, begin(NOW))
    assert entry is not None
    assert entries.of_inputs(("trading", TREE_A, PATH)) == [entry]
    entries.put(algo_object(TREE_B, version=2), None)
    assert not entries.needs(("trading", TREE_A, PATH))
    assert entries.of_inputs(("trading", TREE_B, PATH)) == [entry]
    entries.drop(entry.uid)
    assert not entries.needs(("trading", TREE_B, PATH))


def algo_object(tree: str, version: int) -> dict[str, Any]:
    obj = algo(tree).model_dump(mode="json", by_alias=True, exclude_none=True)
    obj["metadata"] |= {
        "uid": "u1",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-11-24T11:00:00Z",
        "managedFields": [{"manager": "sequence-state", "fieldsV1": {"f:spec": {"f:state": {}}}}],
    }
    return obj


def test_what_is_kept_of_managed_fields():
    obj = algo_object(TREE_A, 1)
    assert (state_owner(obj), inputs_of(obj)) == ("sequence-state", ("trading", TREE_A, PATH))
    assert Entries().put(obj, begin(NOW)).state_owner == "sequence-state"
    del obj["metadata"]["managedFields"]
    assert state_owner(obj) == ""


def test_a_stop_by_a_person_is_as_urgent_as_one_in_the_spec():
    obj = algo_object(TREE_A, 1)
    obj["spec"] |= {"state": "Running", "origin": {"commit": "c" * 40}}
    obj["status"] = {"deploymentId": "dep_1", "state": "Running"}
    assert lane_of(obj) is Lane.REGISTER
    obj["metadata"]["annotations"][OVERRIDE] = '{"state": "Stopped", "commit": "' + "c" * 40 + '"}'
    assert lane_of(obj) is Lane.STOP
    obj["spec"]["origin"]["commit"] = "d" * 40
    assert lane_of(obj) is Lane.REGISTER


# -- in the cluster ------------------------------------------------------------------------------------


@pytest.fixture
async def client(controlplane, crds) -> AsyncIterator[ClusterClient]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as connected:
        yield connected


def spec_of(namespace: str, base: str = BASE) -> dict[str, Any]:
    return {**build_object()["spec"], "treeUrl": tree_url(base, namespace, TREE_A)}


async def test_asking_twice_is_asking_once_and_a_moved_one_is_made_anew(client, namespace):
    builds, name = store(), build_name(TREE_A, PATH, NEW)
    for _ in range(2):
        await create(client, builds, namespace, name, spec_of(namespace), "2026-11-24T12:00:00Z")
    (first,) = await client.list(ALGO_BUILDS, namespace)
    assert first["spec"] == spec_of(namespace)
    assert {entry["manager"] for entry in first["metadata"]["managedFields"]} == {OPERATOR}
    elsewhere = spec_of(namespace, "http://elsewhere:1")
    await create(client, builds, namespace, name, elsewhere, "2026-11-24T12:00:00Z")
    (second,) = await client.list(ALGO_BUILDS, namespace)
    assert second["spec"] == elsewhere
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert [build.uid for build in builds] == [second["metadata"]["uid"]]


async def test_a_build_goes_a_day_after_its_last_user(client, namespace):
    builds = store()
    for toolchain, hours in (("1.1.1", 25), ("1.1.2", 23), ("1.1.3", 23)):
        tree = TREE_B if toolchain == "1.1.3" else TREE_A
        obj = build_object(toolchain, tree=tree)
        used = (NOW - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
        spec = {**obj["spec"], "treeUrl": tree_url(BASE, namespace, tree)}
        await create(client, builds, namespace, obj["metadata"]["name"], spec, used)

    def needed(inputs: Any) -> bool:
        return inputs[1] == TREE_B

    assert await collect_builds(client, builds, needed, NOW) == (1, 1)
    left = {obj["spec"]["toolchain"]: obj for obj in await client.list(ALGO_BUILDS, namespace)}
    assert set(left) == {"1.1.2", "1.1.3"}
    assert left["1.1.3"]["metadata"]["annotations"][LAST_USED] == "2026-11-24T12:00:00Z"
    # What this process knows is behind by now, so nothing is deleted on the strength of it.
    assert await collect_builds(client, builds, lambda inputs: False, NOW + timedelta(hours=5)) == (0, 1)
    assert [obj["spec"]["toolchain"] for obj in await client.list(ALGO_BUILDS, namespace)] == ["1.1.3"]
