"""Which clients hear which topic, and which subjects of the bus have to be heard for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sequence_paper.api.bus import Bus, Ear, Heard
from sequence_paper.api.stream.channels import Channel
from sequence_paper.api.stream.client import StreamClient
from sequence_paper.store.records import Caller


@dataclass(slots=True)
class Topic:
    """All who hear the same frames. `channel` and `caller`: of one of them, they differ in nothing that matters."""

    channel: Channel
    caller: Caller
    clients: set[StreamClient] = field(default_factory=set)


class Topics:
    """`by_topic` holds only topics that somebody hears."""

    def __init__(self, bus: Bus, heard: Heard) -> None:
        self._bus, self._heard = bus, heard
        self.by_topic: dict[str, Topic] = {}
        self._users: dict[str, int] = {}  # of a subject on the bus
        self._ears: dict[str, Ear] = {}
        self._listening = asyncio.Lock()
        self._matching: set[asyncio.Task[None]] = set()

    async def add(self, client: StreamClient, channel: Channel) -> None:
        """The client hears it from now on."""
        client.channels[channel.name] = channel
        self.by_topic.setdefault(channel.topic, Topic(channel, client.caller)).clients.add(client)
        if channel.heard:
            self._users[channel.heard] = self._users.get(channel.heard, 0) + 1
            await self._match(channel.heard)

    async def remove(self, client: StreamClient, names: Iterable[str]) -> list[str]:
        """The client hears these no more; returns which of them it heard."""
        channels = [client.channels[name] for name in dict.fromkeys(names) if name in client.channels]
        heard = [channel.name for channel in channels]
        client.forget(set(heard))
        for channel in channels:
            topic = self.by_topic[channel.topic]
            topic.clients.discard(client)
            if not topic.clients:
                del self.by_topic[channel.topic]
            if channel.heard:
                self._users[channel.heard] -= 1
        for subject in dict.fromkeys(channel.heard for channel in channels if channel.heard):
            await self._match(subject)
        return heard

    def of_kind(self, kind: str) -> Iterator[Topic]:
        """Topics of one kind that somebody hears."""
        return (topic for topic in tuple(self.by_topic.values()) if topic.channel.kind == kind)

    async def _match(self, subject: str) -> None:
        """Hear a subject exactly while somebody needs it, in whatever order clients come and go meanwhile."""
        # To the end, even when the client that asks for it leaves now: half a subscription would never be forgotten.
        matching = asyncio.create_task(self._matched(subject))
        self._matching.add(matching)
        matching.add_done_callback(self._matching.discard)
        await asyncio.shield(matching)

    async def _matched(self, subject: str) -> None:
        async with self._listening:
            wanted = self._users.get(subject, 0) > 0
            if wanted and subject not in self._ears:
                self._ears[subject] = await self._bus.hear(subject, self._heard)
            elif not wanted and subject in self._ears:
                del self._users[subject]
                await self._bus.forget(self._ears.pop(subject))
