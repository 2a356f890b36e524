"""The application: routes, the gate in front of them, and what lives as long as the process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.types import ASGIApp

from sequence_paper.api import (
    absent,
    deployments,
    errors,
    health,
    inside,
    intelligence,
    mesh,
    readings,
    traces,
    venues,
)
from sequence_paper.api.bus import Bus
from sequence_paper.api.calllog import CallLog
from sequence_paper.api.compaction import keep_compact
from sequence_paper.api.gate import Gate
from sequence_paper.api.limits import Limiter
from sequence_paper.api.platform import Platform
from sequence_paper.api.tca import routes as tca
from sequence_paper.store import Store
from sequence_paper.store.ticks import TickStore

_ABOUT = (
    "A platform for trading algos without real orders: real WASM on recorded or generated market data. "
    "Money is in integers: `_1e8` quantities, `_1e9` prices and money, `_ns` nanoseconds."
)


def create_app(store: Store, bus: Bus, calls: CallLog, ticks: TickStore | None = None) -> ASGIApp:
    """The ASGI application; opens and closes the bus with its lifespan, leaves store and ticks to the caller."""

    platform = Platform(store, bus, ticks)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await platform.market.open()
        await bus.open()
        keeping = [asyncio.create_task(traces.keep_trimmed(store))]
        keeping += [asyncio.create_task(keep_compact(ticks.folder))] if ticks is not None else []
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await bus.close()

    app = FastAPI(
        title="Sequence platform API (paper)",
        description=_ABOUT,
        version="1",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.platform = platform
    errors.install(app)
    for module in (health, inside, mesh, deployments, readings, venues, traces, tca, intelligence, absent):
        app.include_router(module.router)
    app.router.redirect_slashes = False
    return Gate(app, store, Limiter(), calls)
