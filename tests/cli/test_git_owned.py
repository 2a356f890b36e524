"""What people may do to an algo that git declares: always stop it, never contradict the repository otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.reconcile.effective import effective
from sequence_operator.spec.names import API_VERSION, AUTHOR, OVERRIDE, SOURCE_LABEL, STATE_AT, TREE
from sequence_operator.spec.resources import AlgoDeployment
from support.api import Api

from .conftest import Cli, Result, owned
from .support_operator import Operator, status

REPOSITORY = "https://git.example.com/desk/algos.git"
COMMIT = "3c0ffee1" * 5
PLACE = "algos/my-mm/Sequence.toml:4:1"
SOURCE = {
    "apiVersion": API_VERSION,
    "kind": "AlgoSource",
    "metadata": {"name": "desk"},
    "spec": {"url": REPOSITORY, "ref": {"branch": "main"}, "accountRef": {"name": "sandbox"}},
}


def overridable(obj: dict[str, Any]) -> dict[str, Any] | None:
    """An operator that heeds a stop laid over the spec, and has nothing to say about a build."""
    if "build" in obj["spec"]["artifact"]:
        return None
    return status(obj, effective(AlgoDeployment.model_validate(obj)).spec.state)


@pytest.fixture
def from_git(
    cli: Cli, project: Path, operator: Operator, api: Api, fetch: Callable[..., Any]
) -> Callable[[str | None], None]:
    """Give the deployment `my-mm` to an AlgoSource, which says this of its state (None: nothing)."""
    assert cli("--sandbox", "deploy", "--skip-build").code == 0
    operator.rule = overridable
    api.apply(SOURCE)

    def write(state: str | None, commit: str = COMMIT) -> None:
        obj = fetch("algo", "my-mm.sandbox")
        spec = {k: v for k, v in obj["spec"].items() if k != "state"}
        spec["origin"] = {"repository": REPOSITORY, "commit": commit, "path": "algos/my-mm/Sequence.toml"}
        if state is not None:
            spec["state"] = state
        annotations = {STATE_AT: PLACE, AUTHOR: "Ada <ada@example.com>"} if state else {}
        metadata = {"name": "my-mm.sandbox", "labels": {SOURCE_LABEL: "desk"}, "annotations": annotations}
        made = {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata, "spec": spec}
        api.apply(made, manager="sequence-source")

    return write


def words(done: Result) -> str:
    """What was printed, whatever the width of its columns."""
    assert done.code == 0, done.err
    return " ".join(done.out.split())


def test_start_answers_with_repository_file_line_and_commit(cli: Cli, from_git: Any) -> None:
    from_git("Stopped")
    done = cli("--sandbox", "start")
    assert done.code == 6
    assert done.err.splitlines()[-3:] == [
        "error: my-mm cannot be started from here: git says that it is stopped",
        f"cause: {REPOSITORY} {PLACE} at commit {COMMIT[:12]} (AlgoSource desk)",
        'hint: write state = "running" there and push, or remove the line: then `start` and `stop` decide',
    ]


def test_stop_always_works_until_the_next_commit(
    cli: Cli, from_git: Any, fetch: Callable[..., Any], kubectl: Any
) -> None:
    from_git("Running")
    stopped = cli("--sandbox", "stop", "-o", "json")
    assert stopped.code == 0, stopped.err
    assert json.loads(stopped.out)["override"] is True
    assert f"git says Running: {REPOSITORY} {PLACE}" in stopped.err
    obj = fetch("algo", "my-mm.sandbox")
    assert obj["spec"]["state"] == "Running", "what git says is left alone"
    written = json.loads(obj["metadata"]["annotations"][OVERRIDE])
    assert (written["state"], written["commit"]) == ("Stopped", COMMIT)
    assert "f:spec" not in owned(obj, "sequence-state")

    shown = words(cli("--sandbox", "status"))
    assert f"override stopped by {written['by']}" in shown
    assert "end it with: sequence --sandbox start my-mm" in shown
    assert f"git {REPOSITORY} {PLACE} at {COMMIT[:12]} by Ada" in shown

    from_git("Running", "4" * 40)
    kubectl("wait", "algo/my-mm.sandbox", "--for=jsonpath={.status.state}=Running", "--timeout=60s")
    assert json.loads(cli("--sandbox", "status", "-o", "json").out)["override"] is None


def test_start_takes_the_stop_back_where_git_says_running(
    cli: Cli, from_git: Any, fetch: Callable[..., Any]
) -> None:
    from_git("Running")
    assert cli("--sandbox", "stop").code == 0
    started = cli("--sandbox", "start")
    assert (started.code, started.out) == (0, "my-mm  Running\n"), started.err
    assert OVERRIDE not in fetch("algo", "my-mm.sandbox")["metadata"]["annotations"]


def test_a_stop_of_what_git_stops_already_writes_nothing(
    cli: Cli, from_git: Any, fetch: Callable[..., Any]
) -> None:
    from_git("Stopped")
    assert cli("--sandbox", "stop").code == 0
    obj = fetch("algo", "my-mm.sandbox")
    assert OVERRIDE not in obj["metadata"]["annotations"]
    assert owned(obj, "sequence-state") == {}


def test_a_file_without_state_leaves_it_to_start_and_stop(
    cli: Cli, from_git: Any, fetch: Callable[..., Any]
) -> None:
    from_git(None)
    assert cli("--sandbox", "start").code == 0
    assert cli("--sandbox", "stop").code == 0
    obj = fetch("algo", "my-mm.sandbox")
    assert owned(obj, "sequence-state") == {"f:spec": {"f:state": {}}}
    assert OVERRIDE not in obj["metadata"].get("annotations", {})


def test_another_tool_that_owns_the_state_is_overridden_too(
    cli: Cli, project: Path, operator: Operator, kubectl: Any, fetch: Callable[..., Any]
) -> None:
    assert cli("--sandbox", "deploy", "--skip-build").code == 0
    operator.rule = overridable
    wish = {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": {"name": "my-mm.sandbox"}}
    flags = ["--server-side", "--field-manager=kustomize-controller", "--validate=false"]
    kubectl("apply", *flags, "-f", "-", stdin=json.dumps({**wish, "spec": {"state": "Running"}}))
    assert cli("--sandbox", "stop").code == 0
    assert fetch("algo", "my-mm.sandbox")["spec"]["state"] == "Running"
    assert cli("--sandbox", "start").code == 0


def test_deploy_and_undeploy_leave_it_to_git(cli: Cli, from_git: Any, kubectl: Any) -> None:
    from_git("Running")
    for command, place in (
        (["deploy", "--skip-build"], "algos/my-mm/Sequence.toml"),
        (["undeploy", "--yes"], PLACE),
    ):
        done = cli("--sandbox", *command)
        assert done.code == 6, done.err
        assert f"{REPOSITORY} {place} at commit {COMMIT[:12]} (AlgoSource desk)" in done.err
    assert len(kubectl.get("algo")["items"]) == 1
    # A source that is gone decides nothing any more.
    kubectl("delete", "algosource", "desk")
    assert cli("--sandbox", "undeploy", "--yes").code == 0
    assert kubectl.get("algo")["items"] == []


def test_status_shows_the_source_its_problems_and_rustcs_error(
    cli: Cli, from_git: Any, kubectl: Any, api: Api, fetch: Callable[..., Any]
) -> None:
    from_git("Running")
    problem = {"path": "algos/my-mm/Sequence.toml", "line": 7, "column": 3, "message": "unknown key"}
    other = {"path": "algos/bad/Sequence.toml", "line": 1, "column": 1, "message": "no name"}
    kubectl(
        *("patch", "algosource", "desk", "--subresource=status", "--type=merge", "-p"),
        json.dumps({"status": {"observedCommit": COMMIT, "problems": [other, problem]}}),
    )
    listed = cli("status", "--all").out
    assert "algos/bad/Sequence.toml:1:1: no name" in listed
    assert "algos/my-mm/Sequence.toml:7:3: unknown key" in listed
    told = json.loads(cli("status", "--all", "-o", "json").out)
    assert [source["name"] for source in told["sources"]] == ["desk"]
    one = cli("--sandbox", "status").out
    assert "algos/my-mm/Sequence.toml:7:3: unknown key" in one
    assert "algos/bad" not in one

    tree = "ab" * 32
    build = {
        "apiVersion": API_VERSION,
        "kind": "AlgoBuild",
        "metadata": {"name": "build-0123456789ab"},
        "spec": {
            "treeDigest": tree,
            "treeUrl": f"http://trees/{tree}.tar.gz",
            "commit": COMMIT,
            "path": "algos/my-mm",
            "toolchain": "1.95.0",
        },
    }
    api.apply(build)
    error = "error[E0308]: mismatched types"
    failed = {
        "type": "Stalled",
        "status": "True",
        "reason": "CompileError",
        "message": f"src/lib.rs:3: {error}",
    }
    failed |= {"lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 1}
    kubectl(
        *("patch", "algobuild", "build-0123456789ab", "--subresource=status", "--type=merge", "-p"),
        json.dumps({"status": {"phase": "Failed", "log": ["Compiling", error], "conditions": [failed]}}),
    )
    artifact = {"build": {"url": REPOSITORY, "commit": COMMIT, "path": "algos/my-mm"}}
    change = [
        {"op": "replace", "path": "/spec/artifact", "value": artifact},
        {"op": "add", "path": f"/metadata/annotations/{TREE.replace('/', '~1')}", "value": tree},
    ]
    kubectl("patch", "algo", "my-mm.sandbox", "--type=json", "-p", json.dumps(change))
    shown = words(cli("--sandbox", "status"))
    assert "build Failed (build-0123456789ab, Rust 1.95.0): src/lib.rs:3" in shown
    assert f"Compiling {error}" in shown
    assert cli("status", "--all").code == 0
