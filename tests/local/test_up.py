"""`sequence up` and `down` as a user types them: the whole stack with real programs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from sequence_operator.local.controlplane import ControlPlane
from support.localstack import SEQUENCE, LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

WASM = bytes(wasmtime.wat2wasm((Path(__file__).resolve().parents[2] / "bench" / "algo.wat").read_text()))
SHA256 = configmap(WASM, "sequence")["metadata"]["name"].removeprefix("wasm-")
RUNNING = {
    "kind": "AlgoDeployment",
    "metadata": {"name": "kept.sandbox"},
    "spec": {
        "deployment": "kept",
        "accountRef": {"name": "sandbox"},
        "state": "Running",
        "artifact": {"configMapRef": {"name": f"wasm-{SHA256}", "key": "algo.wasm"}, "sha256": SHA256},
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
        "risk": {"maxOrderRate": 5},
    },
}
PARTS = {
    "apiserver",
    "controllers",
    "nats",
    "paper-api",
    "edge-kraken",
    "edge-coinbase",
    "operator",
    "builder",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One detached stack for the tests of this file; each leaves it running."""
    made = LocalStack(tmp_path_factory.mktemp("home"))
    try:
        yield made.up()
    finally:
        made.down()
        assert made.processes() == []


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[LocalStack]:
    """A home of its own without a running stack."""
    made = LocalStack(tmp_path)
    yield made
    made.down()
    assert made.processes() == []


def context(stack: LocalStack) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads((stack.home / "config.toml").read_text())["context"]["local"]
    return found


def test_everything_runs_and_says_so(stack):
    document = stack.document()
    assert document["ready"] is True
    assert {part["name"]: part["state"] for part in document["parts"]} == dict.fromkeys(PARTS, "running")
    assert {part["pid"] for part in document["parts"]} <= set(stack.processes())


def test_the_context_leads_to_cluster_and_platform(stack):
    written = context(stack)
    assert written["namespace"] == "sequence"
    assert written["kubeconfig"] == str(stack.state_dir / "admin.kubeconfig")
    assert written["base_url"] == stack.endpoint
    assert written["sandbox_api_key"].startswith("seq_test_")
    assert written["api_key"].startswith("seq_live_")
    assert (stack.home / "config.toml").stat().st_mode & 0o777 == 0o600
    status, account = stack.platform("GET", "/v1/account", mode="live")
    assert status == 200, account


def test_the_accounts_are_ready(stack):
    stack.kubectl("wait", "pacct/live", "pacct/sandbox", "--for=condition=Ready", "--timeout=60s")


def test_the_operator_runs_as_its_service_account(stack):
    """Seen in the API server's own words: who owns the status of an account."""
    account = json.loads(stack.kubectl("get", "pacct", "sandbox", "-o", "json", "--show-managed-fields"))
    writers = {entry["manager"] for entry in account["metadata"]["managedFields"]}
    assert "sequence-operator" in writers
    operator = (stack.state_dir / "operator" / "kubeconfig").read_text()
    assert "tokenFile" in operator
    assert (stack.state_dir / "admin.token").read_text().strip() not in operator


def test_every_file_with_a_secret_is_private(stack):
    token = (stack.state_dir / "admin.token").read_text().strip()
    secrets = [token, stack.key("live"), stack.key("sandbox")]
    open_files = []
    for path in stack.state_dir.rglob("*"):
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
            assert "logs" not in path.parts, f"a secret is in {path}"
            if path.stat().st_mode & 0o077:
                open_files.append(path)
    assert stack.state_dir.stat().st_mode & 0o777 == 0o700
    # Below a folder that only its owner may enter, the databases of other programs have their own modes.
    assert [path for path in open_files if "data" not in path.parts and path.suffix != ".db"] == []


def test_no_secret_is_in_an_argument(stack):
    secrets = [(stack.state_dir / "admin.token").read_text().strip(), stack.key("live"), stack.key("sandbox")]
    for pid in stack.processes():
        arguments = Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
        assert not any(secret in arguments for secret in secrets)


