"""Position, average entry and profit, as pure functions over integers.

The state that must survive a restart is the four integers of ``Position``; average and unrealised profit follow
from them. ``cost_1e9`` is kept instead of the average because it loses nothing: at any time

    realized + unrealized(mark) == sells - buys + value of the position at the mark

holds to the unit, with each amount of money rounded once (half-even, when the fill is booked).
"""

from __future__ import annotations

from dataclasses import dataclass

from sequence_paper.feed.events import Side
from sequence_paper.venue.fees import half_even, notional_1e9


@dataclass(frozen=True, slots=True)
class Position:
    """``qty_1e8`` signed, + long. ``cost_1e9``: signed money paid for what is held (same sign as ``qty_1e8``).

    ``realized_1e9`` is before fees; ``fees_1e9`` is the sum paid (negative = rebates earned).
    """

    qty_1e8: int = 0
    cost_1e9: int = 0
    realized_1e9: int = 0
    fees_1e9: int = 0

    @property
    def avg_entry_1e9(self) -> int:
        """Average entry price, half-even; 0 when flat."""
        if self.qty_1e8 == 0:
            return 0
        return half_even(abs(self.cost_1e9) * 10**8, abs(self.qty_1e8))

    @property
    def net_1e9(self) -> int:
        """Realised profit after fees."""
        return self.realized_1e9 - self.fees_1e9

    def unrealized_1e9(self, mark_1e9: int) -> int:
        """Profit if all were closed at ``mark_1e9``, before fees; 0 when flat or without a mark (0)."""
        if self.qty_1e8 == 0 or mark_1e9 == 0:
            return 0
        return notional_1e9(mark_1e9, self.qty_1e8) - self.cost_1e9

    @staticmethod
    def from_average(qty_1e8: int, avg_entry_1e9: int, realized_1e9: int = 0, fees_1e9: int = 0) -> Position:
        """Rebuild from a stored average; the cost is then exact to the rounding of that average."""
        return Position(qty_1e8, notional_1e9(avg_entry_1e9, qty_1e8), realized_1e9, fees_1e9)


def after_fill(position: Position, side: Side, px_1e9: int, qty_1e8: int, fee_1e9: int) -> Position:
    """Book one execution of ``qty_1e8`` > 0. Average-cost method; crossing zero closes, then opens at ``px``."""
    if qty_1e8 <= 0:
        raise ValueError(f"a fill has a positive quantity, not {qty_1e8}")
    held, cost = position.qty_1e8, position.cost_1e9
    money = notional_1e9(px_1e9, qty_1e8) * side
    fees = position.fees_1e9 + fee_1e9
    if held * side >= 0:
        return Position(held + qty_1e8 * side, cost + money, position.realized_1e9, fees)
    closing = min(qty_1e8, abs(held))
    # A partial close takes its share of the cost; closing all takes all of it, so that no dust is left behind.
    cost_closed = cost if closing == abs(held) else half_even(cost * closing, abs(held))
    money_closed = money if closing == qty_1e8 else notional_1e9(px_1e9, closing) * side
    realized = position.realized_1e9 - cost_closed - money_closed
    left = held + qty_1e8 * side
    return Position(left, cost - cost_closed + money - money_closed, realized, fees)
