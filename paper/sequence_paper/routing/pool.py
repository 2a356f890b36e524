"""Constant-product pools in the integers a chain computes with.

With reserves x (quote) and y (base) and g = 1 - fee, buying b costs x*b / (g*(y - b)) and the next unit
x*y / (g*(y - b)^2); selling b brings x*g*b / (y + g*b) and the next unit g*x*y / (y + g*b)^2. What comes out is
rounded down and what must go in is rounded up plus one, as the contracts do, so that x*y never falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, isqrt
from typing import Final

from sequence_paper.feed.events import BUY, Side

_PPM: Final = 10**6
_MONEY_DIGITS: Final = 23


def amount_out(amount_in: int, reserve_in: int, reserve_out: int, fee_ppm: int) -> int:
    """What a swap of ``amount_in`` gives."""
    num, den = _kept(fee_ppm)
    with_fee = amount_in * num
    return with_fee * reserve_out // (reserve_in * den + with_fee)


def amount_in(amount_out: int, reserve_in: int, reserve_out: int, fee_ppm: int) -> int:
    """What must go in so that ``amount_out`` comes out. ValueError when the reserve does not hold it."""
    if not 0 < amount_out < reserve_out:
        raise ValueError(f"{amount_out} cannot come out of a reserve of {reserve_out}")
    num, den = _kept(fee_ppm)
    return reserve_in * amount_out * den // ((reserve_out - amount_out) * num) + 1


def gas_cost_1e9(gas_units: int, base_fee_wei: int, tip_wei: int, coin_px_1e9: int) -> int:
    """Money for the gas of one swap, at the price of the chain's coin, rounded up."""
    return -(-gas_units * (base_fee_wei + tip_wei) * coin_px_1e9 // 10**18)


def _ten(power: int) -> int:
    return int(10**power)


def _kept(fee_ppm: int) -> tuple[int, int]:
    """The fraction of the input that is swapped, in lowest terms: 3000 ppm is 997/1000."""
    common = gcd(_PPM - fee_ppm, _PPM)
    return (_PPM - fee_ppm) // common, _PPM // common


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool of base against quote. Reserves in token units of ``*_decimals``; at least 8 for the base.

    ``gas_1e9``: what a swap costs besides, in quote money. ``source``: where the reserves come from.
    """

    name: str
    base_reserve: int
    quote_reserve: int
    base_decimals: int
    quote_decimals: int
    fee_ppm: int
    gas_1e9: int
    source: str
    problem: str = ""

    @property
    def spot_1e9(self) -> int:
        """Price of the reserves, before the fee, rounded down."""
        if not self.base_reserve:
            return 0
        scale = _ten(9 + self.base_decimals)
        return self.quote_reserve * scale // (self.base_reserve * _ten(self.quote_decimals))

    def cost_e23(self, side: Side, qty_1e8: int) -> int:
        """Exact cost of a quantity, negative for a sell; gas not included."""
        base = qty_1e8 * _ten(self.base_decimals - 8)
        unit = _ten(_MONEY_DIGITS - self.quote_decimals)
        if qty_1e8 == 0:
            return 0
        if side == BUY:
            return amount_in(base, self.quote_reserve, self.base_reserve, self.fee_ppm) * unit
        return -amount_out(base, self.base_reserve, self.quote_reserve, self.fee_ppm) * unit

    def fee_1e9(self, side: Side, qty_1e8: int) -> int:
        """The part of the input that the pool keeps, in quote money (already in the cost)."""
        money = abs(self.cost_e23(side, qty_1e8)) // 10**14
        return money * self.fee_ppm // (_PPM if side == BUY else _PPM - self.fee_ppm)

    def at(self, side: Side, unit_cost: int) -> int:
        """Quantity up to which the next unit costs no more than ``unit_cost`` (price_1e9 x 10^6; negative: sell)."""
        num, den = _kept(self.fee_ppm)
        x, y = self.quote_reserve, self.base_reserve
        # Price of a base token unit in quote token units is unit_cost * q / b.
        q, b = _ten(self.quote_decimals), _ten(self.base_decimals + 15)
        if side == BUY:
            if unit_cost <= 0:
                return 0
            taken = y - _ceil_sqrt(x * y * den * b, num * unit_cost * q)
        else:
            if unit_cost >= 0:
                return self.reach(side)
            taken = (isqrt(x * y * num * b // (den * -unit_cost * q)) - y) * den // num
        return max(0, min(taken // _ten(self.base_decimals - 8), self.reach(side)))

    def reach(self, side: Side) -> int:
        """The most a route takes of it: then its price has moved four times."""
        num, den = _kept(self.fee_ppm)
        y = self.base_reserve
        tokens = y // 2 if side == BUY else y * den // num
        return tokens // _ten(self.base_decimals - 8)

    def unit_cost(self, side: Side, qty_1e8: int) -> int:
        """What the next unit after ``qty_1e8`` costs, rounded up: the inverse of ``at``."""
        num, den = _kept(self.fee_ppm)
        x, y = self.quote_reserve, self.base_reserve
        q, b = _ten(self.quote_decimals), _ten(self.base_decimals + 15)
        base = qty_1e8 * _ten(self.base_decimals - 8)
        if side == BUY:
            return -(-x * y * den * b // (num * (y - base) ** 2 * q))
        return -(x * y * num * den * b // ((y * den + num * base) ** 2 * q))


def _ceil_sqrt(numerator: int, denominator: int) -> int:
    """Smallest integer whose square is at least the fraction."""
    whole = -(-numerator // denominator)
    root = isqrt(whole)
    return root if root * root == whole else root + 1
