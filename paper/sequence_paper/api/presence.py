"""Sees within two seconds that an edge has died, without taking a busy one for dead.

An edge beats once a second, and is believed to be there for `ALIVE_NS` after its last beat, since a busy one may be
late. When a beat is overdue the bus is asked: a process that is gone has no connection there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from sequence_paper.api.bus import Bus
from sequence_paper.store import Store
from sequence_paper.store.edges import ALIVE_NS

log = logging.getLogger(__name__)

_OVERDUE_NS: Final = 1_200_000_000
_LOOK_SECONDS: Final = 0.2


class Presence:
    """`gone`: by edge id when (wall clock, ns) the bus said that it is not there; a later beat takes it back."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store, self._bus = store, bus
        self._watchers: list[Callable[[str], None]] = []
        self.gone: dict[str, int] = {}

    def on_gone(self, told: Callable[[str], None]) -> None:
        """Call this with the id of an edge that has died."""
        self._watchers.append(told)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            overdue = self._overdue()
            if overdue:
                try:
                    await self._ask(overdue)
                except sa.exc.SQLAlchemyError as error:
                    log.error("edges cannot be read: %s", str(error).splitlines()[0])

    def _overdue(self) -> list[str]:
        if not self._bus.connected:
            return []
        now = time.time_ns()
        return [
            edge_id
            for edge_id, beat in self._bus.beats.items()
            if _OVERDUE_NS < now - beat.heard_ns < ALIVE_NS and self.gone.get(edge_id, 0) < beat.heard_ns
        ]

    async def _ask(self, overdue: list[str]) -> None:
        # An edge that lost the bus beats on in the database.
        beats = {edge.edge_id: edge.beat_ns for edge in await asyncio.to_thread(self._store.edges.all)}
        for edge_id in overdue:
            if time.time_ns() - beats.get(edge_id, 0) > _OVERDUE_NS and await self._bus.is_gone(edge_id):
                self.gone[edge_id] = time.time_ns()
                log.warning("%s has died", edge_id)
                for told in self._watchers:
                    told(edge_id)
