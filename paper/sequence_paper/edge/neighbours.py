"""The books of other venues, and pools, as the bus brings them, for instances that compare venues."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import orjson

from sequence_paper.edge.core import EdgeCore
from sequence_paper.store.words import InstrumentType

log = logging.getLogger(__name__)


class Neighbours:
    """``follow`` is called after instances were."""

    def __init__(self, core: EdgeCore, kind: InstrumentType, follow: Callable[[], None]) -> None:
        self._core, self._kind, self._follow = core, kind, follow

    def heard(self, payload: bytes) -> None:
        """A book, also our own, which tells nothing new."""
        try:
            symbol = self._core.across.hear(orjson.loads(payload), self._kind, time.time_ns())
        except ValueError as error:
            log.warning("a book on the bus: %s", error)
            return
        if symbol is not None:
            self._core.compare(symbol)
            self._follow()

    def heard_pools(self, payload: bytes) -> None:
        """The pools of a symbol; nobody is called for them."""
        try:
            self._core.across.hear_pools(orjson.loads(payload))
        except ValueError as error:
            log.warning("pools on the bus: %s", error)

    def forget_silent(self) -> None:
        """To be called about once a second."""
        self._core.across.forget_silent(time.time_ns())
