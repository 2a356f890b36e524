"""What a graph has lost so far: its fills against what they are worth now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Traded:
    """What the orders of one node came to. `mid_1e9` is the market's now, 0 when nothing can be said."""

    side: Literal["buy", "sell"]
    filled_1e8: int
    notional_1e9: int
    fees_1e9: int
    mid_1e9: int


def loss_1e9(traded: Iterable[Traded]) -> int | None:
    """Fees, and what was paid above or received below the mid; below 0 it is a gain. None without a mid."""
    total = 0
    for one in traded:
        if not one.filled_1e8:
            continue
        if not one.mid_1e9:
            return None
        worth = one.mid_1e9 * one.filled_1e8 // 10**8
        total += one.fees_1e9 + (one.notional_1e9 - worth if one.side == "buy" else worth - one.notional_1e9)
    return total
