"""Bad input on the whole stack: what a person is told (error, cause, hint, exit code), what the object's status says,
and that nothing half-done is left behind."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.resources import CONFIG_MAPS, PLATFORM_ACCOUNTS
from sequence_operator.spec.crd import crds
from support import wat
from support.localstack import LocalStack
from support.processes import free_port, wait_until

pytestmark = pytest.mark.e2e

UNKNOWN_KEY = "seq_test_" + "0" * 64
ONE_EXPORT = '(func (export "algo_on_nbbo") (param i32 i32 i32) (result i32) (i32.const 0))'
FOREIGN = '(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))'


def _two_mib() -> bytes:
    """A sound module with a custom section of 2 MiB."""
    size = 2 << 20
    length = bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14 & 0x7F | 0x80, size >> 21])
    return wat.algo() + b"\0" + length + b"\x03pad" + bytes(size - 4)


MODULES = {
    "not-a-wasm": (b"#!/bin/sh\n", "NotWasm", "not a WebAssembly module"),
    "no-exports": (wat.module(wat.MEMORY + ONE_EXPORT), "MissingExports", "algo_on_shutdown"),
    "foreign": (wat.algo(before=FOREIGN), "ForeignImport", "wasi_snapshot_preview1.random_get"),
    "small-stack": (wat.algo(stack="(global $sp (mut i32) (i32.const 0x8000))"), "StackTooSmall", "0x8000"),
    "two-mib": (_two_mib(), "TooLarge", "the limit is 1,048,576"),
}
"""Name -> (file, reason, what the error names)."""


def project(stack: LocalStack, name: str, wasm: bytes) -> Path:
    folder = stack.home / name
    folder.mkdir()
    (folder / "algo.wasm").write_bytes(wasm)
    (folder / "Sequence.toml").write_text(
        f'[deployment]\nname = "{name}"\n[build]\nwasm = "algo.wasm"\nprebuilt = true\n'
        '[[instances]]\nlabel = "main"\nvenue = "kraken"\nsymbols = ["BTC-USD"]\n'
    )
    return folder


def refused(done: CompletedProcess[str], code: int, *words: str) -> None:
    """It failed with that code, and says what, why and the way out, without a trace of Python and of keys."""
    assert done.returncode == code, done.stderr
    lines = [line.partition(" ")[0] for line in done.stderr.splitlines()]
    assert [lines.count(label) for label in ("error:", "cause:", "hint:")] == [1, 1, 1], done.stderr
    for word in words:
        assert word in done.stderr
    for forbidden in ("Traceback", "seq_test_0", "seq_live_0"):
        assert forbidden not in done.stderr
    assert done.stdout == ""


def stored(stack: LocalStack) -> set[str]:
    return {item["metadata"]["name"] for item in stack.api.list(CONFIG_MAPS)}


def nothing_written(stack: LocalStack, name: str) -> None:
    assert f"{name}.sandbox" not in stack.deployments()
    assert stack.rows(name) == []


@pytest.mark.parametrize("name", MODULES)
def test_a_bad_module_is_refused_before_anything_is_written(stack: LocalStack, name: str) -> None:
    wasm, reason, says = MODULES[name]
    folder = project(stack, name, wasm)
    artifacts = stored(stack)
    refused(stack.run("build", cwd=folder), 1, reason, says, "algo.wasm")
    refused(stack.run("--sandbox", "deploy", "--skip-build", cwd=folder), 1, reason, says, "algo.wasm")
    nothing_written(stack, name)
    assert stored(stack) == artifacts


def stalled(stack: LocalStack, name: str) -> dict[str, Any] | None:
    status = stack.cr(f"{name}.sandbox").get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions", [])}
    return conditions["Stalled"] if conditions.get("Stalled", {}).get("status") == "True" else None


@pytest.mark.parametrize("name", [n for n in MODULES if n != "two-mib"])  # too large for a ConfigMap as well
def test_by_kubectl_the_operator_refuses_it_and_says_so(stack: LocalStack, name: str) -> None:
    wasm, reason, says = MODULES[name]
    artifact = configmap(wasm, "sequence")
    sha256 = artifact["metadata"]["name"].removeprefix("wasm-")
    spec = {
        "deployment": f"by-hand-{name}",
        "accountRef": {"name": "sandbox"},
        "artifact": {"configMapRef": {"name": f"wasm-{sha256}", "key": "algo.wasm"}, "sha256": sha256},
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
    }
    resource = f"by-hand-{name}.sandbox"
    stack.apply(artifact, {"kind": "AlgoDeployment", "metadata": {"name": resource}, "spec": spec})
    condition = wait_until(lambda: stalled(stack, f"by-hand-{name}"), "the operator refuses it")
    assert condition["reason"] == reason
    assert says in condition["message"]
    shown = stack("--sandbox", "status", f"by-hand-{name}")
    assert reason in shown and says in shown
    assert stack.rows(f"by-hand-{name}") == []
    stack.delete(resource)


def account(name: str, key: str, endpoint: str) -> list[dict[str, Any]]:
    """The key goes into the Secret that the operator may read, beside the one that works."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sequence-sandbox"}}
    spec = {
        "endpoint": endpoint,
        "mode": "sandbox",
        "secretRef": {"name": "sequence-sandbox", "key": name},
        "pollInterval": "2s",
    }
    account = {"kind": "PlatformAccount", "metadata": {"name": name}, "spec": spec}
    return [secret | {"stringData": {name: key}}, account]


