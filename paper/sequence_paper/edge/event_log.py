"""Everything a run takes in and decides, in feed order, as one SHA-256.

Only feed time, and no word that differs from one registration to the next: an order is named by deployment, label and
number, an order from outside by when it was first seen. So two runs on the same data are equal exactly when their
digests are. Every record begins with its kind and its length follows from it, so no two runs read the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Any, Final

from sequence_paper.edge.abi import Action
from sequence_paper.edge.holding import Holding
from sequence_paper.edge.hosted import Hosted
from sequence_paper.feed.events import BookDelta, BookSnapshot, Event, FeedStatus, Trade
from sequence_paper.venue.orders import Execution

FORMAT: Final = 1
"""Of the encoding: digests of different formats cannot be compared."""

_BUFFER: Final = 1 << 16
_NOT_LOGGED: Final = frozenset({"key", "owner", "reason"})
"""Of an execution: names are translated, and sentences are for people. A reason that is a word is kept."""

_change: Final = Struct("<cHqbqqq").pack
_state: Final = Struct("<cHqq").pack
_time: Final = Struct("<cq").pack


class EventLog:
    """Grows with every call. ``sink``: gets the bytes as well, whenever they are hashed."""

    def __init__(self, sink: Callable[[bytes], None] | None = None) -> None:
        self.records = 0
        self.seconds: list[tuple[int, str]] = []
        """(heartbeat, digest of everything before it)"""
        self._sha = hashlib.sha256()
        self._sink = sink
        self._buffer = bytearray()
        self._symbols: dict[str, int] = {}
        self._names: dict[str, bytes] = {}

    def digest(self) -> str:
        """Of everything so far."""
        self._drain()
        return self._sha.hexdigest()

    def took(self, event: Event) -> None:
        """An event of the feed, before anything follows from it."""
        symbol = self._symbol(event.symbol)
        match event:
            case BookDelta():
                self._buffer += _change(
                    b"D", symbol, event.ts_ns, event.side, event.px_1e9, event.sz_1e8, event.seq
                )
            case Trade():
                self._buffer += _change(
                    b"T", symbol, event.ts_ns, event.aggressor, event.px_1e9, event.qty_1e8, event.seq
                )
            case BookSnapshot():
                self._buffer += _state(b"S", symbol, event.ts_ns, event.seq)
                self._put([event.bids, event.asks])
            case FeedStatus():
                self._buffer += _state(b"F", symbol, event.ts_ns, event.seq)
                self._put([event.state.value])
        self._wrote()

    def second(self, ts_ns: int) -> None:
        """A heartbeat is due."""
        self._drain()
        self.seconds.append((ts_ns, self._sha.hexdigest()))
        self._buffer += _time(b"H", ts_ns)
        self._wrote()

    def acted(
        self, ts_ns: int, hosted: Hosted, symbol: str, callback: str, actions: Iterable[Action]
    ) -> None:
        """What a callback returned, before anybody looks at it."""
        self._buffer += _time(b"A", ts_ns)
        self._put([self._instance(hosted), symbol, callback, list(actions)])
        self._wrote()

    def said(self, ts_ns: int, hosted: Hosted, to: str, payload: bytes) -> None:
        """A message that found its route."""
        self._buffer += _time(b"M", ts_ns)
        self._put([self._instance(hosted), to, payload])
        self._wrote()

    def got(self, ts_ns: int, hosted: Hosted, sender: str, payload: bytes) -> None:
        """A message from another edge."""
        self._buffer += _time(b"G", ts_ns)
        self._put([self._instance(hosted), sender, payload])
        self._wrote()

    def heard(self, ts_ns: int, kind: str, body: bytes) -> None:
        """A book of another venue, or pools."""
        self._buffer += _time(b"O", ts_ns)
        self._put([kind, body])
        self._wrote()

    def executed(self, hosted: Hosted, execution: Execution) -> None:
        """The venue's word on an order."""
        self._buffer += _time(b"E", execution.ts_ns)
        fields = [
            getattr(execution, name)
            for name in execution.__slots__
            if name not in _NOT_LOGGED or hasattr(getattr(execution, name), "value")
        ]
        self._put([type(execution).__name__, self._order(hosted, execution.key), *fields])
        self._wrote()

    def refused(self, ts_ns: int, hosted: Hosted, order_id: str, code: int) -> None:
        """An order that is in no market: stopped on its way, or turned away by the venue."""
        self._buffer += _time(b"R", ts_ns)
        self._put([self._order(hosted, order_id), code])
        self._wrote()

    def holds(self, ts_ns: int, hosted: Hosted, symbol: str, holding: Holding) -> None:
        """A position after a fill."""
        position = holding.position
        self._buffer += _time(b"P", ts_ns)
        self._put(
            [
                self._instance(hosted),
                symbol,
                position.qty_1e8,
                position.cost_1e9,
                position.realized_1e9,
                position.fees_1e9,
                holding.session_1e9,
            ]
        )
        self._wrote()

    # -- encoding ----------------------------------------------------------------------------------------------

    def _symbol(self, symbol: str) -> int:
        """A number; the first time, the name goes into the log with it."""
        number = self._symbols.get(symbol)
        if number is None:
            number = self._symbols[symbol] = len(self._symbols)
            self._buffer += b"N"
            self._put([number, symbol])
        return number

    def _instance(self, hosted: Hosted) -> str:
        return f"{hosted.want.mode}/{hosted.want.name}/{hosted.want.label}"

    def _order(self, hosted: Hosted, order_id: str) -> bytes:
        name = self._names.get(order_id)
        if name is None:
            own = f"graph:{hosted.want.deployment_id}:{hosted.want.label}:"
            number = order_id.removeprefix(own) if order_id.startswith(own) else f"+{len(self._names)}"
            name = self._names[order_id] = f"{self._instance(hosted)}/{number}".encode()
        return name

    def _put(self, value: Any) -> None:  # noqa: ANN401 - whatever a record is made of
        """Type, length, content: ints of any size, words, bytes, and sequences of them."""
        buffer = self._buffer
        if isinstance(value, int):
            number = int(value)
            content = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
            buffer += b"i%c" % len(content)
        elif isinstance(value, str | bytes):
            content = value.encode() if isinstance(value, str) else value
            buffer += b"b" + len(content).to_bytes(4, "little")
        else:
            buffer += b"l" + len(value).to_bytes(4, "little")
            for part in value:
                self._put(part)
            return
        buffer += content

    def _wrote(self) -> None:
        self.records += 1
        if len(self._buffer) >= _BUFFER:
            self._drain()

    def _drain(self) -> None:
        content = bytes(self._buffer)
        self._buffer.clear()
        self._sha.update(content)
        if self._sink is not None and content:
            self._sink(content)
