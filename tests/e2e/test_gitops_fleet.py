"""Fifty algos in one repository: one change is one change, a rash one is held, a new cluster takes over what runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, ALGO_SOURCES, PLATFORM_ACCOUNTS, SECRETS
from support.api import Api
from support.gitops import MODULE, Desk, sequence_toml
from support.gitserver import GitServer
from support.localstack import LocalStack
from support.processes import Child, wait_until

pytestmark = pytest.mark.e2e

ALGOS = [f"algo-{number:02}" for number in range(50)]
RUNNING = ALGOS[:12]
BUILD = 'prebuilt = true\nwasm = "algo.wasm"'


def toml(name: str, **options: Any) -> str:
    return sequence_toml(name, state="running" if name in RUNNING else "stopped", build=BUILD, **options)


def ready(api: Api) -> bool:
    """Whether all AlgoDeployments are Ready, in their newest generation."""
    for obj in api.list(ALGO_DEPLOYMENTS):
        conditions = obj.get("status", {}).get("conditions", [])
        found = next((c for c in conditions if c["type"] == "Ready"), {"status": "Unknown"})
        if found["status"] != "True" or found["observedGeneration"] != obj["metadata"]["generation"]:
            return False
    return True


def annotate(api: Api, key: str, value: str) -> None:
    """Annotate the AlgoSource."""
    annotations = {f"sequencemkts.com/{key}": value}
    api.merge(ALGO_SOURCES, "desk", {"metadata": {"annotations": annotations}})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Fifty algos with a committed module each, twelve of them running."""
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    try:
        stack.up("--venue", "kraken")
        with GitServer(tmp_path_factory.mktemp("git")) as server:
            desk = Desk(stack, server)
            files: dict[str, str | bytes | None] = {}
            for name in ALGOS:
                files |= {
                    f"{name}/Sequence.toml": toml(name),
                    f"{name}/algo.wasm": MODULE,
                }
            desk.repo.commit("begin", files)
            desk.source()
            wait_until(lambda: len(desk.versions()) == len(ALGOS), "fifty objects", 90)
            wait_until(lambda: ready(stack.api), "all are ready", 180)
            yield desk
    finally:
        stack.down()


def test_one_limit_in_one_of_fifty_is_one_object_and_one_write(desk: Desk) -> None:
    versions, writes = desk.versions(), len(desk.writes())
    (row,) = desk.stack.rows(RUNNING[3])
    desk.push({f"{RUNNING[3]}/Sequence.toml": toml(RUNNING[3], rate=7)})
    wait_until(lambda: desk.stack.rows(RUNNING[3])[0]["risk"]["max_order_rate"] == 7, "the new limit", 60)
    desk.wait_condition("algo", f"{RUNNING[3]}.sandbox", "Ready")
    changed = {name for name, version in desk.versions().items() if versions[name] != version}
    assert changed == {f"{RUNNING[3]}.sandbox"}
    assert desk.writes()[writes:] == [f"PATCH /v1/deployments/{row['deployment_id']}"]
    assert desk.builds() == []


def test_a_poll_finds_a_push_without_a_webhook(desk: Desk) -> None:
    desk.source(interval="2s")
    desk.repo.commit("by poll", {f"{ALGOS[20]}/Sequence.toml": toml(ALGOS[20], rate=8)})
    wait_until(lambda: desk.stack.rows(ALGOS[20])[0]["risk"]["max_order_rate"] == 8, "found by a poll", 60)
    desk.source()


