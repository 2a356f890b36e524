"""An edge's part of a sandbox reset: what it remembers of positions must go too, or the next fill brings it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from sequence_paper.edge.core import EdgeCore
from sequence_paper.store.sandbox import Sandbox
from sequence_paper.store.words import Json

_MODE: Final = "sandbox"


class Resetter:
    """``flush``: store all that waits. ``reread``: what the account has now."""

    def __init__(
        self,
        core: EdgeCore,
        sandbox: Sandbox,
        venue: str,
        flush: Callable[[], Awaitable[None]],
        reread: Callable[[str], Awaitable[None]],
    ) -> None:
        self._core, self._sandbox, self._venue = core, sandbox, venue
        self._flush, self._reread = flush, reread

    async def answer(self, asked: Json) -> Json:
        """``{"account_id"}`` -> ``{}`` when nothing is held any more, ``{"error"}`` when somebody trades here."""
        account_id = str(asked.get("account_id"))
        await self._flush()
        why = self._busy(f"{account_id}/{_MODE}")
        if why:
            self._keep(account_id)
        else:
            self._core.forget_positions(account_id, _MODE)
            # A mark may have been written since the API wiped the rows. Nothing waits between the line above and
            # this one, so no row of a later fill goes with it.
            self._sandbox.forget_positions(account_id, self._venue)
            await self._reread(account_id)
        await self._flush()
        return {"error": why} if why else {}

    def _keep(self, account_id: str) -> None:
        """Rows were deleted already: they come back, as nothing was reset here."""
        for key, holding in self._core.holdings.items():
            if (key.account_id, key.mode) == (account_id, _MODE) and holding.position.qty_1e8:
                self._core.journal.position(holding.row())

    def _busy(self, account: str) -> str:
        for hosted in self._core.roster.owners.values():
            if hosted.account == account and hosted.status == "running":
                return f"{hosted.want.name} runs"
            if hosted.account == account and (hosted.orders or hosted.intents):
                return "orders are open"
        return ""
