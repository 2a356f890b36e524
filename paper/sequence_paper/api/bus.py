"""The API's end of the message bus: it wakes edges and hears their beats. The bus may be away at any time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from sequence_paper.mesh import connection
from sequence_paper.mesh.library import Client, Msg, NatsError, NoRespondersError, Subscription
from sequence_paper.mesh.wire import ALL_BEATS, ping_subject, wake_subject
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)

WAKE_SECONDS = 3.0
"""How long a request waits for its edges to converge before it answers with what is known."""
PING_SECONDS = 1.0
"""How long to wait for an edge that is there but busy."""


Heard = Callable[[str, bytes], None]
"""(subject, payload)"""
MAX_WAITING = 4096
"""Messages of one subject that wait to be worked off; the client drops and counts what comes beyond."""
_MAX_WAITING_BYTES = 16 * 1024 * 1024


@dataclass(eq=False, slots=True)
class Ear:
    """Somebody who hears a subject until `Bus.forget`."""

    subject: str
    heard: Heard
    subscription: Subscription | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Beat:
    """What an edge last said of itself, and when (wall clock, ns) we heard it."""

    heard_ns: int
    payload: Json


class Bus:
    """Connects in the background for as long as it lives; `beats` is by edge id."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = Client()
        self._connecting: asyncio.Task[None] | None = None
        self._ears: set[Ear] = set()
        self._watchers: list[Callable[[], None]] = []
        self._mourners: list[Callable[[str], None]] = []
        self.beats: dict[str, Beat] = {}

    @property
    def connected(self) -> bool:
        """Whether the bus is there now."""
        return bool(self._client.is_connected)

    async def open(self) -> None:
        """Begin to connect; returns at once."""
        log.info("looking for the bus at %s", self._url)
        self._connecting = asyncio.create_task(self._connect())

    async def close(self) -> None:
        """End the connection."""
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        await self._client.close()

    def on_change(self, told: Callable[[], None]) -> None:
        """Call this whenever the bus went away or came back."""
        self._watchers.append(told)

    def on_loss(self, told: Callable[[str], None]) -> None:
        """Call this with the subject of each message that came faster than it could be worked off."""
        self._mourners.append(told)

    async def hear(self, subject: str, heard: Heard) -> Ear:
        """Call `heard` with everything on a subject, from now or from when the bus is there. It must not wait."""
        ear = Ear(subject, heard)
        self._ears.add(ear)
        if self.connected:
            await self._listen(ear)
            with contextlib.suppress(NatsError, TimeoutError):
                await self._client.flush(timeout=1)  # from here on the bus knows of us
        return ear

    async def forget(self, ear: Ear) -> None:
        """Hear no more of it."""
        self._ears.discard(ear)
        subscription, ear.subscription = ear.subscription, None
        if subscription is not None:
            with contextlib.suppress(NatsError):
                await subscription.unsubscribe()

    async def publish(self, subject: str, payload: Json) -> None:
        """Tell whoever listens; nobody may depend on it."""
        if self.connected:
            with contextlib.suppress(NatsError):
                await self._client.publish(subject, orjson.dumps(payload))

    async def is_gone(self, edge_id: str) -> bool:
        """True when the bus says that nobody listens there; False when somebody does, or nothing can be said."""
        try:
            await self._client.request(ping_subject(edge_id), b"", timeout=PING_SECONDS)
        except NoRespondersError:
            return self.connected
        except (NatsError, TimeoutError):
            return False
        return False

    async def ask(self, subject: str, request: Json, seconds: float) -> Json | None:
        """The answer of who listens there; None when the bus is away or nobody answered in time."""
        if not self.connected:
            return None
        try:
            message = await self._client.request(subject, orjson.dumps(request), timeout=seconds)
            answer: Json = orjson.loads(message.data)
        except (NatsError, TimeoutError, orjson.JSONDecodeError) as error:
            log.info("%s did not answer: %s", subject, error or type(error).__name__)
            return None
        return answer

    async def wake(self, edge_ids: Iterable[str], deployment_id: str) -> bool:
        """Tell edges that a deployment changed; True when all have answered, in `WAKE_SECONDS`, that they converged."""
        if not self.connected:
            return False
        body = orjson.dumps({"deployment_id": deployment_id})
        asked = [self._ask(wake_subject(edge_id), body) for edge_id in sorted(set(edge_ids))]
        return all(await asyncio.gather(*asked))

    async def _ask(self, subject: str, body: bytes) -> bool:
        try:
            await self._client.request(subject, body, timeout=WAKE_SECONDS)
        except (NatsError, TimeoutError) as error:
            log.info("%s did not answer: %s", subject, error or type(error).__name__)
            return False
        return True

    async def _connect(self) -> None:
        if not await connection.connect(
            self._client, self._url, "sequence-paper-api", self._on_away, self._on_back, self._on_loss
        ):
            return
        await self._client.subscribe(ALL_BEATS, cb=self._on_beat)
        for ear in tuple(self._ears):
            await self._listen(ear)
        log.info("connected to the bus")
        self._tell()

    async def _listen(self, ear: Ear) -> None:
        # Asked again while the first question was on its way, or nobody wants it any more.
        if ear.subscription is not None or ear not in self._ears:
            return

        async def heard(message: Msg) -> None:
            try:
                ear.heard(message.subject, message.data)
            except (ValueError, KeyError, TypeError) as error:
                log.warning("not understood on %s: %r", message.subject, error)

        with contextlib.suppress(NatsError):
            ear.subscription = await self._client.subscribe(
                ear.subject,
                cb=heard,
                pending_msgs_limit=MAX_WAITING,
                pending_bytes_limit=_MAX_WAITING_BYTES,
            )

    def _tell(self) -> None:
        for told in self._watchers:
            told()

    def _on_loss(self, subject: str) -> None:
        for told in self._mourners:
            told(subject)

    async def _on_away(self) -> None:
        log.warning("the bus is away; readings work, changes reach edges when they look by themselves")
        self._tell()

    async def _on_back(self) -> None:
        self._tell()

    async def _on_beat(self, message: Msg) -> None:
        try:
            payload: Any = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            log.warning("a beat on %s is not JSON", message.subject)
            return
        edge_id = payload.get("edge_id") if isinstance(payload, dict) else None
        if isinstance(edge_id, str):
            self.beats[edge_id] = Beat(time.time_ns(), payload)
