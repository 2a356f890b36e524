"""SIGKILL of every part, before and after every platform call of a deployment's life.

After each the desired state is reached, nothing is registered twice and nothing is left over. One life (deploy, start,
five replacements, stop, undeploy) is lived for each part and moment, one kill at each of its calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from support.faultproxy import FaultProxy, When
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

PARTS = ["operator", "paper-api", "edge-kraken", "apiserver"]
CREATE, DELETE = r"^POST /v1/deployments$", r"^DELETE /v1/deployments/[^/]+$"
PATCH = r"^PATCH /v1/deployments/[^/]+$"  # resting orders are to be cancelled by the stop that follows
START, STOP = r"^POST /v1/deployments/[^/]+/start$", r"^POST /v1/deployments/[^/]+/stop$"
ALGO = Path(__file__).resolve().parents[2] / "bench" / "algo.wat"
VERSIONS = [
    bytes(
        wasmtime.wat2wasm(
            ALGO.read_text().replace("(module", f'(module (data (i32.const 0x100000) "{n}")', 1)
        )
    )
    for n in (1, 2)
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack whose operator gives a lost registration 3 s instead of 30 to appear, lest each case take a minute."""
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    stack.env |= {"SEQUENCE_OPERATOR_CREATE_GRACE": "3s"}
    try:
        yield stack.up("--venue", "kraken")
    finally:
        stack.down()


@pytest.fixture(scope="module")
def proxy(stack: LocalStack) -> Iterator[FaultProxy]:
    """Between the operator and paper, as a PlatformAccount of its own."""
    proxy = FaultProxy(int(stack.endpoint.rpartition(":")[2]))
    account = {
        "apiVersion": "sequencemkts.com/v1alpha1",
        "kind": "PlatformAccount",
        "metadata": {"name": "proxied"},
        "spec": {
            "endpoint": proxy.url,
            "mode": "sandbox",
            "secretRef": {"name": "sequence-sandbox", "key": "apiKey"},
            "pollInterval": "2s",
        },
    }
    stack.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(account))
    for wasm in VERSIONS:
        artifact = json.dumps(configmap(wasm, "sequence"))
        stack.kubectl("apply", "--server-side", "-f", "-", stdin=artifact)
    yield proxy
    proxy.close()


def algo(name: str, version: int, state: str) -> str:
    artifact = configmap(VERSIONS[version], "sequence")["metadata"]["name"]
    return json.dumps(
        {
            "apiVersion": "sequencemkts.com/v1alpha1",
            "kind": "AlgoDeployment",
            "metadata": {"name": f"{name}.sandbox"},
            "spec": {
                "deployment": name,
                "accountRef": {"name": "proxied"},
                "state": state,
                "artifact": {
                    "configMapRef": {"name": artifact, "key": "algo.wasm"},
                    "sha256": artifact.removeprefix("wasm-"),
                },
                "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
                "risk": {"maxOrderRate": 5},
            },
        }
    )


class Life:
    """One deployment: changes its CR with a fault armed, then looks until platform and CR agree with it."""

    def __init__(self, stack: LocalStack, proxy: FaultProxy, part: str, when: When) -> None:
        self.stack, self.proxy, self.part, self.when = stack, proxy, part, when
        self.name = f"kill-{part}-{when}"

    def apply(self, version: int, state: str) -> None:
        def accepted() -> bool:
            command = ["apply", "--server-side", "--force-conflicts", "--field-manager=test", "-f", "-"]
            try:
                self.stack.kubectl(*command, stdin=algo(self.name, version, state))
            except AssertionError as refused:  # the API server may be the part that was just killed
                if "refused" in str(refused) or "unable to connect" in str(refused).lower():
                    return False
                raise
            return True

        wait_until(accepted, "the API server takes the change")

    def hit(self, call: str, version: int, state: str) -> None:
        """Kill the part around `call`, which the change provokes; then wait for the state of platform and CR."""
        before = int(self.stack.part(self.part)["pid"])
        fault = self.proxy.arm(call, self.when, lambda: self.kill())
        self.apply(version, state)
        assert fault.fired.wait(60), f"{call} was never sent; requests: {self.proxy.requests[-10:]}"
        self.stack.back(self.part, before)
        wait_until(lambda: self.agrees(version, state), f"{self.name} is {state} after {call}")

    def kill(self) -> None:
        self.stack.kill(self.part)

    def agrees(self, version: int, state: str) -> bool:
        try:
            rows = self.stack.rows(self.name)
            cr = self.stack.cr(f"{self.name}.sandbox")
        except (OSError, AssertionError):
            return False  # a part is still coming back
        assert len(rows) <= 1, f"registered twice: {rows}"
        wanted = configmap(VERSIONS[version], "sequence")["metadata"]["name"].removeprefix("wasm-")
        status = cr.get("status", {})
        ready = {c["type"]: c["status"] for c in status.get("conditions", [])}.get("Ready")
        return (
            len(rows) == 1
            and rows[0]["wasm_sha256"] == wanted
            and rows[0]["status"] in ({"running"} if state == "Running" else {"stopped", "accepted"})
            and status.get("state") == state
            and status.get("observedGeneration") == cr["metadata"]["generation"]
            and ready == "True"
            and status.get("deploymentId") == rows[0]["deployment_id"]
            and not status.get("pending")
        )

    def undeploy(self) -> None:
        before = int(self.stack.part(self.part)["pid"])
        fault = self.proxy.arm(DELETE, self.when, lambda: self.kill())
        self.stack.kubectl("delete", "algo", f"{self.name}.sandbox", "--wait=false")
        assert fault.fired.wait(60), f"no DELETE was sent; requests: {self.proxy.requests[-10:]}"
        self.stack.back(self.part, before)
        wait_until(self.gone, f"{self.name} is gone from cluster and platform")

    def gone(self) -> bool:
        try:
            left = self.stack.kubectl("get", "algo", "-o", "name")
            return f"{self.name}.sandbox" not in left and not self.stack.rows(self.name)
        except (OSError, AssertionError):
            return False


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("part", PARTS)
def test_a_life_survives_the_death_of_a_part_around_every_call(
    stack: LocalStack, proxy: FaultProxy, part: str, when: Any
) -> None:
    life = Life(stack, proxy, part, when)
    life.hit(CREATE, 0, "Stopped")
    life.hit(START, 0, "Running")
    for call, version in (
        (PATCH, 1),
        (STOP, 0),
        (DELETE, 1),
        (CREATE, 0),
        (START, 1),
    ):  # each of a replacement
        life.hit(call, version, "Running")
    life.hit(STOP, 1, "Stopped")
    life.undeploy()
