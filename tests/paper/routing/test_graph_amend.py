"""A change of an order that rests, while its edge does not answer, refuses, or has done it already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.api.graph_amend import Amender, AmendRefusedError, Change
from sequence_paper.api.graph_facts import load
from sequence_paper.api.order_bodies import Wanted
from sequence_paper.store import Store
from sequence_paper.store.graphing import GraphRow, NodeRow, Placed, Step
from support.parents import ACCOUNT, PARENT, leg, order, route
from support.stores import with_tables

ROW = GraphRow(*ACCOUNT, "g", "digest", 5, [])
WANT = Wanted("g", "order", "BTC-USD", "buy", 100, 0, 50, "kraken", "gtc")
NODE = NodeRow(*ACCOUNT, "g", "order", 0, PARENT.order_id, asdict(WANT), None, 1)


class Edge:
    """Where requests go; `answers` are given one by one."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any] | None] = []
        self.asked: list[dict[str, Any]] = []

    async def ask(self, _edge_id: str, request: dict[str, Any]) -> dict[str, Any] | None:
        self.asked.append(request)
        return self.answers.pop(0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(with_tables(tmp_path / "paper.db"))
    store.graphs.create(ROW, [NODE])
    sent = replace(PARENT, order_type="limit", tif="gtc", limit_1e9=50)
    step = Step({"order": {"closed": True}}, [Placed(sent, route(1), [leg(1)])])
    store.graphs.step(ROW, step, 9)
    store.orders.claim(order("graph:g:order:1", status="OPEN"))
    yield store
    store.close()


async def settle(store: Store, amender: Amender) -> None:
    while await amender.carry(load(store, ROW.key)):
        pass


async def test_what_no_edge_answered_is_kept_and_done_once_by_whoever_comes_next(store):
    edge = Edge()
    amender = Amender(store, edge)
    number = await amender.want(ROW.key, "order", Change(80, 40))
    edge.answers = [None]
    await settle(store, amender)
    with pytest.raises(TimeoutError):
        await amender.outcome(ROW.key, "order", number)
    with pytest.raises(AmendRefusedError, match="earlier change"):
        await amender.want(ROW.key, "order", Change(70))
    later = Amender(store, edge)  # another process
    edge.answers = [{"error": "venue-edge-kraken is still starting"}, {"order": {"status": "OPEN"}}]
    await settle(store, later)
    await settle(store, later)
    await settle(store, later)
    assert edge.asked == [{"op": "amend", "order_id": "graph:g:order:1", "qty_1e8": 80, "price_1e9": 40}] * 3
    found = load(store, ROW.key)
    [(parent, _)] = found.orders["order"]
    assert (found.nodes[0].amend, found.nodes[0].wanted["qty_1e8"], found.nodes[0].wanted["limit_1e9"]) == (
        None,
        80,
        40,
    )
    assert (parent.qty_1e8, parent.limit_1e9) == (80, 40)


async def test_what_the_venue_refuses_changes_nothing_and_is_told(store):
    edge = Edge()
    amender = Amender(store, edge)
    number = await amender.want(ROW.key, "order", Change(1))
    edge.answers = [{"error": "below the minimum", "refused": True}]
    await settle(store, amender)
    with pytest.raises(AmendRefusedError, match="below the minimum"):
        await amender.outcome(ROW.key, "order", number)
    assert load(store, ROW.key).nodes[0] == replace(NODE, closed=True)
    number = await amender.want(ROW.key, "order", Change(90))
    edge.answers = [{"order": {"status": "OPEN"}}]
    await settle(store, amender)
    await amender.outcome(ROW.key, "order", number)
    assert load(store, ROW.key).nodes[0].wanted["qty_1e8"] == 90


async def test_what_cannot_be_changed_says_why(store):
    amender = Amender(store, Edge())
    store.graphs.cancel_node(ROW.key, "order")
    with pytest.raises(AmendRefusedError, match="has ended"):
        await amender.want(ROW.key, "order", Change(90))
