"""Drift on real paper: put right because the stream told of it, and, where there is no stream, because of the poll.

The account is polled every five minutes, so nothing but the stream explains what happens sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS
from support.faultproxy import FaultProxy
from support.localstack import LocalStack
from support.metrics import metric
from support.processes import wait_until

pytestmark = pytest.mark.e2e

ALGO = Path(__file__).resolve().parents[3] / "bench" / "algo.wat"
WASM = bytes(wasmtime.wat2wasm(ALGO.read_text()))


@pytest.fixture(scope="module")
def stack(stack: LocalStack) -> LocalStack:
    stack.apply(configmap(WASM, "sequence"))
    stack.api.merge(PLATFORM_ACCOUNTS, "sandbox", {"spec": {"pollInterval": "5m"}})
    return stack


@pytest.fixture(scope="module")
def polled(stack: LocalStack) -> Iterator[str]:
    """A second account on the same platform, through a proxy that lets no stream pass."""
    proxy = FaultProxy(int(stack.endpoint.rpartition(":")[2]))
    spec = {
        "endpoint": proxy.url,
        "mode": "sandbox",
        "secretRef": {"name": "sequence-sandbox", "key": "apiKey"},
        "pollInterval": "2s",
    }
    stack.apply({"kind": "PlatformAccount", "metadata": {"name": "polled"}, "spec": spec})
    yield "polled"
    proxy.close()


def on_stream(stack: LocalStack, name: str, account: str) -> float:
    return metric(stack.part("operator")["address"], f"sequence_operator_stream_{name}", account=account)


@pytest.fixture
def run(stack: LocalStack) -> Iterator[Callable[..., str]]:
    """Run an algo and wait until it is Ready, and heard where there is a stream; its id on the platform."""
    names: list[str] = []

    def do(name: str, account: str = "sandbox") -> str:
        artifact = configmap(WASM, "sequence")["metadata"]["name"]
        spec = {
            "deployment": name,
            "accountRef": {"name": account},
            "state": "Running",
            "artifact": {
                "configMapRef": {"name": artifact, "key": "algo.wasm"},
                "sha256": artifact.removeprefix("wasm-"),
            },
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxOrderRate": 5},
        }
        metadata = {"name": f"{name}.sandbox"}
        stack.apply({"kind": "AlgoDeployment", "metadata": metadata, "spec": spec})
        names.append(metadata["name"])
        stack.ready(f"{name}.sandbox")
        if account == "sandbox":
            wait_until(lambda: on_stream(stack, "deployments", account) == 1, f"{name} is heard")
        return str(stack.rows(name)[0]["deployment_id"])

    yield do
    stack.delete(*names)
    wait_until(lambda: on_stream(stack, "deployments", "sandbox") == 0, "they are listened to no more")


def runs(stack: LocalStack, name: str) -> bool:
    rows = stack.rows(name)
    return len(rows) == 1 and rows[0]["status"] == "running"


def drifted(stack: LocalStack, name: str) -> bool:
    history = stack.cr(f"{name}.sandbox")["status"]["history"]
    return "DriftCorrected" in [entry["event"] for entry in history]


def test_a_stop_told_on_the_stream_is_undone(stack: LocalStack, run: Callable[..., str]) -> None:
    deployment_id = run("stopped-there")
    stack.platform("POST", f"/v1/deployments/{deployment_id}/stop")
    wait_until(lambda: runs(stack, "stopped-there"), "it runs again")
    wait_until(lambda: drifted(stack, "stopped-there"), "history tells")


def test_a_limit_changed_and_told_on_the_stream_is_restored(
    stack: LocalStack, run: Callable[..., str]
) -> None:
    deployment_id = run("loosened")
    status, answer = stack.platform(
        "PATCH", f"/v1/deployments/{deployment_id}", {"risk": {"max_order_rate": 500}}
    )
    assert status == 200, answer
    wait_until(lambda: stack.rows("loosened")[0]["risk"]["max_order_rate"] == 5, "the limit is back")
    wait_until(lambda: drifted(stack, "loosened"), "history tells")


def test_a_deletion_told_on_the_stream_is_undone(stack: LocalStack, run: Callable[..., str]) -> None:
    deployment_id = run("deleted-there")
    stack.platform("DELETE", f"/v1/deployments/{deployment_id}")
    wait_until(lambda: runs(stack, "deleted-there"), "it is registered and runs again")
    assert stack.rows("deleted-there")[0]["deployment_id"] != deployment_id


def test_the_api_comes_back_and_so_does_the_stream(stack: LocalStack, run: Callable[..., str]) -> None:
    deployment_id = run("after-a-crash")
    stack.back("paper-api", stack.kill("paper-api"))
    wait_until(lambda: on_stream(stack, "deployments", "sandbox") == 1, "heard again")
    stack.platform("POST", f"/v1/deployments/{deployment_id}/stop")
    wait_until(lambda: runs(stack, "after-a-crash"), "it runs again")


def test_without_a_stream_the_poll_puts_it_right(
    stack: LocalStack, run: Callable[..., str], polled: str
) -> None:
    deployment_id = run("only-polled", polled)
    assert on_stream(stack, "connected", polled) == 0
    stack.platform("POST", f"/v1/deployments/{deployment_id}/stop")
    wait_until(lambda: runs(stack, "only-polled"), "it runs again")
    wait_until(lambda: drifted(stack, "only-polled"), "history tells")


def test_what_the_operator_did_itself_costs_no_list(stack: LocalStack, run: Callable[..., str]) -> None:
    run("own-writes")
    before = len(stack.calls())
    for state in ("Stopped", "Running"):
        stack.api.merge(ALGO_DEPLOYMENTS, "own-writes.sandbox", {"spec": {"state": state}})
        wait_until(
            lambda state=state: stack.cr("own-writes.sandbox")["status"]["state"] == state,
            f"it is {state}",
        )
    calls = [f"{call['method']} {call['path'].rpartition('/')[2]}" for call in stack.calls()[before:]]
    # Accounts without deployments are asked for themselves, which is no list.
    assert [call for call in calls if call != "GET account"] == ["POST stop", "POST start"]
