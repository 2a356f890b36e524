"""What an edge counts and times on each pair of labels: as the sender what left, as the receiver what arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from sequence_paper.edge.flow import Flow
from sequence_paper.mesh.clock import SAME_CLOCK, Offset
from sequence_paper.mesh.window import Window
from sequence_paper.store.mesh_records import MeshHeard, MeshSlot, MeshTally, MeshWrites

Link = tuple[str, str, str]
"""(deployment id, from label, to label)"""

DropReason = Literal[
    "no_route",  # the routes do not allow it (held at both ends)
    "outbox_full",  # the sending edge had too many waiting
    "bus_away",  # the sending edge had no bus, or the bus was too far behind
    "not_here",  # the receiving edge does not host that label any more
    "not_running",  # the receiver is stopped, paused or refused
    "deaf",  # the receiver's module has no on_message
    "inbox_full",  # the receiver had too many waiting
    "late",  # it came after one that was sent later
]


@dataclass(slots=True)
class _Tally:
    n: int = 0
    last_ns: int = 0


@dataclass(slots=True)
class _Heard:
    """The newest message heard of one sender: the process it came from, and its number there."""

    epoch_ns: int
    seq: int


@dataclass(slots=True)
class _Figures:
    tallies: dict[str, _Tally] = field(default_factory=dict)  # since the last save
    window: Window = field(default_factory=Window)
    heard: _Heard | None = None
    heard_more: bool = False  # since the last save


class Links:
    """``offset_of(edge id)``: the clock of another edge against ours; its owner sets it. None: not known yet."""

    def __init__(self) -> None:
        self._links: dict[Link, _Figures] = {}
        self.flow = Flow()
        self.offset_of: Callable[[str], Offset | None] = lambda _: None

    def remember(self, rows: Iterable[MeshHeard]) -> None:
        """What an earlier process of this edge had heard: what came between is lost."""
        for row in rows:
            figures = self._figures((row.deployment_id, row.from_label, row.to_label))
            figures.heard = figures.heard or _Heard(row.epoch_ns, row.seq)

    def sent(self, link: Link) -> None:
        """The bus, or the queue of this edge, took a message."""
        self._count(link, "sent", time.time_ns())

    def in_order(self, link: Link, epoch_ns: int, seq: int) -> bool:
        """Whether a message from another edge is newer than all before; gaps in the numbers count as lost."""
        figures = self._figures(link)
        last, figures.heard_more = figures.heard, True
        now = time.time_ns()
        if last is None or epoch_ns > last.epoch_ns:
            if last is not None and seq > 1:  # a new process of the sender, whose first messages are missing
                self._count(link, "lost", now, seq - 1)
            figures.heard = _Heard(epoch_ns, seq)
            return True
        if (epoch_ns, seq) <= (last.epoch_ns, last.seq):
            self._count(link, "reordered", now)
            if epoch_ns == last.epoch_ns:
                self._count(link, "lost", now, -1)  # it had been counted when its successor came first
            return False
        if seq > last.seq + 1:
            self._count(link, "lost", now, seq - last.seq - 1)
        last.seq = seq
        return True

    def delivered(self, link: Link, sent_ns: int, edge_id: str | None, size: int) -> None:
        """Count and time a message just before its callback. ``edge_id``: where it came from, None for this edge.

        One-way latency: from the sender's host call to here, both on our clock. While nothing is known of the
        sender's clock the message is counted, not timed.
        """
        now = time.time_ns()
        self._count(link, "delivered", now)
        offset = SAME_CLOCK if edge_id is None else self.offset_of(edge_id)
        latency = None if offset is None else max(0, now - sent_ns + offset.offset_ns)
        if latency is not None:
            self._figures(link).window.add(now, latency)
        self.flow.note(link, size, latency, now, dropped=False)

    def dropped(self, link: Link, reason: DropReason, size: int) -> None:
        """A message ends here, and why."""
        now = time.time_ns()
        self._count(link, reason, now)
        self.flow.note(link, size, None, now, dropped=True)

    def save(self) -> MeshWrites:
        """What is new since the last call."""
        writes = MeshWrites()
        for link, figures in self._links.items():
            for event, tally in figures.tallies.items():
                writes.tallies.append(MeshTally(*link, event, tally.n, tally.last_ns))
            figures.tallies = {}
            if figures.heard is not None and figures.heard_more:
                writes.heard.append(MeshHeard(*link, figures.heard.epoch_ns, figures.heard.seq))
                figures.heard_more = False
            writes.slots += [MeshSlot(*link, slot.slot_ns, slot.counts) for slot in figures.window.changes()]
        return writes

    def forget(self, deployment_id: str) -> None:
        """The deployment left this edge; what was not saved yet is not worth a row without its registration."""
        self._links = {link: figures for link, figures in self._links.items() if link[0] != deployment_id}

    def _count(self, link: Link, event: str, now_ns: int, n: int = 1) -> None:
        tally = self._figures(link).tallies.setdefault(event, _Tally())
        tally.n += n
        tally.last_ns = now_ns

    def _figures(self, link: Link) -> _Figures:
        figures = self._links.get(link)
        if figures is None:
            figures = self._links[link] = _Figures()
        return figures
