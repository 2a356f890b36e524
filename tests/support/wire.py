"""A small real HTTP server that answers what a test tells it and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Answer:
    """`drop`: close the connection instead of answering; `hang`: answer only when released."""

    status: int = 200
    json: Any = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False


@dataclass
class Asked:
    method: str
    path: str  # as it was sent, not decoded
    headers: dict[str, str]
    body: str


@dataclass
class Server:
    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def will(self, *answers: Answer) -> None:
        self.answers.extend(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.asked.append(Asked(request.method, request.raw_path, dict(request.headers), body))
        answer = (
            self.answers.pop(0)
            if self.answers
            else Answer(404, {"error": {"code": "NOT_FOUND", "message": "?"}})
        )
        if answer.hang:
            await self.released.wait()
        if answer.drop:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if answer.text is not None:
            return web.Response(status=answer.status, text=answer.text, headers=answer.headers)
        if answer.json is None:
            return web.Response(status=answer.status, headers=answer.headers)
        return web.json_response(answer.json, status=answer.status, headers=answer.headers)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """The server on a free port of this machine."""
    app = web.Application()
    found = Server("")
    app.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    found.url = f"http://127.0.0.1:{port}"
    try:
        yield found
    finally:
        found.released.set()
        await runner.cleanup()