def account_ready(stack: LocalStack, name: str) -> dict[str, Any] | None:
    found = stack.api.get(PLATFORM_ACCOUNTS, name)
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == "Ready"), None)


@pytest.mark.parametrize(
    ("name", "key", "reason", "code"),
    [
        ("wrong-key", lambda stack: UNKNOWN_KEY, "Unauthorized", 4),
        ("live-key", lambda stack: stack.key("live"), "ModeMismatch", 4),
        ("unreachable", lambda stack: stack.key("sandbox"), "Unreachable", 8),
    ],
)
def test_an_account_that_does_not_work_ends_the_deploy_with_its_reason(
    stack: LocalStack, name: str, key: Any, reason: str, code: int
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}" if name == "unreachable" else stack.endpoint
    stack.apply(*account(name, key(stack), endpoint))
    condition = wait_until(
        lambda: (c := account_ready(stack, name)) and c["status"] == "False" and c, f"{name} is not ready"
    )
    assert condition["reason"] == reason
    folder = project(stack, f"on-{name}", wat.algo())
    stack.env["SEQUENCE_SANDBOX_ACCOUNT"] = name
    try:
        done = stack.run("--sandbox", "deploy", "--skip-build", "--timeout", "4", cwd=folder)
    finally:
        del stack.env["SEQUENCE_SANDBOX_ACCOUNT"]
    refused(done, code, condition["message"].partition(";")[0])
    assert key(stack) not in done.stderr + stack.kubectl("get", "pacct,algo,events", "-o", "yaml")
    assert reason in stack("--sandbox", "status", f"on-{name}")
    stack(
        "--sandbox", "undeploy", "--yes", f"on-{name}"
    )  # never registered, so it can go without the account
    nothing_written(stack, f"on-{name}")
    stack.api.delete(PLATFORM_ACCOUNTS, name)


def test_login_stores_no_key_that_does_not_work(stack: LocalStack) -> None:
    config = stack.home / "config.toml"
    before = config.read_text()
    login = ("--sandbox", "login", "--with-token")
    refused(stack.run(*login, stdin=UNKNOWN_KEY + "\n"), 4, "does not accept this sandbox key", "401")
    refused(stack.run(*login, stdin=stack.key("live") + "\n"), 4, "this is a live key", "seq_test_")
    refused(stack.run(*login, stdin="hello\n"), 4, "this is not an API key")
    nobody = f"http://127.0.0.1:{free_port()}"
    done = stack.run(*login, "--base-url", nobody, stdin=stack.key() + "\n")
    refused(done, 1, nobody, "connection refused")
    assert config.read_text() == before


