"""The workflow as a user types it, on a local stack of its own: commands, exit codes, and what is left behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sequence_operator.spec.names import API_VERSION, STATE_AT
from support.algos import build_algos
from support.localstack import SEQUENCE, LocalStack
from support.processes import PATIENCE, wait_until

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    try:
        yield stack.up()
    finally:
        stack.down()


@pytest.fixture(scope="module")
def project(stack: LocalStack) -> Path:
    """What `sequence init` writes, under another name for each mode's test to use."""
    stack("init", "my-mm")
    return stack.home / "my-mm"


def test_the_whole_life_by_hand(stack: LocalStack, project: Path) -> None:
    built = stack(
        "build",
        cwd=project,
    )
    assert "my_mm.wasm" in built

    deployed = stack.run("--sandbox", "deploy", cwd=project)
    assert deployed.returncode == 0, deployed.stderr
    assert "sequence" in deployed.stderr and "start" in deployed.stderr  # what to do next
    assert stack.status("my-mm")["state"] == "Stopped"
    (row,) = stack.rows("my-mm")
    assert row["status"] in ("stopped", "accepted")

    stack("--sandbox", "start", cwd=project)
    assert stack.status("my-mm")["state"] == "Running"
    wait_until(lambda: stack.platform("GET", "/v1/orders")[1]["total"] > 0, "the algo quotes")

    shown = stack.status("my-mm")
    (instance,) = shown["instances"]
    assert instance["live"] is True
    assert instance["orders"]["submitted"] > 0
    assert shown["history"][0]["event"] == "Started"

    stack("stop", "--sandbox", cwd=project)  # flags work after the command too
    assert stack.status("my-mm")["state"] == "Stopped"
    submitted = stack.status("my-mm")["instances"][0]["orders"]["submitted"]

    stack("--sandbox", "start", "my-mm")
    stack("--sandbox", "stop", "my-mm")
    assert stack.status("my-mm")["instances"][0]["orders"]["submitted"] >= submitted  # state was kept

    stack("--sandbox", "undeploy", "--yes", cwd=project)
    assert stack.rows("my-mm") == []
    gone = stack.run("--sandbox", "status", "my-mm")
    assert gone.returncode == 5
    assert gone.stderr.startswith("error: ")


def test_sandbox_and_live_are_apart(stack: LocalStack, project: Path) -> None:
    stack("--sandbox", "deploy", "--skip-build", cwd=project)
    stack("deploy", "--skip-build", cwd=project)
    assert len(stack.rows("my-mm", "sandbox")) == 1
    assert len(stack.rows("my-mm", "live")) == 1
    assert (
        stack.rows("my-mm", "live")[0]["deployment_id"] != stack.rows("my-mm", "sandbox")[0]["deployment_id"]
    )
    stack("--sandbox", "undeploy", "--yes", cwd=project)
    assert len(stack.rows("my-mm", "live")) == 1
    stack("undeploy", "--confirm", "my-mm", cwd=project)
    assert stack.rows("my-mm", "live") == []


def test_back_to_the_module_before_and_forward_again(stack: LocalStack, project: Path) -> None:
    """It takes no source, no git and no builder: only what is still stored."""
    stack("--sandbox", "deploy", "--skip-build", cwd=project)
    stack("--sandbox", "start", cwd=project)
    first = stack.rows("my-mm")[0]["wasm_sha256"]
    (project / "other.wasm").write_bytes(build_algos()["single01"])
    stack("set", "build.wasm", "other.wasm", "risk.max_order_rate", "7", cwd=project)
    stack("--sandbox", "deploy", "--skip-build", cwd=project)
    second = stack.rows("my-mm")[0]["wasm_sha256"]
    assert second != first

    gone = stack.home / "elsewhere"
    project.rename(gone)
    old = stack.kill("builder")
    stack("--sandbox", "rollback", "my-mm")
    stack.back("builder", old)
    gone.rename(project)
    (row,) = stack.rows("my-mm")
    assert (row["wasm_sha256"], row["status"], row["risk"]["max_order_rate"]) == (first, "running", 7)
    shown = stack.status("my-mm")
    assert (shown["rollback"]["to"], shown["denied_digests"]) == (first, [second])

    stack("--sandbox", "rollback", "my-mm", "--clear")
    (row,) = stack.rows("my-mm")
    assert (row["wasm_sha256"], row["status"]) == (second, "running")
    stack("--sandbox", "undeploy", "--yes", cwd=project)
    stack("set", "--unset", "build.wasm", cwd=project)


