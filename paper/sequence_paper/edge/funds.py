"""What accounts have at this venue, as the store has it: read once a second and whenever the bus says so.

This edge alone trades for them here, so between two readings its own count is right. It is read anew only when somebody
gave or took something, after all that waits was stored, without anything happening in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.store_watch import StoreWatch
from sequence_paper.store.funds import AccountFunds, Funds
from sequence_paper.store.words import Mode
from sequence_paper.venue.wallet import assets

_LOOK_SECONDS: Final = 1.0
_MODE: Final[Mode] = "sandbox"
Given = Mapping[str, tuple[tuple[str, int], ...]]


class FundsWatch(StoreWatch):
    """Keeps the wallets of an ``EdgeCore`` as the store has them; ``read`` takes up the account it names anyway."""

    def __init__(self, core: EdgeCore, funds: Funds, venue: str) -> None:
        super().__init__("balances", _LOOK_SECONDS, self._read)
        self._core, self._funds, self._venue = core, funds, venue
        self._quotes = sorted({assets(symbol)[1] for symbol in core.markets})
        self._known: Given = {}

    def begin(self) -> None:
        """Before anything can be sent. Raises what the store raises."""
        if not all(market.wallets.schedule.flat for market in self._core.markets.values()):
            volumes = self._funds.volumes(self._venue, self._quotes, self._core.now_ns)
            for (account_id, mode), volume in sorted(volumes.items()):
                self._core.fund(account_id, mode, AccountFunds({}, volume))
        self._take(self._funds.given_at(self._venue))

    async def _read(self, account_id: str) -> None:
        self._take(await asyncio.to_thread(self._funds.given_at, self._venue), account_id)

    def _take(self, given: Given, anyway: str = "") -> None:
        """Nothing here waits: what is stored and what this edge goes on with are the same moment."""
        changed = {who for who in given.keys() | self._known.keys() if given.get(who) != self._known.get(who)}
        for account_id in sorted(changed | ({anyway} & (given.keys() | self._known.keys()))):
            self._core.settle(account_id, _MODE)
            self._core.journal.flush()
            self._core.fund(account_id, _MODE, self._of(account_id))
            if account_id in given:
                self._known = {**self._known, account_id: given[account_id]}
            else:
                self._known = {who: rows for who, rows in self._known.items() if who != account_id}

    def _of(self, account_id: str) -> AccountFunds:
        return self._funds.at(account_id, self._venue, self._quotes, self._core.now_ns)
