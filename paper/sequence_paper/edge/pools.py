"""Pools, their states and the fees of their chain as a module reads them at fixed addresses.

A pool's book are the quantities that so and so much money moves, each at what that part alone costs (fee included, gas
not: it stands in the pool's ``PoolMeta``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sequence_paper.edge import abi
from sequence_paper.feed.events import BUY, SELL, Level, Side
from sequence_paper.routing.pool import Pool
from sequence_paper.store.words import Json

MAX_POOLS: Final = 32
FEES_AT: Final = 0x1B000
STATES_AT: Final = 0x23000

_PROBES_USD: Final = (
    *(10, 25, 50, 100, 250, 500, 750, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000),
    500_000,
)
_ETHEREUM: Final = 0
_DEX_ETH: Final = 11
_UNISWAP_V2: Final = 1
_NO_CHAIN: Final = 255
_META = struct.Struct("<32sHHBB2x")
_META_GAS = struct.Struct("<32sHHBBHHHH2x")
_CHAIN = struct.Struct("<B7x5Q")
_STATE = struct.Struct("<4Q32xiiIB3xQQ")
_U16: Final = (1 << 16) - 1
_U64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Chain:
    """Fees of one chain; ``coin_px_1e9``: price of the coin that gas is paid in."""

    block: int
    at_ns: int
    base_fee_wei: int
    tip_wei: int
    coin_px_1e9: int


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool with what a router does not need. ``base_first``: the base is the contract's first token."""

    pool: Pool
    address: bytes
    base_first: bool
    gas_units: int


@dataclass(frozen=True, slots=True)
class PoolTables:
    """All pools of one symbol, and their chain; nothing of either is a valid table too."""

    chain: Chain | None
    pools: tuple[PoolView, ...]

    @classmethod
    def read(cls, told: Json) -> PoolTables:
        """From what the API tells. Raises ValueError."""
        try:
            chain = None if told["chain"] is None else Chain(**{k: int(v) for k, v in told["chain"].items()})
            return cls(chain, tuple(_view(one) for one in told["pools"][:MAX_POOLS]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not pools: {error!r}") from None

    def books(self, symbol_id: int, now_ns: int, *, gas: bool) -> bytes:
        """``PoolBooks``; ``gas``: in the layout of SDK 0.4, whose metas tell the gas."""
        size = _META_GAS.size if gas else _META.size
        metas = b"".join(self._meta(view, gas=gas) for view in self.pools)
        books = b"".join(
            abi.book(levels(view.pool, SELL), levels(view.pool, BUY), symbol_id, now_ns)
            for view in self.pools
        )
        return (
            bytes([len(self.pools)]).ljust(8, b"\0")
            + metas.ljust(size * MAX_POOLS, b"\0")
            + books.ljust(abi.BOOK_SIZE * MAX_POOLS, b"\0")
        )

    def states(self) -> bytes:
        """``PoolStateTable`` of SDK 0.4: slot for slot the pools of the books."""
        block, at_ns = (self.chain.block, self.chain.at_ns) if self.chain else (0, 0)
        states = b"".join(_state(view, block, at_ns) for view in self.pools)
        return bytes([len(self.pools)]).ljust(16, b"\0") + states.ljust(_STATE.size * MAX_POOLS, b"\0")

    def fees(self) -> bytes:
        """``ChainFeeTable`` of SDK 0.4, in whole gwei."""
        chains = []
        if self.chain is not None:
            chain, units = self.chain, max((view.gas_units for view in self.pools), default=0)
            fees = (chain.base_fee_wei // 10**9, chain.tip_wei // 10**9)
            chains.append(_CHAIN.pack(_ETHEREUM, *fees, units, chain.coin_px_1e9, chain.at_ns))
        none = _CHAIN.pack(_NO_CHAIN, 0, 0, 0, 0, 0)
        return bytes([len(chains)]).ljust(8, b"\0") + b"".join(chains) + none * (8 - len(chains))

    def _meta(self, view: PoolView, *, gas: bool) -> bytes:
        about = (view.address, 0, view.pool.fee_ppm // 100, _DEX_ETH, _UNISWAP_V2)
        if not gas:
            return _META.pack(*about)
        chain = self.chain
        gwei = (chain.base_fee_wei + chain.tip_wei) // 10**9 if chain else 0
        coin = chain.coin_px_1e9 // 10**8 if chain else 0
        costs = (view.pool.gas_1e9 // 10**4, view.gas_units // 1000, gwei, coin)
        return _META_GAS.pack(*about, *(min(cost, _U16) for cost in costs))


NOTHING: Final = PoolTables(None, ())


def levels(pool: Pool, side: Side) -> list[Level]:
    """What a buyer pays (BUY, ascending) or a seller gets (SELL, descending), part by part."""
    spot = pool.spot_1e9
    found: list[Level] = []
    done = paid = 0
    for usd in _PROBES_USD if spot else ():
        qty = usd * 10**17 // spot
        if not done < qty <= pool.reach(side):
            continue
        cost = pool.cost_e23(side, qty)
        # Money x 10^23 over quantity x 10^8 is a price x 10^15; a buyer's is rounded up, a seller's down.
        px = (
            -(-(cost - paid) // (qty - done) // 10**6)
            if side == BUY
            else -(cost - paid) // (qty - done) // 10**6
        )
        found.append((px, qty - done))
        done, paid = qty, cost
    return found


def _view(told: Json) -> PoolView:
    address = bytes.fromhex(told["address"].removeprefix("0x"))
    pool = Pool(
        name=str(told["name"]),
        base_reserve=int(told["base_reserve"]),
        quote_reserve=int(told["quote_reserve"]),
        base_decimals=int(told["base_decimals"]),
        quote_decimals=int(told["quote_decimals"]),
        fee_ppm=int(told["fee_ppm"]),
        gas_1e9=int(told["gas_1e9"]),
        source=str(told["source"]),
    )
    return PoolView(pool, address, bool(told["base_first"]), int(told["gas_units"]))


def _state(view: PoolView, block: int, at_ns: int) -> bytes:
    base, quote = view.pool.base_reserve, view.pool.quote_reserve
    first, second = (base, quote) if view.base_first else (quote, base)
    halves: Sequence[int] = (first & _U64, first >> 64 & _U64, second & _U64, second >> 64 & _U64)
    return _STATE.pack(*halves, 0, 0, view.pool.fee_ppm, 0, block, at_ns)
