"""The application: routes, the gate in front of them, and what lives as long as the process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from sequence_paper.api import (
    absent,
    api_keys,
    balances,
    capsules,
    credentials,
    deployments,
    errors,
    execution,
    graph_entry,
    health,
    inside,
    intelligence,
    kill_switch,
    mesh,
    order_entry,
    quotes,
    readings,
    routing_now,
    sandbox,
    traces,
    venue_cancel,
    venues,
)
from sequence_paper.api.bus import Bus
from sequence_paper.api.calllog import CallLog
from sequence_paper.api.compaction import keep_compact
from sequence_paper.api.gate import Gate
from sequence_paper.api.limits import Limiter
from sequence_paper.api.platform import Platform
from sequence_paper.api.pool_cast import cast
from sequence_paper.api.stream import endpoint as stream
from sequence_paper.api.stream.hub import Hub
from sequence_paper.api.tca import routes as tca
from sequence_paper.api.tca.reports import Reporter
from sequence_paper.api.vault import Vault
from sequence_paper.feed.evm import ChainConfig
from sequence_paper.store import Store
from sequence_paper.store.ticks import TickStore

_ABOUT = (
    "A platform for trading algos without real orders: real WASM on recorded or generated market data. "
    "Money is in integers: `_1e8` quantities, `_1e9` prices and money, `_ns` nanoseconds."
)
_ROUTES = (
    health,
    inside,
    mesh,
    deployments,
    kill_switch,
    order_entry,
    graph_entry,
    venue_cancel,
    readings,
    balances,
    venues,
    credentials,
    api_keys,
    sandbox,
    traces,
    capsules,
    tca,
    quotes,
    intelligence,
    routing_now,
    execution,
    stream,
    absent,  # takes what no other took
)


def create_app(
    store: Store,
    bus: Bus,
    calls: CallLog,
    ticks: TickStore | None = None,
    chain: ChainConfig | None = None,
    vault: Vault | None = None,
) -> ASGIApp:
    """The ASGI application; opens and closes the bus with its lifespan, leaves store and ticks to the caller."""

    platform = Platform(store, bus, ticks, chain, vault)
    hub = Hub(platform)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await platform.market.open()
        await bus.open()
        await hub.open()
        parts: list[Coroutine[Any, Any, None]] = [platform.presence.run(), traces.keep_trimmed(store)]
        parts += [
            platform.orders.run(),
            platform.graphs.run(),
            platform.pools.run(),
            cast(bus, platform.market, platform.pools),
            Reporter(platform).run(),
        ]
        parts += [keep_compact(ticks.folder)] if ticks is not None else []
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await hub.close()
            await bus.close()

    app = FastAPI(
        title="Sequence platform API (paper)",
        description=_ABOUT,
        version="1",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.platform, app.state.hub = platform, hub
    errors.install(app)
    for module in _ROUTES:
        app.include_router(module.router)
    app.router.redirect_slashes = False
    return Gate(app, store, Limiter(), calls, platform.tickets)
