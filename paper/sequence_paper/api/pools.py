"""Pools of a symbol as they are now: of a chain when its endpoint is configured, generated otherwise; each names it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from sequence_paper.api.market import MarketView
from sequence_paper.feed.evm import Chain, ChainConfig, ChainError, ChainState, PoolConfig
from sequence_paper.feed.pools import BLOCK_NS, COIN, GAS_UNITS, TIP_WEI, base_fee_wei, generated
from sequence_paper.routing import Pool, gas_cost_1e9
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)

SEED: Final = 1
_TIMEOUT_SECONDS: Final = 5.0
_LATE: Final = 3
"""After so many missed refreshes nobody prices by the last one."""


class Pools:
    """``of`` is what the router is given; ``run`` reads a configured chain."""

    def __init__(self, market: MarketView, config: ChainConfig | None = None) -> None:
        self._market, self._config = market, config
        self._state: ChainState | None = None
        self._read_ns = 0
        self._problem = "not read yet"

    def of(self, symbol: str) -> list[Pool]:
        """All pools of a symbol; those that cannot be used say why."""
        now = time.time_ns()
        if self._config is None:
            return generated(SEED, symbol, self._mid(symbol, now), self._mid(COIN, now), now)
        coin = self._mid(self._config.coin, now)
        return [
            self._pool(self._config, pool, coin, now) for pool in self._config.pools if pool.symbol == symbol
        ]

    def told(self, symbol: str, now_ns: int) -> Json:
        """What edges are told of a symbol's usable pools and of the fees of their chain."""
        usable = [pool for pool in self.of(symbol) if not pool.problem]
        chain = self._chain(now_ns) if usable else None
        return {"symbol": symbol, "chain": chain, "pools": [self._told(pool) for pool in usable]}

    def _chain(self, now_ns: int) -> Json:
        coin = self._mid(self._config.coin if self._config else COIN, now_ns)
        if self._config is None or self._state is None:
            block, at_ns = now_ns // BLOCK_NS, now_ns // BLOCK_NS * BLOCK_NS
            fees = (base_fee_wei(SEED, block), TIP_WEI)
        else:
            block, at_ns = self._state.block, self._read_ns
            fees = (self._state.base_fee_wei, self._state.tip_wei)
        names = ("block", "at_ns", "base_fee_wei", "tip_wei", "coin_px_1e9")
        return dict(zip(names, (block, at_ns, *fees, coin), strict=True))

    def _told(self, pool: Pool) -> Json:
        found = next((p for p in (self._config.pools if self._config else ()) if p.name == pool.name), None)
        return {
            "name": pool.name,
            "address": found.address if found else "",
            "base_first": found.base == "token0" if found else True,
            "base_reserve": str(pool.base_reserve),
            "quote_reserve": str(pool.quote_reserve),
            "base_decimals": pool.base_decimals,
            "quote_decimals": pool.quote_decimals,
            "fee_ppm": pool.fee_ppm,
            "gas_1e9": pool.gas_1e9,
            "gas_units": found.gas_units if found else GAS_UNITS,
            "source": pool.source,
        }

    def _pool(self, config: ChainConfig, pool: PoolConfig, coin_1e9: int, now_ns: int) -> Pool:
        state, host = self._state, config.host
        reserves = state.reserves.get(pool.name) if state is not None else None
        problem = self._why_not(config, pool, coin_1e9, now_ns)
        gas = gas_cost_1e9(pool.gas_units, state.base_fee_wei, state.tip_wei, coin_1e9) if state else 0
        base, quote = reserves or (0, 0)
        source = f"json-rpc {host}" + (f", block {state.block}" if state is not None else "")
        decimals = (pool.base_decimals, pool.quote_decimals)
        return Pool(pool.name, base, quote, *decimals, pool.fee_ppm, gas, source, problem)

    def _why_not(self, config: ChainConfig, pool: PoolConfig, coin_1e9: int, now_ns: int) -> str:
        if self._state is None:
            return f"its reserves are unknown: {self._problem}"
        late_ns = now_ns - self._read_ns
        if late_ns > _LATE * config.refresh_seconds * 10**9:
            return f"its reserves were last read {late_ns // 10**9} s ago: {self._problem}"
        if not coin_1e9:
            return f"no price of {config.coin}, in which gas is paid"
        return self._state.problems.get(pool.name, "")

    def _mid(self, symbol: str, now_ns: int) -> int:
        """Over the venues' books; 0 when a side is empty."""
        book = self._market.consolidated(symbol, 1, now_ns)
        return (book.bids[0][0] + book.asks[0][0]) // 2 if book and book.bids and book.asks else 0

    async def run(self) -> None:
        """Until cancelled; returns when pools are generated."""
        config = self._config
        if config is None:
            return
        import httpx  # few configure a chain

        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            chain = Chain(config, client)
            while True:
                try:
                    self._state = await chain.read()
                    self._read_ns, self._problem = time.time_ns(), ""
                except ChainError as error:
                    if str(error) != self._problem:
                        log.warning("pools are not read: %s", error)
                    self._problem = str(error)
                await asyncio.sleep(config.refresh_seconds)
