"""The operator process put together: what starts when, what makes it ready, how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import ALGO_BUILDS, PLATFORM_ACCOUNTS
from sequence_operator.controller.parts import Parts
from sequence_operator.controller.settings import Settings
from sequence_operator.controller.tasks import Tasks
from sequence_operator.controller.watching import Watcher
from sequence_operator.health import HealthServer

log = structlog.get_logger(__name__)

EXIT_OK, EXIT_FAILED, EXIT_ADDRESS_TAKEN = 0, 1, 98

_GRACE = 20.0  # seconds that passes in flight get at the end; below a Pod's grace period
# If one of these ends, so do we.
_ESSENTIAL = ("lease", "dispatcher", "watcher", "events", "sources", "freshness", "garbage")
_PREFLIGHT_AGAIN = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Operator:
    """One operator process. `run` returns its exit code."""

    def __init__(
        self, settings: Settings, cluster: ClusterClient, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings, self._cluster = settings, cluster
        self._tasks = Tasks()
        self._preflight_problem: str | None = "starting"
        self._watching = False
        self.parts = Parts(settings, cluster, now)
        self.health = HealthServer(
            settings.health_host,
            settings.health_port,
            live=[self._live],
            ready=[
                lambda: self._preflight_problem,
                self._leading,
                self._fresh,
                self.parts.accounts.problem,
                self.parts.sources.problem,
            ],
            metrics=self.parts.metrics.text,
        )

    # -- the life of the process ------------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until a signal (0), or until something the process cannot go on without is lost (1)."""
        self._catch_signals()
        try:
            await self.health.start()
        except OSError as problem:
            place = f"{self.health.host}:{self.health.port}"
            log.error(
                "cannot listen", address=place, problem=str(problem), hint="choose another --health-address"
            )
            return EXIT_ADDRESS_TAKEN
        log.info("listening", host=self.health.host, port=self.health.port, server=self._cluster.server)
        try:
            for before in (self._preflight_loop, self._lead):
                if not await self._tasks.unless_stopped(before()):
                    return EXIT_OK
            return await self._serve()
        finally:
            await self._end()

    async def _preflight_loop(self) -> None:
        """Wait until our kinds exist and may be listed: kopf itself would serve nothing and look healthy."""
        told = None
        while True:
            self._preflight_problem = await self._look_before()
            if self._preflight_problem is None:
                return
            if self._preflight_problem != told:
                told = self._preflight_problem
                log.error("not ready", problem=told)
            await asyncio.sleep(_PREFLIGHT_AGAIN)

    async def _look_before(self) -> str | None:
        for resource in self.parts.kinds.resources:
            for namespace in self._settings.namespaces:
                try:
                    await self._cluster.probe(resource, namespace)
                except ClusterError as problem:
                    return f"{problem}" + (f"; {problem.hint}" if problem.hint else "")
        return None

    async def _lead(self) -> None:
        self._tasks.start("lease", self.parts.lease.run())
        log.info("waiting for the lease", namespace=self.parts.lease.namespace, name=self.parts.lease.name)
        await self.parts.lease.held.wait()
        log.info("lease held", identity=self.parts.lease.identity)

    async def _serve(self) -> int:
        """Work until told to stop. Accounts and builds are read first: without them every object would look
        orphaned, and every build as if it had yet to be asked for.
        """
        try:
            await self.parts.sources.start()
        except OSError as problem:
            hint = "choose another --tree-address or --hook-address"
            log.error("cannot listen", problem=str(problem), hint=hint)
            return EXIT_ADDRESS_TAKEN
        for namespace in self._settings.namespaces:
            async for obj in self._cluster.pages(PLATFORM_ACCOUNTS, namespace):
                self.parts.accounts.put(obj)
            async for obj in self._cluster.pages(ALGO_BUILDS, namespace):
                self.parts.builds.changed(obj)
        kinds = self.parts.kinds
        watcher = Watcher(self._cluster, kinds.resources, self._settings.namespaces, kinds.on_event)
        stop_watching = asyncio.Event()
        self._tasks.start("events", self.parts.events.run())
        self._tasks.start("dispatcher", self.parts.dispatcher.run())
        self._tasks.start("watcher", watcher.run(stop_watching, self._on_watching))
        self._tasks.start("sources", self.parts.sources.run())
        self._tasks.start("freshness", self.parts.freshness.run())
        self._tasks.start("garbage", self.parts.garbage.run())
        asked = await self._tasks.until_one_ends(_ESSENTIAL)
        if self.parts.lease.lost.is_set():
            log.error(
                "lease lost", holder=self.parts.lease.holder, hint="another operator works now; this one ends"
            )
        stop_watching.set()
        return EXIT_OK if asked else EXIT_FAILED

    async def _end(self) -> None:
        """Let work in flight end, give the lease back, close everything."""
        log.info("stopping")
        self._watching = False
        for name in ("sources", "dispatcher", "garbage", "freshness"):
            await self._tasks.cancel(name)
        await self.parts.sources.close()
        await self.parts.dispatcher.drain(_GRACE if not self.parts.lease.lost.is_set() else 0.0)
        await self.parts.accounts.close()
        if "events" in self._tasks:
            await self.parts.events.drain(2.0)
        await self._tasks.cancel("events")
        await self._tasks.cancel("watcher", patience=3.0)
        await self._tasks.cancel("lease")
        await self.parts.lease.release()
        await self.health.stop()
        await self._cluster.close()
        log.info("stopped")

    # -- checks ------------------------------------------------------------------------------------

    def _live(self) -> str | None:
        return "the dispatcher ended" if self._tasks.ended("dispatcher") else None

    def _leading(self) -> str | None:
        # Before its kinds exist an operator does not try for the Lease.
        return None if self._preflight_problem is not None else self.parts.lease.why_not()

    def _fresh(self) -> str | None:
        if not self.parts.lease.held.is_set():
            return None
        return self.parts.freshness.problem if self._watching else "the watches have not begun"

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._tasks.stop.set)

    def _on_watching(self) -> None:
        self._catch_signals()  # kopf has just put its own in their place
        self._watching = True


async def serve(settings: Settings) -> int:
    """Connect and run one operator. Returns the exit code of the process."""
    try:
        cluster = await ClusterClient.connect(settings.kubeconfig, settings.context)
    except ClusterError as problem:
        kind = "no cluster" if problem.kind is Kind.NO_CONFIG else "cluster"
        log.error(kind, problem=problem.message, hint=problem.hint)
        return EXIT_FAILED
    return await Operator(settings, cluster).run()
