"""Who is on this edge, in which state, and who watches which book."""

from __future__ import annotations

import time

from sequence_paper.edge.hosted import Hosted, Slot
from sequence_paper.edge.journal import Journal
from sequence_paper.store.records import LogLine
from sequence_paper.store.words import InstanceStatus

Key = tuple[str, str]
"""(deployment id, label)"""


class Roster:
    """``changed`` collects instances whose status moved since somebody last emptied it.

    ``traded``: whose orders changed since the last write. Their counters are stored together with the orders,
    because a restarted edge numbers new orders by them. ``reading``: symbols whose features somebody looks at.
    """

    def __init__(self, edge_id: str, journal: Journal) -> None:
        self.edge_id = edge_id
        self.hosted: dict[Key, Hosted] = {}
        self.owners: dict[str, Hosted] = {}
        self.changed: list[Hosted] = []
        self.running: list[Hosted] = []
        self.traded: set[Hosted] = set()
        self._journal = journal
        journal.before_flush = self._observe_traded
        self._watching: dict[str, list[tuple[Hosted, Slot]]] = {}
        self._comparing: dict[str, list[tuple[Hosted, Slot]]] = {}
        self.reading: set[str] = set()

    def add(self, hosted: Hosted) -> None:
        self.hosted[hosted.key] = hosted
        self.owners[hosted.owner] = hosted

    def forget(self, hosted: Hosted) -> None:
        """The instance is gone; it must have no open order left."""
        self.hosted.pop(hosted.key, None)
        self.owners.pop(hosted.owner, None)
        hosted.sandbox = None
        self._index()

    def set_status(
        self, hosted: Hosted, status: InstanceStatus, *, error: str = "", pause_reason: str | None = None
    ) -> None:
        """Move an instance to a status and write the row."""
        hosted.status, hosted.error, hosted.pause_reason = status, error, pause_reason
        self._index()
        self.changed.append(hosted)
        self.observe(hosted)

    def watching(self, symbol: str) -> list[tuple[Hosted, Slot]]:
        """Running instances with this symbol. The order is fixed, because liquidity they share makes it matter."""
        return self._watching.get(symbol, [])

    def comparing(self, symbol: str) -> list[tuple[Hosted, Slot]]:
        """Those among them who are told of all venues' books."""
        return self._comparing.get(symbol, [])

    @property
    def compared(self) -> set[str]:
        """Symbols of which somebody here is told of all venues' books."""
        return set(self._comparing)

    def observe(self, hosted: Hosted) -> None:
        """Put the present figures of an instance into the journal."""
        if not hosted.guest:
            self._journal.observe(hosted.observation(time.time_ns()))

    def _observe_traded(self) -> None:
        for hosted in self.traded:
            self.observe(hosted)
        self.traded.clear()

    def log(self, hosted: Hosted, level: int, message: str) -> None:
        """A record about an instance. ``level``: 0 trace, 1 debug, 2 info, 3 warn, 4 error."""
        if hosted.guest:
            return
        want = hosted.want
        now = time.time_ns()
        self._journal.log(LogLine(want.deployment_id, want.label, self.edge_id, level, message, now))

    def _index(self) -> None:
        running = [hosted for hosted in self.hosted.values() if hosted.status == "running"]
        # Not by id, which differs from one registration to the next: equal runs must call in equal order.
        running.sort(key=lambda h: (h.want.account_id, h.want.mode, h.want.name, h.want.label))
        self.running = running
        self._watching, self._comparing, self.reading = {}, {}, set()
        for hosted in running:
            module = hosted.sandbox.module if hosted.sandbox is not None else None
            for slot in hosted.slots:
                if module is None or not module.multi_venue:
                    self._watching.setdefault(slot.symbol, []).append((hosted, slot))
                if module is not None and module.nbbo:
                    self._comparing.setdefault(slot.symbol, []).append((hosted, slot))
                if module is not None and module.features:
                    self.reading.add(slot.symbol)
