"""The edge's end of the message bus: wake-ups in, beats and status events out, mesh messages both ways.

The bus may be away at any time: then the edge looks at the store by itself once a second, and mesh messages are
lost and counted, as on any network.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson

from sequence_paper.edge.roster import Key
from sequence_paper.mesh import connection, wire
from sequence_paper.mesh.direct import DirectClient
from sequence_paper.mesh.library import Msg, NatsError, Subscription

log = logging.getLogger(__name__)

Answer = Callable[[Any], Awaitable[dict[str, Any]]]
Wake = Callable[[str], Awaitable[dict[str, Any]]]
Receive = Callable[[Key, str, wire.MeshMessage], None]
Hear = Callable[[str, wire.Probe], None]


class EdgeBus:
    """Connects in the background for as long as it lives."""

    def __init__(self, url: str, edge_id: str, wake: Wake, receive: Receive, hear: Hear) -> None:
        """``wake(deployment_id)``: converge and say what was reached. ``receive``: a mesh message for an instance.

        ``hear``: a probe of another edge, or its answer.
        """
        self._url, self._edge_id = url, edge_id
        self._wake, self._receive, self._hear = wake, receive, hear
        self._client = DirectClient()
        self._connecting: asyncio.Task[None] | None = None
        self._inboxes: dict[Key, Subscription] = {}
        self._markets: dict[str, tuple[Subscription, Subscription]] = {}
        self._symbols: set[str] = set()
        self.on_book: Callable[[bytes], None] = lambda _payload: None
        """Called with each book of the symbols listened to, our own edge's among them."""
        self.on_pools: Callable[[bytes], None] = lambda _payload: None
        """Called with their pools."""
        self._wanted: set[Key] = set()
        self._listening = asyncio.Lock()
        self._closing = False
        self._answers: set[asyncio.Task[None]] = set()
        self._served: dict[str, Answer] = {}

    @property
    def connected(self) -> bool:
        """Whether the bus is there now."""
        return bool(self._client.is_connected)

    def serve(self, subject: str, answer: Answer) -> None:
        """Answer requests on a subject; call before ``open``."""
        self._served[subject] = answer

    async def open(self) -> None:
        """Begin to connect; returns at once."""
        self._connecting = asyncio.create_task(self._connect())

    async def close(self) -> None:
        """Send what is buffered and end the connection."""
        self._closing = True
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        if self._client.is_connected:
            with contextlib.suppress(NatsError, TimeoutError):
                await self._client.flush(timeout=1)
        await self._client.close()

    async def publish(self, subject: str, payload: dict[str, Any]) -> None:
        """Tell whoever listens; nobody may depend on it."""
        await self.send_out(subject, orjson.dumps(payload))

    async def send_out(self, subject: str, payload: bytes) -> None:
        """As ``publish``, for what is encoded already."""
        if self._client.is_connected:
            with contextlib.suppress(NatsError):
                await self._client.publish(subject, payload)

    def send(self, subject: str, data: bytes) -> bool:
        """A mesh message or a probe, written at once; False when the bus is away or too far behind."""
        return self._client.send(subject, data)

    async def listen(self, wanted: set[Key], symbols: set[str]) -> None:
        """Hear the mesh messages of exactly these instances, and the books and pools of exactly these symbols."""
        self._wanted, self._symbols = wanted, symbols
        async with self._listening:
            if not self._client.is_connected:
                return
            for key in set(self._inboxes) - self._wanted:
                subscription = self._inboxes.pop(key)
                with contextlib.suppress(NatsError):
                    await self._client.forget(subscription)
            for key in self._wanted - set(self._inboxes):
                self._inboxes[key] = await self._subscribe_inbox(key)
            for symbol in set(self._markets) - self._symbols:
                for subscription in self._markets.pop(symbol):
                    with contextlib.suppress(NatsError):
                        await self._client.forget(subscription)
            for symbol in self._symbols - set(self._markets):
                self._markets[symbol] = (
                    await self._client.hear(
                        wire.books_subject(symbol), lambda _, payload: self.on_book(payload)
                    ),
                    await self._client.hear(
                        wire.pools_subject(symbol), lambda _, payload: self.on_pools(payload)
                    ),
                )

    async def _subscribe_inbox(self, key: Key) -> Subscription:
        def heard(subject: str, data: bytes) -> None:
            try:
                message = wire.decode(data)
            except ValueError as error:
                log.warning("not a mesh message on %s: %s", subject, error)
                return
            self._receive(key, wire.sender_of(subject), message)

        return await self._client.hear(wire.inbox_subject(*key), heard)

    def _heard_probe(self, subject: str, data: bytes) -> None:
        try:
            probe = wire.decode_probe(data)
        except ValueError as error:
            log.warning("not a probe on %s: %s", subject, error)
            return
        self._hear(wire.prober_of(subject), probe)

    async def _connect(self) -> None:
        if not await connection.connect(self._client, self._url, self._edge_id, self._on_away):
            return
        await self._client.subscribe(wire.wake_subject(self._edge_id), cb=self._on_wake)
        for subject, answer in self._served.items():
            await self._client.subscribe(subject, cb=functools.partial(self._on_request, answer))
        await self._client.subscribe(wire.ping_subject(self._edge_id), cb=_on_ping)
        await self._client.hear(wire.probes_subject(self._edge_id), self._heard_probe)
        await self.listen(self._wanted, self._symbols)
        log.info("connected to the bus")

    async def _on_away(self) -> None:
        if not self._closing:
            log.warning("the bus is away; the store is read once a second, mesh messages are lost")

    async def _on_wake(self, message: Msg) -> None:
        self._later(self._answer(message))

    async def _on_request(self, answer: Answer, message: Msg) -> None:
        self._later(self._reply(answer, message))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        # Not awaited by the subscription: a callback that waits would hold up the next message.
        task = asyncio.create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _reply(self, answer: Answer, message: Msg) -> None:
        try:
            asked = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            log.warning("a request on %s is not JSON", message.subject)
            return
        reply = await answer(asked)
        if message.reply:
            with contextlib.suppress(NatsError):
                await message.respond(orjson.dumps(reply))

    async def _answer(self, message: Msg) -> None:
        try:
            asked = orjson.loads(message.data)
            deployment_id = str(asked["deployment_id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            log.warning("a wake-up without a deployment id")
            return
        reply = await self._wake(deployment_id)
        if message.reply:
            with contextlib.suppress(NatsError):
                await message.respond(orjson.dumps(reply))


async def _on_ping(message: Msg) -> None:
    with contextlib.suppress(NatsError):
        await message.respond(b"{}")
