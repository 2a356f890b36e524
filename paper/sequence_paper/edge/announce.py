"""Tells the bus what was stored: orders as they are now, steps of their lives, and that there are new fills and log
lines to read.

Never the truth: whoever needs completeness reads the store. So nothing waits for the bus, and what it cannot take is
gone.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

import orjson

from sequence_paper.edge.bus import EdgeBus
from sequence_paper.mesh import wire
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.views import order_view, step_view

_MAX_WAITING: Final = 64
"""Commits that wait to be told; older ones are forgotten."""
_TURN: Final = 32
"""Messages told at once before everybody else on the event loop gets a turn."""


class Announcer:
    """``stored`` after each commit, as often as one likes; ``run`` tells of them between slices of work."""

    def __init__(self, bus: EdgeBus) -> None:
        self._bus = bus
        self._waiting: deque[EdgeWrites] = deque(maxlen=_MAX_WAITING)
        self._something = asyncio.Event()

    def stored(self, writes: EdgeWrites) -> None:
        """These rows are in the store now. Only notes them: it is called where a callback may be waiting."""
        self._waiting.append(writes)
        self._something.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            await self._tell()

    async def _tell(self) -> None:
        told = 0
        while self._waiting:
            writes = self._waiting.popleft()
            if not self._bus.connected:
                continue
            for subject, payload in announcements(writes):
                await self._bus.send_out(subject, payload)
                told += 1
                if told % _TURN == 0:
                    await asyncio.sleep(0)


def announcements(writes: EdgeWrites) -> Iterator[tuple[str, bytes]]:
    """(subject, payload) of everything in a commit that somebody may wait for."""
    for order in writes.orders:
        yield wire.order_subject(order.account_id, order.mode), orjson.dumps(order_view(order))
    if writes.intents:
        yield wire.INTENTS, orjson.dumps({"n": len(writes.intents)})
    for (account_id, mode), n in Counter((fill.account_id, fill.mode) for fill in writes.fills).items():
        yield wire.fill_subject(account_id, mode), orjson.dumps({"n": n})
    for piece in writes.steps:
        if not piece.deployment_id:
            continue  # of an account's own order: its traces have no channel
        subject = wire.trace_subject(piece.deployment_id)
        for index in range(len(piece.steps)):
            yield subject, orjson.dumps(step_view(piece, index))
    for deployment_id, n in Counter(line.deployment_id for line in writes.logs).items():
        yield wire.log_subject(deployment_id), orjson.dumps({"n": n})
