"""Tells edges once a second what the pools hold, for algos that look at them."""

from __future__ import annotations

import asyncio
import time

from sequence_paper.api.bus import Bus
from sequence_paper.api.market import MarketView
from sequence_paper.api.pools import Pools
from sequence_paper.mesh.wire import pools_subject


async def cast(bus: Bus, market: MarketView, pools: Pools) -> None:
    """Until cancelled."""
    while True:
        for symbol in market.symbols():
            await bus.publish(pools_subject(symbol), pools.told(symbol, time.time_ns()))
        await asyncio.sleep(1)
