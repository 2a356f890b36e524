"""This edge's end of the mesh: what goes out, who is probed, and what is kept of both."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import sqlalchemy as sa

from sequence_paper.edge.bus import EdgeBus
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.outbox import Outbox
from sequence_paper.edge.probes import Prober
from sequence_paper.edge.roster import Key
from sequence_paper.mesh import wire
from sequence_paper.mesh.window import WINDOW_NS
from sequence_paper.store import Store

log = logging.getLogger(__name__)

_TELL_SECONDS = 0.05


class MeshEnd:
    """Fits an outbox and a prober to a core and a bus."""

    def __init__(
        self,
        core: EdgeCore,
        store: Store,
        bus: EdgeBus,
        flush: Callable[[], Awaitable[None]],
        stir: Callable[[], None],
    ) -> None:
        """``flush``: store everything that waits. ``stir``: say that something waits to be stored soon."""
        self._core, self._store, self._bus = core, store, bus
        self._flush, self._stir = flush, stir
        self._sending: set[asyncio.Task[None]] = set()
        self._links = core.post.links
        self._others: set[str] = set()
        self.outbox = Outbox(bus.send, self._links)
        self.prober = Prober(core.roster.edge_id, self.outbox.probe)
        self._links.offset_of = self.prober.offset
        core.post.leave = self._leave

    async def open(self) -> None:
        """Take up what an earlier process of this edge had heard."""
        self._links.remember(await asyncio.to_thread(self._store.mesh.heard))

    async def ask(self) -> None:
        """Put a question to every other edge into the outbox, and one into the queue between instances here."""
        try:
            edges = await asyncio.to_thread(self._store.edges.all)
        except sa.exc.SQLAlchemyError as error:
            log.error(
                "the store cannot be read, asking the edges known before: %s", str(error).splitlines()[0]
            )
        else:
            # An edge that fell silent is asked on for as long as its figures are shown; one that left has beat 0.
            since = time.time_ns() - WINDOW_NS
            self._others = {edge.edge_id for edge in edges if edge.beat_ns > since}
            self._others.discard(self._core.roster.edge_id)
        self.prober.ask(sorted(self._others))
        self._core.post.probe(self.prober.passed_here)

    async def send_out(self) -> None:
        """Everything that waits to leave; first what must be stored, so that no peer acts on a fill that a crash
        of this process would undo."""
        if self.outbox and self._core.journal.trading:
            await self._flush()
        self.outbox.drain()

    def receive(self, key: Key, sender: str, message: wire.MeshMessage) -> None:
        """A message for an instance here."""
        self._core.post.receive(key, sender, message)
        self.follow()

    def follow(self) -> None:
        """Instances were called for another reason than the feed: send and store what came of it."""
        self._answer()
        if self._core.journal.pending:
            self._stir()

    def hear(self, edge_id: str, probe: wire.Probe) -> None:
        """A question or an answer of another edge."""
        self.prober.hear(edge_id, probe)
        self._answer()

    def save(self) -> None:
        """Put what probes have told into the journal."""
        self._core.journal.mesh(self.prober.save())

    async def tell(self) -> None:
        """Publish what passes, for who watches; for ever."""
        while True:
            await self._links.flow.waiting.wait()
            await asyncio.sleep(_TELL_SECONDS)
            for deployment_id, payload in self._links.flow.take():
                await self._bus.publish(wire.flow_subject(deployment_id), payload)

    def _leave(self) -> None:
        """Send what algos have said, unless something must be stored first: then whoever called them sees to it."""
        if not self._core.journal.trading:
            self.outbox.drain()

    def _answer(self) -> None:
        """Send what a message or a probe has brought up: at once, unless something must be stored first."""
        self._leave()
        if not self.outbox:
            return
        task = asyncio.create_task(self.send_out())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
