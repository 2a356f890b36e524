"""From a push to a running algo, through a real git server; only the builder is played by the test."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, ALGO_SOURCES
from sequence_operator.spec.names import API_VERSION
from support.gitserver import GitServer, Repository, git
from support.processes import PATIENCE, wait_until

from .conftest import Desk
from .git_desk import GitDesk

FILES = {
    "algos/mm/Cargo.toml": '[package]\nname = "mm"\nversion = "0.1.0"\nedition = "2021"\n',
    "algos/mm/Cargo.lock": 'version = 3\n\n[[package]]\nname = "mm"\nversion = "0.1.0"\n',
    "algos/mm/src/lib.rs": "// one\n",
}


class Killer:
    """Kills the operator once at each of some moments, and starts it again each time."""

    def __init__(self, desk: Desk, *operations: str) -> None:
        self._desk = desk
        self.left = [(operation, when) for operation in operations for when in ("before", "after")]
        desk.stub.hook = self._hook

    def _hook(self, operation: str, when: str) -> None:
        if (operation, when) in self.left and self._desk.operator is not None:
            self.left.remove((operation, when))
            self._desk.operator.kill_now()

    def survive(self, condition: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
        """Until the condition holds after every kill; the operator is started again as often as it dies."""
        deadline = time.monotonic() + timeout
        while self.left or not condition():
            operator = self._desk.operator
            if operator is not None and not operator.child.running():
                operator.child.process.wait()
                self._desk.start()
            assert time.monotonic() < deadline, f"{what}, kills left {self.left}: {self._desk.tail()}"
            time.sleep(0.1)


def sequence_toml(rate: int = 10) -> str:
    return f"""[deployment]
name = "mm"
state = "running"

[risk]
max_order_rate = {rate}

[[instances]]
venue = "kraken"
symbols = ["BTC-USD"]
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git") as running:
        yield running


class SourceDesk:
    """A desk with a repository, an AlgoSource that follows it, and the builder, played by the test."""

    def __init__(self, desk: Desk, repository: Repository, folder: Path) -> None:
        self.desk, self.repository, self.git = desk, repository, GitDesk(desk)
        desk.options += (f"--git-cache={folder / 'cache'}", "--allow-address=127.0.0.0/8")
        desk.run()
        self.first = repository.commit("one", {**FILES, "algos/mm/Sequence.toml": sequence_toml()})
        spec = {"url": repository.url, "ref": {"branch": "main"}, "interval": "2s"}
        spec |= {"accountRef": {"name": desk.main}}
        obj = {"apiVersion": API_VERSION, "kind": "AlgoSource", "metadata": {"name": "desk"}, "spec": spec}
        desk.api.apply(obj)

    @property
    def source(self) -> dict[str, Any]:
        return self.desk.api.get(ALGO_SOURCES, "desk").get("status") or {}

    def wait_commit(self, commit: str) -> None:
        wait_until(lambda: self.source.get("observedCommit") == commit, f"{commit}; {self.desk.tail()}")

    def open_builds(self) -> list[dict[str, Any]]:
        return [b for b in self.git.builds() if not (b.get("status") or {}).get("phase")]

    def build(self, number: int) -> str:
        """Fetch the sources of the only open build, as the builder would; module `number` comes out."""
        wait_until(self.open_builds, f"a build; {self.desk.tail()}")
        (build,) = self.open_builds()
        with urllib.request.urlopen(build["spec"]["treeUrl"], timeout=30) as answer:
            tar = gzip.decompress(answer.read())
        assert hashlib.sha256(tar).hexdigest() == build["spec"]["treeDigest"]
        done = self.git.result(number)
        self.git.say(build, attempts=1, **done)
        return str(done["sha256"])


@pytest.fixture
def line(desk: Desk, server: GitServer, tmp_path: Path) -> SourceDesk:
    return SourceDesk(desk, server.repository(), tmp_path)


NAME = "mm.sandbox"


def test_a_push_becomes_a_running_algo(line):
    desk = line.desk
    sha256 = line.build(1)
    obj = desk.wait(NAME, "Running")
    assert obj["spec"]["origin"]["commit"] == line.first
    assert desk.stub.one("mm")["wasm_sha256"] == sha256
    line.wait_commit(line.first)
    assert [entry["name"] for entry in line.source["inventory"]] == [NAME]
    assert desk.operator.metric("sequence_operator_source_look_seconds_count", outcome="Changed") == 1
    wait_until(
        lambda: desk.operator.metric("sequence_operator_source_look_seconds_count", outcome="Unchanged") > 0,
        "it looks again",
    )
    assert desk.operator.metric("sequence_operator_source_problems", source="desk") == 0

    # A limit, and nothing else.
    second = line.repository.commit("tighter", {"algos/mm/Sequence.toml": sequence_toml(5)})
    wait_until(lambda: desk.stub.one("mm")["risk"]["max_order_rate"] == 5, f"the limit; {desk.tail()}")
    line.wait_commit(second)
    desk.wait(NAME, "Running")
    assert len(line.git.builds()) == 1
    assert desk.stub.count("create") == desk.stub.count("patch") == 1

    # A file that makes no sense: the algo goes on, the source says where.
    line.repository.commit("broken", {"algos/mm/Sequence.toml": "[deployment\n"})
    wait_until(lambda: line.source.get("problems"), f"a problem; {desk.tail()}")
    (problem,) = line.source["problems"]
    assert problem["path"] == "algos/mm/Sequence.toml"
    assert problem["line"] == 1
    assert desk.state(NAME) == ("True", "Running")
    wait_until(
        lambda: desk.operator.metric("sequence_operator_source_problems", source="desk") == 1, "counted"
    )


