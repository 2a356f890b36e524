"""SIGKILL of every part, before and after every platform call of a deployment's life.

After each change the desired state is reached, nothing is registered twice and nothing is left over. One life (deploy,
start, a replacement, stop, undeploy) is lived for each part. At each of its calls the part is killed twice: when the
call has not arrived yet, and when it is made again, after the platform did what it was told and before anybody heard
of it. An edge is killed once a change, and lives twice: while it is away the operator takes other ways, for nothing is
left to be stopped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from support.api import AWAY
from support.faultproxy import FaultProxy, When
from support.localstack import LocalStack
from support.processes import PATIENCE, wait_until

pytestmark = pytest.mark.e2e

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

    def __init__(self, stack: LocalStack, proxy: FaultProxy, part: str, *whens: When) -> None:
        self.stack, self.proxy, self.part, self.whens = stack, proxy, part, whens
        self.name = "-".join(("kill", part, *whens))
        self.killed = 0

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

    def hit(self, version: int, state: str, *calls: str) -> None:
        """Kill the part around the calls that the change provokes; then wait for the state of platform and CR."""
        self.around(calls, lambda: self.apply(version, state))
        wait_until(lambda: self.agrees(version, state), f"{self.name} is {state} after {calls}")

    def around(self, calls: Iterable[str], change: Callable[[], None]) -> None:
        moments: list[tuple[str, When]] = [(call, when) for call in calls for when in self.whens]
        self.proxy.disarm()
        faults = [self.proxy.then(call, when, self.kill) for call, when in moments]
        change()
        for fault, moment in zip(faults, moments, strict=True):
            fired = fault.fired.wait(PATIENCE)
            assert fired, f"no {moment}; {self.tale()}"
        self.stack.back(self.part, self.killed)

    def tale(self) -> str:
        """What there is to know when it does not go on."""
        rows, status = self.stack.rows(self.name), self.stack.cr(f"{self.name}.sandbox").get("status")
        return f"{self.proxy.requests[-10:]}\n{self.stack.part(self.part)}\n{rows}\n{status}"

    def kill(self) -> None:
        """Once it is back from the last time."""
        self.stack.back(self.part, self.killed)
        self.killed = self.stack.kill(self.part)

    def agrees(self, version: int, state: str) -> bool:
        try:
            rows = self.stack.rows(self.name)
            cr = self.stack.cr(f"{self.name}.sandbox")
        except (*AWAY, AssertionError):
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
        delete = ("delete", "algo", f"{self.name}.sandbox", "--wait=false")
        self.around([DELETE], lambda: self.stack.kubectl(*delete))
        wait_until(self.gone, f"{self.name} is gone from cluster and platform")

    def gone(self) -> bool:
        try:
            left = self.stack.deployments()
            return f"{self.name}.sandbox" not in left and not self.stack.rows(self.name)
        except (*AWAY, AssertionError):
            return False


@pytest.mark.parametrize("part", ["operator", "paper-api", "apiserver"])
def test_a_life_survives_two_deaths_of_a_part_at_every_call(
    stack: LocalStack, proxy: FaultProxy, part: str
) -> None:
    life = Life(stack, proxy, part, "before", "after")
    life.hit(0, "Stopped", CREATE)
    life.hit(0, "Running", START)
    life.hit(1, "Running", PATCH, STOP, DELETE, CREATE, START)  # each of a replacement
    life.hit(1, "Stopped", STOP)
    life.undeploy()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_life_survives_the_death_of_an_edge_at_every_call(
    stack: LocalStack, proxy: FaultProxy, when: When
) -> None:
    life = Life(stack, proxy, "edge-kraken", when)
    life.hit(0, "Stopped", CREATE)
    life.hit(0, "Running", START)
    for version, call in (
        (1, PATCH),
        (0, STOP),
        (1, DELETE),
        (0, CREATE),
        (1, START),
    ):  # each of a replacement
        life.hit(version, "Running", call)
    life.hit(1, "Stopped", STOP)
    life.undeploy()
