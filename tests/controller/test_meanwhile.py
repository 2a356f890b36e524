"""What others change while the operator writes comes with the answer to its write.

The watch tells of it too, but later, as something older than what is known by then: so the answer must be looked at.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sequence_operator.controller.accounts import Accounts
from sequence_operator.controller.objects import Objects
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.state import Entries
from sequence_operator.platform.limiter import Lane
from support.processes import PATIENCE

from .conftest import KEY
from .test_memory import obj

NEW = "seq_test_" + "1" * 64
ACCOUNT = {
    "apiVersion": "sequencemkts.com/v1alpha1",
    "kind": "PlatformAccount",
    "metadata": {
        "name": "sandbox",
        "namespace": "ns",
        "uid": "a1",
        "resourceVersion": "10",
        "generation": 1,
        "creationTimestamp": "2026-11-23T12:00:00Z",
    },
    "spec": {
        "mode": "sandbox",
        "secretRef": {"name": "sequence-sandbox", "key": "apiKey"},
        "pollInterval": "5m",
    },
}


class Cluster:
    """An API server with one account, whose key somebody else changes just before a write of ours."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.answer: dict[str, Any] = {}
        self.written = asyncio.Event()

    async def secret_value(self, name: str, key: str, namespace: str) -> str:
        return {"apiKey": KEY, "newKey": NEW}[key]

    async def apply_status(self, body: dict[str, Any]) -> dict[str, Any]:
        metadata = ACCOUNT["metadata"] | {"resourceVersion": "12", "generation": 2}
        spec = self.spec | {"secretRef": {"name": "sequence-sandbox", "key": "newKey"}}
        self.answer = ACCOUNT | {"metadata": metadata, "spec": spec, "status": body["status"]}
        self.written.set()
        return self.answer


def accounts(cluster: Any, entries: Entries, queue: KeyedQueue[str]) -> Accounts:
    return Accounts(
        cluster,
        entries,
        queue,
        Silent(),  # type: ignore[arg-type]
        now=lambda: datetime.now(UTC),
        on_call=lambda operation, status: None,
        on_stream=lambda turn: None,
    )


class Silent:
    """No Events."""

    def add(self, *about: object) -> None: ...


@pytest.mark.parametrize(
    ("metadata", "lane"),
    [
        ({"deletionTimestamp": "2026-11-23T12:00:09Z", "generation": 2}, Lane.STOP),
        ({"generation": 2}, Lane.REGISTER),
        ({"annotations": {"sequencemkts.com/acknowledge": "it"}}, Lane.REGISTER),
    ],
    ids=["deleted", "edited", "annotated"],
)
async def test_a_deployment_that_others_changed_is_looked_at_again(metadata, lane):
    entries, queue = Entries(), KeyedQueue[str]()
    objects = Objects(entries, accounts(None, entries, queue), queue)
    known = obj(version=5)
    objects.changed(known)
    assert await queue.get() == ("u1", Lane.REGISTER)
    answer = obj(version=7, deploymentId="dep_1", state="Running")
    answer["metadata"] |= metadata
    objects.remember(answer)
    objects.changed({**answer, "metadata": {**answer["metadata"], "resourceVersion": "6"}})
    queue.done("u1")
    async with asyncio.timeout(PATIENCE):
        assert await queue.get() == ("u1", lane)


async def test_a_write_that_met_nobody_is_no_reason_to_look_again():
    entries, queue = Entries(), KeyedQueue[str]()
    objects = Objects(entries, accounts(None, entries, queue), queue)
    objects.changed(obj(version=5))
    await queue.get()
    answer = obj(version=6, deploymentId="dep_1")
    objects.remember(answer)
    objects.changed(answer)
    queue.done("u1")
    assert queue.idle


async def test_an_account_whose_key_others_changed_uses_it(stub):
    stub.account(NEW)
    used = asyncio.Event()
    loop = asyncio.get_running_loop()
    stub.hook = lambda operation, when: NEW in stub.keys_used and loop.call_soon_threadsafe(used.set)
    cluster = Cluster(ACCOUNT["spec"] | {"endpoint": stub.endpoint})
    entries, queue = Entries(), KeyedQueue[str]()
    held = accounts(cluster, entries, queue)
    held.put({**ACCOUNT, "spec": cluster.spec})
    async with asyncio.timeout(PATIENCE):
        await cluster.written.wait()
        held.put({**cluster.answer, "metadata": cluster.answer["metadata"] | {"resourceVersion": "11"}})
        await used.wait()
    await held.close()
