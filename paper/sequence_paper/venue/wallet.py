"""What one account has at one venue, over all its markets there: balances, what open orders hold of them, its fees.

Only assets that were given to the account are counted, and only these can run short; of any other there is as much as
anybody likes (a short position is one). Money and quantities of every asset are ``_1e9`` here, as in the ledger.

A buy holds its limit times its quantity with the highest fee of the schedule, rounded up; a sell holds its quantity.
What is left of that is given back when the order ends. The amounts of fills are rounded half-even one by one, so a
balance that is used up can be below zero, by 10^-9 a fill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sequence_paper.feed.events import BUY, Side
from sequence_paper.venue.fees import notional_1e9
from sequence_paper.venue.rules import Fees
from sequence_paper.venue.tiers import Schedule

DAY_NS: Final = 86_400 * 10**9
WINDOW_DAYS: Final = 30
"""Volume counts on the UTC day of the trade and the 29 after it."""
_HELD_IN: Final = 10**14  # px_1e9 * qty_1e8 * ppm is money * 10^(9+8+6); what is held is money * 10^9
_PPM: Final = 10**6


def assets(symbol: str) -> tuple[str, str]:
    """(base, quote) of a spot symbol."""
    base, _, quote = symbol.partition("-")
    return base, quote.partition("-")[0]


def needed(side: Side, px_1e9: int, qty_1e8: int, worst_ppm: int) -> int:
    """What an order holds: of the quote asset if it buys, of the base asset if it sells."""
    if side != BUY:
        return qty_1e8 * 10
    return -(-px_1e9 * qty_1e8 * (_PPM + worst_ppm) // _HELD_IN)


class Wallet:
    """``balances``: of the assets that are counted; it is empty while nothing is. Read, do not change."""

    __slots__ = ("_day", "_fees", "_held", "_holds", "_schedule", "_sum_1e9", "active", "balances", "volume")

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.balances: dict[str, int] = {}
        self.volume: dict[int, int] = {}
        self.active = not schedule.flat
        """Whether it wants to hear of fills."""
        self._holds: dict[str, tuple[str, int]] = {}
        self._held: dict[str, int] = {}
        self._day = self._sum_1e9 = 0
        self._fees = schedule.tiers[0].fees

    # -- balances ----------------------------------------------------------------------------------------------

    def load(self, balances: Mapping[str, int], volume: Mapping[int, int]) -> None:
        """What is stored of it. Holds are forgotten: whoever has open orders puts them back."""
        self.balances = dict(balances)
        self.volume = dict(volume)
        self.active = bool(balances) or not self._schedule.flat
        self._holds.clear()
        self._held.clear()
        self._count(self._day)

    def free(self, asset: str, key: str = "") -> int | None:
        """What no order holds, as if ``key`` held nothing; None when the asset is not counted."""
        balance = self.balances.get(asset)
        if balance is None:
            return None
        held, amount = self._holds.get(key, ("", 0))
        return balance - self._held.get(asset, 0) + (amount if held == asset else 0)

    def short(self, asset: str, amount: int, key: str = "") -> str:
        """Why so much cannot be held for ``key``, empty when it can."""
        free = self.free(asset, key)
        if free is None or amount <= free:
            return ""
        return f"the order needs {amount} {asset}, {free} are free (both _1e9)"

    def hold(self, key: str, asset: str, amount: int) -> None:
        """From now on ``key`` holds this, in place of what it held; 0 = nothing."""
        before, held = self._holds.pop(key, ("", 0))
        if held:
            self._held[before] -= held
        if amount and asset in self.balances:
            self._holds[key] = (asset, amount)
            self._held[asset] = self._held.get(asset, 0) + amount

    def held(self, asset: str) -> int:
        """By all open orders."""
        return self._held.get(asset, 0)

    def traded(
        self, base: str, quote: str, side: Side, px_1e9: int, qty_1e8: int, fee_1e9: int, now_ns: int
    ) -> None:
        """One fill."""
        money, balances = notional_1e9(px_1e9, qty_1e8), self.balances
        if base in balances:
            balances[base] += side * qty_1e8 * 10
        if quote in balances:
            balances[quote] -= side * money + fee_1e9
        if not self._schedule.flat:
            day = now_ns // DAY_NS
            self.volume[day] = self.volume.get(day, 0) + money
            self._count(day)

    # -- fees --------------------------------------------------------------------------------------------------

    @property
    def worst_ppm(self) -> int:
        return self._schedule.worst_ppm

    def rates(self, now_ns: int) -> Fees:
        """By what was traded until now; a fill counts from the next one on."""
        if self.active and now_ns // DAY_NS != self._day:
            self._count(now_ns // DAY_NS)
        return self._fees

    def _count(self, day: int) -> None:
        if day != self._day:
            self._day = day
            self.volume = {at: money for at, money in self.volume.items() if day - at < WINDOW_DAYS}
        if not self._schedule.flat:
            self._sum_1e9 = sum(money for at, money in self.volume.items() if at <= day)
            self._fees = self._schedule.at(self._sum_1e9)


class Wallets:
    """All accounts of one venue; every market of the venue shares one."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._known: dict[str, Wallet] = {}

    def of(self, account: str) -> Wallet:
        """By the name that orders give (account id and mode)."""
        wallet = self._known.get(account)
        if wallet is None:
            wallet = self._known[account] = Wallet(self.schedule)
        return wallet