def test_a_commit_that_touches_too_much_is_held_until_it_is_approved(desk: Desk) -> None:
    writes = len(desk.writes())
    commit = desk.push(dict.fromkeys(RUNNING[8:]), "remove four of twelve")
    held = desk.wait_condition("algosrc", "desk", "Stalled", "True", "Brake")
    assert "4 of 12" in held["message"]
    assert f"approve-commit={commit}" in held["message"]
    assert desk.writes()[writes:] == []
    assert len(desk.versions()) == len(ALGOS)
    stop = {
        f"{name}/Sequence.toml": sequence_toml(name, state="stopped", build=BUILD) for name in RUNNING[:1]
    }
    commit = desk.push(stop, "and stop one, which is never held")
    wait_until(lambda: desk.stack.rows(RUNNING[0])[0]["status"] == "stopped", "stopped all the same", 60)
    annotate(desk.stack.api, "approve-commit", commit)
    wait_until(lambda: len(desk.versions()) == len(ALGOS) - 4, "four are gone", 120)
    assert all(desk.stack.rows(name) == [] for name in RUNNING[8:])
    assert desk.stack.rows(RUNNING[1])[0]["status"] == "running"


class NewCluster:
    """Another cluster, as far as an operator can tell: another namespace, other objects, another name."""

    namespace = "recovered"

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        stack = desk.stack
        self.kubeconfig = stack.document()["kubeconfig"]
        self.api = Api(stack, self.namespace)
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        for resource, name in (
            (SECRETS, "sequence-sandbox"),
            (SECRETS, "sequence-hook"),
            (PLATFORM_ACCOUNTS, "sandbox"),
        ):
            obj = stack.api.get(resource, name)
            kept = {key: obj[key] for key in ("type", "data", "spec") if key in obj}
            head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}}
            self.api.apply({**head, **kept})
        command = [sys.executable, "-m", "sequence_operator.controller", "--namespace", self.namespace]
        command += ["--kubeconfig", self.kubeconfig, "--lease-namespace", self.namespace]
        command += ["--cluster-name", "new", "--health-address", "127.0.0.1:0"]
        command += ["--git-cache", str(folder / "git")]
        command += ["--hook-address", "127.0.0.1:0", "--allow-address", "127.0.0.0/8"]
        self.operator = Child("operator", command, folder / "operator.log")

    def source(self, **spec: Any) -> None:
        head = {"apiVersion": ALGO_SOURCES.api_version, "kind": "AlgoSource", "metadata": {"name": "desk"}}
        self.api.apply({**head, "spec": {**self.desk.get_source()["spec"], **spec}})

    def stalled(self) -> list[str]:
        """Why objects are stalled."""
        items = self.api.list(ALGO_DEPLOYMENTS)
        conditions = [c for item in items for c in item.get("status", {}).get("conditions", [])]
        return [c["message"] for c in conditions if c["type"] == "Stalled" and c["status"] == "True"]


@pytest.fixture
def recovered(desk: Desk, tmp_path: Path) -> Iterator[NewCluster]:
    cluster = NewCluster(desk, tmp_path)
    try:
        cluster.operator.start()
        yield cluster
    finally:
        cluster.operator.kill()


def test_a_new_cluster_adopts_what_runs_once_the_old_one_is_declared_gone(
    desk: Desk, recovered: NewCluster
) -> None:
    listed = desk.stack.platform("GET", "/v1/deployments")[1]["deployments"]
    before = {row["name"]: (row["deployment_id"], row["status"]) for row in listed}
    writes = len(desk.writes())
    recovered.source(adopt="SameOrigin")
    try:
        wait_until(
            lambda: len(recovered.stalled()) == len(before), "every object says that it is not ours", 60
        )
    except AssertionError as problem:
        told = desk.told(recovered.namespace)[:3000]
        raise AssertionError(f"{problem}\n{told}\n{recovered.operator.output()[-3000:]}") from None
    assert all("cluster local" in why and "cluster-gone=local" in why for why in recovered.stalled())
    assert desk.writes()[writes:] == [], "the old cluster may be alive: nothing is touched"
    annotate(recovered.api, "cluster-gone", "local")
    wait_until(lambda: ready(recovered.api), "all are ready", 180)
    listed = desk.stack.platform("GET", "/v1/deployments")[1]["deployments"]
    assert {row["name"]: (row["deployment_id"], row["status"]) for row in listed} == before
    assert {write.split()[0] for write in desk.writes()[writes:]} == {"PATCH"}, "no create, start or stop"
    assert all(row["metadata"]["cluster"] == "new" for row in listed)
