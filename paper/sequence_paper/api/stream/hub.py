"""Brings together clients, channels and what is told on them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from sequence_paper.api.platform import Platform
from sequence_paper.api.stream.channels import Channel, Known, RejectedError, channel_of, needs
from sequence_paper.api.stream.client import StreamClient
from sequence_paper.api.stream.frames import frame, subscribed, unsubscribed
from sequence_paper.api.stream.market import MarketShow
from sequence_paper.api.stream.states import StateShow
from sequence_paper.api.stream.tails import Tail, tail_of
from sequence_paper.api.stream.topics import Topics
from sequence_paper.store.records import Caller

MAX_CHANNELS: Final = 20_000
"""Of one client: an operator follows every deployment of an account on one connection."""
MAX_CLIENTS: Final = 64
"""Of one account and mode."""
_TICK_SECONDS: Final = 0.5


class Hub:
    """One for the process. What a client hears is decided here once, when it subscribes."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._clients: set[StreamClient] = set()
        self._topics = Topics(platform.bus, self._heard)
        self._market = MarketShow(platform.market, self._topics)
        self._states = StateShow(platform, self._topics)
        self._tasks: list[asyncio.Task[None]] = []
        platform.bus.on_change(self._look)
        platform.bus.on_loss(self._lost)

    async def open(self) -> None:
        """Begin to tell."""
        parts = (self._market.run(), self._states.run(), self._run())
        self._tasks = [asyncio.create_task(part) for part in parts]

    async def close(self) -> None:
        """Tell no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- clients -------------------------------------------------------------------------------------------

    def full(self, caller: Caller) -> bool:
        """Whether this account and mode has as many clients as it may have."""
        mine = (caller.account.account_id, caller.mode)
        return (
            Counter((c.caller.account.account_id, c.caller.mode) for c in self._clients)[mine] >= MAX_CLIENTS
        )

    def join(self, client: StreamClient) -> None:
        """A new connection; nothing is told before it subscribes."""
        self._clients.add(client)

    async def leave(self, client: StreamClient) -> None:
        """The connection has ended."""
        self._clients.discard(client)
        await self._topics.remove(client, tuple(client.channels))

    async def subscribe(self, client: StreamClient, names: Iterable[str], after: Mapping[str, int]) -> None:
        """Tell it of these from now on, or (rows) from after a number; answers what was accepted."""
        asked = list(dict.fromkeys(names))
        known = await self._known(client.caller, asked)
        accepted, rejected = [], {}
        for name in asked:
            try:
                channel = self._channel(client, name, known)
            except RejectedError as refusal:
                rejected[name] = str(refusal)
                continue
            await self._topics.add(client, channel)
            if channel.kind == "rows":
                client.tails[name] = await self._tail(client, channel, after.get(name))
            accepted.append(name)
        await client.answer(subscribed(accepted, rejected))
        for name in accepted:
            self._begin(client, name)

    async def unsubscribe(self, client: StreamClient, names: Iterable[str]) -> None:
        """Tell it no more of these; answers which of them it heard."""
        await client.answer(unsubscribed(await self._topics.remove(client, names)))

    async def _known(self, caller: Caller, names: list[str]) -> Known:
        deployments, symbols = needs(names)
        mine: frozenset[str] = frozenset()
        traded: set[str] = set()
        if deployments:
            ids = self._platform.store.deployments.ids
            mine = await self._platform.run(lambda: ids(caller.account.account_id, caller.mode))
        if symbols:
            edges = await self._platform.run(self._platform.fleet)
            traded = {symbol for edge in edges.values() for symbol in edge.symbols}
        return Known(mine, frozenset(traded))

    def _channel(self, client: StreamClient, name: str, known: Known) -> Channel:
        present = client.channels.get(name)
        if present is not None:
            return present
        if len(client.channels) >= MAX_CHANNELS:
            raise RejectedError(f"no more than {MAX_CHANNELS:,} channels on one connection")
        return channel_of(name, client.caller, known)

    async def _tail(self, client: StreamClient, channel: Channel, after: int | None) -> Tail:
        return await self._platform.run(lambda: tail_of(channel, client.caller, self._platform.store, after))

    def _begin(self, client: StreamClient, name: str) -> None:
        kind = client.channels[name].kind
        if kind == "market":
            self._market.begin(client, name)
        elif kind in ("edges", "mesh"):
            self._states.begin()
        elif kind == "rows":
            client.wake(name)

    # -- what is told --------------------------------------------------------------------------------------

    def _heard(self, subject: str, payload: bytes) -> None:
        topic = self._topics.by_topic.get(subject)
        if topic is None:
            return
        name, kind = topic.channel.name, topic.channel.kind
        if kind == "rows":
            for client in topic.clients:
                client.wake(name)
            return
        if kind == "mesh":
            payload = b'{"kind":"flow",' + payload.lstrip()[1:]
        text = frame(name, payload)
        for client in topic.clients:
            client.offer(name, text)

    def _lost(self, subject: str) -> None:
        topic = self._topics.by_topic.get(subject)
        if topic is not None and topic.channel.kind != "rows":  # rows are read from the store all the same
            for client in topic.clients:
                client.lost(topic.channel.name)

    async def _run(self) -> None:
        while True:
            self._look()
            for _ in range(2):
                await asyncio.sleep(_TICK_SECONDS)
                self._tick()

    def _tick(self) -> None:
        """Nobody says when a book has grown too old."""
        for client in self._clients:
            client.tick()
        self._market.all_moved()

    def _look(self) -> None:
        """The bus may have lost a wake-up."""
        for client in self._clients:
            client.look()
