"""The API's end of the message bus: it wakes edges and hears their beats. The bus may be away at any time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from sequence_paper.mesh import connection
from sequence_paper.mesh.wire import ALL_BEATS, wake_subject
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)

WAKE_SECONDS = 3.0
"""How long a request waits for its edges to converge before it answers with what is known."""


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
        if not await connection.connect(self._client, self._url, "sequence-paper-api", _on_away):
            return
        await self._client.subscribe(ALL_BEATS, cb=self._on_beat)
        log.info("connected to the bus")

    async def _on_beat(self, message: Msg) -> None:
        try:
            payload: Any = orjson.loads(message.data)
        except orjson.JSONDecodeError:
            log.warning("a beat on %s is not JSON", message.subject)
            return
        edge_id = payload.get("edge_id") if isinstance(payload, dict) else None
        if isinstance(edge_id, str):
            self.beats[edge_id] = Beat(time.time_ns(), payload)


async def _on_away() -> None:
    log.warning("the bus is away; readings work, changes reach edges when they look by themselves")
