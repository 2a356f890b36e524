"""Fees to the last unit: each row is rounded half-even, and what rounding left is carried to the next row."""

from __future__ import annotations

_DENOMINATOR = 10**14  # px_1e9 * qty_1e8 * ppm is money * 10^(9+8+6); a fee is money * 10^9


def half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` rounded to the nearest integer, ties to even. ``denominator`` > 0."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2):
        quotient += 1
    return quotient


def notional_1e9(px_1e9: int, qty_1e8: int) -> int:
    """Money value of a quantity at a price, half-even."""
    return half_even(px_1e9 * qty_1e8, 10**8)


class FeeMeter:
    """Fees of one account at one market, so that the sum of the rows is the rounded exact sum."""

    __slots__ = ("_charged", "_exact")

    def __init__(self) -> None:
        self._exact = 0
        self._charged = 0

    def charge(self, px_1e9: int, qty_1e8: int, rate_ppm: int) -> int:
        """Fee of one fill, ``_1e9``; negative for a rebate."""
        self._exact += px_1e9 * qty_1e8 * rate_ppm
        total = half_even(self._exact, _DENOMINATOR)
        fee = total - self._charged
        self._charged = total
        return fee
