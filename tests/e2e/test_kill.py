"""SIGKILL of every part, before and after every platform call of a deployment's life, and between any two steps from a
commit to the start of what was built of it. Whatever died, the desired state is reached, nothing is registered twice
and nothing is left over.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cluster.resources import CONFIG_MAPS, PLATFORM_ACCOUNTS, POLICIES, POLICY_BINDINGS
from sequence_operator.spec.builds import build_name
from sequence_operator.spec.names import API_VERSION, GROUP
from support.api import RefusedError
from support.faultproxy import FaultProxy, Held
from support.flocks import CREATE, DELETE, START, STOP, Flocks
from support.gitops import CRATE, MODULE, Desk, algo, sequence_toml
from support.gitserver import GitServer
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

ALGOS = ("left", "right")
PREBUILT = 'prebuilt = true\nwasm = "algo.wasm"'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack whose operator gives a lost registration 3 s to appear, not 30, lest each death take a minute."""
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
    account = stack.api.get(PLATFORM_ACCOUNTS, "sandbox")
    head = {"apiVersion": account["apiVersion"], "kind": account["kind"], "metadata": {"name": "proxied"}}
    spec = {**account["spec"], "endpoint": proxy.url, "pollInterval": "2s"}
    stack.api.apply({**head, "spec": spec})
    yield proxy
    proxy.close()


# -- from a commit to a running algo -----------------------------------------------------------------------------


class Line:
    """Two algos that were committed as modules, and are to be built from now on; their account is proxied."""

    def __init__(self, stack: LocalStack, proxy: FaultProxy, server: GitServer) -> None:
        self.stack, self.proxy, self.server = stack, proxy, server
        self.desk = Desk(stack, server)
        files: dict[str, str | bytes | None] = {}
        for name in ALGOS:
            text = sequence_toml(name, state="running", build=PREBUILT)
            files |= {f"algos/{name}/Sequence.toml": text, f"algos/{name}/algo.wasm": MODULE}
        self.desk.repo.commit("begin", files)
        self.desk.source(accountRef={"name": "proxied"})
        for name in ALGOS:
            self.desk.running(name)
        self.known = {name: set(proxy.ids[name]) for name in ALGOS}
        self.modules = self.stored()
        self.commit = ""

    def push(self) -> None:
        """Commit their sources instead of the modules, and announce it."""
        files: dict[str, str | bytes | None] = {}
        for number, name in enumerate(ALGOS):
            files |= algo(f"algos/{name}", name, state="running") | {f"algos/{name}/algo.wasm": None}
            text = (CRATE / "src" / "lib.rs").read_text()
            files[f"algos/{name}/src/lib.rs"] = text.replace(
                "want / 10_000 {", f"want / {20_000 + number} {{"
            )
        self.commit = self.desk.repo.commit("sources", files)
        self.desk.hook()

    def dies(self, part: str = "operator", *, held: Held | None = None) -> None:
        """Once it is dead, and the calls that were held for it are cut, it comes back."""
        killed = self.stack.kill(part)
        if held is not None:
            held.cut()
        self.stack.back(part, killed)

    def named(self) -> list[str]:
        """The algos whose objects name the commit."""
        return [name for name in ALGOS if self._origin(name)["commit"] == self.commit]

    def _origin(self, name: str) -> dict[str, Any]:
        origin: dict[str, Any] = self.stack.cr(f"{name}.sandbox")["spec"]["origin"]
        return origin

    def builds(self) -> list[dict[str, Any]]:
        """Status of each of the commit's builds, and the path of its crate."""
        made = [build for build in self.desk.builds() if build["spec"]["commit"] == self.commit]
        return [{"phase": "", **(build.get("status") or {}), "path": build["spec"]["path"]} for build in made]

    def phases(self) -> list[str]:
        return sorted(build["phase"] for build in self.builds())

    def compiles(self) -> bool:
        """Whether the builder has the sources of its last build: something compiles them."""
        pid = self.stack.part("builder")["pid"]
        children = Path(f"/proc/{pid}/task").glob("*/children")
        return self.phases() == ["Building", "Succeeded"] and any(file.read_text() for file in children)

    def stored(self) -> set[str]:
        """The modules in the cluster."""
        names = {obj["metadata"]["name"] for obj in self.stack.api.list(CONFIG_MAPS)}
        return {name for name in names if name.startswith("wasm-")}

    def signal(self, part: str, number: signal.Signals) -> None:
        os.kill(int(self.stack.part(part)["pid"]), number)

    def wait(self, condition: Callable[[], object], what: str) -> None:
        try:
            wait_until(condition, what)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.proxy.requests[-10:]}\n{self.desk.told()}") from None

    @contextmanager
    def no_builds(self) -> Iterator[None]:
        """Meanwhile nobody can ask for a build."""
        rule = {
            "apiGroups": [GROUP],
            "apiVersions": ["*"],
            "operations": ["CREATE"],
            "resources": ["algobuilds"],
        }
        never = {"expression": "false", "message": "not now"}
        spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [never]}
        binding = {"policyName": "no-builds", "validationActions": ["Deny"]}
        for kind, body in ((POLICIES, spec), (POLICY_BINDINGS, binding)):
            head = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "no-builds"}}
            self.stack.api.apply({**head, "spec": body})
        self.wait(self._refused, "builds are refused")
        yield
        self.stack.api.delete(POLICY_BINDINGS, "no-builds")
        self.stack.api.delete(POLICIES, "no-builds")

    def _refused(self) -> bool:
        tree, path, toolchain = "0" * 64, "algos/none", "1.95.0"
        spec = {"treeDigest": tree, "treeUrl": f"http://127.0.0.1:1/{tree}.tar.gz", "commit": "0" * 40}
        spec |= {"path": path, "toolchain": toolchain}
        metadata = {"name": build_name(tree, path, toolchain)}
        build = {"apiVersion": API_VERSION, "kind": "AlgoBuild", "metadata": metadata, "spec": spec}
        try:
            self.stack.api.apply(build, dry_run=True)
        except RefusedError as problem:
            if "not now" not in str(problem):
                raise
            return True
        return False


