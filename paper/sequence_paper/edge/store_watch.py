"""Keeps what an edge holds of the store's rows up to date: read now and then, and whenever somebody says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from sequence_paper.store.words import Json

log = logging.getLogger(__name__)


class StoreWatch:
    """``look`` reads and takes; it is told of which account there is news, "" for none in particular.

    While the store cannot be read the edge holds to what it knows.
    """

    def __init__(self, what: str, seconds: float, look: Callable[[str], Awaitable[None]]) -> None:
        self._what, self._seconds, self._look = what, seconds, look
        self._reading = asyncio.Lock()

    async def read(self, account_id: str = "") -> None:
        """Raises what the store raises."""
        async with self._reading:  # an older answer must not come after a newer one
            await self._look(account_id)

    async def answer(self, asked: Json) -> Json:
        """Somebody changed something: ``{}`` once it holds here, ``{"error"}`` when it could not be read."""
        try:
            await self.read(str(asked.get("account_id", "")))
        except sa.exc.SQLAlchemyError:
            return {"error": "the store cannot be read now"}
        return {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.read()
            except sa.exc.SQLAlchemyError as error:
                log.error("%s cannot be read: %s", self._what, str(error).splitlines()[0])
