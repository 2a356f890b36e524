"""`/v1/stream` of the small platform: what is subscribed is heard, until a test cuts it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import WSMsgType, web


class Lines:
    """The connections. Everything but `serve` may be called from any thread."""

    def __init__(self) -> None:
        self.there = False
        self.opened = 0
        self.channels: set[str] = set()  # of the newest connection
        self._silent = False
        self._sockets: list[web.WebSocketResponse] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._sockets.append(socket)
            self.channels = set()
            self.opened += 1
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._take(socket, json.loads(message.data))
        with self._lock:
            self._sockets.remove(socket)
        return socket

    async def _take(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        with self._lock:
            self.channels |= set(frame.get("subscribe", []))
            self.channels -= set(frame.get("unsubscribe", []))
        if "subscribe" in frame:
            await socket.send_json({"subscribed": frame["subscribe"], "rejected": []})

    def say(self, event: dict[str, Any]) -> None:
        """Send an event of a deployment to those who hear it."""
        channel = f"deployment:{event['deployment_id']}"
        self.send({"channel": channel, "data": event})

    def send(self, frame: dict[str, Any]) -> None:
        with self._lock:
            heard = not self._silent and frame["channel"] in self.channels
            for socket in self._sockets if heard and self._loop is not None else ():
                asyncio.run_coroutine_threadsafe(socket.send_json(frame), self._loop)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """What happens meanwhile is not told."""
        self._silent = True
        yield
        self._silent = False

    def cut(self) -> None:
        """Break all connections."""
        with self._lock:
            for socket in self._sockets if self._loop is not None else ():
                asyncio.run_coroutine_threadsafe(socket.close(code=1001), self._loop)
