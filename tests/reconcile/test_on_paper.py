"""The core against the real paper platform, over HTTP and with real algos: what it plans is what paper understands."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile import sim
from reconcile.sim import Cluster, World, spec_of, with_wasm
from sequence_operator.platform import Listing, PlatformClient, PlatformError, RateLimiter
from sequence_operator.reconcile import actions as a
from sequence_operator.reconcile.sight import doubtful_list
from sequence_operator.spec.wire import create_body, desired_wire
from support.algos import build_algos
from support.paper import Paper
from support.processes import wait_until

TWO = [
    {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"]},
    {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"], "risk": {"maxOrderRate": 5}},
]


@dataclass
class OnPaper(World):
    """A world whose platform and clock are real."""

    client: PlatformClient | None = None
    loop: asyncio.AbstractEventLoop | None = None
    wasm: dict[str, bytes] | None = None

    def do(self, call: Callable[[PlatformClient], Any]) -> Any:
        assert self.loop is not None
        assert self.client is not None
        try:
            return self.loop.run_until_complete(call(self.client))
        finally:
            self.now = datetime.now(UTC)

    def tick(self, seconds: float) -> None:
        self.now = datetime.now(UTC)

    def list(self) -> None:
        began_at = datetime.now(UTC)
        listing = self.do(lambda c: c.list_deployments())
        assert isinstance(listing, Listing)
        doubtful = doubtful_list(self.previous_count, len(listing.rows))
        self.previous_count = len(listing.rows)
        name, recorded = self.cluster.spec["deployment"], self.cluster.status.deployment_id
        self.sight = self.view().listed(
            began_at, listing.rows, name=name, deployment_id=recorded, uid=self.cluster.uid, doubtful=doubtful
        )

    def send(self, action: a.Lookup | a.PlatformWrite) -> tuple[int, Any]:
        self.platform.calls.append((type(action).__name__, ""))
        try:
            answer = self.do(lambda c: self.call_of(c, action))
        except PlatformError as error:
            return error.status, {"error": {"message": error.message, "details": [{"field": error.field}]}}
        if isinstance(answer, bool):
            return (204 if answer else 202), None
        return 200, None if answer is None else dict(answer.raw)

    def call_of(self, client: PlatformClient, action: a.Lookup | a.PlatformWrite) -> Any:
        if isinstance(action, a.Lookup):
            return client.get(action.deployment_id)
        if isinstance(action, a.Register):
            assert self.wasm is not None
            wire = action.wire or desired_wire(self.desired().spec)
            return client.create(create_body(wire, self.wasm[action.sha256], action.metadata))
        if isinstance(action, a.Adopt):
            return client.patch(
                action.deployment_id, {"metadata": action.metadata}, if_revision=action.if_revision
            )
        if isinstance(action, a.Update):
            return client.patch(action.deployment_id, action.body, if_revision=action.if_revision)
        if isinstance(action, a.Stop):
            return client.stop(action.deployment_id)
        if isinstance(action, a.Start):
            return client.start(action.deployment_id, action.acknowledge)
        return client.delete(action.deployment_id)

    def until(self, what: str, reached: Callable[[], bool]) -> list[str]:
        """Passes and lists until then; returns the calls that were made."""
        self.platform.calls.clear()
        self.run()

        def look() -> bool:
            self.list()
            self.run()
            return reached()

        wait_until(look, f"{what}: {self.last_plan} {self.cluster.status.conditions}")
        return [name for name, _ in self.platform.calls]

    def in_sync(self) -> bool:
        return self.condition("Ready") == ("True", "InSync") and self.last_plan.empty


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OnPaper]:
    algos = build_algos()
    wasm = {hashlib.sha256(algos[name]).hexdigest(): algos[name] for name in ("maker", "pair")}
    first = next(iter(wasm))
    sim.SIZES.update({digest: len(data) for digest, data in wasm.items()})
    feed = ("--feed", "generated", "--seed", "3")
    paper = Paper(tmp_path, {"kraken": feed, "coinbase": feed})
    loop = asyncio.new_event_loop()
    try:
        paper.start()
        client = PlatformClient(paper.url, paper.key(), limiter=RateLimiter(1000, 1000))
        cluster = Cluster(spec=spec_of(artifact=with_wasm(first), params=None))
        yield OnPaper(cluster=cluster, now=datetime.now(UTC), client=client, loop=loop, wasm=wasm)
        loop.run_until_complete(client.aclose())
    finally:
        loop.close()
        paper.stop()


def test_a_whole_life(world: OnPaper) -> None:
    assert world.wasm is not None
    _, second = world.wasm
    world.list()
    assert world.until("registered and warm", world.in_sync) == ["Register"]
    assert world.cluster.writes == ["finalizer", "pending", "status"]
    world.cluster.edit(state="Running")
    assert world.until("running", world.in_sync) == ["Start"]
    world.cluster.edit(risk={"maxPosition1e8": 300, "maxOrderRate": 10})
    assert world.until("limits changed in place", world.in_sync) == ["Update"]
    world.cluster.writes.clear()
    world.cluster.edit(artifact=with_wasm(second), instances=TWO)
    calls = world.until("replaced", world.in_sync)
    assert calls == ["Update", "Stop", "Unregister", "Register", "Start"]
    assert world.cluster.writes == ["pending", "status"]
    assert {i.label for i in world.cluster.status.instances if i.live} == {"maker", "hedger"}
    known = world.cluster.status.deployment_id
    assert known is not None
    world.do(lambda c: c.patch(known, {"risk": {"max_position_1e8": 999}}))
    assert world.until(
        "limits restored", lambda: "DriftCorrected" in world.history() and world.in_sync()
    ) == ["Update"]
    world.do(lambda c: c.stop(known))
    assert world.until(
        "started again", lambda: world.cluster.status.history[0].message != "" and world.in_sync()
    )
    assert world.cluster.status.history[0].message == "state was stopped on the platform, started again"
    world.do(lambda c: c.delete(known))
    world.until("registered again", lambda: world.cluster.status.deployment_id != known and world.in_sync())
    world.cluster.edit(state="Stopped")
    assert world.until("stopped", world.in_sync) == ["Stop"]
    world.cluster.delete()
    assert world.until("gone", lambda: world.cluster.gone)[0] == "Unregister"
    assert world.do(lambda c: c.list_deployments()).rows == ()
