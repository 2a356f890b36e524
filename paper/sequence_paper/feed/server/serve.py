"""The server itself: a feed, the market it makes, and everybody who listens."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import logging
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import websockets
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from sequence_paper.feed.events import Event, Feed
from sequence_paper.feed.server.dialects import DIALECTS, Dialect, document
from sequence_paper.feed.server.faults import FAULTS, Line
from sequence_paper.feed.server.truth import Batch, Truth
from sequence_paper.venue.rules import SymbolRules

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.05
_BEAT_SECONDS: Final = 1.0
_CROSSED_SECONDS: Final = 0.5
_CROSSING_1E8: Final = 1_000_000


class _Client:
    """One connection, what it hears, and what goes wrong on its way."""

    def __init__(self, socket: ServerConnection, dialect: Dialect) -> None:
        self.socket, self.dialect = socket, dialect
        self.line = Line()

    async def send(self, frames: Sequence[str]) -> None:
        """Frames that a client no longer wants are nobody's trouble."""
        with contextlib.suppress(websockets.ConnectionClosed):
            for frame in self.line.through(frames):
                await self.socket.send(frame)


class FeedServer:
    """`async with FeedServer(venue, feed, rules): …` serves on loopback; `port` is known then.

    Faults: `fault(kind)`, or `GET /fault/KIND?seconds=S` on the same port, for everybody connected now.
    """

    def __init__(self, venue: str, feed: Feed, rules: dict[str, SymbolRules], port: int = 0) -> None:
        self._venue, self._feed, self._wanted = venue, feed, port
        self.truth = Truth(rules)
        self.truth.take(feed.prime(), time.time_ns())
        self._clients: set[_Client] = set()
        self._silent_until = 0.0
        self._cut_snapshots = 0
        self._extra: list[Event] = []
        self._server: Server | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        assert self._server is not None, "not serving"  # noqa: S101  # a mistake of the caller
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def __aenter__(self) -> FeedServer:
        self._server = await serve(self._talk, "127.0.0.1", self._wanted, process_request=self._request)
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def fault(self, kind: str, seconds: float = 2.0) -> None:
        """Let something go wrong now. Raises ValueError for a kind that there is not."""
        match kind:
            case "crossed":
                await self._cross()
            case "stall":
                self._silent_until = time.monotonic() + seconds
            case "disconnect" | "disconnect-in-snapshot":
                self._cut_snapshots += kind == "disconnect-in-snapshot"
                for client in list(self._clients):
                    await client.socket.close()
            case "gap" | "duplicate" | "reorder" | "bad-checksum":
                for client in self._clients:
                    client.line.ask(kind)
            case _:
                raise ValueError(f"there is no fault {kind!r}: {', '.join(FAULTS)}")

    # -- the market ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        beat_at = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.time_ns()
            events = self._feed.next_until(now)
            extra, self._extra = self._extra, []
            batches = self.truth.take([*events, *extra], now)
            beat = time.monotonic() - beat_at >= _BEAT_SECONDS
            beat_at = time.monotonic() if beat else beat_at
            for client in list(self._clients):
                await self._tell(client, batches, now if beat else 0)

    async def _tell(self, client: _Client, batches: Sequence[Batch], beat_ns: int) -> None:
        frames = [frame for batch in batches for frame in client.dialect.news(batch)]
        if beat_ns:
            frames += client.dialect.beat(beat_ns)
        if time.monotonic() >= self._silent_until:
            await client.send(frames)

    async def _cross(self) -> None:
        """Show a bid beyond the ask for a moment."""
        for symbol in self.truth.books:
            shown = self.truth.crossing(symbol, _CROSSING_1E8)
            if shown is None:
                continue
            self._extra.append(shown)
            gone = type(shown)(symbol, 0, shown.side, shown.px_1e9, 0, 0)
            asyncio.get_running_loop().call_later(_CROSSED_SECONDS, self._later, gone)

    def _later(self, event: Event) -> None:
        self._extra.append(event)

    # -- connections ---------------------------------------------------------------------------------------------

    async def _talk(self, socket: ServerConnection) -> None:
        path = socket.request.path if socket.request is not None else "/"
        client = _Client(socket, DIALECTS[self._venue](self.truth, path))
        self._clients.add(client)
        try:
            async for text in socket:
                frames = client.dialect.heard(str(text), time.time_ns())
                if self._cut_snapshots and len(frames) > 1:
                    self._cut_snapshots -= 1
                    await client.send(frames[:1])
                    await socket.close()
                    return
                await client.send(frames)
        except websockets.ConnectionClosed:
            log.debug("a client left")
        finally:
            self._clients.discard(client)

    async def _request(self, socket: ServerConnection, request: Request) -> Response | None:
        """Plain HTTP on the same port: faults, and the documents of a venue that has some."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        parts = urlsplit(request.path)
        if parts.path.startswith("/fault/"):
            seconds = float(parse_qs(parts.query).get("seconds", ["2"])[0])
            try:
                await self.fault(parts.path.removeprefix("/fault/"), seconds)
            except ValueError as error:
                return _answer(http.HTTPStatus.NOT_FOUND, json.dumps({"error": str(error)}))
            return _answer(http.HTTPStatus.OK, "{}")
        text = document(self.truth, request.path) if self._venue == "binance" else None
        if text is None:
            return _answer(http.HTTPStatus.NOT_FOUND, json.dumps({"error": "nothing is served here"}))
        if self._cut_snapshots:
            self._cut_snapshots -= 1
            text = text[: len(text) // 2]
        return _answer(http.HTTPStatus.OK, text)


def _answer(status: http.HTTPStatus, text: str) -> Response:
    body = text.encode()
    headers = Headers(
        {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    )
    return Response(status.value, status.phrase, headers, body)
