"""Each mesh message as it passes, for who watches: bounded per second, and what was left out is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from sequence_paper.store.words import Json

MAX_PER_SECOND: Final = 200
"""Messages of one deployment that one edge tells of in a second."""


class Flow:
    """Filled during callbacks; ``waiting`` is set while there is something to ``take`` and publish."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self._waiting: list[tuple[str, Json]] = []
        self._second = 0
        self._told: dict[str, int] = {}
        self._skipped: dict[str, int] = {}

    def note(
        self, link: tuple[str, str, str], size: int, latency_ns: int | None, at_ns: int, *, dropped: bool
    ) -> None:
        """A message was delivered or dropped."""
        deployment_id, sender, receiver = link
        second = time.monotonic_ns() // 1_000_000_000
        if second != self._second:
            self._second, self._told = second, {}
        told = self._told.get(deployment_id, 0)
        if told >= MAX_PER_SECOND:
            self._skipped[deployment_id] = self._skipped.get(deployment_id, 0) + 1
            return
        self._told[deployment_id] = told + 1
        payload = {
            "from": sender,
            "to": receiver,
            "bytes": size,
            "latency_ns": latency_ns,
            "at_ns": at_ns,
            "dropped": dropped,
            "skipped": self._skipped.pop(deployment_id, 0),
        }
        self._waiting.append((deployment_id, payload))
        self.waiting.set()

    def take(self) -> Iterator[tuple[str, Json]]:
        """(deployment id, payload), oldest first."""
        self.waiting.clear()
        waiting, self._waiting = self._waiting, []
        return iter(waiting)
