"""Carries out what the planner says of every live graph, from the tables alone: a killed API goes on where it was.

Looked at when an order of the account changed, when something is due, and four times a second: the bus may be away.
While there is none, the table is looked at more rarely: who adds one wakes the runner.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final
from weakref import WeakValueDictionary

import orjson

from sequence_paper.api.bus import Bus, Ear
from sequence_paper.api.dispatch import Dispatcher
from sequence_paper.api.graph_amend import Amender, Change
from sequence_paper.api.graph_facts import Held, columns, load, smallest, traded, wanted_of
from sequence_paper.api.guarded import guarded
from sequence_paper.api.market import MarketView
from sequence_paper.api.offers import offers
from sequence_paper.api.placing import Placement, node_placement
from sequence_paper.api.pools import Pools
from sequence_paper.graphs import Facts, Plan, Send, plan
from sequence_paper.graphs.risk import loss_1e9
from sequence_paper.mesh import wire
from sequence_paper.store import Store
from sequence_paper.store.graphing import GraphKey, GraphRow, NodeRow, Placed, Step
from sequence_paper.store.parent_state import status_of
from sequence_paper.store.words import OPEN_ORDER_STATUSES

_LOOK_SECONDS: Final = 0.25
_IDLE_SECONDS: Final = 2.0
MAX_LOSS: Final = "MAX_LOSS"
"""Why a graph paused: it lost more than its `risk.runtime.max_loss_usd`."""


class GraphRunner:
    """One for the process."""

    def __init__(self, store: Store, bus: Bus, market: MarketView, pools: Pools, orders: Dispatcher) -> None:
        self._store, self._bus, self._market, self._pools = store, bus, market, pools
        self._orders = orders
        self._amender = Amender(store, orders)
        self._wake = asyncio.Event()
        self._busy: WeakValueDictionary[GraphKey, asyncio.Lock] = WeakValueDictionary()
        self._sending: set[asyncio.Task[None]] = set()
        self._ears: dict[str, Ear] = {}  # on the orders of accounts that have live graphs
        self._live: set[str] = set()  # graph ids
        self._due: dict[GraphKey, int] = {}

    async def submit(self, row: GraphRow, nodes: Sequence[NodeRow]) -> GraphRow:
        """Store a graph and send what begins at once. The stored one, an earlier one if it exists.

        Raises `KillSwitchOnError` and `GraphTakenError`.
        """
        stored = await asyncio.to_thread(self._store.graphs.create, row, nodes)
        if stored is row:
            await asyncio.gather(*await self.advance(row.key))
            self._wake.set()
        return stored

    async def resume(self, key: GraphKey) -> None:
        """Go on with a graph that is not paused any more."""
        await self.advance(key)
        self._wake.set()

    async def advance(self, key: GraphKey) -> list[asyncio.Task[None]]:
        """Do what has to be done for a graph now. What brings its orders to their edges goes on by itself."""
        tasks: list[asyncio.Task[None]] = []
        async with self._busy.setdefault(key, asyncio.Lock()):
            while (found := await self.load(key)) is not None and not found.row.done:
                if await self._amender.carry(found):
                    continue
                now = time.time_ns()
                due, step = self._step(found, now)
                if step is None:
                    self._due[key] = due
                    return tasks
                outcome = await asyncio.to_thread(self._store.graphs.step, found.row, step, now)
                if outcome == "stored":
                    tasks += [self._send(one) for one in step.placed]
                    tasks += [self._end(order_id, found) for order_id in step.cancels]
            self._due.pop(key, None)
        return tasks

    async def load(self, key: GraphKey) -> Held | None:
        """A graph with everything it sent."""
        return await asyncio.to_thread(load, self._store, key)

    async def amend(self, key: GraphKey, node_id: str, change: Change) -> None:
        """Change what a node trades. Raises `AmendRefusedError`, and `TimeoutError` while an edge does not answer."""
        number = await self._amender.want(key, node_id, change)
        await self.advance(key)
        await self._amender.outcome(key, node_id, number)

    async def end(self, key: GraphKey, node_ids: Sequence[str]) -> None:
        """Bring about what was stored as cancelled, as far as edges can be reached now."""
        await self.advance(key)
        found = await self.load(key)
        if found is not None:
            pairs = [pair for name in node_ids for pair in found.orders[name]]
            ends = [pair[0] for pair in pairs if status_of(*pair) in OPEN_ORDER_STATUSES]
            await asyncio.gather(*(self._orders.cancel(parent) for parent in ends))
            await self.advance(key)

    async def run(self) -> None:
        """Look after live graphs, also of an earlier process, until cancelled."""
        while True:
            self._wake.clear()
            await guarded(self._advance_all())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()

    def _patience(self) -> float:
        """Seconds until somebody has to look, if nothing happens."""
        if not self._ears:
            return _IDLE_SECONDS
        soonest = (min(self._due.values(), default=2**63) - time.time_ns()) / 10**9
        return min(_LOOK_SECONDS, max(0.0, soonest))

    async def _advance_all(self) -> None:
        self._due.clear()  # each says it anew; one that fails has to wait its turn
        live = await asyncio.to_thread(self._store.graphs.live)
        self._live = {row.graph_id for row in live}
        await self._listen({wire.order_subject(row.account_id, row.mode) for row in live})
        await asyncio.gather(*(guarded(self.advance(row.key)) for row in live))

    async def _listen(self, subjects: set[str]) -> None:
        """Orders of other accounts may be many, and move nothing here."""
        for subject in self._ears.keys() - subjects:
            await self._bus.forget(self._ears.pop(subject))
        for subject in subjects - self._ears.keys():
            self._ears[subject] = await self._bus.hear(subject, self._heard)

    def _heard(self, _subject: str, payload: bytes) -> None:
        """An order moved; those of algos move no graph."""
        if orjson.loads(payload)["graph_id"] in self._live:
            self._wake.set()

    # -- one look ----------------------------------------------------------------------------------------------

    def _step(self, found: Held, now_ns: int) -> tuple[int, Step | None]:
        """When to look again (wall clock), and what to store now."""
        row, clock = found.row, found.row.clock_ns(now_ns)
        paused = bool(row.paused_at_ns)
        if not paused and not row.cancel and self._lost_too_much(found, now_ns):
            return now_ns, Step(pause=MAX_LOSS)
        stored = found.facts()
        facts = {node.node_id: self._facts(node, stored[node.node_id], now_ns) for node in found.nodes}
        said = plan(found.graph, found.states(), facts, clock, paused=paused, ending=row.cancel)
        due = now_ns + (said.due_ns - clock if said.due_ns is not None and not paused else 10**12)
        return due, self._as_step(found, said, now_ns) if said.acts else None

    def _facts(self, node: NodeRow, known: Facts, now_ns: int) -> Facts:
        """With what the market says; nobody asks it of a node that sends nothing more."""
        if node.closed:
            return known
        want = wanted_of(node)
        least = smallest(want, offers(self._market, want.symbol, now_ns)[0])
        return replace(known, sendable=least is not None, minimum_1e8=least or 1)

    def _lost_too_much(self, found: Held, now_ns: int) -> bool:
        if found.row.max_loss_1e9 is None:
            return False
        wants = [(wanted_of(node), found.orders[node.node_id]) for node in found.nodes]
        loss = loss_1e9(
            traded(want, orders, offers(self._market, want.symbol, now_ns)[0]) for want, orders in wants
        )
        return loss is not None and loss > found.row.max_loss_1e9

    def _as_step(self, found: Held, said: Plan, now_ns: int) -> Step:
        placed = [self._place(found, send, now_ns) for send in said.sends]
        ends = [parent.order_id for name in said.cancels for parent, _ in found.orders[name]]
        nodes = {name: columns(state) for name, state in said.states.items()}
        return Step(nodes, [Placed(p.parent, p.route, p.legs) for p in placed], ends, done=said.finished)

    def _place(self, found: Held, send: Send, now_ns: int) -> Placement:
        row, node = found.row, found.node(send.node_id)
        name = f"{send.node_id}.{send.number}" if found.cuts(node) else send.node_id
        want = replace(wanted_of(node), node_id=name, qty_1e8=send.qty_1e8)
        offered = offers(self._market, want.symbol, now_ns)
        return node_placement(want, *row.key, row.content, offered, self._pools.of(want.symbol), now_ns)

    def _send(self, placed: Placed) -> asyncio.Task[None]:
        return self._go(self._announced(placed))

    async def _announced(self, placed: Placed) -> None:
        await self._orders.announce(Placement(placed.parent, placed.route, list(placed.legs)))
        await self._orders.advance(placed.parent)

    def _end(self, order_id: str, found: Held) -> asyncio.Task[None]:
        parents = {parent.order_id: parent for orders in found.orders.values() for parent, _ in orders}
        return self._go(self._orders.cancel(parents[order_id]))

    def _go(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(guarded(work))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task
