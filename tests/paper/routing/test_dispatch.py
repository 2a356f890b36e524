"""What a killed API had not noted down yet is noted by the next one, also of orders that somebody wants to end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sequence_paper.api.dispatch import Dispatcher
from sequence_paper.store import Store
from support.parents import PARENT, leg, order, route
from support.stores import with_tables


async def test_a_cancel_finds_out_that_its_edge_had_taken_a_leg(tmp_path: Path) -> None:
    asked: list[Any] = []

    async def nobody(*request: Any) -> None:
        asked.append(request)

    store = Store(with_tables(tmp_path / "paper.db"))
    try:
        parent = replace(PARENT, cancel=True)
        store.routes.place(parent, route(1), [leg(1)])
        store.orders.claim(order(leg(1).order_id, status="CANCELLED"))
        bus: Any = SimpleNamespace(ask=nobody, publish=nobody)
        unused: Any = None
        assert store.routes.unfinished() == [parent]
        await Dispatcher(store, bus, unused, unused).advance(parent)
        assert store.routes.unfinished() == []
        assert asked == []
    finally:
        store.close()
