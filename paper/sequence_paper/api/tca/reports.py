"""One report for each order that ended with a fill, published when its market was written down: channel `tca`.

Reports are telemetry: one that is lost can be had from `/v1/analytics/tca/report` at any time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import orjson
import sqlalchemy as sa

from sequence_paper.analysis.facts import Gap
from sequence_paper.analysis.report import completed
from sequence_paper.api.platform import Platform
from sequence_paper.api.tca.facts import order_facts
from sequence_paper.mesh.wire import ALL_ORDERS, tca_subject
from sequence_paper.store.ticks import TicksError
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 0.5
MAX_WAITING: Final = 500
"""Orders that wait for their report; beyond it the newest get none, and it is said how many."""
MAX_LOOKS: Final = 4
"""How often an order is looked at whose market was not written down yet: edges write it five times a second."""


class Reporter:
    """`run()` lives as long as the process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._waiting: dict[str, int] = {}
        self._dropped = 0

    async def run(self) -> None:
        """Until cancelled."""
        await self._platform.bus.hear(ALL_ORDERS, self._heard)
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            if self._dropped:
                log.warning("%d orders got no report: more than %d waited", self._dropped, MAX_WAITING)
                self._dropped = 0
            if self._waiting:
                await self._round()

    def _heard(self, _subject: str, payload: bytes) -> None:
        order = orjson.loads(payload)
        if not order["is_terminal"] or not order["filled_qty_1e8"]:
            return
        if len(self._waiting) < MAX_WAITING:
            self._waiting.setdefault(str(order["node_order_id"]), 0)
        else:
            self._dropped += 1

    async def _round(self) -> None:
        asked = dict(self._waiting)
        try:
            ready = await self._platform.run(lambda: self._reports(asked))
        except (sa.exc.OperationalError, TicksError, OSError) as error:
            log.warning("no reports of orders for now: %s", error)
            return
        for order_id, subject, report in ready:
            self._waiting.pop(order_id, None)
            await self._platform.bus.publish(subject, report)
        for order_id, looks in asked.items():
            if looks + 1 >= MAX_LOOKS:
                self._waiting.pop(order_id, None)
            elif order_id in self._waiting:
                self._waiting[order_id] = looks + 1

    def _reports(self, asked: dict[str, int]) -> list[tuple[str, str, Json]]:
        """(order, subject, report) of those whose market is known, or was looked for often enough."""
        store, ticks = self._platform.store, self._platform.ticks
        found = store.costs.of(list(asked))
        facts = order_facts(found, store.traces.of(list(asked)), ticks)
        return [
            (order.order_id, tca_subject(order.account_id, order.mode), completed(fact))
            for (order, _), fact in zip(found, facts, strict=True)
            if fact.quote is not Gap.NO_DATA or ticks is None or asked[order.order_id] + 1 >= MAX_LOOKS
        ]
