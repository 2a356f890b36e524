"""A platform that knows nothing of what we add to its API: what is promised for it, on real paper behind a proxy.

It keeps no limits, labels, metadata, digests, revisions or times; it knows no PATCH, no ETag and no rate headers.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from support.localstack import LocalStack
from support.plainplatform import CREATE_FIELDS, PlainPlatform
from support.processes import wait_until

pytestmark = pytest.mark.e2e

ALGO = (Path(__file__).resolve().parents[3] / "bench" / "algo.wat").read_text()
VERSIONS = [
    bytes(wasmtime.wat2wasm(ALGO.replace("(module", f'(module (data (i32.const 0x100000) "{n}")', 1)))
    for n in ("one", "another")
]
WARM_UP = 2.0  # seconds, as the stack of this folder has it
LABEL = {"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}


@pytest.fixture(scope="module")
def platform(stack: LocalStack) -> Iterator[PlainPlatform]:
    """Two PlatformAccounts in front of it: `trusting` lets limits and topology be unconfirmed, `plain` does not."""
    platform = PlainPlatform(int(stack.endpoint.rpartition(":")[2]))
    for name, allowed in (("plain", []), ("trusting", ["Risk", "Topology"])):
        spec = {
            "endpoint": platform.url,
            "mode": "sandbox",
            "secretRef": {"name": "sequence-sandbox", "key": "apiKey"},
            "pollInterval": "2s",
            "allowUnverified": allowed,
        }
        account = {"kind": "PlatformAccount", "metadata": {"name": name}, "spec": spec}
        stack.apply(account)
    stack.apply(*(configmap(wasm, "sequence") for wasm in VERSIONS))
    yield platform
    platform.close()


class Algo:
    """One AlgoDeployment on the plain platform."""

    def __init__(self, stack: LocalStack, platform: PlainPlatform, name: str, account: str) -> None:
        self.stack, self.platform, self.name, self.account = stack, platform, name, account
        self.first_call = len(stack.calls())

    def apply(self, state: str, version: int = 0, **spec: Any) -> None:
        artifact = configmap(VERSIONS[version], "sequence")["metadata"]["name"]
        body = {
            "deployment": self.name,
            "accountRef": {"name": self.account},
            "state": state,
            "artifact": {
                "configMapRef": {"name": artifact, "key": "algo.wasm"},
                "sha256": artifact.removeprefix("wasm-"),
            },
            "instances": [LABEL],
            "risk": {"maxOrderRate": 5},
        }
        obj = {"kind": "AlgoDeployment", "metadata": {"name": f"{self.name}.sandbox"}, "spec": body | spec}
        self.stack.apply(obj)

    def ready(self) -> None:
        self.stack.ready(f"{self.name}.sandbox")

    def delete(self, *, wait: bool = True) -> None:
        """`wait=False`: the last test of this file looks whether it went."""
        self.stack.delete(f"{self.name}.sandbox", wait=wait)

    @property
    def status(self) -> dict[str, Any]:
        return self.stack.cr(f"{self.name}.sandbox").get("status") or {}

    def condition(self, kind: str) -> dict[str, Any]:
        cr = self.stack.cr(f"{self.name}.sandbox")
        conditions = (cr.get("status") or {}).get("conditions") or []
        seen = [c for c in conditions if c["observedGeneration"] == cr["metadata"]["generation"]]
        return next((c for c in seen if c["type"] == kind), {})

    def stalled(self, reason: str) -> bool:
        found = self.condition("Stalled")
        return found.get("status") == "True" and found["reason"] == reason

    def writes(self, *others: str) -> Counter[str]:
        """What was written since to what we registered, and to these other deployments, by kind, whatever the answer.

        Creates count whoever sent them; only what an earlier test let go of may still be on its way out.
        """
        ours = self.platform.ids.get(self.name, set()) | {*others}
        kinds: Counter[str] = Counter()
        for call in self.stack.calls()[self.first_call :]:
            if call["method"] == "GET":
                continue
            last, which = call["path"].rstrip("/").rpartition("/")[2], call["path"].split("/")[3:4]
            if not which or which[0] in ours:
                kinds[f"{call['method']} {last if last in ('start', 'stop', 'deployments') else 'one'}"] += 1
        return kinds


def at(stack: LocalStack, method: str, ending: str, first: int) -> float:
    """Unix seconds of the last such call."""
    calls = stack.calls()[first:]
    return max(c["ts_ns"] for c in calls if c["method"] == method and c["path"].endswith(ending)) / 1e9


def test_what_is_not_confirmed_is_not_started(stack: LocalStack, platform: PlainPlatform) -> None:
    algo = Algo(stack, platform, "doubted", "plain")
    algo.apply("Running")
    wait_until(lambda: algo.stalled("Unverified"), "it is held back")
    message = algo.condition("Stalled")["message"]
    assert "allowUnverified" in message and "Risk" in message and "Topology" in message
    (row,) = stack.rows("doubted")
    assert row["status"] in ("accepted", "stopped")
    assert algo.condition("ArtifactReady")["reason"] == "Unverified"
    shown = stack("--sandbox", "status", "doubted")
    assert "Unverified" in shown and "allowUnverified" in shown
    algo.delete()
    assert stack.rows("doubted") == []
    assert algo.writes() == {"POST deployments": 1, "DELETE one": 1}


def test_a_whole_life_is_exact(stack: LocalStack, platform: PlainPlatform) -> None:
    algo = Algo(stack, platform, "plainly", "trusting")
    algo.apply("Running")
    algo.ready()
    assert stack.rows("plainly")[0]["status"] == "running"
    assert stack.rows("plainly")[0]["risk"].get("max_order_rate") is None  # the double did drop what is ours
    assert set(CREATE_FIELDS) < set(platform.bodies[-1])
    assert platform.bodies[-1]["start_immediately"] is False
    registered, started = (
        at(stack, "POST", "/deployments", algo.first_call),
        at(stack, "POST", "/start", algo.first_call),
    )
    assert started - registered >= WARM_UP
    assert algo.condition("ArtifactReady")["reason"] == "Unverified"
    assert algo.status["instances"][0]["edge"] == "venue-edge-kraken"

    algo.apply("Running", version=1)
    wait_until(lambda: algo.condition("Ready").get("status") == "True", "it was replaced")
    (row,) = stack.rows("plainly")
    wanted = configmap(VERSIONS[1], "sequence")["metadata"]["name"].removeprefix("wasm-")
    assert (row["wasm_sha256"], row["status"]) == (wanted, "running")

    algo.apply("Stopped", version=1)
    wait_until(lambda: algo.condition("Ready").get("status") == "True", "it is stopped")
    assert stack.rows("plainly")[0]["status"] == "stopped"
    algo.delete()
    assert stack.rows("plainly") == []
    assert algo.writes() == {"POST deployments": 2, "POST start": 2, "POST stop": 2, "DELETE one": 2}
    assert not any(line.startswith("PATCH") for line in platform.requests)


def after_lists(platform: PlainPlatform, count: int) -> set[str]:
    """The kinds of calls from now until there were so many lists."""
    first = len(platform.requests)
    wait_until(
        lambda: platform.requests[first:].count("GET /v1/deployments") >= count, f"{count} further lists"
    )
    return set(platform.requests[first:])


def test_it_idles_with_lists_and_registers_changed_limits_anew(
    stack: LocalStack, platform: PlainPlatform
) -> None:
    """There is no PATCH: what a better platform updates in place is a replacement here."""
    algo = Algo(stack, platform, "limited", "trusting")
    algo.apply("Running")
    algo.ready()
    after_lists(platform, 2)  # they confirm the start
    version = stack.cr("limited.sandbox")["metadata"]["resourceVersion"]
    assert after_lists(platform, 2) <= {"GET /v1/deployments", "GET /v1/account"}  # one account is unused
    assert stack.cr("limited.sandbox")["metadata"]["resourceVersion"] == version

    (before,) = stack.rows("limited")
    algo.apply("Running", risk={"maxOrderRate": 3})
    wait_until(lambda: algo.condition("Ready").get("status") == "True", "it is registered anew")
    (after,) = stack.rows("limited")
    assert after["deployment_id"] != before["deployment_id"]
    assert platform.bodies[-1]["risk"]["max_order_rate"] == 3
    algo.delete(wait=False)


def test_a_lost_answer_is_found_again(stack: LocalStack, platform: PlainPlatform) -> None:
    """Absent before the attempt, present after it: that is the only proof such a platform allows, and it is enough."""
    algo = Algo(stack, platform, "lost", "trusting")
    held = platform.hold({"lost": "^POST /v1/deployments$"})
    algo.apply("Running")
    held.wait_all()
    held.let_through(["lost"])
    held.cut()
    assert held.answers["lost"] in (200, 201)
    algo.ready()
    assert stack.rows("lost")[0]["status"] == "running"
    assert algo.writes()["POST deployments"] == 1
    algo.delete(wait=False)


def theirs(stack: LocalStack, name: str) -> str:
    """Somebody else registers that name; the id."""
    wasm = base64.b64encode(VERSIONS[0]).decode()
    body = {"name": name, "wasm_base64": wasm, "symbols": ["BTC-USD"], "start_immediately": False}
    status, answer = stack.platform("POST", "/v1/deployments", body)
    assert status in (200, 201), answer
    return str(answer["deployment_id"])


def test_a_name_taken_before_us_stays_theirs(stack: LocalStack, platform: PlainPlatform) -> None:
    held = theirs(stack, "before-us")
    algo = Algo(stack, platform, "before-us", "trusting")
    algo.apply("Running")
    wait_until(lambda: algo.stalled("NameConflict"), "the name is taken")
    assert "spec.adopt" in algo.condition("Stalled")["message"]
    algo.delete()
    assert [(row["deployment_id"], row["status"]) for row in stack.rows("before-us")] == [(held, "accepted")]
    # A create was refused if our list was older than their deployment; nothing else was tried.
    assert set(algo.writes(held)) <= {"POST deployments"}


def test_a_name_taken_while_we_register_stays_theirs(stack: LocalStack, platform: PlainPlatform) -> None:
    """Absent before our attempt, present after it, as ours would be; but the platform refused ours."""
    algo = Algo(stack, platform, "meanwhile", "trusting")
    held: list[str] = []
    platform.meanwhile = lambda: held.append(theirs(stack, "meanwhile"))
    algo.apply("Running")
    wait_until(lambda: algo.stalled("NameConflict"), "the name is taken")
    algo.delete()
    assert [row["deployment_id"] for row in stack.rows("meanwhile")] == held
    assert set(algo.writes(*held)) == {"POST deployments"}  # theirs, and ours that were refused


def test_nothing_is_left_over(stack: LocalStack, platform: PlainPlatform) -> None:
    wait_until(lambda: not stack.deployments(), "all objects are gone")
    _, listed = stack.platform("GET", "/v1/deployments")
    assert {row["name"] for row in listed["deployments"]} == {"before-us", "meanwhile"}
