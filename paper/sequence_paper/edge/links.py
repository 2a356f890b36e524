"""Mesh links as the receiving edge measures them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.latency import LatencyHistogram
from sequence_paper.store.records import MeshLink


@dataclass(slots=True)
class _Link:
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    dropped: int = 0
    last_ns: int | None = None
    changed: bool = True


class Links:
    """Latency, count and losses of each (deployment, from, to) since this process started.

    One-way latency: wall clock at delivery minus wall clock at sending, so across machines it includes the offset
    of their clocks.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._links: dict[tuple[str, str, str], _Link] = {}

    def delivered(self, receiver: Hosted, sender: str, sent_ns: int) -> None:
        link = self._link(receiver, sender)
        link.last_ns = time.time_ns()
        link.latency.add(link.last_ns - sent_ns)
        link.changed = True

    def dropped(self, receiver: Hosted, sender: str) -> None:
        """Nobody there to hear it, no route, or the queue was full."""
        link = self._link(receiver, sender)
        link.dropped += 1
        link.changed = True

    def save(self) -> None:
        """Put changed links into the journal."""
        for (deployment_id, sender, receiver), link in self._links.items():
            if not link.changed:
                continue
            link.changed = False
            self._journal.link(
                MeshLink(
                    deployment_id,
                    sender,
                    receiver,
                    link.latency.count,
                    link.dropped,
                    link.latency.percentile(0.5),
                    link.latency.percentile(0.99),
                    link.last_ns,
                )
            )

    def forget(self, deployment_id: str) -> None:
        """The deployment left this edge."""
        self._links = {key: link for key, link in self._links.items() if key[0] != deployment_id}

    def _link(self, receiver: Hosted, sender: str) -> _Link:
        key = (receiver.want.deployment_id, sender, receiver.want.label)
        return self._links.setdefault(key, _Link())
