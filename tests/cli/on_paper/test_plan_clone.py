"""`sequence plan` in a clone that an AlgoSource of a real cluster follows, against an algo that runs on paper."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.artifact.git_tree import WorkingTree
from sequence_operator.artifact.store import configmap
from sequence_operator.cli.compile import Failed, compiled
from sequence_operator.cli.context import save_context
from sequence_operator.cli.plan_files import read
from sequence_operator.cli.plan_objects import review_of, tree_of
from sequence_operator.cli.repository import required
from sequence_operator.cluster import ClusterClient
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.reconcile.effective import effective
from sequence_operator.reconcile.model import BuildState, BuildView
from sequence_operator.reconcile.sources.model import Apply
from sequence_operator.reconcile.sources.plan import plan_source
from sequence_operator.spec.builds import build_name, tree_url
from sequence_operator.spec.names import (
    API_VERSION,
    APPROVE_COMMIT,
    BUILDER_MANAGER,
    OPERATOR_MANAGER,
    SOURCE_MANAGER,
)
from sequence_operator.spec.resources import AlgoDeployment, AlgoSource
from sequence_operator.spec.wire import create_body, desired_wire, spec_digest
from support.paper import Paper
from support.processes import wait_until

from ..conftest import Cli
from ..support_repo import BARE, Clone, algo, sequence_toml

Object = dict[str, Any]
URL = "https://git.example.com/desk/algos.git"
TOOLCHAIN = "1.95.0"
PLAN = ("plan", "-o", "json")


class Desk:
    """A namespace with a source, and one algo of it that is registered and runs, as operator and builder leave it."""

    def __init__(
        self, controlplane: ControlPlane, namespace: str, paper: Paper, key: str, clone: Clone
    ) -> None:
        self.controlplane, self.namespace, self.paper, self.key = controlplane, namespace, paper, key
        self.clone = clone
        self.row = ""
        self.name = (
            f"a{hashlib.sha256(namespace.encode()).hexdigest()[:6]}"  # the platform is shared by all tests
        )

    def apply(self, obj: Object, manager: str, *, status: bool = False) -> Object:
        async def work() -> Object:
            async with await ClusterClient.connect(self.controlplane.kubeconfig) as client:
                if status:
                    return await client.apply_status(obj, manager=manager)
                return await client.apply(obj, manager=manager, force=True)

        return asyncio.run(work())

    def object(self, kind: str, name: str, spec: Object) -> Object:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

    def source(self, name: str = "desk", url: str = URL) -> Object:
        spec = {"url": url, "ref": {"branch": "main"}, "accountRef": {"name": "sandbox"}}
        return self.apply(self.object("AlgoSource", name, spec), "kubectl")

    def account(self) -> None:
        spec = {"endpoint": self.paper.url, "mode": "sandbox", "secretRef": {"name": "sequence-sandbox"}}
        self.apply(self.object("PlatformAccount", "sandbox", spec), "kubectl")

    def run(self) -> None:
        """Apply what the clone declares, with its build and its registration."""
        built = compiled(WorkingTree(self.clone.root), "algos/a")
        assert not isinstance(built, Failed)
        repository = required(self.clone.root)
        with repository.tree(None) as tree:
            source = AlgoSource.model_validate(self.source())
            snapshot = read(repository, tree, None).snapshot(source)
        plan = plan_source(source, "sandbox", snapshot, {}, ())
        (action,) = [each for each in plan.actions if isinstance(each, Apply)]
        obj = self.apply(dict(action.obj), SOURCE_MANAGER)
        sha = built.inspection.sha256
        self.apply(configmap(built.wasm, self.namespace), BUILDER_MANAGER)
        self._build(tree_of(obj), snapshot.commit, sha)
        self._register(obj, sha, built.wasm)
        entry = {"name": obj["metadata"]["name"], "path": "algos/a/Sequence.toml", "digest": "0" * 12}
        entry["digest"] = plan.inventory[0].digest
        status = {"observedGeneration": 1, "observedCommit": snapshot.commit, "inventory": [entry]}
        self._status(source.metadata.name, "AlgoSource", status, OPERATOR_MANAGER)

    def _build(self, tree: str, commit: str, sha: str) -> None:
        name = build_name(tree, "algos/a", TOOLCHAIN)
        spec = {
            "treeDigest": tree,
            "treeUrl": tree_url("http://trees", self.namespace, tree),
            "commit": commit,
            "path": "algos/a",
        }
        self.apply(self.object("AlgoBuild", name, {**spec, "toolchain": TOOLCHAIN}), OPERATOR_MANAGER)
        status = {"phase": "Succeeded", "sha256": sha, "sizeBytes": 1, "configMap": f"wasm-{sha}"}
        self._status(name, "AlgoBuild", status, BUILDER_MANAGER)

    def _register(self, obj: Object, sha: str, wasm: bytes) -> None:
        resource = AlgoDeployment.model_validate(obj)
        spec = effective(resource, BuildView(BuildState.READY, sha256=sha)).spec
        digest = spec_digest(spec)
        told = {"managed_by": "sequence-operator", "uid": obj["metadata"]["uid"], "spec_digest": digest}
        origin = obj["spec"]["origin"]
        told |= {"commit": origin["commit"], "origin": {k: origin[k] for k in ("repository", "path")}}
        body = create_body(desired_wire(spec), wasm, told)
        answered, row, _ = self.paper.request("POST", "/v1/deployments", self.key, body)
        assert answered == 201, row
        self.row = row["deployment_id"]
        path = f"/v1/deployments/{self.row}"
        wait_until(lambda: self._get()["instances"][0]["warm"], "warm", 60)
        assert self.paper.request("POST", f"{path}/start", self.key)[0] == 200
        status = {
            "observedGeneration": obj["metadata"]["generation"],
            "deploymentId": self.row,
            "state": "Running",
            "artifact": {"sha256": sha, "sizeBytes": len(wasm), "configMap": f"wasm-{sha}"},
            "specDigest": digest,
            "reviewDigest": review_of(obj),
        }
        self._status(obj["metadata"]["name"], "AlgoDeployment", status, OPERATOR_MANAGER)

    def _get(self) -> Object:
        row: Object = self.paper.request("GET", f"/v1/deployments/{self.row}", self.key)[1]
        return row

    def _status(self, name: str, kind: str, status: Object, manager: str) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "status": status}
        self.apply(body, manager, status=True)

    def toml(self, **options: Any) -> Object:
        return {"algos/a/Sequence.toml": sequence_toml(self.name, state="running", **options)}

    def end(self) -> None:
        if self.row:
            self.paper.request("DELETE", f"/v1/deployments/{self.row}", self.key)


@pytest.fixture
def place(
    controlplane: ControlPlane,
    crds: list[str],
    namespace: str,
    paper: Paper,
    keys: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """A clone over ssh and a context, nothing in the cluster yet but an account."""
    settings = {"kubeconfig": str(controlplane.kubeconfig), "namespace": namespace, "base_url": paper.url}
    save_context("desk", settings | {"sandbox_api_key": keys["sandbox"]})
    clone = Clone(tmp_path / "algos", "git@git.example.com:desk/algos.git")
    desk = Desk(controlplane, namespace, paper, keys["sandbox"], clone)
    clone.commit(algo("algos/a", desk.name, state="running"))
    monkeypatch.chdir(clone.root)
    desk.account()
    yield desk
    desk.end()


@pytest.fixture
def running(place: Desk) -> Desk:
    place.run()
    return place


def planned(cli: Cli, *more: str) -> tuple[int, Object, str]:
    done = cli(*PLAN, *more)
    assert done.out, done.err
    return done.code, json.loads(done.out), done.err


def verbs(item: Object) -> list[str]:
    return [change["verb"] for change in item["changes"]]


def test_from_nothing_to_removal(cli: Cli, running: Desk) -> None:
    """One running algo, several plans: setting it up is what takes time here."""
    code, plan, err = planned(cli)
    assert (code, plan["items"], plan["unchanged"]) == (0, [], 1), plan
    assert f"namespace {running.namespace} · reading only" in err
    assert "Compiling" not in err

    running.clone.write(running.toml(rate=7))
    code, plan, err = planned(cli)
    (item,) = plan["items"]
    assert (code, item["group"], verbs(item)) == (1, "risk-reducing", ["Update"])
    assert (item["name"], item["running"]) == (f"{running.name}.sandbox", True)
    assert "Compiling" not in err
    assert {c["name"]: c["result"] for c in item["checks"]}["venues"] == "Passed"
    offline = cli("plan", "--base", "HEAD", "--offline", "--sandbox", "-o", "json")
    assert json.loads(offline.out)["items"][0]["hash"] == item["hash"], "the same change, the same hash"

    running.clone.write(
        {**running.toml(), "algos/a/src/lib.rs": BARE + "#[no_mangle]\npub static X: u8 = 3;\n"}
    )
    code, plan, _ = planned(cli)
    (item,) = plan["items"]
    assert (code, verbs(item)) == (1, ["Replace", "Start"])

    running.clone.write({"algos/a/src/lib.rs": BARE + 'fn broken() -> u8 { "text" }\n'})
    code, plan, _ = planned(cli)
    (problem,) = plan["problems"]
    assert (code, problem["path"]) == (2, "algos/a/src/lib.rs")
    assert "E0308" in problem["message"]
    assert plan["items"][0]["refusal"]["reason"] == "BuildFailed"

    assert planned(cli, "--commit", "HEAD")[0] == 0, "what is committed is what runs"

    running.clone.git("checkout", "--quiet", "--", ".")
    running.clone.git("rm", "-r", "--quiet", "algos/a")
    commit = running.clone.commit(algo("algos/b", f"{running.name}-b"))
    code, plan, _ = planned(cli)
    items = {item["name"]: item for item in plan["items"]}
    assert set(items) == {f"{running.name}.sandbox", f"{running.name}-b.sandbox"}
    assert "nothing is undeployed" in plan["held"], "nothing of what ran is left: that looks like a mistake"
    source = running.source()
    source = {key: source[key] for key in ("apiVersion", "kind", "metadata")}
    source["metadata"] = {
        **{key: source["metadata"][key] for key in ("name", "namespace")},
        "annotations": {APPROVE_COMMIT: commit},
    }
    running.apply(source, "a-person")
    code, plan, _ = planned(cli)
    items = {item["name"]: item for item in plan["items"]}
    assert (code, plan["held"]) == (1, "")
    assert verbs(items[f"{running.name}.sandbox"]) == ["Unregister"]
    assert verbs(items[f"{running.name}-b.sandbox"]) == ["Register"]
    assert running._get()["status"] == "running", "a plan changes nothing"


def test_what_somebody_did_by_hand_shows(cli: Cli, running: Desk) -> None:
    path = f"/v1/deployments/{running.row}"
    looser = {"risk": {"max_order_rate": 90}}
    assert running.paper.request("PATCH", path, running.key, looser)[0] == 200
    code, plan, _ = planned(cli)
    (item,) = plan["items"]
    assert (code, item["what"], verbs(item)) == (1, "none", ["Update"])
    assert [d["field"] for d in item["drift"]] == ["risk.maxOrderRate"]


def test_a_new_algo_and_the_preflight(cli: Cli, place: Desk) -> None:
    place.source()
    code, plan, _ = planned(cli)
    (item,) = plan["items"]
    assert (code, item["what"], verbs(item)) == (1, "create", ["Register", "Start"])
    assert {c["name"]: c["result"] for c in item["checks"]} == dict.fromkeys(
        ("venues", "capital", "limits", "name", "artifact"), "Passed"
    )
    text = place.clone.root / "algos/a/Sequence.toml"
    text.write_text(text.read_text().replace('"kraken"', '"okx"'))
    code, plan, _ = planned(cli, "--no-build")
    assert code == 2
    failed = [c for c in plan["items"][0]["checks"] if c["result"] == "Failed"]
    assert [c["name"] for c in failed] == ["venues"]


def test_which_source(cli: Cli, place: Desk) -> None:
    nobody = cli(*PLAN)
    assert (nobody.code, "no AlgoSource in namespace" in nobody.err) == (2, True)
    assert "remotes of this clone: git@git.example.com:desk/algos.git" in nobody.err
    assert "sequence plan --base main --offline" in nobody.err
    place.source("other", "https://git.example.com/desk/other.git")
    assert "other (https://git.example.com/desk/other.git)" in cli(*PLAN).err
    assert planned(cli, "--source", "other", "--no-build")[0] == 1
    assert cli(*PLAN, "--source", "nobody").code == 2
    place.source("ours", "ssh://git@git.example.com/desk/algos")
    assert "against source ours" in planned(cli, "--no-build")[1]["title"]


def test_one_deployment_as_before(cli: Cli, place: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a name, or with a file in a repository that no source follows."""
    absent = cli("--sandbox", "plan", "nobody")
    assert (absent.code, "there is no sandbox deployment 'nobody'" in absent.err) == (2, True)
    monkeypatch.chdir(place.clone.root / "algos" / "a")
    here = cli("--sandbox", "plan")
    assert (here.code, f"there is no sandbox deployment '{place.name}'" in here.err) == (2, True)