def test_reading_without_the_platform_or_with_a_wrong_key(stack: LocalStack) -> None:
    folder = project(stack, "read", wat.algo())
    stack("--sandbox", "deploy", "--skip-build", cwd=folder)
    for variable, value, code, word in (
        ("SEQUENCE_BASE_URL", f"http://127.0.0.1:{free_port()}", 1, "cannot be reached"),
        ("SEQUENCE_SANDBOX_API_KEY", UNKNOWN_KEY, 4, "does not accept this sandbox key"),
    ):
        stack.env[variable] = value
        try:
            shown = stack("--sandbox", "status", "read")  # what the operator knows needs no platform
            refused(stack.run("--sandbox", "logs", "read"), code, word)
        finally:
            del stack.env[variable]
        assert "Stopped" in shown and word in shown
    stack("--sandbox", "undeploy", "--yes", "read")


@pytest.mark.parametrize(
    "command", ["status", "deploy --skip-build", "start", "stop", "undeploy --yes", "logs"]
)
def test_without_a_cluster(stack: LocalStack, command: str) -> None:
    kubeconfig = stack.home / "dead.kubeconfig"
    if not kubeconfig.exists():
        living = json.loads(stack.kubectl("config", "view", "--raw", "-o", "json"))
        for cluster in living["clusters"]:
            cluster["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
        kubeconfig.write_text(json.dumps(living))
        project(stack, "nowhere", wat.algo())
    stack.env["SEQUENCE_KUBECONFIG"] = str(kubeconfig)
    try:
        done = stack.run("--sandbox", *command.split(), cwd=stack.home / "nowhere")
    finally:
        del stack.env["SEQUENCE_KUBECONFIG"]
    refused(done, 1, "the cluster at https://127.0.0.1:", "connection refused", "sequence up")


def test_a_home_that_cannot_be_written(stack: LocalStack, tmp_path: Path) -> None:
    """A folder below a file: nobody can write there, not even root."""
    (tmp_path / "file").write_text("")
    closed, key = str(tmp_path / "file" / "home"), stack.key()
    for variable, code, command in (
        ("XDG_STATE_HOME", 1, ("up", "--detach")),
        ("SEQUENCE_CONFIG", 1, ("up", "--detach", "--state-dir", str(tmp_path / "state"))),
        ("SEQUENCE_CONFIG", 2, ("--sandbox", "login", "--with-token", "--base-url", stack.endpoint)),
    ):
        kept, stack.env[variable] = stack.env[variable], closed
        try:
            refused(stack.run(*command, stdin=key + "\n"), code, closed)
        finally:
            stack.env[variable] = kept
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]
    refused(stack.run("init", "new", cwd=Path(os.devnull).parent / "fd"), 1, "new")


def test_a_taken_port_is_stepped_aside_from(stack: LocalStack) -> None:
    # Somebody else listens there all the time, see `LocalStack`.
    assert not stack.endpoint.endswith(":50052")
    assert stack.run("--sandbox", "status").returncode == 0


def test_missing_custom_resources_are_named_by_everybody(stack: LocalStack) -> None:
    folder = project(stack, "undefined", wat.algo())
    (definition,) = (crd for crd in crds() if crd["spec"]["names"]["kind"] == "AlgoDeployment")
    stack.kubectl("delete", "crd", definition["metadata"]["name"], "--timeout=60s")
    for command in ("deploy --skip-build", "status", "start"):
        done = stack.run("--sandbox", *command.split(), cwd=folder)
        refused(done, 1, "CustomResourceDefinitions are not installed", "kubectl apply")
    ready = stack.part("operator")["address"] + "/readyz"

    def says() -> tuple[int, str] | None:
        try:
            with urllib.request.urlopen(ready, timeout=5) as answer:
                return 200, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode().lower()
        except OSError:
            return None  # the operator ends over it, and its supervisor starts it again

    def red() -> bool:
        return (told := says()) is not None and told[0] != 200 and "algodeployments" in told[1]

    wait_until(red, "the operator is not ready", 40)
    stack.apply(definition)
    wait_until(lambda: (told := says()) is not None and told[0] == 200, "the operator is ready again")
