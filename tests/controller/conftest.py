"""An operator process, under the rights the chart gives it, between a real API server and a small
platform.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime
import yaml

from sequence_operator import assets
from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.resources import (
    ALGO_DEPLOYMENTS,
    EVENTS,
    PLATFORM_ACCOUNTS,
    SECRETS,
)
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.spec.names import API_VERSION
from support.api import Api
from support.metrics import total
from support.processes import PATIENCE, Child, free_port, wait_until

from .stub import PlatformStub

KEY = "seq_test_" + "0" * 64
_NUMBERS = itertools.count(1)
TOOLCHAIN = "--build-toolchain=1.95.0"

_WAT = """(module
  (memory (export "memory") 18)
  (global (mut i32) (i32.const 1048576))
  (func (export "algo_on_book_v3") (param i32 i32) (result i32) i32.const 0)
  (func (export "algo_on_message") (param i64 i32 i32 i32) (result i32) i32.const 0)
  (func (export "algo_on_fill") (param i32 i32))
  (func (export "algo_on_reject") (param i32))
  (func (export "algo_on_shutdown") (param i32) (result i32) i32.const 0)
  (func (export "algo_alloc") (param i32) (result i32) i32.const 0)
  (data (i32.const 1048576) "version %d"))"""


@functools.cache
def module(number: int) -> bytes:
    """The smallest module an edge can host; every number has another digest."""
    return bytes(wasmtime.wat2wasm(_WAT % number))


class Operator:
    """One operator process, and what a person would ask it."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.command = command
        self.port = free_port()
        self.child = Child("operator", [*command, f"--health-address=127.0.0.1:{self.port}"], log)

    def start(self) -> Operator:
        self.child.start()
        return self

    def kill(self) -> None:
        self.child.kill()

    def kill_now(self) -> None:
        """SIGKILL without waiting: for a call in whose middle it dies."""
        os.kill(self.child.pid, signal.SIGKILL)

    def stop(self) -> int:
        return self.child.stop()

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body; (0, reason) when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            return problem.code, problem.read().decode()
        except OSError as problem:
            return 0, str(problem)

    def ready(self) -> Operator:
        wait_until(lambda: self.ask("/readyz")[0] == 200, "operator ready")
        return self

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples with these labels."""
        return total(self.ask("/metrics")[1], name, **labels)


class Desk:
    """An account on a stub in some namespace, and the operator that serves it."""

    def __init__(self, api: Api, stub: PlatformStub, make: Callable[..., Operator], number: int = 0) -> None:
        self.api, self.stub, self._make = api, stub, make
        self.namespace = api.namespace
        self.suffix = f"-{number}" if number else ""
        self.key_name = f"apiKey{self.suffix}"
        self.main = f"sandbox{self.suffix}"
        self.operator: Operator | None = None
        self.options: tuple[str, ...] = ()  # that every operator of this desk is started with

    # -- the operator --------------------------------------------------------------------------------

    def run(self, *arguments: str) -> Operator:
        """Start an operator (a new process of the same identity after a kill) and wait until it is ready."""
        return self.start(*arguments).ready()

    def start(self, *arguments: str) -> Operator:
        """The same without waiting."""
        self.operator = self._make(*self.options, *arguments).start()
        return self.operator

    def tail(self) -> str:
        return self.operator.child.output()[-1500:] if self.operator is not None else "nothing: there is none"

    def wait_listed(self) -> None:
        """Until the account answered once."""
        wait_until(lambda: self.account_ready().get("status") == "True", "the account to answer")

    def ticks(self, count: int) -> None:
        """Let the account be listed so many times more."""
        lists = self.stub.count("list")
        wait_until(lambda: self.stub.count("list") >= lists + count, f"{count} lists")

    # -- what a person applies --------------------------------------------------------------------------

    def secret(self, key: str | None = KEY) -> None:
        """Put a key into the Secret, or take it out."""
        value = base64.b64encode(key.encode()).decode() if key is not None else None
        if self.api.find(SECRETS, "sequence-sandbox") is None:
            self.api.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sequence-sandbox"}, "data": {}}
            )
        self.api.merge(SECRETS, "sequence-sandbox", {"data": {self.key_name: value}})

    def account(self, name: str | None = None, **spec: Any) -> str:
        body = {
            "endpoint": self.stub.endpoint,
            "mode": "sandbox",
            "secretRef": {"name": "sequence-sandbox", "key": self.key_name},
            "pollInterval": "2s",
            **spec,
        }
        metadata = {"name": name or self.main}
        self.api.apply(
            {"apiVersion": API_VERSION, "kind": "PlatformAccount", "metadata": metadata, "spec": body}
        )
        return metadata["name"]

    def account_ready(self, name: str | None = None) -> dict[str, Any]:
        status = self.api.get(PLATFORM_ACCOUNTS, name or self.main).get("status") or {}
        return next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), {})

    def artifact(self, number: int = 1) -> dict[str, Any]:
        """Store module `number`; what a spec's artifact says then."""
        wasm = module(number)
        stored = configmap(wasm, self.namespace)
        self.api.apply(stored, manager="sequence-cli")
        return {
            "configMapRef": {"name": stored["metadata"]["name"]},
            "sha256": hashlib.sha256(wasm).hexdigest(),
        }

    def algo(self, deployment: str, *, name: str = "", **spec: Any) -> str:
        """Apply an AlgoDeployment; its object name."""
        body = {
            "deployment": deployment,
            "accountRef": {"name": self.main},
            "artifact": spec.pop("artifact", None) or self.artifact(),
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxPosition1e8": 100_000_000, "maxOrderRate": 10},
            **spec,
        }
        metadata = {"name": name or f"{deployment}.sandbox{self.suffix}"}
        self.api.apply(
            {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata, "spec": body},
            manager="sequence-cli",
        )
        return metadata["name"]

    def patch(self, name: str, **spec: Any) -> None:
        """Edit some fields of the spec."""
        self.api.merge(ALGO_DEPLOYMENTS, name, {"spec": spec})

    def annotate(self, name: str, key: str, value: str) -> None:
        self.api.merge(
            ALGO_DEPLOYMENTS, name, {"metadata": {"annotations": {f"sequencemkts.com/{key}": value}}}
        )

    def delete(self, name: str, *, wait: float = PATIENCE) -> None:
        """Delete an AlgoDeployment, and wait so long until it is gone."""
        self.api.delete(ALGO_DEPLOYMENTS, name)
        if wait:
            wait_until(lambda: not self.exists(name), f"{name} deleted; {self.tail()}", wait)

    # -- what a person sees ---------------------------------------------------------------------------------

    def get(self, name: str) -> dict[str, Any]:
        return self.api.get(ALGO_DEPLOYMENTS, name)

    def exists(self, name: str) -> bool:
        return self.api.find(ALGO_DEPLOYMENTS, name) is not None

    def status(self, name: str) -> dict[str, Any]:
        return self.get(name).get("status") or {}

    def state(self, name: str) -> tuple[str | None, str | None]:
        """Status of Ready for the present generation, and the state."""
        obj = self.get(name)
        status = obj.get("status") or {}
        ready = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), {})
        current = ready.get("observedGeneration") == obj["metadata"]["generation"]
        return (ready.get("status") if current else None), status.get("state")

    def condition(self, name: str, type_: str) -> dict[str, Any]:
        conditions = self.status(name).get("conditions") or []
        return next((c for c in conditions if c["type"] == type_), {})

    def wait(self, name: str, state: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Until it is Ready for its present generation and in this state; the whole object."""
        wait_until(
            lambda: self.state(name) == ("True", state),
            f"{name} {state}; operator says {self.tail()}",
            timeout,
        )
        return self.get(name)

    def wait_condition(self, name: str, type_: str, reason: str, timeout: float = PATIENCE) -> dict[str, Any]:
        wait_until(
            lambda: self.condition(name, type_).get("reason") == reason,
            f"{name} {type_} {reason}; operator says {self.tail()}",
            timeout,
        )
        return self.condition(name, type_)

    def events(self, name: str) -> list[str]:
        return [item["reason"] for item in self.api.list(EVENTS) if item["involvedObject"]["name"] == name]

    def history(self, name: str) -> list[str]:
        """What happened, oldest first."""
        return [entry["event"] for entry in reversed(self.status(name).get("history") or [])]

    def clear(self) -> None:
        """Take everything of this desk away at once; the platform is gone by then anyway."""
        for resource, mine in ((ALGO_DEPLOYMENTS, self._is_mine), (PLATFORM_ACCOUNTS, self._is_mine)):
            for item in self.api.list(resource):
                name = item["metadata"]["name"]
                if mine(item):
                    self.api.merge(resource, name, {"metadata": {"finalizers": None}})
                    self.api.delete(resource, name)

    def _is_mine(self, item: dict[str, Any]) -> bool:
        spec = item["spec"]
        names = (item["metadata"]["name"], spec.get("accountRef", {}).get("name", ""))
        return any(name == self.main or name.startswith(f"{self.main}-") for name in names)


# -- fixtures -------------------------------------------------------------------------------------------


@pytest.fixture
def stub() -> Iterator[PlatformStub]:
    with PlatformStub() as running:
        running.account(KEY)
        yield running


def operators(controlplane: ControlPlane, api: Api, folder: Path) -> Iterator[Callable[..., Operator]]:
    """Makes operator processes that serve a namespace with exactly the rights of the chart; ends them all."""
    started: list[Operator] = []
    grant(api)
    kubeconfig = folder / "operator.kubeconfig"
    token = api.token("operator")
    write_kubeconfig(
        kubeconfig, server=controlplane.server, ca=controlplane.ca, token=token, namespace=api.namespace
    )

    def make(*arguments: str) -> Operator:
        command = [sys.executable, "-m", "sequence_operator.controller", f"--namespace={api.namespace}"]
        command += [f"--kubeconfig={kubeconfig}", "--lease-duration=3s", "--log-format=json"]
        command += ["--identity=test", "--create-grace=1s", "--warm-up=1s", *arguments]
        operator = Operator(command, folder / f"operator-{next(_NUMBERS)}.log")
        started.append(operator)
        return operator

    try:
        yield make
    finally:
        for operator in started:
            operator.kill()


def grant(api: Api) -> None:
    """A ServiceAccount of the namespace with the chart's rules."""
    rules = yaml.safe_load((assets.path("chart") / "files" / "rules.yaml").read_text())
    secrets = [{**rule, "resourceNames": ["sequence-sandbox", "sequence-live"]} for rule in rules["secrets"]]
    group = "rbac.authorization.k8s.io"
    metadata = {"name": "operator"}
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    api.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [*rules["namespaced"], *rules["system"], *secrets],
        }
    )
    api.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "operator"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": api.namespace}],
        }
    )


