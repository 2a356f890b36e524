"""What the formulas are fed with: orders, fills, quotes. Prices, money × 10^9; quantities × 10^8; feed time in ns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")


class Gap(StrEnum):
    """Why a value is not there."""

    UNFILLED = "nothing was filled"
    OPEN = "the order is not final"
    NO_DECISION = "no mid at the decision"
    NO_DATA = "no data at that time"
    SUSPECT = "the feed was not to be trusted"
    NO_PRINTS = "no trade in the interval"
    CROSSED = "the books cross"
    TAKER = "the fill took liquidity"
    MAKER = "the order rested"
    ONE_VENUE = "one venue only"
    SHALLOW = "the recorded books could not fill it"


Value: TypeAlias = Fraction | Gap

HORIZONS_NS: Final = {
    "50ms": 50_000_000,
    "1s": 10**9,
    "5s": 5 * 10**9,
    "15s": 15 * 10**9,
    "1m": 60 * 10**9,
    "5m": 300 * 10**9,
}
"""How long after a fill its mark-outs look, by name."""


class Absent(Exception):  # noqa: N818 - control flow between `known` and `formula`, never seen outside
    """Carries the reason from where a value is missing to the formula that needs it."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap)
        self.gap = gap


def known(value: T | Gap) -> T:
    """The value itself; inside a formula a gap makes the result that gap."""
    if isinstance(value, Gap):
        raise Absent(value)
    return value


@dataclass(frozen=True)
class Quote:
    """Best bid and ask of one venue (or of several, merged) at a moment; `age_ns` since when they stood."""

    bid_1e9: int
    ask_1e9: int
    age_ns: int = 0

    @cached_property
    def mid(self) -> Fraction:
        """Exactly."""
        return Fraction(self.bid_1e9 + self.ask_1e9, 2)

    @property
    def spread(self) -> int:
        return self.ask_1e9 - self.bid_1e9


@dataclass(frozen=True)
class FillFacts:
    """One execution. `at`: the quote it met; `later`: by horizon, the mid that followed. Fee negative = rebate."""

    fill_id: str
    price_1e9: int
    qty_1e8: int
    fee_1e9: int
    maker: bool
    ts_ns: int
    at: Quote | Gap = Gap.NO_DATA
    later: Mapping[str, Value] = field(default_factory=dict)
    gas_1e9: int = 0

    @cached_property
    def notional(self) -> Fraction:
        """Price × quantity in money × 10^9, exactly."""
        return Fraction(self.price_1e9 * self.qty_1e8, 10**8)


@dataclass(frozen=True)
class OrderFacts:
    """One order with its fills and the markets around it. `side`: 1 buys, -1 sells.

    `decision`, `arrival`, `end`: mids when the algo decided, when the order reached the router, when it ended.
    `quote`: of its own venue at arrival; `nbbo`: best over all recorded venues then. `vwap`: of the venue's prints
    from arrival to the end. `cheapest`, `single`: all-in cost (money × 10^9, negative for what a sell brings in) of
    the filled quantity over all venues' books, and in the best single one, as recorded at the decision. `stages`:
    nanoseconds by leg of the way. `passive`: it may only rest.
    """

    order_id: str
    deployment: str
    venue: str
    symbol: str
    side: int
    qty_1e8: int
    status: str
    created_ns: int
    ended_ns: int
    fills: tuple[FillFacts, ...] = ()
    final: bool = True
    decision: Value = Gap.NO_DECISION
    arrival: Value = Gap.NO_DATA
    end: Value = Gap.NO_DATA
    quote: Quote | Gap = Gap.NO_DATA
    nbbo: Quote | Gap = Gap.NO_DATA
    vwap: Value = Gap.NO_DATA
    cheapest: Value = Gap.NO_DATA
    single: Value = Gap.NO_DATA
    single_venue: str = ""
    stages: Mapping[str, int] = field(default_factory=dict)
    label: str = ""

    @cached_property
    def filled_1e8(self) -> int:
        return sum(fill.qty_1e8 for fill in self.fills)

    @cached_property
    def notional(self) -> Fraction:
        """What was traded, in money × 10^9."""
        return Fraction(sum(fill.price_1e9 * fill.qty_1e8 for fill in self.fills), 10**8)

    @cached_property
    def fees_1e9(self) -> int:
        """Fees and gas together; negative when rebates were more."""
        return sum(fill.fee_1e9 + fill.gas_1e9 for fill in self.fills)

    @cached_property
    def average(self) -> Value:
        """Volume-weighted price of the fills."""
        return self.notional * 10**8 / self.filled_1e8 if self.fills else Gap.UNFILLED

    @cached_property
    def paper(self) -> Value:
        """What the whole order was worth at the decision: target × decision mid."""
        return self.decision if isinstance(self.decision, Gap) else self.decision * self.qty_1e8 / 10**8
