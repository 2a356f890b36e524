"""An edge asks every other once a second what its clock says: the latency of the way there, and the two clocks' offset.

Questions and answers take the way of messages: the same queue out, the same connection, the same kind of subscription.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sequence_paper.mesh import wire
from sequence_paper.mesh.clock import SAME_CLOCK, Exchange, Offset, PeerClock
from sequence_paper.mesh.window import Window
from sequence_paper.store.mesh_records import EdgeLink, EdgeSlot, MeshWrites

LOST_NS: Final = 2_000_000_000
"""A question without an answer for so long is lost."""

Out = Callable[[str, bytes], None]
"""(subject, data): into the queue out"""


@dataclass(slots=True)
class _Peer:
    clock: PeerClock = field(default_factory=PeerClock)
    window: Window = field(default_factory=Window)
    waiting: dict[int, int] = field(default_factory=dict)  # number -> sent_ns, oldest first
    newest: int = 0  # the number of the last question that was answered
    last_ns: int = 0
    changed: bool = False


class Prober:
    """Each edge asks for itself and keeps what it learned of the way from itself to the other."""

    def __init__(self, edge_id: str, out: Out) -> None:
        self._edge_id, self._out = edge_id, out
        self._peers: dict[str, _Peer] = {}
        self._number = time.time_ns()  # no number of an earlier process is repeated

    def ask(self, peers: Iterable[str]) -> None:
        """A question to each of these edges; earlier ones that wait too long are given up."""
        for edge_id in peers:
            peer = self._peer(edge_id)
            now = time.time_ns()
            self._give_up(peer, now)
            self._number += 1
            peer.waiting[self._number] = now
            question = wire.Probe(False, self._number, now)
            self._out(wire.probe_subject(self._edge_id, edge_id), wire.encode_probe(question))

    def hear(self, edge_id: str, probe: wire.Probe) -> None:
        """A question is answered at once; an answer is learned from."""
        now = time.time_ns()
        if not probe.is_answer:
            answer = wire.Probe(True, probe.number, probe.sent_ns, now, time.time_ns())
            self._out(wire.probe_subject(self._edge_id, edge_id), wire.encode_probe(answer))
            return
        peer = self._peer(edge_id)
        sent_ns = peer.waiting.pop(probe.number, None)
        if sent_ns is None:
            return  # given up already, or asked by an earlier process
        if probe.number < peer.newest:
            peer.window.miss(now, reordered=1)
        peer.newest = max(peer.newest, probe.number)
        peer.last_ns, peer.changed = now, True
        peer.clock.add(Exchange(sent_ns, probe.heard_ns, probe.answered_ns, now))
        offset = peer.clock.offset(now)
        if offset is not None:
            peer.window.add(now, probe.heard_ns - sent_ns - offset.offset_ns)

    def passed_here(self, latency_ns: int) -> None:
        """A probe has gone through the queue between instances of this edge."""
        peer = self._peer(self._edge_id)
        peer.last_ns, peer.changed = time.time_ns(), True
        peer.window.add(peer.last_ns, latency_ns)

    def offset(self, edge_id: str) -> Offset | None:
        """That edge's clock minus ours; None before the first answer."""
        if edge_id == self._edge_id:
            return SAME_CLOCK
        peer = self._peers.get(edge_id)
        return peer.clock.offset(time.time_ns()) if peer is not None else None

    def save(self) -> MeshWrites:
        """What is new since the last call."""
        writes = MeshWrites()
        for edge_id, peer in self._peers.items():
            pair = (self._edge_id, edge_id)
            writes.edge_slots += [
                EdgeSlot(*pair, slot.slot_ns, slot.counts, slot.lost, slot.reordered)
                for slot in peer.window.changes()
            ]
            offset = self.offset(edge_id)
            if peer.changed and offset is not None:
                peer.changed = False
                writes.edge_links.append(EdgeLink(*pair, *offset, peer.last_ns))
        return writes

    def _give_up(self, peer: _Peer, now_ns: int) -> None:
        old = [number for number, sent_ns in peer.waiting.items() if now_ns - sent_ns > LOST_NS]
        for number in old:
            del peer.waiting[number]
        if old:
            peer.window.miss(now_ns, lost=len(old))

    def _peer(self, edge_id: str) -> _Peer:
        return self._peers.setdefault(edge_id, _Peer())
