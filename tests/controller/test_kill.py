"""`kill -9` of the operator before and after every call to the platform: the desired state, no duplicate,
no orphan.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from support.processes import PATIENCE

from .conftest import Desk
from .git_desk import GitDesk


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


@pytest.mark.parametrize("plain", [False, True], ids=["full", "plain"])
def test_registering_and_starting(desk, plain):
    desk.stub.plain = plain
    desk.account(allowUnverified=["Risk", "Topology"])
    desk.run()
    killer = Killer(desk, "account", "list", "create", "start")
    name = desk.algo("my-mm", state="Running")
    killer.survive(lambda: desk.state(name) == ("True", "Running"), "running")
    (row,) = desk.stub.by_name("my-mm")
    assert row["status"] == "running"
    assert desk.status(name)["deploymentId"] == row["deployment_id"]
    assert "pending" not in desk.status(name)
    assert desk.stub.count("create", ok_only=True) == 1


def test_changing_and_stopping(desk):
    desk.run()
    name = desk.algo("my-mm", state="Running")
    desk.wait(name, "Running")
    killer = Killer(desk, "patch")
    desk.patch(name, risk={"maxOrderRate": 5})
    killer.survive(lambda: desk.stub.one("my-mm")["risk"].get("max_order_rate") == 5, "changed")
    killer = Killer(desk, "stop")
    desk.patch(name, state="Stopped")
    killer.survive(lambda: desk.state(name) == ("True", "Stopped"), "stopped")
    assert desk.stub.status("my-mm") == "stopped"
    assert desk.stub.count("create") == 1


def test_replacing(desk):
    desk.run()
    name = desk.algo("my-mm", state="Running")
    desk.wait(name, "Running")
    artifact = desk.artifact(2)
    killer = Killer(desk, "stop", "delete", "create", "start")
    desk.patch(name, artifact=artifact)
    killer.survive(
        lambda: (
            desk.state(name) == ("True", "Running")
            and desk.status(name)["artifact"]["sha256"] == artifact["sha256"]
        ),
        "replaced",
        timeout=90,
    )
    (row,) = desk.stub.by_name("my-mm")
    assert (row["status"], row["wasm_sha256"]) == ("running", artifact["sha256"])


def test_deleting(desk):
    desk.run()
    name = desk.algo("my-mm", state="Running")
    desk.wait(name, "Running")
    killer = Killer(desk, "delete", "get")
    desk.delete(name, wait=0)
    killer.survive(lambda: not desk.exists(name), "deleted")
    assert desk.stub.by_name("my-mm") == []


def test_a_commit_that_is_built_and_replaces_what_runs(desk):
    """From the commit to the start of what was built of it, dying at every step on the way."""
    git = GitDesk(desk)
    desk.run()
    name = git.push("my-mm", 1)
    git.succeed(1, 1)
    desk.wait(name, "Running")

    git.push("my-mm", 2)
    desk.operator.kill_now()  # the commit may have been seen, or not
    killer = Killer(desk)
    killer.survive(lambda: git.builds(2), "asked for")
    desk.operator.kill_now()
    build = git.asked(2)
    git.say(build, phase="Building", claim={"holder": "builder-0"}, attempts=1)
    killer.survive(lambda: desk.condition(name, "Ready").get("reason") == "Building", "waiting")
    killer = Killer(desk, "stop", "delete", "create", "start")
    sha256 = git.succeed(2, 2)
    desk.operator.kill_now()  # the result may have been seen, or not

    killer.survive(
        lambda: desk.state(name) == ("True", "Running") and desk.status(name)["artifact"]["sha256"] == sha256,
        "replaced",
    )
    (row,) = desk.stub.by_name("my-mm")
    assert (row["status"], row["wasm_sha256"]) == ("running", sha256)
    assert len(git.builds(2)) == 1
    assert desk.stub.count("create", ok_only=True) == 2, "once for each commit"
