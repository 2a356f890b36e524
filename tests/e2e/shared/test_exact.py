"""Exactness, seen from outside: the platform's own call log, the objects' versions, and what people did by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

ALGO = Path(__file__).resolve().parents[3] / "bench" / "algo.wat"
WASM = bytes(wasmtime.wat2wasm(ALGO.read_text()))
POLL = 2.0  # seconds, as the local stack's accounts have it


def algo(name: str, state: str, **spec: Any) -> dict[str, Any]:
    artifact = configmap(WASM, "sequence")["metadata"]["name"]
    sha256 = artifact.removeprefix("wasm-")
    body = {
        "deployment": name,
        "accountRef": {"name": "sandbox"},
        "state": state,
        "artifact": {"configMapRef": {"name": artifact, "key": "algo.wasm"}, "sha256": sha256},
        "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
        "risk": {"maxOrderRate": 5, "maxPosition1e8": 100000000},
    }
    return {
        "kind": "AlgoDeployment",
        "metadata": {"name": f"{name}.sandbox"},
        "spec": {**body, **spec},
    }


@pytest.fixture
def apply(stack: LocalStack) -> Iterator[Callable[..., None]]:
    """Apply an AlgoDeployment and wait until it is Ready; all of them are deleted at the end."""
    names = set()
    stack.apply(configmap(WASM, "sequence"))

    def do(name: str, state: str, **spec: Any) -> None:
        names.add(f"{name}.sandbox")
        stack.apply(algo(name, state, **spec))
        stack.ready(f"{name}.sandbox")

    yield do
    stack.delete(*names & stack.deployments(), wait=False)  # the end of this file looks whether they went


def writes_to(calls: list[dict[str, Any]]) -> Counter[str]:
    """Every call that changes something, by what it does."""
    kinds = Counter()
    for call in calls:
        if call["method"] != "GET":
            last = call["path"].rstrip("/").rpartition("/")[2]
            action = last if last in ("start", "stop", "deployments") else "one"
            kinds[f"{call['method']} {action}"] += 1
    return kinds


def test_one_life_is_one_create_one_start_one_stop_one_delete(
    stack: LocalStack, apply: Callable[..., None]
) -> None:
    before = len(stack.calls())
    apply("exact", "Stopped")
    apply("exact", "Running")
    apply("exact", "Stopped")
    stack.delete("exact.sandbox")
    assert stack.rows("exact") == []
    assert writes_to(stack.calls()[before:]) == {
        "POST deployments": 1,
        "POST start": 1,
        "POST stop": 1,
        "DELETE one": 1,
    }


def test_an_idle_operator_lists_once_a_tick_and_writes_nothing(
    stack: LocalStack, apply: Callable[..., None]
) -> None:
    for number in range(3):
        apply(f"idle-{number}", "Running")
    after_lists(stack, 2)  # they confirm the last changes
    versions = {f"idle-{n}": stack.cr(f"idle-{n}.sandbox")["metadata"]["resourceVersion"] for n in range(3)}
    calls = after_lists(stack, 4)
    assert {call["method"] for call in calls} == {"GET"}
    lists = [call["ts_ns"] / 1e9 for call in calls if call["path"].endswith("/deployments")]
    assert (
        lists[-1] - lists[0] > POLL
    )  # three rounds of POLL seconds, the first of which may have been held up
    assert {
        f"idle-{n}": stack.cr(f"idle-{n}.sandbox")["metadata"]["resourceVersion"] for n in range(3)
    } == versions


def after_lists(stack: LocalStack, count: int) -> list[dict[str, Any]]:
    """The calls to the sandbox from now until it was listed so many times."""
    first = len(stack.calls())

    def calls() -> list[dict[str, Any]]:
        sandbox = [call for call in stack.calls()[first:] if call["mode"] == "sandbox"]
        lists = sum(call["method"] == "GET" and call["path"].endswith("/deployments") for call in sandbox)
        return sandbox if lists >= count else []

    return wait_until(calls, f"{count} lists")


def history(stack: LocalStack, name: str) -> list[str]:
    return [entry["event"] for entry in stack.cr(f"{name}.sandbox")["status"]["history"]]


def test_a_stop_on_the_platform_is_undone_and_told(stack: LocalStack, apply: Callable[..., None]) -> None:
    apply("stopped-there", "Running")
    (row,) = stack.rows("stopped-there")
    stack.platform("POST", f"/v1/deployments/{row['deployment_id']}/stop")
    wait_until(lambda: stack.rows("stopped-there")[0]["status"] == "running", "it runs again")
    wait_until(lambda: history(stack, "stopped-there")[0] != "Started", "history tells")
    assert "DriftCorrected" in history(stack, "stopped-there")


def test_a_deletion_on_the_platform_is_undone_and_told(stack: LocalStack, apply: Callable[..., None]) -> None:
    apply("deleted-there", "Running")
    (row,) = stack.rows("deleted-there")
    stack.platform("DELETE", f"/v1/deployments/{row['deployment_id']}")

    def back() -> bool:
        rows = stack.rows("deleted-there")
        return len(rows) == 1 and rows[0]["status"] == "running"

    wait_until(back, "it is registered and runs again")
    assert stack.rows("deleted-there")[0]["deployment_id"] != row["deployment_id"]
    wait_until(lambda: "DriftCorrected" in history(stack, "deleted-there"), "history tells")


def test_limits_changed_on_the_platform_are_restored_and_told(
    stack: LocalStack, apply: Callable[..., None]
) -> None:
    apply("loosened", "Running")
    (row,) = stack.rows("loosened")
    status, answer = stack.platform(
        "PATCH", f"/v1/deployments/{row['deployment_id']}", {"risk": {"max_order_rate": 500}}
    )
    assert status == 200, answer
    wait_until(lambda: stack.rows("loosened")[0]["risk"].get("max_order_rate") == 5, "the limit is back")
    assert stack.rows("loosened")[0]["risk"]["max_position_1e8"] == 100000000
    wait_until(lambda: "DriftCorrected" in history(stack, "loosened"), "history tells")


def test_kubectl_alone_is_enough(stack: LocalStack) -> None:
    stack.apply(configmap(WASM, "sequence"))
    obj = {"apiVersion": "sequencemkts.com/v1alpha1", **algo("by-hand", "Running")}
    stack.kubectl("apply", "-f", "-", stdin=json.dumps(obj))
    stack.kubectl("wait", "--for=condition=Ready", "algo/by-hand.sandbox", "--timeout=60s")
    header, line = stack.kubectl("get", "algo", "by-hand.sandbox").splitlines()
    assert header.split() == ["NAME", "DESIRED", "STATE", "READY", "INSTANCES", "WASM", "COMMIT", "AGE"]
    assert line.split()[1:5] == ["Running", "Running", "True", "1/1"]
    described = stack.kubectl("describe", "algo", "by-hand.sandbox")
    for event in ("Registered", "Started"):
        assert event in described
    explained = stack.kubectl("explain", "algo.spec.risk")
    for field in ("maxPosition1e8", "maxOrderNotional1e9", "maxDailyLoss1e9"):
        assert field in explained
    assert "<no description>" not in explained.lower()
    stack.kubectl("delete", "algo", "by-hand.sandbox", "--timeout=60s")


def test_nothing_is_left_over(stack: LocalStack) -> None:
    wait_until(lambda: not stack.deployments(), "all objects are gone")
    assert stack.platform("GET", "/v1/deployments")[1]["deployments"] == []
