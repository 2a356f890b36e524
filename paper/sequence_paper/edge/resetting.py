"""An edge's part of a sandbox reset: what it remembers of positions must go too, or the next fill brings it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.holding import Holding
from sequence_paper.store.words import Json

_MODE: Final = "sandbox"


class Resetter:
    """``flush``: store all that waits."""

    def __init__(self, core: EdgeCore, flush: Callable[[], Awaitable[None]]) -> None:
        self._core, self._flush = core, flush

    async def answer(self, asked: Json) -> Json:
        """``{"account_id"}`` -> ``{}`` when nothing is held any more, ``{"error"}`` when somebody trades here."""
        account_id = asked.get("account_id")
        mine = [
            h for key, h in self._core.holdings.items() if (key.account_id, key.mode) == (account_id, _MODE)
        ]
        why = self._busy(f"{account_id}/{_MODE}")
        for holding in mine:
            if not why:
                holding.reset()
            elif holding.position.qty_1e8:
                self._keep(holding)
        await self._flush()
        return {"error": why} if why else {}

    def _keep(self, holding: Holding) -> None:
        """Its row was deleted already: it comes back, as nothing was reset here."""
        self._core.journal.position(holding.row())

    def _busy(self, account: str) -> str:
        for hosted in self._core.roster.owners.values():
            if hosted.account == account and hosted.status == "running":
                return f"{hosted.want.name} runs"
            if hosted.account == account and (hosted.orders or hosted.intents):
                return "orders are open"
        return ""
