"""What is being stopped or taken away is done when a list proves it: the proof must not wait for a rare poll.

What the platform tells on its stream brings the list sooner, but an event may be missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

SECONDS = 10.0
"""At most, while something leaves, between two lists."""


class Proving:
    """The timer of one account. leaving: names of what is being stopped or taken away; wake: asks for a list."""

    def __init__(self, leaving: Callable[[], Iterable[str]], wake: Callable[[], None]) -> None:
        self._leaving, self._wake = leaving, wake
        self._since: dict[str, float] = {}  # when it was first seen leaving, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Something may be leaving: look until nothing is."""
        self._update()
        if self._timer is None and self._since:
            self._arm(SECONDS)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _update(self) -> None:
        now = asyncio.get_running_loop().time()
        self._since = {name: self._since.get(name, now) for name in self._leaving()}

    def _arm(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """List for what began to leave long enough ago; what only just did may be proven by what is heard."""
        self._timer = None
        self._update()
        if not self._since:
            return
        left = min(self._since.values()) + SECONDS - asyncio.get_running_loop().time()
        if left <= 0:
            self._wake()
        self._arm(left if left > 0 else SECONDS)
