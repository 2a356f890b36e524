"""Algos that misbehave, beside one that does not: each pauses itself alone, says why, and stays paused until a person
acknowledges it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from support import wat
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

HEALTHY = bytes(wasmtime.wat2wasm((Path(__file__).resolve().parents[3] / "bench" / "algo.wat").read_text()))
MISBEHAVING = {
    "loops": (wat.algo("(loop (br 0)) (i32.const 0)"), "fuel"),
    "traps": (wat.algo("unreachable"), "unreachable"),
    "grows": (wat.growing(256), "memory"),
    "babbles": (wat.garbage(3), "action"),
    "overruns": (wat.garbage(1_000_000), "action"),
    "points-out": (wat.pointing_to(0x7FFFFFF0), "action"),
}
"""Name -> (module, a word that the reason must have)."""
NAMES = sorted(MISBEHAVING)


@pytest.fixture(scope="module")
def stack(stack: LocalStack) -> LocalStack:
    """One edge that hosts all of them. The healthy one runs first; then all others are started at once."""
    deploy(stack, {"healthy": HEALTHY})
    stack.ready("healthy.sandbox")
    deploy(stack, {name: wasm for name, (wasm, _) in MISBEHAVING.items()})
    return stack


def deploy(stack: LocalStack, modules: dict[str, bytes]) -> None:
    for name, wasm in modules.items():
        artifact = configmap(wasm, "sequence")
        reference = artifact["metadata"]["name"]
        spec = {
            "deployment": name,
            "accountRef": {"name": "sandbox"},
            "state": "Running",
            "artifact": {
                "configMapRef": {"name": reference, "key": "algo.wasm"},
                "sha256": reference.removeprefix("wasm-"),
            },
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxOrderRate": 100, "maxPosition1e8": 100_000_000},
        }
        obj = {"kind": "AlgoDeployment", "metadata": {"name": f"{name}.sandbox"}, "spec": spec}
        stack.apply(artifact, obj)


def paused(stack: LocalStack, name: str) -> dict[str, Any]:
    """The status once it is paused and the operator says so."""

    def status() -> dict[str, Any] | None:
        found: dict[str, Any] = stack.cr(f"{name}.sandbox").get("status") or {}
        return found if found.get("pause") and found.get("state") == "Paused" else None

    return wait_until(status, f"{name} is paused")


def handled(stack: LocalStack, name: str) -> str | None:
    """The last request for a pass that the operator did."""
    value: str | None = stack.cr(f"{name}.sandbox").get("status", {}).get("lastHandledReconcileAt")
    return value


def starts_of(stack: LocalStack, deployment_id: str) -> int:
    return sum(call["path"].endswith(f"{deployment_id}/start") for call in stack.calls())


@pytest.mark.parametrize("name", NAMES)
def test_it_pauses_and_says_why(stack: LocalStack, name: str) -> None:
    status = paused(stack, name)
    assert MISBEHAVING[name][1] in status["pause"]["reason"].lower()
    conditions = {c["type"]: c for c in status["conditions"]}
    assert conditions["Live"]["status"] == "False"
    assert conditions["Ready"]["status"] == "False"
    assert f"start {name} --acknowledge" in conditions["Ready"]["message"]
    shown = stack("--sandbox", "status", name)
    assert "Paused" in shown and status["pause"]["reason"] in shown and "--acknowledge" in shown
    (row,) = stack.rows(name)
    assert row["instances"][0]["update_count"] == 1  # its first callback was its last
    assert row["instances"][0]["orders"]["open"] == 0


def test_the_healthy_one_goes_on(stack: LocalStack) -> None:
    for name in NAMES:
        paused(stack, name)
    (before,) = stack.rows("healthy")

    def fed() -> bool:
        (now,) = stack.rows("healthy")
        assert now["status"] == "running"
        return bool(now["instances"][0]["update_count"] > before["instances"][0]["update_count"])

    wait_until(fed, "the healthy one sees further updates")
    assert stack.part("edge-kraken")["restarts"] == 0
    assert stack.cr("healthy.sandbox")["status"]["state"] == "Running"


def test_no_pass_of_the_operator_starts_them_again_not_even_of_a_new_operator(stack: LocalStack) -> None:
    ids = {name: paused(stack, name)["deploymentId"] for name in NAMES}
    old = stack.kill("operator")
    stack.back("operator", old)
    asked = f"{time.time_ns()}"
    note = f"sequencemkts.com/reconcile-requested-at={asked}"
    stack.kubectl("annotate", "algo", "--overwrite", *(f"{name}.sandbox" for name in NAMES), note)
    for name in NAMES:  # even a pass that somebody asked for
        wait_until(lambda n=name: handled(stack, n) == asked, f"a pass over {name}")
    assert {name: starts_of(stack, ids[name]) for name in NAMES} == dict.fromkeys(NAMES, 1)
    assert all(stack.rows(name)[0]["status"] == "paused" for name in NAMES)


def test_acknowledging_starts_it_once_and_it_pauses_anew(stack: LocalStack) -> None:
    before = paused(stack, "traps")
    refused = stack.run("--sandbox", "start", "traps")
    assert refused.returncode == 6, refused.stderr
    assert "--acknowledge" in refused.stderr and before["pause"]["reason"] in refused.stderr
    done = stack.run("--sandbox", "start", "traps", "--acknowledge")
    assert starts_of(stack, before["deploymentId"]) == 2, done.stderr
    wait_until(lambda: paused(stack, "traps")["pause"]["id"] != before["pause"]["id"], "another pause")
    assert done.returncode in (0, 6), (
        done.stderr
    )  # it ran; whether it was seen running before it trapped again varies
