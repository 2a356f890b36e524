"""Messages and probes on their way out of an edge: one bounded queue, so that they leave in the order of sending."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from sequence_paper.edge.links import Link, Links
from sequence_paper.mesh import wire

MAX_WAITING: Final = 1024

Write = Callable[[str, bytes], bool]
"""(subject, data) -> whether the bus took it"""


class Outbox:
    """Filled during callbacks, emptied between them by ``drain``.

    A message is numbered when the bus takes it: what a receiver finds missing was lost on the way, and what was
    dropped here is counted here.
    """

    def __init__(self, write: Write, links: Links) -> None:
        self._write, self._links = write, links
        self._epoch_ns = time.time_ns()
        self._seqs: dict[Link, int] = {}
        self._waiting: deque[tuple[Link | None, int, str, bytes]] = deque()

    def __bool__(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def message(self, deployment_id: str, sender: str, receiver: str, payload: bytes) -> None:
        """From an instance here to one elsewhere; the newest are dropped when too many wait."""
        link = (deployment_id, sender, receiver)
        if len(self._waiting) >= MAX_WAITING:
            self._links.dropped(link, "outbox_full", len(payload))
            return
        self._waiting.append((link, time.time_ns(), wire.mesh_subject(*link), payload))

    def probe(self, subject: str, data: bytes) -> None:
        """What a prober sends; when too many messages wait it is lost, as they are."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append((None, 0, subject, data))

    def drain(self) -> None:
        """Hand everything to the bus, or count it as dropped."""
        while self._waiting:
            link, sent_ns, subject, data = self._waiting.popleft()
            if link is None:
                self._write(subject, data)
                continue
            seq = self._seqs.get(link, 0) + 1
            if self._write(subject, wire.encode(wire.MeshMessage(self._epoch_ns, seq, sent_ns, data))):
                self._seqs[link] = seq
                self._links.sent(link)
            else:
                self._links.dropped(link, "bus_away", len(data))
