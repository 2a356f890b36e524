"""The stream of one account: what happens to its deployments on the platform is looked at soon after.

An event is never believed, it is only a reason for an early list. Without a stream, and with one that lies, polling
goes on as if there were none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from sequence_operator.controller.pace import Ear, Pace
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.state import AccountKey, Entries
from sequence_operator.logs import redact
from sequence_operator.platform.frames import (
    Connected,
    Disconnected,
    Event,
    Message,
    Rejected,
    StreamUnavailable,
    Subscribed,
)
from sequence_operator.platform.redact import Secret
from sequence_operator.platform.stream import Stream
from sequence_operator.reconcile.sight import Sight

log = structlog.get_logger(__name__)

_CHANNEL = "deployment:"
_TOGETHER = 0.1  # seconds in which deployments that come and go are gathered into one subscription
_AT_ONCE = 0.02  # in which events are gathered: a kill switch may pause a thousand deployments in one moment
_AFTER_PASS = 0.05  # between two looks whether the pass is over whose write may have been heard

Line = tuple[str, Secret]


class Hearing:
    """Keeps a stream to the account's platform while there is a line, and asks for lists by `wake`.

    count: told of every turn of events by a word: connected, disconnected, unavailable, news, known, list.
    """

    def __init__(
        self,
        key: AccountKey,
        entries: Entries,
        queue: KeyedQueue[str],
        *,
        wake: Callable[[], None],
        count: Callable[[str], None],
    ) -> None:
        self._key, self._entries, self._queue = key, entries, queue
        self._wake, self._count = wake, count
        self._ear = Ear(self._sight, self._busy)
        self._pace = Pace()
        self._rps = 1.0
        self._asked = False  # for a list that is not over yet
        self._uids: dict[str, str] = {}  # of the objects, by id of their deployment
        self._stale = False  # the objects are others than those subscribed
        self._line: Line | None = None
        self._stream: Stream | None = None
        self._task: asyncio.Task[None] | None = None
        self._step: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told: type[Event] | None = None  # the last state of the line that was logged
        self._lost = False  # since it was last connected
        self._rejected = ""  # the last such line in the log

    @property
    def connected(self) -> bool:
        return self._stream is not None and self._stream.connected

    @property
    def heard(self) -> int:
        """How many deployments the platform has promised to tell of."""
        return len(self._stream.heard) if self._stream is not None else 0

    # -- the line ------------------------------------------------------------------------------------------

    def keep(self, line: Line | None, rps: float) -> None:
        """Hear on this line from now on; None: on none. rps: the account's budget of calls."""
        self._rps = rps
        if line == self._line and (self._task is None or not self._task.done()):
            return
        self._hang_up()
        self._line = line
        if line is not None:
            self._uids = self._present()
            self._stream = Stream(line[0], line[1].reveal(), map(_channel, self._uids))
            self._task = asyncio.create_task(self._listen(self._stream), name=f"stream of {self._key[1]}")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours ends only the hearing, until the next round of polling begins it anew."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("stream failed", account=self._key[1], problem=redact(repr(problem)))

    def in_step(self) -> None:
        """Deployments came or went: soon exactly those there are will be heard."""
        self._stale = True
        if self._stream is not None and (self._step is None or self._step.done()):
            self._step = asyncio.create_task(self._subscribe(self._stream))

    async def _subscribe(self, stream: Stream) -> None:
        while self._stale:
            await asyncio.sleep(_TOGETHER)
            self._stale = False
            self._uids = self._present()
            await stream.become(map(_channel, self._uids))

    def _present(self) -> dict[str, str]:
        """Also those that are just being registered, whose id is not in the status yet."""
        mine = self._entries.of_account(self._key)
        return {known: e.uid for e in mine for known in (e.deployment_id, e.sight.ours_id) if known}

    def _hang_up(self) -> None:
        for task in (self._task, self._step):
            if task is not None:
                task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._task = self._step = self._timer = self._stream = self._told = None
        self._asked = self._lost = False
        self._ear.forget()

    async def aclose(self) -> None:
        """Hear nothing more."""
        tasks = [task for task in (self._task, self._step) if task is not None]
        self._line = None
        self._hang_up()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- what is heard -------------------------------------------------------------------------------------

    async def _listen(self, stream: Stream) -> None:
        async with stream:
            async for event in stream:
                self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Message(channel=channel, data=data):
                news = self._ear.hear(channel.removeprefix(_CHANNEL), data, _now())
                self._count("news" if news else "known")
                if news:
                    self._look_soon()
            case Subscribed():
                if self._lost:
                    self._lost = False
                    self._ear.missed(_now())
                    self._look_soon()
            case Connected():
                self._count("connected")
                self._tell(event, "stream connected")
            case Disconnected(why=why):
                self._lost = True
                self._count("disconnected")
                self._tell(event, "stream lost, polling goes on", why)
            case StreamUnavailable(why=why):
                self._count("unavailable")
                self._tell(event, "no stream, polling goes on", why)
            case Rejected(channels=channels, reasons=reasons):
                first = channels[0]
                why = f"{len(channels)} rejected, {first}: {reasons.get(first, 'no reason given')}"
                if why != self._rejected:
                    self._rejected = why
                    log.info("not all deployments are heard", account=self._key[1], why=why)

    def _tell(self, event: Event, what: str, why: str = "") -> None:
        """A line in the log when the state of the line is another than before."""
        if type(event) is not self._told:
            self._told = type(event)
            log.info(what, account=self._key[1], **({"why": why} if why else {}))

    # -- lists ---------------------------------------------------------------------------------------------

    def _look_soon(self) -> None:
        """Look once for all that is heard within a moment."""
        if self._timer is None and not self._asked:
            self._arm(_AT_ONCE)

    def _arm(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Ask for a list when one is wanted and may be made now, else come back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asked:
            return  # the end of that list is the next time to look
        if not self._ear.wants():
            if self._ear.waits:
                self._arm(_AFTER_PASS)
            return
        wait = self._pace.wait(_now(), self._rps)
        if wait > 0:
            self._arm(wait)
            return
        self._asked = True
        self._count("list")
        self._wake()

    def listed(self, began_at: float, *, news: bool, interval: float) -> None:
        """The account was listed, and its objects were shown the list. news: it showed some of them something new;
        interval: seconds, of polling."""
        if self._asked:
            self._asked = False
            self._pace.made(_now(), took=_now() - began_at, useful=news, longest=interval)
        self._ear.listed(began_at)
        self._look()

    def _sight(self, deployment_id: str) -> Sight | None:
        entry = self._entries.get(self._uids.get(deployment_id, ""))
        return entry.sight if entry is not None else None

    def _busy(self, deployment_id: str) -> bool:
        return self._queue.is_running(self._uids.get(deployment_id, ""))


def _channel(deployment_id: str) -> str:
    return f"{_CHANNEL}{deployment_id}"


def _now() -> float:
    return asyncio.get_running_loop().time()
