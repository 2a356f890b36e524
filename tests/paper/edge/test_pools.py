"""Pools, their states and chain fees as an algo reads them."""

from __future__ import annotations

from typing import Any

import pytest

from sequence_paper.edge.pools import MAX_POOLS, NOTHING, PoolTables, levels
from sequence_paper.feed.events import BUY, SELL
from sequence_paper.routing.pool import Pool

ETH = 10**18


def told(**more: Any) -> dict[str, Any]:
    """One pool of 100 BTC at 100,000 on a chain at 21 gwei."""
    pool = {
        "name": "amm",
        "address": "0xAB" + "00" * 18 + "CD",
        "base_first": True,
        "base_reserve": str(100 * ETH),
        "quote_reserve": str(10_000_000 * 10**6),
        "base_decimals": 18,
        "quote_decimals": 6,
        "fee_ppm": 3000,
        "gas_1e9": 13_230_000_000,
        "gas_units": 180_000,
        "source": "test",
    }
    chain = {
        "block": 7,
        "at_ns": 55,
        "base_fee_wei": 20 * 10**9,
        "tip_wei": 10**9,
        "coin_px_1e9": 3_500 * 10**9,
    }
    return {"symbol": "BTC-USD", "chain": chain, "pools": [pool | more]}


def number(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def test_tables_have_every_field_where_sdk_04_reads_it() -> None:
    tables = PoolTables.read(told())
    books = tables.books(1, 9, gas=True)
    assert (len(books), books[0], books[8], books[27]) == (22_536, 1, 0xAB, 0xCD)
    assert [number(books, 8 + at, 2) for at in (34, 38, 40, 42, 44)] == [30, 65_535, 180, 21, 35_000]
    assert (books[8 + 36], books[8 + 37]) == (11, 1)
    assert 99_000 * 10**9 < number(books, 1544) < 100_000 * 10**9 < number(books, 1544 + 320)
    states = tables.states()
    assert (len(states), states[0], number(states, 16, 16), number(states, 32, 16)) == (
        3_088,
        1,
        100 * ETH,
        10**13,
    )
    assert (
        number(states, 16 + 72, 4),
        states[16 + 76],
        number(states, 16 + 80),
        number(states, 16 + 88),
    ) == (
        3000,
        0,
        7,
        55,
    )
    fees = tables.fees()
    assert (len(fees), fees[0], fees[8], fees[56]) == (392, 1, 0, 255)
    assert [number(fees, 16 + 8 * i) for i in range(5)] == [20, 1, 180_000, 3_500 * 10**9, 55]


def test_tables_of_sdk_03_have_no_gas_and_other_places() -> None:
    books = PoolTables.read(told(base_first=False)).books(1, 9, gas=False)
    assert (len(books), number(books, 8 + 34, 2), books[8 + 37]) == (22_280, 30, 1)
    assert not any(books[48 : 8 + 40 * MAX_POOLS])
    assert number(books, 1288 + 320) > 100_000 * 10**9


def test_no_pools_are_tables_that_count_none() -> None:
    assert not any(NOTHING.books(1, 9, gas=True)) and not any(NOTHING.states())
    assert (NOTHING.fees()[0], NOTHING.fees()[8]) == (0, 255)


def test_a_token_that_comes_second_has_its_reserve_second() -> None:
    states = PoolTables.read(told(base_first=False)).states()
    assert (number(states, 16, 16), number(states, 32, 16)) == (10**13, 100 * ETH)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_levels_add_up_to_what_the_pool_itself_asks(side: Any) -> None:
    pool = Pool("amm", 100 * ETH, 10_000_000 * 10**6, 18, 6, 3000, 0, "test")
    found = levels(pool, side)
    assert len(found) == 16
    prices = [px for px, _ in found]
    assert prices == sorted(prices, reverse=side == SELL)
    qty = sum(size for _, size in found)
    cost = sum(px * size for px, size in found) / 10**17
    exact = abs(pool.cost_e23(side, qty)) / 10**23
    assert abs(cost - exact) < 0.01 and (cost >= exact) == (side == BUY)


@pytest.mark.parametrize(
    "wrong", [{}, {"chain": None}, {"chain": 1, "pools": []}, {"chain": None, "pools": [{}]}]
)
def test_what_are_no_pools_is_told_so(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not pools"):
        PoolTables.read(wrong)


async def test_an_algo_reads_pools_fees_and_states_with_the_next_nbbo(edge, algos) -> None:
    dep = edge.deploy(algos["look04"])
    await edge.converge()
    edge.tick(10)
    assert not [line for line in edge.logs(dep) if line.startswith(("pool", "chain"))]
    edge.core.across.hear_pools(told())
    edge.tick(20)
    (pool,) = [line for line in edge.logs(dep) if line.startswith("pool")]
    assert pool.startswith("pool abcd fee 30 venue 11 protocol 1 ask 100301")
    assert pool.endswith(f"reserves {100 * ETH} {10**13} fee 3000 of 1")
    (chain,) = [line for line in edge.logs(dep) if line.startswith("chain")]
    assert chain == "chain 0 base 20 tip 1 gas 180000 usd 13230000000"
    edge.core.across.hear_pools(told() | {"pools": [], "chain": None})
    edge.tick(30)
    assert len([line for line in edge.logs(dep) if line.startswith(("pool", "chain"))]) == 2
