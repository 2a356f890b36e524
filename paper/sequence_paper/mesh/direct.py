"""A NATS client whose mesh messages take no turn of the event loop more than they must.

nats-py hands every outgoing command to a flusher task and every incoming message to the task of its subscription. Each
is one more turn of the loop, in which an edge first works on its feed: measured between two processes, a third of the
way of a message. Here a message is in the socket when ``send`` returns, and its callback runs where the parser found
it. Order, reconnecting, and everything that is not sent by ``send`` or heard by ``hear`` stay nats-py's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from sequence_paper.mesh.library import Client, Msg, Subscription

MAX_UNSENT: Final = 1 << 20
"""Bytes that the bus may be behind before messages are dropped instead of queued."""

Heard = Callable[[str, bytes], None]
"""(subject, data); must not wait"""


class DirectClient(Client):
    """For the thread of its event loop only, as nats-py's."""

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[int, Heard] = {}
        self._socket: asyncio.Transport | None = None  # the one that was told to write at once

    async def hear(self, subject: str, heard: Heard) -> Subscription:
        """Subscribe with a plain function."""

        async def later(message: Msg) -> None:
            heard(message.subject, message.data)

        subscription = await self.subscribe(subject, cb=later)
        self._heard[subscription._id] = heard
        return subscription

    async def forget(self, subscription: Subscription) -> None:
        """End a subscription made by ``hear``."""
        self._heard.pop(subscription._id, None)
        await subscription.unsubscribe()

    def send(self, subject: str, data: bytes) -> bool:
        """Write a message now, behind everything published before; False when the bus is away or too far behind."""
        transport: Any = self._transport
        if not self.is_connected or transport is None:
            return False
        socket = transport._io_writer.transport
        if socket.get_write_buffer_size() > MAX_UNSENT:
            return False
        if socket is not self._socket:
            # uvloop writes at the end of a turn, unless more waits than this; the turn may hold a commit.
            socket.set_write_buffer_limits(high=0)
            self._socket = socket
        self._pending.append(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(data), data))
        transport.writelines(self._pending)
        self._pending, self._pending_data_size = [], 0
        return True

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        heard = self._heard.get(sid)
        if heard is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            heard(subject.decode(), data)
        except Exception as error:  # noqa: BLE001 - as nats-py does: the reader of the connection must go on
            await self._error_cb(error)
