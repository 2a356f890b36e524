"""The channels `edges` and `mesh`: once a second, and at once when the bus or an edge goes or comes."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

import orjson
import sqlalchemy as sa

from sequence_paper.api.mesh_view import mesh_view
from sequence_paper.api.platform import Platform
from sequence_paper.api.stream.frames import frame
from sequence_paper.api.stream.topics import Topic, Topics
from sequence_paper.store.deployments import NotRegisteredError
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 1.0


class StateShow:
    """Reads what is there; nothing is read while nobody hears it."""

    def __init__(self, platform: Platform, topics: Topics) -> None:
        self._platform, self._topics = platform, topics
        self._now = asyncio.Event()
        platform.bus.on_change(self._now.set)
        platform.presence.on_gone(lambda _: self._now.set())

    def begin(self) -> None:
        """Somebody new is there."""
        self._now.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._tell()
            except sa.exc.SQLAlchemyError as error:
                log.error("states cannot be read, trying again: %s", str(error).splitlines()[0])
            try:
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._now.wait()
            except TimeoutError:
                continue
            self._now.clear()

    async def _tell(self) -> None:
        for topic in (*self._topics.of_kind("edges"), *self._topics.of_kind("mesh")):
            look = self._edges if topic.channel.kind == "edges" else self._links
            seen = await self._platform.run(partial(look, topic))
            if seen is None:
                continue
            text = frame(topic.channel.name, orjson.dumps(seen))
            for client in tuple(topic.clients):
                client.show(topic.channel.name, text)

    def _edges(self, _: Topic) -> Json:
        return {"bus": self._platform.bus.connected, "edges": self._platform.edge_rows()}

    def _links(self, topic: Topic) -> Json | None:
        here, mine = self._platform, topic.caller
        try:
            found = here.store.deployments.get(mine.account.account_id, mine.mode, topic.channel.about)
        except NotRegisteredError:
            return None
        return {"kind": "links", "links": mesh_view(here.store, here.fleet(), found)["links"]}
