"""What goes over `/v1/stream`, apart from how it gets there: events, frames, what to keep when it is too much."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

_CHANNELS_AT_A_TIME = 100  # in one subscribe frame; some thousand deployments stay below any frame limit


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection is open. What was subscribed is being subscribed again; `Subscribed` follows."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone, or could not be made; another try follows after `again_in` seconds.

    status: HTTP status of a handshake that was refused, else 0.
    """

    why: str
    status: int = 0
    again_in: float = 0.0


@dataclass(frozen=True, slots=True)
class StreamUnavailable:
    """The platform has no such path: poll. Another try follows after `again_in` seconds."""

    why: str
    again_in: float = 0.0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """From now on these channels are heard."""

    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """These channels are not served; `reasons` by channel, where the platform gave one."""

    channels: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Messages that were lost for want of speed since the beginning, by the platform and here."""

    total: int
    by_channel: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One frame of a channel; `data` as the platform sent it."""

    channel: str
    data: object


Event: TypeAlias = Connected | Disconnected | StreamUnavailable | Subscribed | Rejected | Dropped | Message


def events_of(text: str | bytes) -> tuple[Event, ...]:
    """The events in one frame; none for a frame that says nothing we understand."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(frame, dict):
        return ()
    channel = frame.get("channel")
    if isinstance(channel, str):
        return (Message(channel, frame.get("data")),)
    found: list[Event] = []
    if subscribed := _names(frame.get("subscribed")):
        found.append(Subscribed(subscribed))
    if rejected := _names(frame.get("rejected")):
        found.append(Rejected(rejected, _texts(frame.get("reasons"))))
    if (total := _count(frame.get("dropped"))) is not None:
        found.append(Dropped(total, _counts(frame.get("by_channel"))))
    return tuple(found)


def requests(verb: str, channels: Iterable[str]) -> Iterator[str]:
    """Frames that subscribe or unsubscribe these channels."""
    names = list(channels)
    for first in range(0, len(names), _CHANNELS_AT_A_TIME):
        yield json.dumps({verb: names[first : first + _CHANNELS_AT_A_TIME]}, separators=(",", ":"))


class Buffer:
    """Events on their way to whoever takes them, oldest first, never more than `limit`.

    When it is full the oldest message goes whose channel is not in `keep`, and is counted. When nothing may go, the
    newest is not taken: the platform has to wait.
    """

    def __init__(self, limit: int, keep: frozenset[str]) -> None:
        self._limit, self._keep = limit, keep
        self._events: deque[Event] = deque()
        self._lost: Counter[str] = Counter()  # here
        self._before: Counter[str] = Counter()  # by the platform, on former connections
        self._there: Counter[str] = Counter()  # by the platform, on this one
        self._told = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> bool:
        """Take it in; False when there is no room for it."""
        if isinstance(event, Dropped):
            self._there = Counter(event.by_channel)
            if (unnamed := event.total - self._there.total()) > 0:
                self._there[""] = unnamed
            return True
        if isinstance(event, Connected):
            self._before += self._there
            self._there = Counter()
        if len(self._events) >= self._limit and not self._make_room():
            return False
        self._events.append(event)
        return True

    def take(self) -> Event | None:
        """The next event; None when there is none. A loss is told before what comes after it."""
        lost = self._lost + self._before + self._there
        if lost.total() > self._told:
            self._told = lost.total()
            return Dropped(self._told, {name: n for name, n in lost.items() if name})
        return self._events.popleft() if self._events else None

    def _make_room(self) -> bool:
        for index, event in enumerate(self._events):
            if isinstance(event, Message) and event.channel not in self._keep:
                del self._events[index]
                self._lost[event.channel] += 1
                return True
        return False


class Backoff:
    """How long to wait before the next try: nothing the first time, then 0.25 s doubled up to `most`, with jitter."""

    def __init__(
        self, most: float = 8.0, jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0)
    ) -> None:
        self._most, self._jitter = most, jitter
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait after one more failure in a row."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        return min(0.25 * 2.0 ** min(self._failures - 2, 20), self._most) * self._jitter()

    def succeeded(self) -> None:
        """The connection has proved itself: the next failure is a first one."""
        self._failures = 0


def _names(value: object) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def _texts(value: object) -> dict[str, str]:
    return {str(k): v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _counts(value: object) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {str(name): n for name, held in value.items() if (n := _count(held)) is not None}
