"""Market data and streams of the official client from PyPI, unmodified, against paper."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sequence_markets import Sequence, SequenceError

from support.paper import Paper
from support.processes import PATIENCE, wait_until


@pytest.fixture(scope="module")
def client(paper: Paper) -> Sequence:
    client = Sequence(paper.key("sandbox", "market"), base_url=paper.url, max_retries=0)
    wait_until(lambda: len(client.quote("BTC-USD")["venues"]) == 2, "both venues show their books")
    return client


def test_quotes(client: Sequence) -> None:
    quote = client.quote("BTC-USD", depth=3)
    assert (quote["symbol"], quote["source"]) == ("BTC-USD", "edge_nbbo")
    assert set(quote["nbbo"]) >= {"bid", "ask", "mid", "spread_bps"}
    for venue in quote["venues"].values():
        assert set(venue) >= {"bid", "ask", "bid_size", "ask_size", "age_ms"}
        assert venue["bid"] < venue["ask"]
    assert len(quote["book"]["bids"]) == 3
    assert client.quote("BTC-USD", nowait=True)["source"] == "edge_nbbo"
    several = client.quotes(["BTC-USD", "ETH-USD"])["quotes"]
    assert [row["symbol"] for row in several] == ["BTC-USD", "ETH-USD"]
    with pytest.raises(SequenceError) as unknown:
        client.quote("XRP/USD")
    assert unknown.value.status == 404
    assert "XRP/USD" in unknown.value.message


def test_a_batch(client: Sequence) -> None:
    batch = client.quotes_batch(["BTC-USD", "NO-NO", "ETH-USD"], depth=2)
    assert (batch["count"], [("error" in row) for row in batch["quotes"]]) == (3, [False, True, False])
    assert isinstance(batch["elapsed_ms"], int)


def test_what_is_listed(client: Sequence) -> None:
    rows = client.symbols()
    assert {"BTC-USD", "ETH-USD"} <= {row["symbol"] for row in rows}
    fees = client.fees("BTC-USD", ["kraken", "okx"])
    assert fees["ticker"] == "BTC-USD"
    assert [(row["venue"], row["maker_bps"], row["taker_bps"]) for row in fees["fees"]] == [
        ("kraken", 16, 26),
        ("okx", None, None),
    ]
    edges = {row["edge_id"]: row for row in client.edges()["edges"]}
    assert edges["venue-edge-kraken"]["region"] == "local"
    assert edges["venue-edge-kraken"]["remote"] is False


async def heard(client: Sequence, channels: list[str], wanted: set[str]) -> dict[str, Any]:
    """The first payload of each wanted channel."""
    found: dict[str, Any] = {}
    stream = client.stream(channels)
    async with asyncio.timeout(PATIENCE):
        async for channel, data in stream:
            found.setdefault(channel, data)
            if wanted <= set(found):
                break
    await stream.aclose()
    return found


async def test_a_stream_of_prices(client: Sequence) -> None:
    channels = ["prices:BTC-USD", "book:BTC-USD", "fair_price", "fair_price:BTC", "funding", "prices:NO-NO"]
    found = await heard(client, channels, set(channels[:4]))
    assert set(found) == set(channels[:4]), "what is rejected says nothing more"
    assert set(found["prices:BTC-USD"]) >= {"bid", "ask", "mid", "bid_sz", "ask_sz", "spread_bps", "ts_ns"}
    book = found["book:BTC-USD"]
    assert all(
        isinstance(number, float) for side in ("bids", "asks") for level in book[side] for number in level
    )
    assert found["fair_price:BTC"]["underlying"] == "BTC"
    assert found["fair_price"].keys() == found["fair_price:BTC"].keys()


async def test_a_stream_of_what_an_algo_does(client: Sequence, wasm: Path) -> None:
    dep = client.deploy_algo("streamed", str(wasm), ["BTC-USD"])["deployment_id"]
    channels = ["orders", "fills", f"deployment:{dep}", f"traces:{dep}", "routing", "tca"]
    stopping = asyncio.get_running_loop().call_later(1, client.algo_stop, dep)
    found = await heard(client, channels, {f"deployment:{dep}"})
    stopping.cancel()
    assert found[f"deployment:{dep}"]["kind"] in ("stopped", "instance")
    client.algo_start(dep)
    found = await heard(client, channels, {"orders", "fills"})
    assert found["orders"]["symbol"] == "BTC-USD"
    assert found["fills"]["qty_1e8"] > 0
    client.algo_undeploy(dep)


async def test_streams_of_prediction_markets_are_refused_with_a_status(client: Sequence) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        await anext(client.stream_new_markets())
    assert refused.value.response.status_code == 501


async def test_a_stream_with_a_stranger_s_key_is_refused(paper: Paper) -> None:
    from websockets.exceptions import InvalidStatus

    stranger = Sequence("seq_test_" + "0" * 64, base_url=paper.url)
    with pytest.raises(InvalidStatus) as refused:
        await anext(stranger.stream(["orders"]))
    assert refused.value.response.status_code == 401
