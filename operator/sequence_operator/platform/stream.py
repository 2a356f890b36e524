"""A client of `/v1/stream` that comes back by itself: one connection, any number of channels, an iterator of events."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from types import TracebackType

import aiohttp

from sequence_operator.platform.frames import (
    Backoff,
    Buffer,
    Connected,
    Disconnected,
    Event,
    StreamUnavailable,
    Subscribed,
    events_of,
    requests,
)
from sequence_operator.platform.library import httpx
from sequence_operator.platform.limiter import number
from sequence_operator.platform.redact import Secret, redact
from sequence_operator.platform.wire import LOOPBACK, NO_KEY, USER_AGENT

PATH = "/v1/stream"

_REFUSED = frozenset({401, 403})
_PASSING = frozenset({408, 425, 429})
"""Of the 4xx; the others, and 501, answer the same question the same way again."""
_REFUSED_AGAIN = 60.0  # seconds between two tries with a key that was refused
_UNAVAILABLE_AGAIN = 300.0  # until a platform without the path is asked again whether it has one by now
_STABLE = 5.0  # a connection that lived so long was a good one; below that it counts as a failed try


class Stream:
    """`async with Stream(endpoint, key, channels) as stream: async for event in stream: …`

    endpoint: base URL without /v1. key: appears in no repr, message or log. silence: seconds after which a peer that
    says nothing, not even a PONG, counts as dead. buffer: events kept for a slow reader. keep: channels of which
    nothing is ever dropped here; for them the platform waits. The iterator never ends by itself and raises nothing:
    every turn of events is an event, and polling stays the caller's safety net.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        channels: Iterable[str] = (),
        *,
        silence: float = 15.0,
        connect_timeout: float = 10.0,
        buffer: int = 1000,
        keep: frozenset[str] = frozenset({"fills"}),
        backoff: Backoff | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._secret = Secret(key.strip())
        self._wanted: dict[str, None] = dict.fromkeys(channels)
        self._heard: set[str] = set()
        self._silence, self._connect_timeout = silence, connect_timeout
        self._backoff = backoff if backoff is not None else Backoff()
        self._buffer = Buffer(buffer, keep)
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Stream({self.endpoint!r}, {len(self._wanted)} channels)"

    async def __aenter__(self) -> Stream:
        self._task = asyncio.create_task(self._run(), name=f"stream {self.endpoint}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; the iterator ends."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._http is not None:
            http, self._http = self._http, None
            await http.close()
        self._news.set()

    # -- channels ------------------------------------------------------------------------------------------

    @property
    def channels(self) -> frozenset[str]:
        """What is asked for, also while there is no connection."""
        return frozenset(self._wanted)

    @property
    def heard(self) -> frozenset[str]:
        """What the platform has confirmed on the present connection; nothing while there is none."""
        return frozenset(self._heard)

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def subscribe(self, *channels: str) -> None:
        """Ask for these too, now and on every later connection."""
        new = [name for name in channels if name not in self._wanted]
        self._wanted.update(dict.fromkeys(new))
        await self._send("subscribe", new)

    async def unsubscribe(self, *channels: str) -> None:
        """Ask for these no more."""
        old = [name for name in channels if name in self._wanted]
        for name in old:
            del self._wanted[name]
        self._heard.difference_update(old)
        await self._send("unsubscribe", old)

    async def become(self, channels: Iterable[str]) -> None:
        """Ask for exactly these."""
        wanted = dict.fromkeys(channels)
        await self.unsubscribe(*(name for name in list(self._wanted) if name not in wanted))
        await self.subscribe(*wanted)

    async def _send(self, verb: str, channels: list[str]) -> None:
        socket = self._socket
        if socket is None or not channels:
            return
        try:
            for frame in requests(verb, channels):
                await socket.send_str(frame)
        except (aiohttp.ClientError, OSError):
            return  # whoever receives on this socket is told the same and connects anew, with all channels

    # -- events --------------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while (event := self._buffer.take()) is None:
            if self._task is None:
                raise StopAsyncIteration
            if self._task.done():
                self._task.result()  # a mistake of ours is not hidden
            self._news.clear()
            await self._news.wait()
        self._room.set()
        return event

    async def _put(self, event: Event) -> None:
        while not self._buffer.put(event):
            self._room.clear()
            await self._room.wait()
        self._news.set()

    # -- the connection ------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                end = await self._once()
                await self._put(end)
                await asyncio.sleep(end.again_in)
        finally:
            self._news.set()

    async def _once(self) -> Disconnected | StreamUnavailable:
        """One connection from its beginning to its end, which is returned."""
        if not self._secret.usable:
            return Disconnected(NO_KEY, 401, _REFUSED_AGAIN)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._connect_timeout):
                socket = await self._connect()
        except aiohttp.WSServerHandshakeError as problem:
            return self._not_opened(problem)
        except (aiohttp.ClientError, httpx.InvalidURL, OSError) as problem:
            return Disconnected(self._words(problem), again_in=self._backoff.failed())
        try:
            why = await self._serve(socket)
        finally:
            self._socket = None
            self._heard.clear()
            await socket.close()
        if time.monotonic() - began >= _STABLE:
            self._backoff.succeeded()
        return Disconnected(why, again_in=self._backoff.failed())

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        if self._http is None:
            self._http = self._session(httpx.URL(self.endpoint))
        return await self._http.ws_connect(
            self.endpoint + PATH,
            headers={"Authorization": f"Bearer {self._secret.reveal()}", "User-Agent": USER_AGENT},
            heartbeat=self._silence / 1.6,  # and half of that again for the answer
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        )

    @staticmethod
    def _session(url: httpx.URL) -> aiohttp.ClientSession:
        """A session that trusts the certificates that REST trusts."""
        trusted = httpx.create_ssl_context() if url.scheme != "http" else True
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusted),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=url.host not in LOOPBACK,
        )

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        """Hand on what comes until the connection ends; why it ended."""
        self._socket = socket
        await self._put(Connected())
        await self._send("subscribe", list(self._wanted))
        while True:
            frame = await socket.receive()
            if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                for event in events_of(frame.data):
                    if isinstance(event, Subscribed):
                        self._heard.update(name for name in event.channels if name in self._wanted)
                    await self._put(event)
            elif frame.type is aiohttp.WSMsgType.ERROR:
                return self._words(frame.data)
            else:
                return self._closing(socket, frame)

    # -- words ---------------------------------------------------------------------------------------------

    def _not_opened(self, problem: aiohttp.WSServerHandshakeError) -> Disconnected | StreamUnavailable:
        """The platform answered the handshake with something else than an open connection."""
        status = problem.status
        if (status < 500 and status not in _REFUSED | _PASSING) or status == 501:
            why = f"{self.endpoint} has no {PATH}: it answered {status}"
            return StreamUnavailable(why, again_in=_UNAVAILABLE_AGAIN)
        why = f"{self.endpoint} refused the stream: it answered {status}"
        asked = number(problem.headers.get("Retry-After")) if problem.headers is not None else None
        wait = max(self._backoff.failed(), min(asked or 0.0, _UNAVAILABLE_AGAIN))
        return Disconnected(why, status, max(wait, _REFUSED_AGAIN) if status in _REFUSED else wait)

    def _closing(self, socket: aiohttp.ClientWebSocketResponse, frame: aiohttp.WSMessage) -> str:
        if socket.exception() is not None:
            return self._words(socket.exception())
        reason = frame.extra if isinstance(frame.extra, str) else ""
        code = f"code {socket.close_code}" if socket.close_code else "no code"
        text = f"{self.endpoint} closed the stream ({code}{': ' if reason else ''}{reason[:200]})"
        return redact(text, self._secret)

    def _words(self, problem: object) -> str:
        """Why there is no connection, in words that stay the same from try to try."""
        if isinstance(problem, aiohttp.ClientConnectorDNSError):
            why = "cannot be reached: no such host"
        elif isinstance(problem, aiohttp.ClientConnectorCertificateError):
            why = "cannot be reached: its certificate is not trusted"
        elif isinstance(problem, aiohttp.ClientConnectorError) and problem.os_error.errno:
            why = f"cannot be reached: {os.strerror(problem.os_error.errno).lower()}"
        elif isinstance(problem, TimeoutError | aiohttp.ServerTimeoutError):
            why = "has gone silent" if self._socket is not None else "did not answer in time"
        elif isinstance(problem, aiohttp.WebSocketError):
            why = "sent what is no stream"
        elif isinstance(problem, aiohttp.InvalidURL | httpx.InvalidURL | ValueError):
            why = "is no usable address"
        else:
            why = "closed the connection"
        return redact(f"{self.endpoint} {why}", self._secret)
