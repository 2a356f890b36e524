"""Mesh messages of one edge: routes, queues, delivery between callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable

from sequence_paper.edge.callbacks import Callbacks
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.hosted import MAX_WAITING_MESSAGES, Hosted
from sequence_paper.edge.inputs import InputLog
from sequence_paper.edge.links import DropReason, Link, Links
from sequence_paper.edge.roster import Key, Roster
from sequence_paper.mesh.wire import MeshMessage
from sequence_paper.store.heard import message_body

Send = Callable[[str, str, str, bytes], None]
"""(deployment id, from label, to label, payload): hand a message to another edge"""


class Post:
    """In order per sender; a full queue drops the newest and counts it.

    Routes are held at both ends: an edge believes neither its own modules nor what another edge lets out.
    """

    def __init__(
        self,
        roster: Roster,
        callbacks: Callbacks,
        send: Send,
        log: EventLog | None = None,
        inputs: InputLog | None = None,
    ) -> None:
        """``inputs``: told of each message from another edge, so that it can be repeated."""
        self._roster, self._callbacks, self._send, self._log = roster, callbacks, send, log
        self._inputs = inputs
        self.links = Links()
        self.leave: Callable[[], None] = lambda: None
        """Called when what was handed to ``send`` may leave, since no callback runs any more; set by the owner."""
        self._local: list[tuple[Hosted, str, int, bytes]] = []
        self._sent = False
        self._probe: Callable[[int], None] | None = None

    def on_send(self, hosted: Hosted, to_id: int, payload: bytes) -> None:
        """A module sent something. Called during its callback, so it is only queued."""
        want = hosted.want
        label = hosted.sends.get(to_id)
        if label is None:
            self._roster.log(hosted, 3, f"message dropped: no route to mesh id {to_id}")
            known = next((peer for peer, mesh_id in hosted.hears.items() if mesh_id == to_id), None)
            if known is not None:
                self.links.dropped((want.deployment_id, want.label, known), "no_route", len(payload))
            return
        if self._log is not None:
            self._log.said(self._callbacks.now_ns, hosted, label, payload)
        receiver = self._roster.hosted.get((want.deployment_id, label))
        if receiver is None:
            self._send(want.deployment_id, want.label, label, payload)
            self._sent = True
        elif len(self._local) < MAX_WAITING_MESSAGES:
            self._local.append((receiver, want.label, time.time_ns(), payload))
            self.links.sent((want.deployment_id, want.label, label))
        else:
            self.links.dropped((want.deployment_id, want.label, label), "outbox_full", len(payload))

    def receive(self, key: Key, sender: str, message: MeshMessage) -> None:
        """A message from another edge: deliver it now. Must not be called during a callback."""
        self._callbacks.received = time.perf_counter_ns()
        link = (key[0], sender, key[1])
        hosted = self._roster.hosted.get(key)
        if not self.links.in_order(link, message.epoch_ns, message.seq):
            self.links.dropped(link, "late", len(message.payload))
        elif hosted is None:
            self.links.dropped(link, "not_here", len(message.payload))
        else:
            self.accept(hosted, sender, message.sent_ns, message.payload)

    def accept(self, hosted: Hosted, sender: str, sent_ns: int, payload: bytes) -> None:
        """As ``receive``, of a message in its turn."""
        self._keep(hosted, sender, payload)
        if self._log is not None:
            self._log.got(self._callbacks.now_ns, hosted, sender, payload)
        self._enqueue(hosted, sender, sent_ns, payload)
        self._drain(hosted)
        self.deliver_local()

    def _keep(self, hosted: Hosted, sender: str, payload: bytes) -> None:
        if self._inputs is not None:
            owner = (hosted.want.account_id, hosted.want.mode)
            self._inputs.heard("message", message_body(*hosted.key, sender, payload), owner)

    def deliver_local(self) -> None:
        """Messages between instances of this edge. Answers sent meanwhile wait for the next occasion.

        Those for other edges leave first: they need no occasion, and whoever gets them waits longer.
        """
        if self._sent:
            self._sent = False
            self.leave()
        if not self._local and self._probe is None:
            return
        waiting, self._local = self._local, []
        probe, self._probe = self._probe, None
        queued_ns = time.time_ns()
        for receiver, sender, sent_ns, payload in waiting:
            self._enqueue(receiver, sender, sent_ns, payload)
        for receiver in dict.fromkeys(entry[0] for entry in waiting):
            self._drain(receiver)
        if probe is not None:
            probe(time.time_ns() - queued_ns)

    def probe(self, passed: Callable[[int], None]) -> None:
        """Time the queue between instances of this edge at the next occasion: ``passed(nanoseconds)``.

        The probe stands behind every message that waits then. A feed that stands still has no occasion, for messages
        either.
        """
        self._probe = passed

    def _enqueue(self, hosted: Hosted, sender: str, sent_ns: int, payload: bytes) -> None:
        reason = _refusal(hosted, sender)
        if reason is not None:
            self.links.dropped(self._link(hosted, sender), reason, len(payload))
            return
        hosted.inbox.append((sender, sent_ns, payload))

    def _drain(self, hosted: Hosted) -> None:
        while hosted.inbox:
            sender, sent_ns, payload = hosted.inbox.popleft()
            link = self._link(hosted, sender)
            sandbox = hosted.sandbox
            if hosted.status != "running" or sandbox is None:
                self.links.dropped(link, "not_running", len(payload))
                continue
            self.links.delivered(link, sent_ns, self._origin(hosted, sender), len(payload))
            self._callbacks.decide(
                hosted,
                hosted.slots[0],
                sandbox.on_message,
                hosted.hears[sender],
                payload,
                hosted.state_of_all(),
            )

    def _origin(self, hosted: Hosted, sender: str) -> str | None:
        """The edge where a sender is, None when it is this one."""
        edge_id = next((peer.edge_id for peer in hosted.want.hears if peer.label == sender), None)
        return None if edge_id == self._roster.edge_id else edge_id

    def _link(self, hosted: Hosted, sender: str) -> Link:
        return (hosted.want.deployment_id, sender, hosted.want.label)


def _refusal(hosted: Hosted, sender: str) -> DropReason | None:
    """Why an instance cannot be given a message now."""
    sandbox = hosted.sandbox
    if sender not in hosted.hears:
        return "no_route"
    if hosted.status != "running" or sandbox is None:
        return "not_running"
    if not sandbox.module.messages:
        return "deaf"
    return "inbox_full" if len(hosted.inbox) >= MAX_WAITING_MESSAGES else None
