"""A real WebSocket server at `/v1/stream` that does what a test tells it and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web


class Line:
    """One connection, seen from the platform."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request, self.socket = request, socket
        self.headers = dict(request.headers)
        self.frames: list[dict[str, Any]] = []  # that the client sent
        self.changed = asyncio.Event()
        self.mute = asyncio.Event()  # set: nothing is read any more, so no PING is answered

    async def send(self, frame: Any) -> None:
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def say(self, channel: str, data: Any) -> None:
        await self.send({"channel": channel, "data": data})

    def cut(self) -> None:
        """The connection breaks without a word."""
        assert self._request.transport is not None
        self._request.transport.abort()

    async def asked(self, verb: str, count: int) -> list[str]:
        """All channels in frames of this verb, once there are so many."""
        while len(found := [name for frame in self.frames for name in frame.get(verb, [])]) < count:
            self.changed.clear()
            await self.changed.wait()
        return found


@dataclass
class StreamServer:
    """reject: channels it does not serve, with the reason. answers: statuses for the next handshakes instead."""

    url: str = ""
    reject: dict[str, str] = field(default_factory=dict)
    answers: list[web.Response] = field(default_factory=list)
    acks: bool = True
    lines: list[Line] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def line(self, number: int = 0) -> Line:
        """The connection of this number, counted from 0, once it is there."""
        while len(self.lines) <= number:
            self._came.clear()
            await self._came.wait()
        return self.lines[number]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.answers:
            return self.answers.pop(0)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        line = Line(request, socket)
        self.lines.append(line)
        self._came.set()
        while True:
            reading = asyncio.ensure_future(socket.receive())
            muting = asyncio.ensure_future(line.mute.wait())
            await asyncio.wait({reading, muting}, return_when=asyncio.FIRST_COMPLETED)
            muting.cancel()
            if line.mute.is_set():
                reading.cancel()
                await asyncio.Event().wait()
            message = reading.result()
            if message.type is not WSMsgType.TEXT:
                return socket
            await self._take(line, json.loads(message.data))

    async def _take(self, line: Line, frame: dict[str, Any]) -> None:
        line.frames.append(frame)
        line.changed.set()
        names = frame.get("subscribe", [])
        if self.acks and names:
            rejected = [name for name in names if name in self.reject]
            reasons = {name: self.reject[name] for name in rejected}
            accepted = [name for name in names if name not in rejected]
            await line.send({"subscribed": accepted, "rejected": rejected, "reasons": reasons})


@asynccontextmanager
async def streaming() -> AsyncIterator[StreamServer]:
    """The server on a free port of this machine."""
    app, found = web.Application(), StreamServer()
    app.router.add_get("/v1/stream", found.handle)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()
