"""What the routes work with: the store in threads, the bus, and the caller of a request."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

import orjson
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.responses import Response

from sequence_paper.api import fleet, mesh_view
from sequence_paper.api.bus import WAKE_SECONDS, Bus
from sequence_paper.api.dispatch import Dispatcher
from sequence_paper.api.graph_runner import GraphRunner
from sequence_paper.api.market import MarketView
from sequence_paper.api.pools import Pools
from sequence_paper.api.presence import Presence
from sequence_paper.api.stream.tickets import Tickets
from sequence_paper.api.vault import Vault
from sequence_paper.feed.evm import ChainConfig
from sequence_paper.mesh.wire import event_subject
from sequence_paper.store import Store
from sequence_paper.store.deployments import NotRegisteredError, Registration
from sequence_paper.store.records import Caller
from sequence_paper.store.ticks import TickStore
from sequence_paper.store.words import Json

T = TypeVar("T")
_LOOK_SECONDS = 0.1


class Platform:
    """One for the process, in `app.state.platform`."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        ticks: TickStore | None = None,
        chain: ChainConfig | None = None,
        vault: Vault | None = None,
    ) -> None:
        """`ticks`: what the market showed; None when nothing is recorded. `chain`: where pools are; else generated."""
        self.store = store
        self.vault = vault or Vault(None)
        self.ticks = ticks
        self.bus = bus
        self.market = MarketView(bus)
        self.presence = Presence(store, bus)
        self.presence.on_gone(self.market.edge_gone)
        self.tickets = Tickets()
        self.pools = Pools(self.market, chain)
        self.orders = Dispatcher(store, bus, self.market, self.pools)
        self.graphs = GraphRunner(store, bus, self.market, self.pools, self.orders)

    async def run(self, work: Callable[[], T]) -> T:
        """Do database work in a thread."""
        return await asyncio.to_thread(work)

    def fleet(self) -> dict[str, fleet.EdgeView]:
        """Edges as they are now; reads the database."""
        return fleet.view(self.store.edges.all(), self.bus.beats, self.presence.gone)

    def edge_rows(self) -> list[Json]:
        """Edges as `GET /v1/edges` shows them; reads the database."""
        return fleet.edge_rows(self.fleet(), mesh_view.clocks(self.store))

    async def announce(self, found: Registration, kind: str) -> None:
        """Tell the bus of a wish that was accepted: registered, updated, started, stopped or deleted."""
        deployment = found.deployment
        event = {
            "deployment_id": deployment.deployment_id,
            "kind": kind,
            "revision": deployment.revision,
            "desired": deployment.desired,
            "at_ns": time.time_ns(),
        }
        await self.bus.publish(event_subject(deployment.deployment_id), event)

    async def converge(self, caller: Caller, found: Registration) -> None:
        """Wake the edges of a deployment and wait, at most `WAKE_SECONDS`, until they have done what is wanted."""
        deployment_id = found.deployment.deployment_id
        edges = await self.run(self.fleet)
        alive = {i.edge_id for i in found.instances if i.edge_id in edges and edges[i.edge_id].alive}
        if not alive:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAKE_SECONDS):
                await self._until_reached(caller, deployment_id, alive)

    async def _until_reached(self, caller: Caller, deployment_id: str, alive: set[str]) -> None:
        if await self.bus.wake(alive, deployment_id):
            return
        # Edges that the bus does not reach look by themselves once a second; the database is where to see it.
        while not await self.run(lambda: self._reached(caller, deployment_id, alive)):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    def _reached(self, caller: Caller, deployment_id: str, alive: set[str]) -> bool:
        try:
            found = self.store.deployments.get(caller.account.account_id, caller.mode, deployment_id)
        except NotRegisteredError:
            return True
        wanted = (found.deployment.revision, found.deployment.starts)
        running = found.deployment.desired == "running"
        return found.deployment.desired != "deleted" and all(
            i.edge_id not in alive
            or (
                (i.observed.applied_revision, i.observed.applied_starts) == wanted
                and (i.observed.status == "running") == running
            )
            or i.observed.status in ("rejected", "paused")
            for i in found.instances
        )


def _platform(request: Request) -> Platform:
    found: Platform = request.app.state.platform
    return found


def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


_bearer = HTTPBearer(auto_error=False, description="seq_live_<64 hex> or seq_test_<64 hex>")
Here = Annotated[Platform, Depends(_platform)]
Who = Annotated[Caller, Depends(_caller)]
needs_key = Depends(_bearer)
"""Shows the key in the API description; the gate has checked it already."""


def json(content: Json | list[Json], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(content), status, headers, "application/json")
