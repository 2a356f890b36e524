"""One idea built on three SDKs trades alike on the same recorded market."""

from __future__ import annotations

from typing import Any

from sequence_paper.feed import bitstamp
from sequence_paper.feed.replay import open_replay
from sequence_paper.store import Store
from support.stores import with_tables

SECONDS = 90


async def trade(edge: Any, wasm: bytes) -> tuple[list[Any], list[Any], list[str]]:
    """Orders, fills and log lines of a minute and a half of the recording."""
    feed = open_replay(bitstamp.NAME, venue="kraken", symbols=["BTC-USD"])
    edge.core.prime(feed.prime())
    dep = edge.deploy(wasm)
    await edge.converge()
    edge.core.feed(feed.next_until(feed.about.start_ns + SECONDS * 10**9))
    orders = [
        (
            o.client_key,
            o.side,
            o.order_type,
            o.tif,
            o.price_1e9,
            o.qty_1e8,
            o.status,
            o.filled_qty_1e8,
            o.created_ns,
        )
        for o in edge.orders()
    ]
    fills = [(f.side, f.price_1e9, f.qty_1e8, f.fee_1e9, f.liquidity, f.ts_ns) for f in edge.fills()]
    return orders, fills, edge.logs(dep)


async def test_three_sdks_trade_identically_on_the_same_replay(
    tmp_path, host, algos, in_process_edge
) -> None:
    runs = {}
    for crate in ("same01", "same03", "same04"):
        store = Store(with_tables(tmp_path / f"{crate}.db"))
        try:
            runs[crate] = await trade(in_process_edge(store, host, ("BTC-USD",)), algos[crate])
        finally:
            store.close()
    orders, fills, logs = runs["same04"]
    assert len(orders) > 100, "a run without trading proves little"
    assert {fill[4] for fill in fills} == {"maker", "taker"}
    assert len(logs) == len(fills)
    assert runs["same01"] == runs["same03"] == runs["same04"]
