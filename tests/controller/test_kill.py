"""`kill -9` of the operator before and after every call to a platform that keeps nothing of ours: the desired state, no
duplicate, no orphan. `tests/e2e/test_kill.py` has the same on paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from sequence_operator.cluster.resources import PLATFORM_ACCOUNTS
from support.faultproxy import FaultProxy
from support.flocks import REPLACEMENT, Flocks
from support.processes import wait_until

from .conftest import Desk, Operator

READING = ("account", "list")


class Fragile:
    """The desk as a place where the operator is killed, and then once more at each call that it begins a life with."""

    def __init__(self, desk: Desk) -> None:
        self.api, self._desk = desk.api, desk
        self.left: list[tuple[str, str]] = []
        desk.stub.hook = self._hook

    def all_rows(self) -> list[dict[str, Any]]:
        return list(self._desk.stub.rows.values())

    def kill(self, name: str) -> int:
        assert self._desk.operator is not None
        self._desk.operator.kill()
        self.left = [(operation, when) for operation in READING for when in ("before", "after")]
        return self._desk.operator.child.pid

    def back(self, name: str, old_pid: int) -> None:
        while self.left:
            operator = self._desk.start()
            wait_until(partial(_ended, operator), f"it dies at one of {self.left}; {self._desk.tail()}")
        self._desk.start()

    def _hook(self, operation: str, when: str) -> None:
        if (operation, when) in self.left and self._desk.operator is not None:
            self.left.remove((operation, when))
            self._desk.operator.kill_now()


def _ended(operator: Operator) -> bool:
    return not operator.child.running()


@pytest.fixture
def proxy(desk: Desk) -> Iterator[FaultProxy]:
    proxy = FaultProxy(desk.stub.port)
    yield proxy
    proxy.close()


def test_deaths_at_every_call(desk: Desk, proxy: FaultProxy) -> None:
    desk.stub.plain = True
    desk.api.delete(PLATFORM_ACCOUNTS, desk.main)
    desk.account("proxied", endpoint=proxy.url, allowUnverified=["Risk", "Topology"])
    desk.run()
    place = Fragile(desk)
    # Nothing that is registered can be changed on such a platform.
    flocks = Flocks(place, proxy, replacement=REPLACEMENT[1:])
    flocks.survive("operator")
    assert not place.left
