"""Where pools come from: the generator, and a chain's JSON-RPC endpoint with its failures."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sequence_paper.feed.evm import Chain, ChainConfig, ChainError
from sequence_paper.feed.pools import BLOCK_NS, POOLS, generated
from support.chain import FakeChain

USD = 10**9
FIRST, SECOND = "0x" + "1" * 40, "0x" + "2" * 40


@given(st.integers(0, 1000), st.integers(10, 10**6), st.integers(0, 10**20))
def test_generated_pools_stay_within_their_fee_of_the_reference(seed, dollars, now):
    pools = generated(seed, "BTC-USD", dollars * USD, 2_300 * USD, now)
    assert [pool.name for pool in pools] == [profile.name for profile in POOLS["BTC-USD"]]
    for pool in pools:
        off = abs(pool.spot_1e9 - dollars * USD)
        assert off * 10**6 <= pool.fee_ppm * dollars * USD + 2 * 10**6 * dollars
        assert pool.source == f"generated (seed {seed}), block {now // BLOCK_NS}"
        assert pool.gas_1e9 > 0
    assert generated(seed, "BTC-USD", dollars * USD, 2_300 * USD, now) == pools


def test_without_a_reference_there_are_no_generated_pools():
    assert generated(1, "BTC-USD", 0, 2_300 * USD, 0) == []
    assert generated(1, "BTC-USD", 78_000 * USD, 0, 0) == []
    assert generated(1, "XRP-USD", 1 * USD, 2_300 * USD, 0) == []


@pytest.fixture
def chain() -> Iterator[FakeChain]:
    fake = FakeChain({FIRST: (400 * 10**18, 31_200_000 * 10**6), SECOND: (2_300 * 10**6, 10**18)})
    yield fake
    fake.stop()


def config(chain: FakeChain, **more) -> ChainConfig:
    first = {"name": "wbtc", "symbol": "BTC-USD", "address": FIRST, "base": "token0"}
    second = {"name": "weth", "symbol": "ETH-USD", "address": SECOND, "base": "token1", "fee_ppm": 500}
    decimals = {"base_decimals": 18, "quote_decimals": 6}
    return ChainConfig.model_validate(
        {"rpc": chain.url, "pools": [first | decimals, second | decimals], **more}
    )


async def read(chain: FakeChain):
    async with httpx.AsyncClient() as client:
        return await Chain(config(chain), client).read()


async def test_reserves_of_all_pools_are_of_one_block(chain):
    state = await read(chain)
    assert (state.block, state.base_fee_wei, state.tip_wei) == (21_000_000, 20 * 10**9, 10**9)
    assert state.reserves == {"wbtc": (400 * 10**18, 31_200_000 * 10**6), "weth": (10**18, 2_300 * 10**6)}
    calls = [one for one in chain.calls if one["method"] == "eth_call"]
    assert {one["params"][1] for one in calls} == {hex(21_000_000)}
    assert {one["params"][0]["data"] for one in calls} == {"0x0902f1ac"}


async def test_a_contract_that_is_no_pool_does_not_take_the_others_with_it(chain):
    del chain.pools[SECOND]
    state = await read(chain)
    assert list(state.reserves) == ["wbtc"]
    assert "is not such a pool" in state.problems["weth"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, b"{}", "answered 503"),
        (200, b"not json", "JSON-RPC batches"),
        (200, b'{"error": {"message": "no batches"}}', "JSON-RPC batches"),
        (200, b'[{"id": 0, "result": {"number": "0x1"}}, {"id": 1, "result": "0x1"}]', "no baseFeePerGas"),
        (200, b'[{"id": 0, "error": {"message": "limit"}}, {"id": 1, "result": "0x1"}]', "limit"),
        (200, b'[{"id": 1, "result": "0x1"}]', "left out the answer"),
    ],
)
async def test_what_an_endpoint_answers_wrongly_is_said_without_its_key(chain, status, body, words):
    chain.status, chain.body = status, body
    with pytest.raises(ChainError, match=words) as caught:
        await read(chain)
    assert "secret-key" not in str(caught.value)


async def test_an_endpoint_that_is_away_is_said(chain):
    chain.stop()
    with pytest.raises(ChainError, match="does not answer"):
        await read(chain)


def test_a_misspelt_key_of_the_file_is_refused(chain):
    with pytest.raises(ValidationError, match="refresh"):
        config(chain, refresh=3)
