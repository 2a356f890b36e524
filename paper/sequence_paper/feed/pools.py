"""Generated pools: constant-product reserves that follow a reference price as arbitrage leaves them, from a seed.

A pool's price lies anywhere within its fee of the reference, another place in each block; nothing else is known of it,
so the same seed, reference and block give the same reserves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import isqrt
from types import MappingProxyType
from typing import Final

from sequence_paper.routing import Pool, gas_cost_1e9

BLOCK_NS: Final = 12 * 10**9
GAS_UNITS: Final = 150_000
COIN: Final = "ETH-USD"
"""Gas is paid in it."""
TIP_WEI: Final = 10**9
_BASE_FEE_GWEI: Final = (8, 40)
_PPM: Final = 10**6


@dataclass(frozen=True, slots=True)
class PoolProfile:
    """``base_1e8``: what it holds of the base at ``at_1e9``; elsewhere the product of the reserves is the same."""

    name: str
    base_1e8: int
    at_1e9: int
    fee_ppm: int


POOLS = MappingProxyType(
    {
        "BTC-USD": (
            PoolProfile("amm-30bps", 400 * 10**8, 78_000 * 10**9, 3_000),
            PoolProfile("amm-5bps", 150 * 10**8, 78_000 * 10**9, 500),
        ),
        "ETH-USD": (
            PoolProfile("amm-30bps", 12_000 * 10**8, 2_300 * 10**9, 3_000),
            PoolProfile("amm-5bps", 9_000 * 10**8, 2_300 * 10**9, 500),
        ),
    }
)


def generated(seed: int, symbol: str, reference_1e9: int, coin_1e9: int, now_ns: int) -> list[Pool]:
    """The pools of a symbol in the block of ``now_ns``; none when nothing is known of its price or of gas."""
    if reference_1e9 <= 0 or coin_1e9 <= 0:
        return []
    block = now_ns // BLOCK_NS
    gas = gas_cost_1e9(GAS_UNITS, base_fee_wei(seed, block), TIP_WEI, coin_1e9)
    source = f"generated (seed {seed}), block {block}"
    return [
        _pool(profile, _price(seed, profile, symbol, reference_1e9, block), gas, source)
        for profile in POOLS.get(symbol, ())
    ]


def base_fee_wei(seed: int, block: int) -> int:
    """Of one unit of gas in a block."""
    low, high = _BASE_FEE_GWEI
    return (low * _PPM + _draw(seed, "gas", block) * (high - low)) * 1_000


def _price(seed: int, profile: PoolProfile, symbol: str, reference_1e9: int, block: int) -> int:
    """Beyond its fee somebody would have traded it back."""
    off = (_draw(seed, f"{symbol}/{profile.name}", block) * 2 - _PPM) * profile.fee_ppm // _PPM
    return reference_1e9 * (_PPM + off) // _PPM


def _pool(profile: PoolProfile, price_1e9: int, gas_1e9: int, source: str) -> Pool:
    # base 18 decimals, quote 6: y = sqrt(k / p), x = sqrt(k * p) with k = y0^2 * p0, all in token units.
    base = isqrt((profile.base_1e8 * 10**10) ** 2 * profile.at_1e9 // price_1e9)
    quote = base * price_1e9 // 10**21
    return Pool(profile.name, base, quote, 18, 6, profile.fee_ppm, gas_1e9, source)


def _draw(seed: int, what: str, block: int) -> int:
    """0 .. 10^6, the same for the same arguments whenever it is asked."""
    digest = hashlib.blake2b(f"{seed}/{what}/{block}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (_PPM + 1)
