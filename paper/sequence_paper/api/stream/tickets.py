"""Tickets for those who cannot send a header, such as browsers: 30 seconds, one connection."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from sequence_paper.store.records import Caller

SECONDS = 30
_AT_MOST = 100_000


class Tickets:
    """Kept in memory: a restart of the API only means asking for another one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: OrderedDict[str, tuple[float, Caller]] = OrderedDict()  # oldest first

    def issue(self, caller: Caller) -> str:
        """A new ticket, good for one connection of this caller."""
        self._forget_old()
        if len(self._open) >= _AT_MOST:
            self._open.popitem(last=False)
        ticket = f"wst_{secrets.token_hex(32)}"
        self._open[ticket] = (self._clock() + SECONDS, caller)
        return ticket

    def redeem(self, ticket: str) -> Caller | None:
        """Whose it is, once; None when it was never given out, is used, or too old."""
        self._forget_old()
        found = self._open.pop(ticket, None)
        return None if found is None else found[1]

    def _forget_old(self) -> None:
        now = self._clock()
        while self._open:
            ticket, (until, _) = next(iter(self._open.items()))
            if until > now:
                return
            del self._open[ticket]
