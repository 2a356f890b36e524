"""Orders that come to an edge from outside: the platform's own, and those of instances on other edges.

Request and reply on ``edge.<id>.order``; the reply leaves after the commit. An order is executed only by who inserted
its first row, so asking again after a lost answer returns what happened, and one that was given up is not executed
late. Killed between the first row and the execution, the next process ends the order as it ends all that were under
way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from sequence_paper.edge import outside
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.guests import Guests, Principal
from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.rows import TYPES
from sequence_paper.store import Store
from sequence_paper.store.trades import Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES, Json
from sequence_paper.venue.orders import RejectCode

log = logging.getLogger(__name__)

_FIELDS: Final = ("order_id", "parent_id", "symbol", "side", "order_type", "tif", "qty_1e8", "price_1e9")


class RefusedError(Exception):
    """A change is not taken; the message says why."""


class Gateway:
    """``flush``: store all that waits. ``open`` must be called once orders of an earlier process are back."""

    def __init__(
        self,
        edge_id: str,
        core: EdgeCore,
        guests: Guests,
        store: Store,
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        self._edge_id = edge_id
        self._core, self._guests, self._store, self._flush = core, guests, store, flush
        self._open = False
        self._working: dict[str, asyncio.Task[Order | None]] = {}

    def open(self) -> None:
        """From now on orders are taken; what is open in the store now was put back or ended."""
        self._open = True

    async def answer(self, asked: Json) -> Json:
        """One request. ``{"order": {...} or None}``, or ``{"error": why}`` when nothing can be said: ask again.

        With ``"refused": true`` asking again is of no use.
        """
        if not self._open:
            return {"error": f"{self._edge_id} is still starting"}
        try:
            work = {"submit": self._submit, "cancel": self._cancel, "amend": self._amend}[asked["op"]]
            order = await self._alone(str(asked["order_id"]), work, asked)
        except RefusedError as refused:
            return {"error": str(refused), "refused": True}
        except (KeyError, TypeError, ValueError) as error:
            log.warning("not an order request: %r", error)
            return {"error": f"not an order request: {error!r}"}
        except sa.exc.SQLAlchemyError as error:
            log.error("the store cannot be used: %s", str(error).splitlines()[0])
            return {"error": "the store cannot be used now"}
        return {"order": None if order is None else _reply(order)}

    async def _alone(
        self, order_id: str, work: Callable[[Json], Awaitable[Order | None]], asked: Json
    ) -> Order | None:
        """One request at a time about one order: a second waits for the first, and then is worked off itself."""
        while (other := self._working.get(order_id)) is not None:
            await asyncio.wait([other])
        task = asyncio.ensure_future(work(asked))
        self._working[order_id] = task
        try:
            return await task
        finally:
            del self._working[order_id]

    # -- requests ----------------------------------------------------------------------------------------------

    async def _submit(self, asked: Json) -> Order | None:
        hosted = await self._guests.get(_principal(asked))
        first = self._first_row(hosted, asked)
        if time.time_ns() > int(asked["until_ns"]):
            first = _refused(first, "EXPIRED", RejectCode.NETWORK)
        elif self._core.switches.refusal(first.account_id, first.mode) is not None:
            first = _refused(first, "KILL_SWITCH", RejectCode.KILL_SWITCH)
        elif first.symbol not in self._core.markets:
            first = _refused(first, "INVALID_PARAMS", RejectCode.INVALID_PARAMS)
        stored, ours = await asyncio.to_thread(self._store.orders.claim, first)
        if not ours or stored.status not in OPEN_ORDER_STATUSES:
            return stored
        outside.place(self._core, hosted, stored, asked)
        return await self._stored(stored.order_id)

    def _first_row(self, hosted: Hosted, asked: Json) -> Order:
        now = self._core.now_ns
        market = self._core.markets.get(asked["symbol"])
        bid, ask = market.best() if market is not None else (0, 0)
        row = Order(
            **{name: asked[name] for name in _FIELDS},
            account_id=hosted.want.account_id,
            mode=hosted.want.mode,
            deployment_id=hosted.want.deployment_id,
            deployment=hosted.want.name,
            label=hosted.want.label,
            edge_id=self._edge_id,
            venue=hosted.want.venue,
            instrument_type=hosted.want.instrument_type,
            filled_qty_1e8=0,
            filled_notional_1e9=0,
            fees_1e9=0,
            status="NEW",
            created_ns=now,
            updated_ns=now,
            client_key=int(asked.get("client_key", 0)),
            decision_mid_1e9=(bid + ask) // 2 if bid and ask else 0,
            expire_ns=_expiry(asked, now),
            reduce_only=bool(asked.get("reduce_only", False)),
        )
        if row.tif not in TYPES or row.side not in ("buy", "sell") or row.qty_1e8 <= 0:
            raise ValueError(f"side {row.side}, tif {row.tif}, quantity {row.qty_1e8}")
        return row

    async def _cancel(self, asked: Json) -> Order | None:
        """Also an algo's own order; one that does not rest any more stays as it is."""
        stored = await asyncio.to_thread(self._store.orders.get, asked["order_id"])
        if stored is None or stored.symbol not in self._core.markets:
            return stored
        outside.cancel(self._core, (stored.account_id, stored.mode), stored.order_id, stored.symbol)
        return await self._stored(stored.order_id)

    async def _amend(self, asked: Json) -> Order | None:
        """New total quantity and limit price, 0 = unchanged. Raises RefusedError; the order is then as it was."""
        stored = await asyncio.to_thread(self._store.orders.get, asked["order_id"])
        if stored is None or stored.symbol not in self._core.markets:
            return stored
        owner = (stored.account_id, stored.mode)
        refusal = self._core.switches.refusal(*owner)
        if refusal is not None:
            raise RefusedError(refusal.reason)
        wanted = (int(asked["qty_1e8"]), int(asked["price_1e9"]))
        refused = outside.amend(self._core, owner, stored.order_id, stored.symbol, *wanted)
        if refused is not None:
            raise RefusedError(refused.reason)
        return await self._stored(stored.order_id)

    async def _stored(self, order_id: str) -> Order | None:
        await self._flush()
        return await asyncio.to_thread(self._store.orders.get, order_id)


def _expiry(asked: Json, now_ns: int) -> int | None:
    """On the feed's clock; the wait for an order's edge does not count."""
    if asked.get("ttl_ms"):
        return now_ns + int(asked["ttl_ms"]) * 10**6
    return int(asked["expire_ns"]) if asked.get("expire_ns") else None


def _principal(asked: Json) -> Principal:
    names = ("account_id", "mode", "deployment_id", "deployment", "label")
    return Principal(**{name: asked[name] for name in names})


def _refused(row: Order, word: str, code: RejectCode) -> Order:
    return replace(row, status="REJECTED", failure_reason=word, reject_code=int(code))


def _reply(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "status": order.status,
        "filled_qty_1e8": order.filled_qty_1e8,
        "filled_notional_1e9": order.filled_notional_1e9,
        "failure_reason": order.failure_reason,
        "reject_code": order.reject_code,
    }
