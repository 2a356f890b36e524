"""What the API tells edges of pools is what it routes by."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from sequence_paper.api.bus import Bus
from sequence_paper.api.market import MarketView
from sequence_paper.api.pools import Pools
from sequence_paper.edge.pools import PoolTables
from sequence_paper.feed.evm import ChainConfig
from support.chain import FakeChain

ADDRESS = "0x" + "1" * 40


def market() -> MarketView:
    view = MarketView(Bus("nats://127.0.0.1:1"))
    for symbol, mid in (("BTC-USD", 78_000), ("ETH-USD", 2_300)):
        book: dict[str, Any] = {
            "venue": "kraken",
            "symbol": symbol,
            "instrument_type": "spot",
            "edge_id": "venue-edge-kraken",
            "ts_ns": 1,
            "sent_ns": 1,
            "seq": 1,
            "state": "ok",
            "bids": [[(mid - 1) * 10**9, 10**8]],
            "asks": [[(mid + 1) * 10**9, 10**8]],
        }
        view.hear(orjson.dumps(book))
    return view


def carried(pools: Pools, symbol: str) -> PoolTables:
    """Through the bytes of the bus."""
    return PoolTables.read(orjson.loads(orjson.dumps(pools.told(symbol, 24 * 10**9))))


def test_generated_pools_and_their_gas_arrive_whole() -> None:
    pools = Pools(market())
    tables = carried(pools, "BTC-USD")
    assert [view.pool.name for view in tables.pools] == [pool.name for pool in pools.of("BTC-USD")] != []
    assert all(view.address == b"" and view.pool.base_reserve > 2**64 for view in tables.pools)
    assert tables.chain is not None
    assert (tables.chain.block, tables.chain.coin_px_1e9) == (2, 2_300 * 10**9)
    assert 8 * 10**9 <= tables.chain.base_fee_wei <= 40 * 10**9


def test_a_symbol_without_pools_has_no_chain() -> None:
    assert carried(Pools(market()), "XRP-USD") == PoolTables(None, ())


async def test_pools_of_a_chain_have_its_addresses_block_and_fees() -> None:
    chain = FakeChain({ADDRESS: (400 * 10**18, 31_200_000 * 10**6)})
    pool = {"name": "wbtc", "symbol": "BTC-USD", "address": ADDRESS, "base": "token0"}
    about = {"base_decimals": 18, "quote_decimals": 6, "gas_units": 120_000}
    pools = Pools(market(), ChainConfig.model_validate({"rpc": chain.url, "pools": [pool | about]}))
    assert carried(pools, "BTC-USD") == PoolTables(None, ())  # not read yet: nobody prices by it
    reading = asyncio.create_task(pools.run())
    try:
        async with asyncio.timeout(30):
            while not (tables := carried(pools, "BTC-USD")).pools:  # noqa: ASYNC110 - nothing tells of a read
                await asyncio.sleep(0.01)
    finally:
        reading.cancel()
        chain.stop()
    (view,) = tables.pools
    assert (view.address, view.gas_units, view.base_first) == (bytes.fromhex("1" * 40), 120_000, True)
    assert (view.pool.base_reserve, view.pool.quote_reserve) == (400 * 10**18, 31_200_000 * 10**6)
    assert tables.chain is not None and tables.chain.block > 0 and tables.chain.base_fee_wei > 0