def test_a_stop_holds_against_git_until_its_next_commit(stack: LocalStack, project: Path) -> None:
    stack("--sandbox", "deploy", "--skip-build", cwd=project)

    def git_says_running(commit: str) -> None:
        spec = {key: value for key, value in stack.cr("my-mm.sandbox")["spec"].items() if key != "state"}
        origin = {
            "repository": "https://git.example.com/desk.git",
            "commit": commit,
            "path": "a/Sequence.toml",
        }
        obj = {
            "apiVersion": API_VERSION,
            "kind": "AlgoDeployment",
            "metadata": {"name": "my-mm.sandbox", "annotations": {STATE_AT: "a/Sequence.toml:4:1"}},
            "spec": {**spec, "state": "Running", "origin": origin},
        }
        flags = ["--server-side", "--force-conflicts", "--field-manager=sequence-source"]
        stack.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(obj))
        stack("--sandbox", "status", "my-mm", "--wait")

    git_says_running("1" * 40)
    wait_until(lambda: stack.rows("my-mm")[0]["status"] == "running", "it runs, as git says")
    stack("--sandbox", "stop", "my-mm")
    assert stack.rows("my-mm")[0]["status"] == "stopped"
    assert stack.status("my-mm")["override"]["state"] == "Stopped"
    stack("--sandbox", "start", "my-mm")
    assert stack.rows("my-mm")[0]["status"] == "running"

    stack("--sandbox", "stop", "my-mm")
    git_says_running("2" * 40)
    wait_until(lambda: stack.rows("my-mm")[0]["status"] == "running", "the next commit counts again")
    assert stack.status("my-mm")["override"] is None
    stack("--sandbox", "undeploy", "--yes", cwd=project)


def test_login_with_a_key_from_standard_input(stack: LocalStack) -> None:
    stack_key = stack.key("sandbox")
    done = stack.run("login", "--sandbox", "--with-token", stdin=stack_key + "\n")
    assert done.returncode == 0, done.stderr
    assert stack_key not in done.stdout + done.stderr
    wrong = stack.run("login", "--sandbox", "--with-token", stdin="seq_test_" + "0" * 64 + "\n")
    assert wrong.returncode == 4
    live = stack.run("login", "--sandbox", "--with-token", stdin=stack.key("live") + "\n")
    assert live.returncode != 0
    assert "seq_test_" in live.stderr


def test_logs_follow_what_the_algo_says_now(stack: LocalStack) -> None:
    maker = stack.home / "maker"
    shutil.copytree(EXAMPLES / "maker", maker, ignore=shutil.ignore_patterns("target"))
    stack("--sandbox", "deploy", cwd=maker)
    stack("--sandbox", "start", cwd=maker)
    follow = subprocess.Popen(
        [SEQUENCE, "--sandbox", "logs", "-f", "-o", "json"],
        cwd=maker,
        env=stack.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    began = time.time_ns()
    try:
        assert follow.stdout is not None
        said = (json.loads(line) for line in follow.stdout)
        fresh = next(record for record in said if record["ts_ns"] > began)  # it logs each fill
    finally:
        follow.terminate()
        follow.wait(PATIENCE)
    lines = stack("--sandbox", "logs", "-o", "json", "--limit", "1000", cwd=maker).splitlines()
    kept = [json.loads(line) for line in lines]
    assert fresh in kept
    assert [record["seq"] for record in kept] == sorted(record["seq"] for record in kept)
    assert {record["label"] for record in kept} == {"main"}
    plain = stack("--sandbox", "logs", "--limit", "1", cwd=maker)
    assert "INFO" in plain
    stack("--sandbox", "undeploy", "--yes", cwd=maker)