def planned(clone: Path, files: dict[str, str], branch: str) -> str:
    """The hash that `sequence plan` prints of the algo for a branch with these files. The builder is played here, so
    nothing is compiled: the hash is of the sources."""
    git("checkout", "--quiet", "-B", branch, "origin/main", cwd=clone)
    for path, text in files.items():
        (clone / path).write_text(text)
    git("commit", "--quiet", "--all", "--message", branch, cwd=clone)
    command = [sys.executable, "-m", "sequence_operator", "plan", "--base", "origin/main", "--offline"]
    command += ["--sandbox", "--no-build", "-o", "json"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    (item,) = json.loads(done.stdout)["items"]
    assert item["name"] == NAME
    assert len(item["hash"]) == 12
    return str(item["hash"])


def test_the_history_names_the_hash_that_was_printed_for_review(line, tmp_path):
    desk, clone = line.desk, tmp_path / "clone"
    line.build(1)
    desk.wait(NAME, "Running")
    git("clone", "--quiet", line.repository.url, str(clone), cwd=tmp_path)

    def merged(branch: str) -> str:
        git("push", "--quiet", "origin", f"{branch}:main", cwd=clone)
        commit = git("rev-parse", branch, cwd=clone)
        line.wait_commit(commit)
        return commit

    def recorded(commit: str) -> dict[str, str]:
        return {
            e["event"]: e.get("planHash", "") for e in desk.status(NAME)["history"] if e["commit"] == commit
        }

    limit = planned(clone, {"algos/mm/Sequence.toml": sequence_toml(5)}, "limit")
    commit = merged("limit")
    wait_until(lambda: recorded(commit), f"the limit in force; {desk.tail()}")
    assert recorded(commit) == {"Updated": limit}

    code = planned(clone, {"algos/mm/src/lib.rs": "// two\n"}, "code")
    commit = merged("code")
    line.build(2)
    wait_until(lambda: "Started" in recorded(commit), f"the code in force; {desk.tail()}")
    assert recorded(commit) == {"Replaced": code, "Started": code}

    stop = planned(clone, {"algos/mm/Sequence.toml": sequence_toml(5).replace("running", "stopped")}, "stop")
    commit = merged("stop")
    wait_until(lambda: "Stopped" in recorded(commit), f"stopped; {desk.tail()}")
    assert set(recorded(commit).values()) == {stop}, (
        "the platform is told the commit too, which is another step"
    )
    assert len({limit, code, stop}) == 3


def test_dying_between_a_push_and_the_start_of_what_was_built_of_it(line):
    desk = line.desk
    line.build(1)
    desk.wait(NAME, "Running")
    second = line.repository.commit("two", {"algos/mm/src/lib.rs": "// two\n"})
    desk.operator.kill_now()  # it may be looking at the commit just now
    Killer(desk).survive(lambda: desk.get(NAME)["spec"]["origin"]["commit"] == second, "applied")
    desk.operator.kill_now()
    Killer(desk).survive(lambda: len(line.git.builds()) == 2, "asked for")
    Killer(desk).survive(lambda: desk.operator.ask("/readyz")[0] == 200, "serving the sources again")
    killer = Killer(desk, "delete", "create")  # every call is tried in test_kill
    sha256 = line.build(2)
    killer.survive(
        lambda: desk.state(NAME) == ("True", "Running") and desk.status(NAME)["artifact"]["sha256"] == sha256,
        "replaced",
    )
    (row,) = desk.stub.by_name("mm")
    assert (row["status"], row["wasm_sha256"]) == ("running", sha256)
    assert len(line.git.builds()) == 2
    assert desk.stub.count("create", ok_only=True) == 2
    assert [obj["metadata"]["name"] for obj in desk.api.list(ALGO_DEPLOYMENTS)] == [NAME]
    line.wait_commit(second)


def test_ports_that_are_taken_end_it_in_one_line(desk, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        operator = desk.start(f"--tree-address=127.0.0.1:{taken.getsockname()[1]}")
        assert operator.child.process.wait(60) == 98
        assert "--tree-address" in operator.child.output()
