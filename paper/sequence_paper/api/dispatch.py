"""Brings legs to their edges and parents to their end, from the tables alone: so a killed API goes on where it was.

A leg is asked for until its edge has answered or its time is over; then the API itself takes the first row of the
order (refused or cancelled), after which no edge executes it any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from weakref import WeakValueDictionary

from sequence_paper.api.bus import Bus
from sequence_paper.api.guarded import guarded
from sequence_paper.api.intents import intent_round, parent_of
from sequence_paper.api.market import MarketView
from sequence_paper.api.offers import offers
from sequence_paper.api.parents import route_view
from sequence_paper.api.placing import Placement, later_round
from sequence_paper.api.pools import Pools
from sequence_paper.mesh import wire
from sequence_paper.store import Store
from sequence_paper.store.intents import Intent
from sequence_paper.store.parent_state import filled_1e8, is_open
from sequence_paper.store.routing import Parent, RouteLeg
from sequence_paper.store.switches import KILL_SWITCH, KillSwitchOnError
from sequence_paper.store.trades import Order
from sequence_paper.store.views import order_view
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json, OrderStatus
from sequence_paper.venue.orders import RejectCode

ASK_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.25
_AT_ONCE: Final = 16


class Dispatcher:
    """One for the process. ``place`` and ``cancel`` act at once; what they could not do follows by itself."""

    def __init__(self, store: Store, bus: Bus, market: MarketView, pools: Pools) -> None:
        self._store, self._bus, self._market, self._pools = store, bus, market, pools
        self._wake = asyncio.Event()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def place(self, placement: Placement) -> Parent:
        """Store, announce, send, and wait a moment for the answers. The stored parent, an earlier one if it exists.

        Raises `KillSwitchOnError`.
        """
        parent = await asyncio.to_thread(
            self._store.routes.place, placement.parent, placement.route, placement.legs
        )
        if parent is placement.parent:
            await self.announce(placement)
            await self.advance(parent)
        return parent

    async def cancel(self, parent: Parent) -> None:
        """Want its end and bring it about as far as edges can be reached now."""
        await asyncio.to_thread(self._store.routes.want_cancel, parent.order_id)
        await self._cancel(parent)

    async def cancel_unsent(self, legs: Sequence[RouteLeg]) -> None:
        """End legs that no edge has taken, before one does."""
        await asyncio.gather(*(self._cancel_leg(leg, None) for leg in legs))

    async def ask(self, edge_id: str, request: Json) -> Json | None:
        """One request to an edge; None when it did not answer."""
        body = request | {"sent_ns": time.time_ns()}
        return await self._bus.ask(wire.gateway_subject(edge_id), body, ASK_SECONDS)

    async def advance(self, parent: Parent) -> None:
        """Do what can be done for a parent now."""
        lock = self._busy.setdefault(parent.order_id, asyncio.Lock())
        async with lock, self._gate:
            if parent.cancel:
                await self._cancel(parent)
            else:
                await self._send(parent)
                if parent.more:
                    await self._go_on(parent)
        await self._tell_origin(parent)

    # -- following up ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look after what is unfinished, also of an earlier process, until cancelled."""
        await self._bus.hear(wire.INTENTS, lambda _subject, _payload: self._wake.set())
        while True:
            self._wake.clear()
            await guarded(self._take_intents())
            await guarded(self._advance_all())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()

    async def _advance_all(self) -> None:
        unfinished = await asyncio.to_thread(self._store.routes.unfinished)
        await asyncio.gather(*(guarded(self.advance(parent)) for parent in unfinished))

    async def _take_intents(self) -> None:
        """Make parents of what algos ask for; and let go of what they do not mind any more."""
        intents = self._store.intents
        unplaced = await asyncio.to_thread(intents.unplaced)
        await asyncio.gather(*(guarded(self._take(intent)) for intent in unplaced))
        for order_id in await asyncio.to_thread(intents.to_cancel):
            await asyncio.to_thread(self._store.routes.want_cancel, order_id)

    async def _take(self, intent: Intent) -> None:
        now = time.time_ns()
        venues, books = offers(self._market, intent.symbol, now)
        pools = self._pools.of(intent.symbol)
        parent = parent_of(intent)
        try:
            await self.place(intent_round(parent, venues, books, pools, now))
        except KillSwitchOnError:
            await self.place(Placement(replace(parent, failure=KILL_SWITCH, more=False), None, []))

    async def _tell_origin(self, parent: Parent) -> None:
        """Let the edge whose algo asked for it look."""
        if parent.origin is not None:
            await self._bus.publish(
                wire.intents_subject(parent.origin["edge_id"]), {"order_id": parent.order_id}
            )

    async def _send(self, parent: Parent) -> None:
        legs = await asyncio.to_thread(self._store.routes.legs, parent.order_id)
        await asyncio.gather(*(self._send_leg(leg, order) for leg, order in legs if not leg.answered))

    async def _send_leg(self, leg: RouteLeg, order: Order | None) -> None:
        if order is None:
            if time.time_ns() > leg.until_ns:
                await self._claim(leg, "REJECTED", "NETWORK", int(RejectCode.NETWORK))
            else:
                reply = await self.ask(leg.edge_id, leg.request)
                if reply is None or reply.get("order") is None:
                    return
        await asyncio.to_thread(self._store.routes.answered, leg.order_id)

    async def _go_on(self, parent: Parent) -> None:
        """The next round of an order that chases, once the last one is over."""
        legs = await asyncio.to_thread(self._store.routes.legs, parent.order_id)
        if is_open(legs):
            return
        now = time.time_ns()
        rest = parent.qty_1e8 - filled_1e8(legs)
        if rest <= 0 or now > parent.until_ns:
            await asyncio.to_thread(self._store.routes.no_more, parent.order_id)
            return
        venues, books = offers(self._market, parent.symbol, now)
        number = max((leg.round for leg, _ in legs), default=0) + 1
        following = later_round(parent, number, len(legs) + 1, rest, venues, books, now)
        if following is None or following.route is None:
            return
        if await asyncio.to_thread(self._store.routes.next_round, following.route, following.legs):
            await self.announce(following)
            await self._send(parent)

    async def _cancel(self, parent: Parent) -> None:
        legs = await asyncio.to_thread(self._store.routes.legs, parent.order_id)
        await asyncio.gather(*(self._cancel_leg(leg, order) for leg, order in legs))

    async def _cancel_leg(self, leg: RouteLeg, order: Order | None) -> None:
        if order is None:
            order = await self._claim(leg, "CANCELLED", "REQUESTED", None)
        if not leg.answered:  # its edge may have answered while nobody was there to note it
            await asyncio.to_thread(self._store.routes.answered, leg.order_id)
        if order.status in OPEN_ORDER_STATUSES:
            await self.ask(leg.edge_id, {"op": "cancel", "order_id": leg.order_id})

    async def _claim(self, leg: RouteLeg, status: OrderStatus, why: str, code: int | None) -> Order:
        """End a leg that no edge has taken; when one has, its order is returned as it is."""
        stored, ours = await asyncio.to_thread(self._store.orders.claim, _ended(leg, status, why, code))
        if ours:
            await self._bus.publish(wire.order_subject(stored.account_id, stored.mode), order_view(stored))
        return stored

    async def announce(self, placement: Placement) -> None:
        """Tell the bus how a stored order was routed."""
        if placement.route is not None:
            subject = wire.route_subject(placement.parent.account_id, placement.parent.mode)
            await self._bus.publish(subject, route_view(placement.route))


def _ended(leg: RouteLeg, status: OrderStatus, why: str, code: int | None) -> Order:
    asked = leg.request
    names = (
        "account_id",
        "mode",
        "deployment_id",
        "deployment",
        "label",
        "symbol",
        "side",
        "order_type",
        "tif",
    )
    return Order(
        **{name: asked[name] for name in names},
        order_id=leg.order_id,
        parent_id=leg.parent_id,
        edge_id=leg.edge_id,
        venue=leg.venue,
        instrument_type="spot",
        price_1e9=asked["price_1e9"],
        qty_1e8=asked["qty_1e8"],
        client_key=asked["client_key"],
        filled_qty_1e8=0,
        filled_notional_1e9=0,
        fees_1e9=0,
        status=status,
        # It never came to a venue, so no feed's clock has seen it.
        created_ns=asked["created_ns"],
        updated_ns=time.time_ns(),
        reject_code=code,
        failure_reason=why,
        expire_ns=asked.get("expire_ns"),
        reduce_only=asked.get("reduce_only", False),
    )