@pytest.fixture
def make_operator(
    controlplane: ControlPlane, crds: list[str], namespace: str, tmp_path: Path
) -> Iterator[Callable[..., Operator]]:
    yield from operators(controlplane, Api(controlplane, namespace), tmp_path)


@pytest.fixture
def desk(
    controlplane: ControlPlane, namespace: str, stub: PlatformStub, make_operator: Callable[..., Operator]
) -> Desk:
    """A namespace of the test's own with account and key; start its operator with `desk.run()`."""
    made = Desk(Api(controlplane, namespace), stub, make_operator)
    made.secret()
    made.account()
    return made


@pytest.fixture(scope="session")
def running(
    controlplane: ControlPlane, crds: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Api, Operator]]:
    """One operator for all tests that need none of their own, and the namespace it serves."""
    api = Api(controlplane, "shared")
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shared"}})
    for make in operators(controlplane, api, tmp_path_factory.mktemp("shared")):
        yield api, make(TOOLCHAIN, f"--tree-address=127.0.0.1:{free_port()}").start().ready()


@pytest.fixture
def shared(running: tuple[Api, Operator], stub: PlatformStub) -> Iterator[Desk]:
    """An account of the test's own, on a platform of its own, served by the operator that all tests share."""
    yield from sharing(running, stub)


def sharing(running: tuple[Api, Operator], stub: PlatformStub, **account: Any) -> Iterator[Desk]:
    """The same with this account."""
    api, operator = running

    def none(*arguments: str) -> Operator:
        raise AssertionError("this test shares its operator")

    made = Desk(api, stub, none, number=next(_NUMBERS))
    made.operator = operator
    made.secret()
    made.account(**account)
    yield made
    made.clear()
