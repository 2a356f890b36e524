"""A builder that is stopped while its claim is on its way to the API server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sequence_operator.builder.worker import Worker
from sequence_operator.spec.build import AlgoBuild
from support.processes import PATIENCE

from .test_status import NOW, build


class Cluster:
    """An API server that keeps the status of one build and answers when it is told to."""

    def __init__(self, obj: AlgoBuild) -> None:
        self.build = obj
        self.stored, self.answer = asyncio.Event(), asyncio.Event()

    async def apply_status(self, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        whole = self.build.model_dump(by_alias=True, mode="json", exclude_none=True)
        self.build = AlgoBuild.model_validate({**whole, "status": body["status"]})
        self.stored.set()
        await self.answer.wait()
        return {**whole, "status": body["status"]}


@pytest.mark.parametrize("answered", ["before", "after"])
async def test_a_claim_on_its_way_is_given_back(tmp_path: Path, answered: str) -> None:
    obj = build("b")
    cluster = Cluster(obj)
    place: Any = SimpleNamespace(
        settings=SimpleNamespace(work=tmp_path, holder="me", claim=600.0),
        rust=SimpleNamespace(version=obj.spec.toolchain),
        sandbox=SimpleNamespace(check=lambda: None),
    )
    held = {obj.metadata.uid: obj}
    worker = Worker(cluster, place, lambda: held, lambda: NOW, lambda outcome, seconds: None)  # type: ignore[arg-type]
    working = asyncio.create_task(worker.run())
    async with asyncio.timeout(PATIENCE):
        await cluster.stored.wait()
        assert (cluster.build.status.attempts, cluster.build.status.phase) == (1, "Building")
        if answered == "before":  # the worker is cancelled as it is about to learn that it has the build
            cluster.answer.set()
        working.cancel()
        asyncio.get_running_loop().call_soon(cluster.answer.set)
        with pytest.raises(asyncio.CancelledError):
            await working
    status = cluster.build.status
    assert (status.phase, status.attempts, status.claim) == ("Pending", 0, None)
    assert {c.type: c.reason for c in status.conditions}["Reconciling"] == "Interrupted"
