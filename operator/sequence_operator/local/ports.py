"""Loopback ports that stay ours from the choice to the end: the last one first, so that addresses people wrote down
stay true."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from sequence_operator.local.filelock import FileLock
from sequence_operator.local.folders import cache_dir, make_private

LOOPBACK = "127.0.0.1"


@dataclass
class HeldPort:
    """One TCP port of loopback; until `release`, or the end of this process, no other stack and no chance gets it.

    A socket is bound to it that never listens. On Linux the servers of our parts, which all set SO_REUSEADDR, bind
    and listen beside it; while none does, a connection is refused as it should be; and the kernel gives the number to
    no outgoing connection and no server that lets it choose, which matters as it chooses from the range that even
    our fixed port lies in. Elsewhere a second socket is not let in: there the port is free at the choice only.
    """

    number: int
    _holding: list[socket.socket | FileLock] = field(repr=False)

    def release(self) -> None:
        for held in self._holding:
            held.close() if isinstance(held, socket.socket) else held.release()
        self._holding.clear()


def hold(preferred: Iterable[int | None] = ()) -> HeldPort:
    """The first of ``preferred`` that can be had, else any port. OSError when the machine has none left."""
    for number in preferred:
        held = try_hold(number) if number is not None else None
        if held is not None:
            return held
    while True:
        held = try_hold(0)
        if held is not None:
            return held


def try_hold(number: int) -> HeldPort | None:
    """The port of this number (0: one that the kernel chooses), or None when somebody else uses or holds it.

    OSError when no port can be had at all.
    """
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # As servers do: a port whose last connections are in TIME_WAIT is free.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((LOOPBACK, number))
    except OSError as problem:
        holder.close()
        if problem.errno != errno.EADDRINUSE or number == 0:
            raise
        return None
    chosen = int(holder.getsockname()[1])
    claim = _claim(chosen)  # two holders can bind the same port, for neither listens
    if claim is None or sys.platform != "linux":
        holder.close()
    return HeldPort(chosen, [holder, claim]) if claim is not None else None


def _claim(number: int) -> socket.socket | FileLock | None:
    """What only one process can have, and what it loses when it ends; None when another has it."""
    if sys.platform == "linux":
        name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            name.bind(f"\0sequence-port-{number}")  # no file: a name in the kernel, of this network namespace
        except OSError:
            name.close()
            return None
        return name
    lock = FileLock(make_private(cache_dir() / "ports") / f"{number}.lock")
    return lock if lock.acquire(wait=False) else None