def test_a_second_up_finds_the_first(stack):
    before = stack.document()
    done = stack.run("up", "--detach", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parts"] == before["parts"]
    assert f"runs already (process {before['pid']})" in done.stderr


def test_a_second_up_with_other_options_is_refused_with_the_difference(stack):
    done = stack.run("up", "--detach", "--pace", "20")
    assert done.returncode == 6
    assert "pace is 1, not 20" in done.stderr
    assert "hint: sequence down" in done.stderr


@pytest.mark.parametrize("name", ["apiserver", "nats", "paper-api", "edge-kraken", "operator", "builder"])
def test_a_killed_part_comes_back(stack, name):
    before = stack.part(name)
    stack.back(name, stack.kill(name))
    after = stack.part(name)
    assert after["restarts"] == before["restarts"] + 1
    assert after["address"] == before["address"]
    log = (stack.state_dir / "logs" / "up.log").read_text()
    assert f"{name} was killed by SIGKILL; started again" in log


def test_in_the_foreground_ctrl_c_ends_everything_and_the_next_up_goes_on(alone):
    with in_the_foreground(alone, "--venue", "kraken") as process:
        alone.kubectl("create", "configmap", "kept", "--from-literal=a=1")
        alone.apply(configmap(WASM, "sequence"), RUNNING)
        alone.ready("kept.sandbox")
        first, keys = alone.document(), (alone.key("live"), alone.key("sandbox"))
        (registered,) = alone.rows("kept")
        assert not builds_unsandboxed(alone)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=90)
    assert process.returncode == 0, told
    assert "no process is left" in told[1]
    assert alone.processes() == []
    assert not (alone.state_dir / "run.json").exists()

    # Accounts in the cluster name paper's address: it cannot move to another port.
    port = int(first["endpoint"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        done = alone.run("up", "--detach", "--venue", "kraken")
    assert done.returncode == 6
    assert f"error: the port 127.0.0.1:{port} is taken" in done.stderr
    assert f"lsof -i :{port}" in done.stderr
    assert alone.processes() == []

    alone.up("--venue", "kraken", "--unsandboxed-builds")
    second = alone.document()
    assert builds_unsandboxed(alone), "only where it was asked for"
    assert [second[name] for name in ("trees", "hook")] == [first[name] for name in ("trees", "hook")]
    assert alone.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "1"
    assert (alone.key("live"), alone.key("sandbox")) == keys
    addresses = [{part["name"]: part["address"] for part in each["parts"]} for each in (first, second)]
    assert addresses[0] == addresses[1]
    (again,) = alone.rows("kept")
    assert (again["deployment_id"], again["status"]) == (registered["deployment_id"], "running")
    updates = again["instances"][0]["update_count"]
    wait_until(lambda: alone.rows("kept")[0]["instances"][0]["update_count"] > updates, "it is fed again")


@contextlib.contextmanager
def in_the_foreground(stack: LocalStack, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """`sequence up` once it says that it is ready; killed when the test forgets it."""
    process = subprocess.Popen(
        [SEQUENCE, "up", *flags], env=stack.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert any("Ctrl-C stops everything" in line for line in process.stderr), (
            "it ended before it was ready"
        )
        yield process
    finally:
        process.kill()
        process.wait()


def builds_unsandboxed(stack: LocalStack) -> bool:
    builder = stack.part("builder")
    arguments = Path(f"/proc/{builder['pid']}/cmdline").read_text().split("\0")
    assert ("--unsandboxed" in arguments) is ("WITHOUT a sandbox" in builder["detail"])
    return "--unsandboxed" in arguments


def test_a_signal_while_it_starts_leaves_nothing(alone):
    process = subprocess.Popen(
        [SEQUENCE, "up", "--detach"], env=alone.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "nats is ready" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=90)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert alone.processes() == []
    assert not (alone.home / "config.toml").exists()


def test_a_home_that_cannot_be_written(tmp_path):
    (tmp_path / "state").write_text("in the way")
    stack = LocalStack(tmp_path)
    done = stack.run("up", "--detach")
    assert done.returncode == 1
    assert "error: the folder" in done.stderr
    assert "cannot be written" in done.stderr
    assert "hint: point XDG_STATE_HOME" in done.stderr
    assert not (tmp_path / "config.toml").exists()


def test_a_configuration_that_cannot_be_written(alone):
    (alone.home / "in-the-way").touch()
    alone.env["SEQUENCE_CONFIG"] = str(alone.home / "in-the-way" / "config.toml")
    done = alone.run("up", "--detach")
    assert done.returncode == 1
    assert "error: cannot write" in done.stderr
    assert "hint: SEQUENCE_CONFIG=" in done.stderr
    assert not alone.state_dir.exists()
    alone.env["SEQUENCE_CONFIG"] = str(alone.home / "config.toml")


def test_no_binary_and_no_go(alone):
    """The ways out are named, and nothing was begun."""
    alone.env["SEQUENCE_CONTROLPLANE"] = "/nowhere/sequence-controlplane"
    done = alone.run("up", "--detach")
    assert done.returncode == 5
    assert "hint: unset SEQUENCE_CONTROLPLANE" in done.stderr
    assert not alone.state_dir.exists()


def test_a_folder_with_other_things_is_not_taken_nor_purged(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    stack = LocalStack(tmp_path)
    for command in (["up", "--detach"], ["down", "--purge"]):
        done = stack.run(*command, "--state-dir", str(mine))
        assert done.returncode in (5, 6)
        assert f"{mine} is not a state folder" in done.stderr
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_a_users_own_cluster(alone, tmp_path):
    """Its context is used, and no control plane of ours is started."""
    with ControlPlane(tmp_path / "theirs") as theirs:
        alone.env["KUBECONFIG"] = str(theirs.kubeconfig)
        alone.up("--venue", "kraken", "--kube-context", "local")
        names = {part["name"] for part in alone.document()["parts"]}
        assert names == {"nats", "paper-api", "edge-kraken", "operator", "builder"}
        assert context(alone)["kubeconfig"] == str(theirs.kubeconfig)
        assert context(alone)["kube_context"] == "local"
        alone.kubectl("wait", "pacct/sandbox", "--for=condition=Ready", "--timeout=60s")
        alone.down()


def test_a_context_that_does_not_exist(alone, controlplane):
    alone.env["KUBECONFIG"] = str(controlplane.kubeconfig)
    done = alone.run("up", "--detach", "--kube-context", "nowhere")
    assert done.returncode == 5
    assert "nowhere" in done.stderr
    assert "hint: kubectl config get-contexts" in done.stderr
    assert alone.processes() == []


def test_a_killed_supervisor_takes_everything_along_and_the_next_up_works(stack):
    """The last test of this file: it ends the stack of all others."""
    os.kill(stack.document()["pid"], signal.SIGKILL)
    wait_until(lambda: stack.processes() == [], "all parts are gone")
    stack.up("--venue", "kraken")
    assert stack.document()["ready"] is True

    done = stack.run("down", "--purge")
    assert done.returncode == 0, done.stderr
    assert stack.processes() == []
    assert not stack.state_dir.exists()
    assert "local" not in tomllib.loads((stack.home / "config.toml").read_text()).get("context", {})
    again = stack.run("down")
    assert again.returncode == 0
    assert "no local stack was running" in again.stderr
