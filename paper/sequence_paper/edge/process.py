"""One edge process: store, bus, feed and core put together, until somebody asks it to end."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import sqlalchemy as sa

from sequence_paper.edge.about import About
from sequence_paper.edge.announce import Announcer
from sequence_paper.edge.books import BookCaster
from sequence_paper.edge.bus import EdgeBus
from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.funds import FundsWatch
from sequence_paper.edge.gateway import Gateway
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.intents import IntentDesk
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.mesh_end import MeshEnd
from sequence_paper.edge.neighbours import Neighbours
from sequence_paper.edge.pump import Pump
from sequence_paper.edge.recorder import Recorder
from sequence_paper.edge.resetting import Resetter
from sequence_paper.edge.settings import EdgeSettings
from sequence_paper.edge.switches import SwitchWatch
from sequence_paper.edge.views import event_view
from sequence_paper.feed.clock import Clock
from sequence_paper.feed.events import Feed
from sequence_paper.mesh import wire
from sequence_paper.store import Store
from sequence_paper.store.ticks.writing import TickWriter
from sequence_paper.store.words import Json
from sequence_paper.venue.market import Market

log = logging.getLogger(__name__)

_FLUSH_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 0.1


class EdgeProcess:
    """``run`` returns after ``stop``; killing it at any moment loses nothing that was announced."""

    def __init__(
        self, settings: EdgeSettings, store: Store, feed: Feed, clock: Clock, markets: dict[str, Market]
    ) -> None:
        self._settings, self._store, self._feed = settings, store, feed
        self._host = Host()
        self._journal = Journal(store)
        self._run_ns = time.time_ns()
        self._recorder = self._record(markets)
        self._bus = EdgeBus(
            settings.nats_url,
            settings.edge_id,
            self._wake,
            lambda *message: self._mesh.receive(*message),
            lambda *probe: self._mesh.hear(*probe),
        )
        self._core = EdgeCore(
            settings.edge_id,
            settings.venue,
            markets,
            self._journal,
            lambda *message: self._mesh.outbox.message(*message),
            self._recorder,
            latency=settings.latency,
        )
        self._something = asyncio.Event()
        self._mesh = MeshEnd(self._core, store, self._bus, self._flush, self._something.set)
        self._neighbours = Neighbours(self._core, settings.instrument_type, self._mesh.follow)
        self._bus.on_book, self._bus.on_pools = self._neighbours.heard, self._neighbours.heard_pools
        guests = Guests(self._core, store, settings.venue, settings.instrument_type)
        self._converger = Converger(self._core, self._host, store, guests, settings.venue, feed.about.label())
        self._gateway = Gateway(settings.edge_id, self._core, guests, store, self._flush)
        self._pump = Pump(
            self._core,
            feed,
            clock,
            gate=settings.gate,
            until_ns=settings.until_ns,
            after=self._after_slice,
            urgent=lambda: bool(self._mesh.outbox),
        )
        schedule = next(iter(markets.values())).wallets.schedule
        self._about = About(settings, self._core, self._pump, feed.about, schedule, self._run_ns)
        self._intents = IntentDesk(settings.edge_id, self._core, store, self._flush)
        self._bus.serve(wire.gateway_subject(settings.edge_id), self._gateway.answer)
        self._switches = SwitchWatch(self._core.switches, store)
        self._bus.serve(wire.switch_subject(settings.edge_id), self._switches.answer)
        self._funds = FundsWatch(self._core, store.funds, settings.venue)
        self._bus.serve(wire.funds_subject(settings.edge_id), self._funds.answer)
        resetter = Resetter(self._core, store.sandbox, settings.venue, self._flush, self._funds.read)
        self._bus.serve(wire.reset_subject(settings.edge_id), resetter.answer)
        self._bus.serve(wire.intents_subject(settings.edge_id), self._intents.answer)
        self._announcer = Announcer(self._bus)
        self._journal.after_flush = self._announcer.stored
        self._books = BookCaster(self._core, settings.edge_id, settings.venue, settings.instrument_type)
        self._converging = asyncio.Lock()
        self._next_pass: asyncio.Task[None] | None = None
        self._storing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._flushed_at = 0.0
        self._warm: set[tuple[str, str]] = set()  # the instances whose warmth was told

    def stop(self) -> None:
        """End in an orderly way: resting orders stay, they rest again in the next process."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until ``stop``. Raises what a part of it raised."""
        log.info("%s starts on %s", self._settings.edge_id, self._feed.about.label())
        if not self._host.fast:
            log.warning("fast calls into wasmtime do not work here: callbacks take some tens of microseconds")
        self._pump.prime()
        self._core.inputs.began(self._run_ns, self._about.run())
        await asyncio.to_thread(self._store.edges.announce, self._about.row(time.time_ns()))
        await self._switches.read()  # before anything can be sent
        self._funds.begin()
        await self._mesh.open()
        await self._bus.open()
        telling = [self._announcer.run(), self._books.run(self._bus), self._mesh.tell(), self._intents.run()]
        watching = [self._switches.run(), self._funds.run()]
        parts = [self._look(), self._beat(), self._write(), self._pump.run(), *watching, *telling]
        if (work := self._feed.work()) is not None:
            parts.append(work)
        tasks = [asyncio.create_task(part) for part in parts]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await self._supervise(tasks, stopping)
        finally:
            for task in [*tasks, stopping]:
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            await self._end()

    async def _supervise(self, tasks: list[asyncio.Task[None]], stopping: asyncio.Task[Any]) -> None:
        left: set[asyncio.Task[Any]] = {*tasks, stopping}
        while not stopping.done():
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # the feed may end; anything else that ends has failed

    async def _end(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
        self._feed.save()
        self._core.observe()
        self._mesh.save()
        try:
            self._journal.flush()
            self._store.edges.leave(self._settings.edge_id)
        except sa.exc.SQLAlchemyError as error:
            log.error("the store cannot be written at the end: %s", _first_line(error))
        await self._bus.close()
        self._host.close()
        log.info("%s ended", self._settings.edge_id)

    # -- parts -------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Compare with the store once a second, whoever was or was not woken."""
        while True:
            await self._converge()
            await asyncio.sleep(1)

    async def _converge(self) -> None:
        """Wait for a pass that began after this call; everybody who asks while one runs shares the next."""
        if self._next_pass is None:
            self._next_pass = asyncio.create_task(self._pass())
        await asyncio.shield(self._next_pass)

    async def _pass(self) -> None:
        async with self._converging:
            self._next_pass = None
            try:
                await self._converger.converge()
            except sa.exc.SQLAlchemyError as error:
                log.error("the store cannot be read: %s", _first_line(error))
                return
        self._gateway.open()
        running = len(self._core.roster.running)
        self._host.ticker.run(running > 0)
        roster = self._core.roster
        await self._bus.listen({h.key for h in roster.hosted.values() if h.hears}, roster.compared)
        await self._settle()

    async def _wake(self, deployment_id: str) -> dict[str, Any]:
        await self._converge()
        mine = [h for h in self._core.roster.hosted.values() if h.want.deployment_id == deployment_id]
        return {"labels": {h.want.label: {"status": h.status, "error": h.error} for h in mine}}

    async def _beat(self) -> None:
        while True:
            await self._mesh.ask()
            await self._mesh.send_out()
            await asyncio.sleep(_ANSWER_SECONDS)  # what is back by then is stored in this turn
            self._core.observe()
            self._mesh.save()
            self._neighbours.forget_silent()
            await self._flush()
            if self._recorder is not None:
                self._recorder.flush(everything=True)
            self._feed.save()  # whoever reads of this moment finds the data of it
            feed = self._about.feed()
            try:
                await asyncio.to_thread(self._store.edges.beat, self._settings.edge_id, time.time_ns(), feed)
                await asyncio.to_thread(self._store.checkpoint)
            except sa.exc.SQLAlchemyError as error:
                log.error("the store cannot be written: %s", _first_line(error))
            await self._publish_beat(feed)
            await self._tell_warmth()
            await asyncio.sleep(1 - _ANSWER_SECONDS)

    async def _tell_warmth(self) -> None:
        """A start waits until an instance is warm: whoever follows its deployment hears of it without asking."""
        warm = {hosted.key: hosted for hosted in self._core.roster.hosted.values() if hosted.warm}
        for key in warm.keys() - self._warm:
            subject = wire.event_subject(warm[key].want.deployment_id)
            await self._bus.publish(subject, {**event_view(warm[key]), "warm": True})
        self._warm = set(warm)

    async def _publish_beat(self, feed: Json) -> None:
        await self._bus.publish(wire.beat_subject(self._settings.edge_id), self._about.beat(feed))

    async def _write(self) -> None:
        """Store soon after something happened, also when the feed is quiet."""
        while True:
            await self._something.wait()
            self._something.clear()
            await asyncio.sleep(_FLUSH_SECONDS)
            await self._settle()

    async def _after_slice(self) -> None:
        """After each slice of the feed: messages leave at once, rows within ``_FLUSH_SECONDS``."""
        await self._mesh.send_out()
        if self._pump.phase == "ended":
            if self._recorder is not None:
                self._recorder.close()  # nothing more comes: let it become Parquet
            await self._settle()
            await self._publish_beat(self._about.feed())
            return
        if self._recorder is not None:
            self._recorder.flush()
        if self._journal.pending:
            if time.monotonic() - self._flushed_at > _FLUSH_SECONDS:
                await self._settle()
            else:
                self._something.set()

    # -- storing and announcing --------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Store everything, then tell everybody."""
        await self._flush()
        await self._mesh.send_out()
        changed, self._core.roster.changed = self._core.roster.changed, []
        if changed:
            self._pump.status_changed()
        for hosted in dict.fromkeys(changed):
            await self._bus.publish(wire.event_subject(hosted.want.deployment_id), event_view(hosted))

    async def _flush(self) -> None:
        """Until it is stored nothing else happens: the feed waits here, so no order lives outside the store."""
        async with self._storing:
            while True:
                try:
                    self._journal.flush()
                    self._flushed_at = time.monotonic()
                    return
                except sa.exc.SQLAlchemyError as error:
                    log.error("the store cannot be written, trying again: %s", _first_line(error))
                    await asyncio.sleep(0.5)

    def _record(self, markets: dict[str, Market]) -> Recorder | None:
        ticks, venue = self._settings.ticks, self._settings.venue
        if ticks is None:
            return None
        writer = TickWriter(ticks, venue, self._run_ns, list(markets), self._feed.about.label())
        return Recorder(markets, writer)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
