"""SIGKILL of operator and builder between any two steps of new commit → build → replace → start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from support.faultproxy import FaultProxy, When
from support.gitops import CRATE, Desk, algo
from support.gitserver import GitServer
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

STOP, START = r"^POST /v1/deployments/[^/]+/stop$", r"^POST /v1/deployments/[^/]+/start$"
CREATE, DELETE = r"^POST /v1/deployments$", r"^DELETE /v1/deployments/[^/]+$"


class Line:
    """One algo whose code changes with every case; the account goes through a proxy that can cut a call."""

    def __init__(self, desk: Desk, proxy: FaultProxy) -> None:
        self.desk, self.proxy = desk, proxy
        self.version = 0

    def push(self) -> str:
        """Commit another version of the code and announce it."""
        self.version += 1
        text = (
            (CRATE / "src" / "lib.rs")
            .read_text()
            .replace("want / 10_000 {", f"want / {20_000 + self.version} {{")
        )
        commit = self.desk.repo.commit(f"version {self.version}", {"algos/quoter/src/lib.rs": text})
        self.desk.hook()
        return commit

    def build(self, commit: str) -> dict[str, object]:
        """The AlgoBuild of a commit, {} while there is none."""
        return next((b for b in self.desk.builds() if b["spec"]["commit"] == commit), {})

    def phase(self, commit: str) -> str:
        status = self.build(commit).get("status") or {}
        assert isinstance(status, dict)
        return str(status.get("phase", ""))

    def arrived(self, commit: str) -> None:
        """The commit's module runs, once; every stored module belongs to a build."""

        def there() -> bool:
            build = self.build(commit)
            if not build or self.phase(commit) != "Succeeded":
                return False
            rows = self.desk.stack.rows("quoter")
            assert len(rows) <= 1, f"registered twice: {rows}"
            return bool(rows) and (rows[0]["status"], rows[0]["wasm_sha256"]) == (
                "running",
                build["status"]["sha256"],  # type: ignore[index]
            )

        try:
            wait_until(there, f"{commit[:8]} runs", 150)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.desk.told()}") from None
        self.desk.wait_condition("algo", "quoter.sandbox", "Ready")
        stored = self.desk.stack.kubectl("get", "configmap", "-o", "name").split()
        made = {f"configmap/{b['status'].get('configMap')}" for b in self.desk.builds()}
        assert {name for name in stored if name.startswith("configmap/wasm-")} <= made


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    stack.env |= {"SEQUENCE_OPERATOR_CREATE_GRACE": "3s"}
    try:
        stack.up("--venue", "kraken")
        proxy = FaultProxy(int(stack.endpoint.rpartition(":")[2]))
        with GitServer(tmp_path_factory.mktemp("git")) as server:
            desk = Desk(stack, server)
            account = json.loads(stack.kubectl("get", "pacct", "sandbox", "-o", "json"))
            spec = {**account["spec"], "endpoint": proxy.url}
            desk.apply(
                {
                    "apiVersion": account["apiVersion"],
                    "kind": "PlatformAccount",
                    "metadata": {"name": "proxied"},
                    "spec": spec,
                }
            )
            desk.repo.commit("begin", algo("algos/quoter", "quoter", state="running"))
            desk.source(accountRef={"name": "proxied"})
            desk.running("quoter")
            yield Line(desk, proxy)
        proxy.close()
    finally:
        stack.down()


MOMENTS: dict[str, tuple[str, Callable[[Line, str], bool]]] = {
    "the push was announced": ("operator", lambda line, commit: True),
    "the object names the commit": (
        "operator",
        lambda line, commit: line.desk.stack.cr("quoter.sandbox")["spec"]["origin"]["commit"] == commit,
    ),
    "the build is asked for": ("operator", lambda line, commit: bool(line.build(commit))),
    "the build has begun": ("builder", lambda line, commit: line.phase(commit) in ("Building", "Succeeded")),
    "the build is done": ("operator", lambda line, commit: line.phase(commit) == "Succeeded"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_when(line: Line, moment: str) -> None:
    part, reached = MOMENTS[moment]
    before = int(line.desk.stack.part(part)["pid"])
    commit = line.push()
    wait_until(lambda: reached(line, commit), moment, 60)
    line.desk.stack.kill(part)
    line.desk.stack.back(part, before)
    line.arrived(commit)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [STOP, DELETE, CREATE, START], ids=["stop", "delete", "create", "start"])
def test_operator_killed_around(line: Line, call: str, when: When) -> None:
    before = int(line.desk.stack.part("operator")["pid"])
    fault = line.proxy.arm(call, when, lambda: line.desk.stack.kill("operator"))
    commit = line.push()
    assert fault.fired.wait(90), f"{call} was never sent; requests: {line.proxy.requests[-10:]}"
    line.desk.stack.back("operator", before)
    line.arrived(commit)