@pytest.fixture
def line(stack: LocalStack, proxy: FaultProxy, tmp_path: Path) -> Iterator[Line]:
    with GitServer(tmp_path / "git") as server:
        yield Line(stack, proxy, server)


def test_a_death_between_any_two_steps_from_a_commit_to_what_was_built_of_it(line: Line) -> None:
    with line.no_builds():
        # The push was announced; nobody has seen the commit.
        line.server.gate.clear()
        asked = len(line.server.paths)
        line.push()
        line.wait(lambda: len(line.server.paths) > asked, "somebody asks for the commit")
        killed = line.stack.kill("operator")
        assert not line.named()
        line.server.gate.set()
        line.stack.back("operator", killed)
        # The objects name it; no build is asked for.
        line.wait(lambda: len(line.named()) == len(ALGOS), "the objects name the commit")
        assert not line.builds()
        killed = line.stack.kill("operator")
        line.signal("builder", signal.SIGSTOP)
    line.stack.back("operator", killed)
    # Builds are asked for; none has begun.
    line.wait(lambda: len(line.builds()) == len(ALGOS), "builds are asked for")
    line.dies()
    assert line.phases() == ["", ""]
    # One has begun.
    line.signal("builder", signal.SIGCONT)
    line.wait(lambda: "Building" in line.phases(), "a build has begun")
    line.dies("builder")
    # Both are done; of the second nobody knows, of the first nothing was stopped yet.
    line.proxy.hold(dict.fromkeys(ALGOS, STOP))
    line.wait(line.compiles, "the last one compiles")
    line.signal("operator", signal.SIGSTOP)
    assert "Building" in line.phases()
    line.wait(lambda: line.phases() == ["Succeeded"] * len(ALGOS), "both are done")
    # Before and after each call of a replacement. What is held is cut right behind the death of who waits for it.
    for calls in ({"left": STOP, "right": DELETE}, {"left": CREATE, "right": START}):
        for when in ("before", "after"):
            killed = line.stack.kill("operator")
            held = line.proxy.hold(calls)
            line.stack.back("operator", killed)
            held.wait_all()
            if when == "after":
                held.let_through(ALGOS)
                assert all(200 <= status < 300 for status in held.answers.values()), held.answers
    line.dies(held=held)

    built = {build["path"].rpartition("/")[2]: build for build in line.builds()}
    for name in ALGOS:
        assert line.desk.running(name)["wasm_sha256"] == built[name]["sha256"]
        assert len(line.proxy.ids[name] - line.known[name]) == 1, "registered once"
    assert sum(build["attempts"] for build in built.values()) == len(ALGOS) + 1, "one was begun anew"
    assert line.stored() == line.modules | {build["configMap"] for build in built.values()}


# -- the calls of a life ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flocks(stack: LocalStack, proxy: FaultProxy) -> Flocks:
    return Flocks(stack, proxy)


@pytest.mark.parametrize("part", ["operator", "paper-api", "edge-kraken", "apiserver"])
def test_one_death_in_the_middle_of_every_call(flocks: Flocks, part: str) -> None:
    flocks.survive(part)
