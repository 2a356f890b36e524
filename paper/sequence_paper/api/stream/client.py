"""One client of the stream: what waits for it, within bounds, and in which order it goes out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Set
from typing import Final

import sqlalchemy as sa

from sequence_paper.api.stream.channels import Channel
from sequence_paper.api.stream.frames import dropped
from sequence_paper.api.stream.tails import PAGE, Tail
from sequence_paper.store.records import Caller

log = logging.getLogger(__name__)

MAX_EVENTS: Final = 2_000
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of events that wait, whichever is reached first; the oldest goes, and is counted."""
MAX_ANSWERS: Final = 32
"""Answers to requests that wait; a client that does not read them is not read any further."""
_TURN: Final = 100
"""Events sent before the other kinds of frames have their turn."""
_TELL_SECONDS: Final = 1.0

Send = Callable[[str], Awaitable[None]]
Page = list[tuple[int, str]]
Run = Callable[[Callable[[], Page]], Awaitable[Page]]


class StreamClient:
    """Frames come in without waiting (`offer`, `show`, `wake`), and leave as fast as `write` is let."""

    def __init__(self, caller: Caller, clock: Callable[[], float] = time.monotonic) -> None:
        self.caller = caller
        self.channels: dict[str, Channel] = {}
        self.tails: dict[str, Tail] = {}
        self.dropped: Counter[str] = Counter()
        self._clock = clock
        self._answers: deque[str] = deque()
        self._events: deque[tuple[str, str]] = deque()
        self._bytes = 0
        self._latest: dict[tuple[str, str], str] = {}
        self._told, self._told_at = 0, -_TELL_SECONDS
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    # -- what comes in -------------------------------------------------------------------------------------

    async def answer(self, text: str) -> None:
        """An answer to a request of the client; waits while too many are not read yet."""
        while len(self._answers) >= MAX_ANSWERS:
            self._room.clear()
            await self._room.wait()
        self._answers.append(text)
        self._news.set()

    def offer(self, channel: str, text: str) -> None:
        """One of many events: all of them go out in order, unless the client is too slow."""
        self._events.append((channel, text))
        self._bytes += len(text)
        while len(self._events) > MAX_EVENTS or self._bytes > MAX_BYTES:
            lost, old = self._events.popleft()
            self._bytes -= len(old)
            self.dropped[lost] += 1
        self._news.set()

    def show(self, channel: str, text: str, about: str = "") -> None:
        """The newest state of something; an older one that has not gone out is never sent, and counted."""
        if (channel, about) in self._latest:
            self.dropped[channel] += 1
        self._latest[(channel, about)] = text
        self._news.set()

    def lost(self, channel: str) -> None:
        """Something that was lost before it came here."""
        self.dropped[channel] += 1

    def wake(self, channel: str) -> None:
        """There may be new rows."""
        tail = self.tails.get(channel)
        if tail is not None:
            tail.due = True
            self._news.set()

    def look(self) -> None:
        """From time to time: look for new rows, whoever was or was not woken."""
        for name in self.tails:
            self.wake(name)

    def tick(self) -> None:
        """From time to time: tell of losses."""
        if self.dropped.total() != self._told:
            self._news.set()

    def forget(self, names: Set[str]) -> None:
        """Forget channels and what waits of them."""
        for name in names:
            self.channels.pop(name, None)
            self.tails.pop(name, None)
        self._events = deque(waiting for waiting in self._events if waiting[0] not in names)
        self._bytes = sum(len(text) for _, text in self._events)
        self._latest = {key: text for key, text in self._latest.items() if key[0] not in names}

    @property
    def waiting(self) -> int:
        """Frames in memory."""
        return len(self._answers) + len(self._events) + len(self._latest)

    # -- what goes out -------------------------------------------------------------------------------------

    async def write(self, send: Send, run: Run) -> None:
        """Send until cancelled. `send` waits for a slow client; `run` does database work in a thread."""
        while True:
            self._news.clear()
            if await self._turn(send, run):
                await asyncio.sleep(0)
            else:
                await self._news.wait()

    async def _turn(self, send: Send, run: Run) -> bool:
        """Some of everything that waits; True when something went out, so that there may be more."""
        busy = False
        while self._answers:
            await send(self._answers.popleft())
            self._room.set()
            busy = True
        await self._tell_losses(send)
        for tail in tuple(self.tails.values()):
            busy |= await self._read_on(tail, send, run)
        for _ in range(min(len(self._events), _TURN)):
            if not self._events:  # unsubscribed meanwhile
                break
            _, text = self._events.popleft()
            self._bytes -= len(text)
            await send(text)
            busy = True
        while self._latest:
            await send(self._latest.pop(next(iter(self._latest))))
            busy = True
        return busy

    async def _read_on(self, tail: Tail, send: Send, run: Run) -> bool:
        if not tail.due:
            return False
        tail.due = False  # before reading: a wake-up that comes now is for rows that we may not see
        try:
            page = await run(tail.page)
        except sa.exc.SQLAlchemyError as error:
            log.error("rows of %s cannot be read, trying again: %s", tail.name, str(error).splitlines()[0])
            return False
        for seq, text in page:
            if self.tails.get(tail.name) is not tail:
                return True
            await send(text)
            tail.sent(seq)
        tail.due |= len(page) >= PAGE
        return bool(page)

    async def _tell_losses(self, send: Send) -> None:
        now, total = self._clock(), self.dropped.total()
        if total != self._told and now - self._told_at >= _TELL_SECONDS:
            self._told, self._told_at = total, now
            await send(dropped(self.dropped))
