"""Mesh messages of one edge: routes, queues, delivery between callbacks."""

from __future__ import annotations

import time
from collections.abc import Callable

from sequence_paper.edge.callbacks import Callbacks
from sequence_paper.edge.hosted import MAX_WAITING_MESSAGES, Hosted
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.links import Links
from sequence_paper.edge.roster import Roster

Send = Callable[[str, str, str, int, bytes], None]
"""(deployment id, from label, to label, sender's mesh id, payload): hand a message to another edge"""


class Post:
    """In order per sender; a full queue drops the newest and counts it."""

    def __init__(self, roster: Roster, callbacks: Callbacks, journal: Journal, send: Send) -> None:
        self._roster, self._callbacks, self._send = roster, callbacks, send
        self.links = Links(journal)
        self._local: list[tuple[Hosted, str, int, bytes]] = []

    def on_send(self, hosted: Hosted, to_id: int, payload: bytes) -> None:
        """A module sent something. Called during its callback, so it is only queued."""
        label = hosted.sends.get(to_id)
        if label is None:
            self._roster.log(hosted, 3, f"message dropped: no route to mesh id {to_id}")
            return
        want = hosted.want
        receiver = self._roster.hosted.get((want.deployment_id, label))
        if receiver is None:
            self._send(want.deployment_id, want.label, label, want.ordinal + 1, payload)
        elif len(self._local) < MAX_WAITING_MESSAGES:
            self._local.append((receiver, want.label, time.time_ns(), payload))
        else:
            self.links.dropped(receiver, want.label)

    def receive(self, hosted: Hosted, sender: str, sent_ns: int, payload: bytes) -> None:
        """A message from another edge: deliver it now. Must not be called during a callback."""
        self._callbacks.received = time.perf_counter_ns()
        self._enqueue(hosted, sender, sent_ns, payload)
        self._drain(hosted)
        self.deliver_local()

    def deliver_local(self) -> None:
        """Messages between instances of this edge. Answers sent meanwhile wait for the next occasion."""
        if not self._local:
            return
        waiting, self._local = self._local, []
        for receiver, sender, sent_ns, payload in waiting:
            self._enqueue(receiver, sender, sent_ns, payload)
        for receiver in dict.fromkeys(entry[0] for entry in waiting):
            self._drain(receiver)

    def _enqueue(self, hosted: Hosted, sender: str, sent_ns: int, payload: bytes) -> None:
        sandbox = hosted.sandbox
        listens = hosted.status == "running" and sandbox is not None and sandbox.module.messages
        if not listens or sender not in hosted.hears or len(hosted.inbox) >= MAX_WAITING_MESSAGES:
            self.links.dropped(hosted, sender)
            return
        hosted.inbox.append((sender, sent_ns, payload))

    def _drain(self, hosted: Hosted) -> None:
        while hosted.inbox:
            sender, sent_ns, payload = hosted.inbox.popleft()
            sandbox = hosted.sandbox
            if hosted.status != "running" or sandbox is None:
                self.links.dropped(hosted, sender)
                continue
            self.links.delivered(hosted, sender, sent_ns)
            self._callbacks.decide(
                hosted,
                hosted.slots[0],
                sandbox.on_message,
                hosted.hears[sender],
                payload,
                hosted.state_of_all(),
            )
