"""Intents of the algos hosted here: out through the store, and what became of them back into the algo.

The coordinator is the API: it makes a routed order of each row and sends legs to edges, to this one too. Fills at
other edges are read from the store, in order and each once; a message on the bus only says when to look. Fills at
this edge reach the algo as those of its own orders do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import sqlalchemy as sa

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.hosted import Hosted, LiveIntent
from sequence_paper.edge.outside import LegFill, Progress, tell
from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.store import Store
from sequence_paper.store.intents import Intent
from sequence_paper.store.parent_state import Legs, status_of
from sequence_paper.store.routing import Parent
from sequence_paper.store.trades import Fill
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json
from sequence_paper.venue.orders import RejectCode

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5


class IntentDesk:
    """Tells algos what became of their intents. ``flush``: store all that waits."""

    def __init__(
        self, edge_id: str, core: EdgeCore, store: Store, flush: Callable[[], Awaitable[None]]
    ) -> None:
        self._edge_id = edge_id
        self._core, self._store, self._flush = core, store, flush
        self._look = asyncio.Event()

    async def answer(self, _: Json) -> Json:
        """The bus says that something happened to one of them."""
        self._look.set()
        return {}

    async def run(self) -> None:
        """Until cancelled: take up what an earlier process left, then look whenever told, and twice a second."""
        rows = await self._first()
        while True:
            rows = self._attach(rows)
            try:
                await self._catch_up()
            except sa.exc.SQLAlchemyError as error:
                log.error("intents cannot be read: %s", str(error).splitlines()[0])
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()

    async def _first(self) -> list[Intent]:
        while True:
            try:
                return await asyncio.to_thread(self._store.intents.open_on, self._edge_id)
            except sa.exc.SQLAlchemyError as error:
                log.error("intents cannot be read: %s", str(error).splitlines()[0])
                await asyncio.sleep(_LOOK_SECONDS)

    def _attach(self, rows: list[Intent]) -> list[Intent]:
        """Give intents of an earlier process to their instances; those whose instance is not loaded yet remain."""
        left = []
        for row in rows:
            hosted = self._core.roster.hosted.get((row.deployment_id, row.label))
            if hosted is None or not hosted.slots:
                left.append(row)
            elif row.order_id not in hosted.intents:
                hosted.intents[row.order_id] = LiveIntent(row)
                self._core.inputs.outside(row.account_id, row.mode, "an intent of an earlier process")
        return left

    async def _catch_up(self) -> None:
        waiting = [
            (hosted, live)
            for hosted in self._core.roster.hosted.values()
            for live in tuple(hosted.intents.values())
        ]
        for hosted, live in waiting:
            found = await asyncio.to_thread(self._progress, live.row)
            if found is not None:
                self._tell(hosted, live, *found)
        if self._core.journal.pending:
            await self._flush()

    def _progress(self, row: Intent) -> tuple[Parent, Legs, list[tuple[int, Fill]]] | None:
        """None before it was placed. Fills are read last: what ends an order is stored with or before its last fill."""
        parent = self._store.routes.by_order(row.account_id, row.mode, row.order_id)
        if parent is None:
            return None
        legs = self._store.routes.legs(row.order_id)
        return parent, legs, self._store.intents.fills_after(row.order_id, row.told_seq)

    def _tell(
        self, hosted: Hosted, live: LiveIntent, parent: Parent, legs: Legs, fills: list[tuple[int, Fill]]
    ) -> None:
        """Nothing here waits."""
        slot = next((slot for slot in hosted.slots if slot.symbol == live.row.symbol), None)
        status = status_of(parent, legs)
        ended = status not in OPEN_ORDER_STATUSES
        if slot is None or not (fills or ended):
            return
        told_here = any(leg.edge_id == self._edge_id for leg, _ in legs)
        told = Progress(
            fills=[self._leg_fill(fill) for _, fill in fills],
            told_seq=fills[-1][0] if fills else live.row.told_seq,
            ended=ended,
            code=_code(parent, legs) if status == "REJECTED" and not told_here else None,
        )
        tell(self._core, hosted, slot, live, told)

    def _leg_fill(self, fill: Fill) -> LegFill:
        side: Side = BUY if fill.side == "buy" else SELL
        return LegFill(side, fill.price_1e9, fill.qty_1e8, fill.ts_ns, fill.edge_id != self._edge_id)


def _code(parent: Parent, legs: Legs) -> int:
    """The cause, in the algo interface's numbers."""
    for _, order in legs:
        if order is not None and order.reject_code is not None:
            return order.reject_code
    return int(RejectCode.__members__.get(parent.failure or "", RejectCode.UNKNOWN))
