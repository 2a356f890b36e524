"""Changing what a node of a graph trades. What rests at a venue is changed there first; that it has to be is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sequence_paper.api.dispatch import Dispatcher
from sequence_paper.api.graph_facts import Held, facts_of, load
from sequence_paper.store import Store
from sequence_paper.store.graphing import GraphKey, NodeRow
from sequence_paper.store.ids import new_id
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json


@dataclass(frozen=True, slots=True)
class Change:
    """A new total quantity, a new limit price; 0 = as it is."""

    qty_1e8: int = 0
    limit_1e9: int = 0

    def of(self, wanted: Mapping[str, Any]) -> Json:
        """What is wanted, with it."""
        changed = {"qty_1e8": self.qty_1e8, "limit_1e9": self.limit_1e9}
        return {**wanted, **{name: value for name, value in changed.items() if value}}


class AmendRefusedError(Exception):
    """It stays as it was; the message says why."""


class Amender:
    """`want` stores a change, `carry` brings it about, `outcome` says to whom asked what became of it."""

    def __init__(self, store: Store, orders: Dispatcher) -> None:
        self._store, self._orders = store, orders
        self._waiting: dict[str, str] = {}  # why each change was refused that somebody waits for, "" so far

    async def want(self, key: GraphKey, node_id: str, change: Change) -> str:
        """Change what is not sent yet, or store that what rests has to change. Raises `AmendRefusedError`."""
        while True:
            found = await asyncio.to_thread(load, self._store, key)
            if found is None:
                raise AmendRefusedError(f"there is no graph {key.graph_id}")
            node = found.node(node_id)
            number = new_id("amend")
            values: Json = {"wanted": change.of(node.wanted)}
            if resting(found, node, change) is not None:
                asked = {"qty_1e8": change.qty_1e8, "limit_1e9": change.limit_1e9}
                values = {"amend": {**asked, "number": number}}
            self._waiting[number] = ""
            if await asyncio.to_thread(self._store.graphs.amend, found.row, node_id, values):
                return number
            del self._waiting[number]

    async def outcome(self, key: GraphKey, node_id: str, number: str) -> None:
        """Raises `AmendRefusedError`, and `TimeoutError` while it is still to be brought about."""
        why = self._waiting.pop(number)
        found = await asyncio.to_thread(load, self._store, key)
        pending = found.node(node_id).amend if found is not None else None
        if why:
            raise AmendRefusedError(why)
        if pending is not None and pending["number"] == number:
            raise TimeoutError

    async def carry(self, found: Held) -> bool:
        """Bring about one change that is stored. Whether the store changed."""
        for node in found.nodes:
            if node.amend is not None:
                return await self._carry(found, node, node.amend)
        return False

    async def _carry(self, found: Held, node: NodeRow, asked: Json) -> bool:
        change = Change(asked["qty_1e8"], asked["limit_1e9"])
        order = _open_order(found, node)
        why = "it has ended" if order is None else await self._at_edge(order, change)
        if why is None:
            return False
        values: Json = {"amend": None}
        sent = None
        if why:
            if asked["number"] in self._waiting:
                self._waiting[asked["number"]] = why
        else:
            values["wanted"] = change.of(node.wanted)
            [(parent, _)] = found.orders[node.node_id]
            changed = change.of({"qty_1e8": parent.qty_1e8, "limit_1e9": parent.limit_1e9})
            sent = (parent.order_id, changed)
        return await asyncio.to_thread(self._store.graphs.amend, found.row, node.node_id, values, sent)

    async def _at_edge(self, order: Order, change: Change) -> str | None:
        """Why it is refused, nothing when it is done, None when nobody knows. Asked again it changes nothing more."""
        request = {"op": "amend", "order_id": order.order_id}
        prices = {"qty_1e8": change.qty_1e8, "price_1e9": change.limit_1e9}
        reply = await self._orders.ask(order.edge_id, request | prices)
        if reply is None or (reply.get("error") and not reply.get("refused")):
            return None
        return str(reply.get("error") or "")


def resting(found: Held, node: NodeRow, change: Change) -> Order | None:
    """The order at a venue that has to change; None when only what is not sent yet does. Raises `AmendRefusedError`."""
    orders = found.orders[node.node_id]
    facts = facts_of(orders)
    if node.amend is not None:
        raise AmendRefusedError("an earlier change is still to be brought about")
    if found.row.cancel or node.cancelled or (node.closed and not facts.is_open):
        raise AmendRefusedError(f"{node.node_id} has ended")
    if change.limit_1e9 and node.wanted["limit_1e9"] is None:
        raise AmendRefusedError(f"{node.node_id} is a market order, which has no price")
    if not orders or (found.cuts(node) and not node.closed):
        if change.qty_1e8 and change.qty_1e8 < facts.sent_1e8:
            raise AmendRefusedError(f"{facts.sent_1e8} (_1e8) of {node.node_id} have been sent")
        return None
    if len(orders) > 1:
        raise AmendRefusedError(
            f"all of {node.node_id} was sent, in {len(orders)} orders: name the one to change"
        )
    [(parent, legs)] = orders
    order = _open_order(found, node)
    if parent.policy == "aggressive_chase" or order is None:
        raise AmendRefusedError(f"{node.node_id} has {len(legs)} legs: name the one to change")
    return order


def _open_order(found: Held, node: NodeRow) -> Order | None:
    """Of a node that sent one order with one leg, while that is open."""
    orders = found.orders[node.node_id]
    legs = [order for _, order in orders[0][1]] if len(orders) == 1 else []
    order = legs[0] if len(legs) == 1 else None
    return order if order is not None and order.status in OPEN_ORDER_STATUSES else None
