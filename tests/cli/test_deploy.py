"""`deploy` against a real API server: what is written, by whom, what is said, and that a refusal leaves nothing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import git
import pytest

from sequence_operator.cli.context import save_context
from sequence_operator.spec.names import API_VERSION
from support.api import Api

from .conftest import Cli, owned
from .support_operator import Operator, stalled, status


def test_deploy_writes_module_and_resource_and_says_what_is_next(
    cli: Cli, project: Path, operator: Operator, fetch: Callable[..., Any], where: str
) -> None:
    done = cli("--sandbox", "deploy", "--skip-build")
    assert done.code == 0, done.err
    assert f"context test · namespace {where} · account sandbox (sandbox)\n" in done.err
    assert "source not in git\n" in done.err
    assert "created AlgoDeployment my-mm.sandbox\n" in done.err
    assert done.err.endswith(
        "registered as dep_1 on venue-edge-kraken\nmy-mm is stopped and warm.\nNext: sequence --sandbox start\n"
    )
    obj = fetch("algo", "my-mm.sandbox")
    assert obj["spec"]["deployment"] == "my-mm"
    assert obj["spec"]["accountRef"] == {"name": "sandbox"}
    assert "f:state" not in owned(obj, "sequence-cli")["f:spec"], "who runs is decided by start and stop"
    sha = obj["spec"]["artifact"]["sha256"]
    stored = fetch("configmap", f"wasm-{sha}")
    assert stored["immutable"] is True
    assert done.out == f"my-mm  Stopped  {sha[:12]}\n"


def test_a_second_deploy_changes_nothing_and_new_limits_change_the_resource(
    cli: Cli, project: Path, operator: Operator, fetch: Callable[..., Any]
) -> None:
    assert cli("--sandbox", "deploy", "--skip-build").code == 0
    first = fetch("algo", "my-mm.sandbox")["metadata"]["generation"]
    again = cli("--sandbox", "deploy", "--skip-build")
    assert "unchanged: AlgoDeployment" in again.err
    assert fetch("algo", "my-mm.sandbox")["metadata"]["generation"] == first
    text = (project / "Sequence.toml").read_text()
    (project / "Sequence.toml").write_text(text.replace("max_open_orders = 8", "max_open_orders = 4"))
    assert "updated AlgoDeployment" in cli("--sandbox", "deploy", "--skip-build").err
    assert fetch("algo", "my-mm.sandbox")["spec"]["risk"]["maxOpenOrders"] == 4


def test_deploy_records_where_the_code_came_from(
    cli: Cli, project: Path, operator: Operator, fetch: Callable[..., Any]
) -> None:
    repo = git.Repo.init(project, initial_branch="main")
    repo.create_remote("origin", "https://user:secret@git.example.com/desk/algos.git")
    repo.index.add(
        ["Sequence.toml", ".gitignore", "Cargo.toml", "src/lib.rs", ".cargo/config.toml", "README.md"]
    )
    repo.index.add([p for p in ("Cargo.lock",) if (project / p).exists()])
    who = git.Actor("T", "t@example.com")
    commit = repo.index.commit("Begin", author=who, committer=who).hexsha
    assert cli("--sandbox", "deploy", "--skip-build").code == 0
    origin = fetch("algo", "my-mm.sandbox")["spec"]["origin"]
    assert origin == {
        "repository": "https://git.example.com/desk/algos.git",
        "commit": commit,
        "path": "Sequence.toml",
        "dirty": False,
    }
    (project / "README.md").write_text("changed")
    done = cli("--sandbox", "deploy", "--skip-build", "-o", "json")
    assert json.loads(done.out)["dirty"] is True
    assert (
        f"source {commit[:12]}, with uncommitted changes of https://git.example.com/desk/algos.git"
        in done.err
    )


def test_deploy_compiles(cli: Cli, project: Path, operator: Operator) -> None:
    done = cli("--sandbox", "deploy", "-o", "json")
    assert done.code == 0, done.err
    assert "Finished `release`" in done.err
    assert json.loads(done.out)["deployment_id"] == "dep_1"


def test_a_prebuilt_module_is_taken_as_it_is(cli: Cli, project: Path, operator: Operator) -> None:
    module = project / "target/wasm32-unknown-unknown/release/my_mm.wasm"
    shutil.copy(module, project / "algo.wasm")
    shutil.rmtree(project / "target")
    with (project / "Sequence.toml").open("a") as file:
        file.write('\n[build]\nwasm = "algo.wasm"\nprebuilt = true\n')
    done = cli("--sandbox", "deploy")
    assert done.code == 0, done.err
    assert "Finished" not in done.err


def test_no_wait_returns_at_once(cli: Cli, project: Path, where: str) -> None:
    done = cli("--sandbox", "deploy", "--skip-build", "--no-wait")
    assert (done.code, "Next: sequence --sandbox status --wait" in done.err) == (0, True)


def test_without_an_operator_it_stays_pending(cli: Cli, project: Path, where: str) -> None:
    done = cli("--sandbox", "deploy", "--skip-build", "--timeout", "0.3")
    assert done.code == 8
    assert "error: my-mm is not registered and warm after 0.3 s" in done.err
    assert "no operator has looked at AlgoDeployment my-mm.sandbox" in done.err


@pytest.mark.parametrize(
    ("reason", "code"),
    [("NameConflict", 6), ("EdgeRejected", 1), ("Unverified", 1)],
)
def test_a_stalled_deployment_ends_the_wait_with_its_reason(
    cli: Cli, project: Path, operator: Operator, reason: str, code: int
) -> None:
    operator.rule = stalled(reason, "somebody else holds it")
    done = cli("--sandbox", "deploy", "--skip-build", "--timeout", "600")  # it does not wait for that
    assert done.code == code
    assert f"error: my-mm is stalled: {reason}\ncause: somebody else holds it\nhint: " in done.err


def test_an_account_without_a_key_ends_the_wait(cli: Cli, project: Path, operator: Operator) -> None:
    operator.rule = lambda obj: status(
        obj, "Pending", ("False", "AccountGone", "Secret sequence-sandbox is missing")
    )
    done = cli("--sandbox", "deploy", "--skip-build")
    assert done.code == 5
    assert "hint: make the account again: sequence --sandbox login --write-secret" in done.err


def test_a_refused_resource_leaves_nothing_behind(
    cli: Cli, project: Path, where: str, kubectl: Any, api: Api
) -> None:
    other = {
        "apiVersion": API_VERSION,
        "kind": "AlgoDeployment",
        "metadata": {"name": "my-mm.sandbox"},
    }
    spec = {
        "deployment": "my-mm",
        "accountRef": {"name": "other"},
        "artifact": {"configMapRef": {"name": "wasm-x"}, "sha256": "0" * 64},
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
    }
    api.apply({**other, "spec": spec}, manager="sequence-source")
    done = cli("--sandbox", "deploy", "--skip-build")
    assert done.code == 6
    assert "error: my-mm.sandbox belongs to sequence-source\n" in done.err
    assert not [c for c in kubectl.get("configmap")["items"] if c["metadata"]["name"].startswith("wasm-")]


def test_a_missing_account_is_told_before_anything_is_built(
    cli: Cli, project: Path, where: str, kubectl: Any
) -> None:
    kubectl("delete", "pacct", "sandbox")
    done = cli("--sandbox", "deploy")
    assert done.code == 5
    assert "there is no PlatformAccount 'sandbox'" in done.err
    assert "login --write-secret" in done.err
    assert "Finished" not in done.err


def test_an_account_of_the_other_mode_is_refused(cli: Cli, project: Path, where: str) -> None:
    save_context("test", {"sandbox_account": "live"})
    done = cli("--sandbox", "deploy", "--skip-build")
    assert (done.code, "PlatformAccount live is a live account" in done.err) == (6, True)


def test_the_problems_of_the_file_come_with_line_and_column(cli: Cli, project: Path, where: str) -> None:
    text = (project / "Sequence.toml").read_text()
    (project / "Sequence.toml").write_text(text.replace("max_open_orders", "max_open_order"))
    done = cli("--sandbox", "deploy")
    assert done.code == 2
    assert re.search(r"cause: Sequence\.toml:\d+:1: .*max_open_orders", done.err), done.err


def test_state_in_the_file_is_for_git(
    cli: Cli, project: Path, operator: Operator, fetch: Callable[..., Any]
) -> None:
    path = project / "Sequence.toml"
    path.write_text(path.read_text().replace('name = "my-mm"', 'name = "my-mm"\nstate = "running"'))
    done = cli("--sandbox", "deploy", "--skip-build")
    assert re.search(r"note: Sequence\.toml:\d+:1: `state` is for git sources", done.err)
    assert fetch("algo", "my-mm.sandbox")["spec"]["state"] == "Stopped"


@pytest.mark.usefixtures("deployed")
def test_a_deploy_leaves_a_running_algo_running(cli: Cli, fetch: Callable[..., Any]) -> None:
    assert cli("--sandbox", "start").code == 0
    done = cli("--sandbox", "deploy", "--skip-build")
    assert "my-mm is running.\nNext: sequence --sandbox logs -f" in done.err
    assert fetch("algo", "my-mm.sandbox")["spec"]["state"] == "Running"


@pytest.mark.usefixtures("deployed")
def test_a_deployment_that_is_going_is_not_deployed_over(cli: Cli, kubectl: Any) -> None:
    kubectl(
        "patch",
        "algo",
        "my-mm.sandbox",
        "--type=merge",
        "-p",
        '{"metadata":{"finalizers":["example.com/hold"]}}',
    )
    assert cli("--sandbox", "undeploy", "--yes", "--no-wait").code == 0
    done = cli("--sandbox", "deploy", "--skip-build")
    assert (done.code, "error: my-mm is being undeployed" in done.err) == (6, True)
    kubectl("patch", "algo", "my-mm.sandbox", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
