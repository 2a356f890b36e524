"""A venue's own data as it comes: one connection that is made again for ever, its parser, and what waits to be taken.

Events are stamped with the time we received them; the venue's own stamp goes along. While the connection is away the
books are in a gap, which everybody who trades on them is told first.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import websockets
from websockets.asyncio.client import ClientConnection, connect

from sequence_paper.feed.events import Event, FeedAbout
from sequence_paper.feed.recording import Entry, Kind
from sequence_paper.feed.wire.parser import Fetch, Parsed, Parser

log = logging.getLogger(__name__)

Record = Callable[[Entry], None]

MAX_WAITING: Final = 200_000
"""Events kept for an edge that is busy. One that falls behind further gets a new connection and a fresh book."""
_CONNECT_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_STEADY_SECONDS: Final = 30.0
"""A connection that lived so long was a good one: the next pause is the first again."""


class LiveFeed:
    """A `Feed` whose `run` must be running; `arrived` is set when there is something new to take.

    socket, rest: addresses without path. record: is given everything that happens on the connection,
    save: brings it to the disk.
    """

    def __init__(
        self,
        about: FeedAbout,
        parser: Parser,
        *,
        socket: str,
        rest: str = "",
        record: Record | None = None,
        save: Callable[[], None] = lambda: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._about, self._parser = about, parser
        self._socket, self._rest = socket, rest
        self._record, self._save = record, save
        self._now_ns, self._last_ns = now_ns, 0
        self._waiting: deque[Event] = deque()
        self._fetching: set[asyncio.Task[None]] = set()
        self._pause = _FIRST_PAUSE
        self.arrived = asyncio.Event()
        self.connections = 0
        self.trouble = ""

    # -- the feed ------------------------------------------------------------------------------------------------

    @property
    def about(self) -> FeedAbout:
        return self._about

    def work(self) -> Coroutine[Any, Any, None]:
        return self.run()

    def save(self) -> None:
        self._save()

    def prime(self) -> list[Event]:
        """Nothing yet: books come with the connection."""
        return []

    def peek_ns(self) -> int | None:
        """Time of the next event; None while there is none, which for a live feed is no end."""
        return self._waiting[0].ts_ns if self._waiting else None

    def next_until(self, ts_ns: int) -> list[Event]:
        waiting, out = self._waiting, []
        while waiting and waiting[0].ts_ns <= ts_ns:
            out.append(waiting.popleft())
        if not waiting:
            self.arrived.clear()
        return out

    def __iter__(self) -> Iterator[Event]:
        while self._waiting:
            yield self._waiting.popleft()

    # -- the connection ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, listen, and begin again, until cancelled."""
        while True:
            began = time.monotonic()
            why = await self._once()
            self._drop_fetches()
            self._happened("close", self._parser.closed(self._tick()))
            if time.monotonic() - began > _STEADY_SECONDS:
                self._pause = _FIRST_PAUSE
            if why != self.trouble:
                log.warning("%s: %s; trying again", self._socket, why)
            self.trouble = why
            await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def _once(self) -> str:
        """One connection; returns why it ended."""
        address = self._socket + self._parser.path(self._about.symbols)
        try:
            async with connect(address, open_timeout=_CONNECT_SECONDS, max_size=1 << 25) as socket:
                self.connections += 1
                log.info("connected to %s", self._socket)
                return await self._listen(socket)
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            return str(error) or type(error).__name__

    async def _listen(self, socket: ClientConnection) -> str:
        why = await self._do(socket, self._happened("open", self._parser.opened(self._tick())))
        quiet = self._parser.quiet_ns / 1e9
        while not why:
            try:
                async with asyncio.timeout(quiet):
                    text = await socket.recv(decode=True)
            except TimeoutError:
                return f"silent for {quiet:g} s"
            parsed = self._parser.frame(text, self._tick())
            why = await self._do(socket, self._happened("frame", parsed, text))
            if len(self._waiting) > MAX_WAITING:
                self._waiting.clear()
                return f"{MAX_WAITING} events wait to be taken: the edge is too slow for this feed"
        return why

    async def _do(self, socket: ClientConnection, parsed: Parsed) -> str:
        for request in parsed.send:
            await socket.send(request)
        for wanted in parsed.fetch:
            self._fetch(socket, wanted)
        return parsed.broken

    def _fetch(self, socket: ClientConnection, wanted: Fetch) -> None:
        task = asyncio.create_task(self._get(socket, wanted))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _get(self, socket: ClientConnection, wanted: Fetch) -> None:
        """Get a document, and give it to the parser; a broken one ends the connection, which begins all anew."""
        import httpx  # of the venues only one has documents

        try:
            async with httpx.AsyncClient(base_url=self._rest, timeout=_CONNECT_SECONDS) as http:
                answer = await http.get(wanted.path)
                answer.raise_for_status()
                text = answer.text
        except httpx.HTTPError as error:
            log.warning("%s%s: %s", self._rest, wanted.path, error or type(error).__name__)
            text = ""
        parsed = self._parser.fetched(wanted.symbol, text, self._tick())
        why = await self._do(socket, self._happened("fetched", parsed, text, wanted.symbol))
        if why:
            await socket.close(reason=why[:100])

    def _drop_fetches(self) -> None:
        """A document of a connection that is gone must not reach the next one's books."""
        for task in self._fetching:
            task.cancel()
        self._fetching.clear()

    def _happened(self, kind: Kind, parsed: Parsed, text: str = "", symbol: str = "") -> Parsed:
        if self._record is not None:
            self._record(Entry(self._last_ns, kind, text, symbol))
        if parsed.events:
            self._waiting.extend(parsed.events)
            self.arrived.set()
        return parsed

    def _tick(self) -> int:
        """Receive time; later each time, also when the system clock is set back, so that it names one frame."""
        self._last_ns = max(self._last_ns + 1, self._now_ns())
        return self._last_ns
