"""Numbers in reasons, as people read them. Display only: nothing is computed from these."""

from __future__ import annotations


def price(value_1e9: int) -> str:
    """`78_629_907_600_000` -> `78,629.9076`; at least cents."""
    whole, part = divmod(value_1e9, 10**9)
    return f"{whole:,}.{f'{part:09d}'.rstrip('0'):0<2}"


def quantity(value_1e8: int) -> str:
    """`50_000` -> `0.0005`."""
    whole, part = divmod(value_1e8, 10**8)
    digits = f"{part:08d}".rstrip("0")
    return f"{whole:,}.{digits}" if digits else f"{whole:,}"
