"""The operator process put together: what starts when, what makes it ready, how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.lease import Lease
from sequence_operator.cluster.resources import (
    ALGO_BUILDS,
    ALGO_DEPLOYMENTS,
    ALGO_SOURCES,
    PLATFORM_ACCOUNTS,
)
from sequence_operator.controller.accounts import Accounts
from sequence_operator.controller.artifacts import Artifacts
from sequence_operator.controller.builds import Builds
from sequence_operator.controller.context import World
from sequence_operator.controller.dispatcher import Dispatcher
from sequence_operator.controller.download import Downloader
from sequence_operator.controller.events import EventPoster
from sequence_operator.controller.freshness import Freshness
from sequence_operator.controller.garbage import Garbage
from sequence_operator.controller.gauges import register_gauges
from sequence_operator.controller.kinds import Kinds
from sequence_operator.controller.metrics import Metrics
from sequence_operator.controller.objects import Objects
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.reconciler import Reconciler
from sequence_operator.controller.settings import Settings
from sequence_operator.controller.state import Entries
from sequence_operator.controller.tasks import Tasks
from sequence_operator.controller.watching import Watcher
from sequence_operator.gitops.sources import Sources
from sequence_operator.health import HealthServer
from sequence_operator.reconcile.build_results import Workshop
from sequence_operator.reconcile.model import Policy

log = structlog.get_logger(__name__)

EXIT_OK, EXIT_FAILED, EXIT_ADDRESS_TAKEN = 0, 1, 98

_GRACE = 20.0  # seconds that passes in flight get at the end; below a Pod's grace period
_ESSENTIAL = (
    "lease",
    "dispatcher",
    "watcher",
    "events",
    "sources",
    "freshness",
    "garbage",
)  # if one ends, so do we
_PREFLIGHT_AGAIN = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Operator:
    """One operator process. `run` returns its exit code."""

    def __init__(
        self, settings: Settings, cluster: ClusterClient, *, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._settings, self._cluster, self._now = settings, cluster, now
        self._tasks = Tasks()
        self._preflight_problem: str | None = "starting"
        self._watching = False
        self.metrics = Metrics()
        self.entries = Entries()
        self.queue: KeyedQueue[str] = KeyedQueue()
        self.events = EventPoster(cluster, settings.identity, busy=lambda: not self.queue.idle)
        self.lease = Lease(
            cluster,
            name=settings.lease_name,
            namespace=settings.lease_namespace or cluster.namespace,
            identity=settings.identity,
            duration=settings.lease_duration,
        )
        self.accounts = Accounts(
            cluster, self.entries, self.queue, self.events, now=now, on_call=self.metrics.count_call
        )
        self.objects = Objects(self.entries, self.accounts, self.queue)
        self.builds = Builds(self.objects.built, Workshop(settings.toolchain, settings.trees))
        self.sources = Sources(
            cluster,
            namespaces=settings.namespaces,
            cache=Path(settings.git_cache) if settings.git_cache else None,
            tree_address=settings.tree_address,
            tree_base=settings.trees,
            hook_address=settings.hook_address,
            allowed=settings.allow_addresses,
            mode_of=self.accounts.mode_of,
            post=self.events.add,
            now=now,
            on_look=self.metrics.count_look,
        )
        world = World(
            cluster=cluster,
            artifacts=Artifacts(cluster, Downloader(settings.allow_addresses)),
            builds=self.builds,
            metrics=self.metrics,
            policy=Policy(
                cluster=settings.cluster_name,
                warm_up=settings.warm_up,
                drain_timeout=settings.drain_timeout,
                create_grace=settings.create_grace,
            ),
            now=now,
            known=self.entries.get,
            remember=self.objects.remember,
            touched=self.accounts.touched,
        )
        self.reconciler = Reconciler(world, self.entries, self.accounts, self.queue, self.events)
        self.dispatcher = Dispatcher(self.queue, self.reconciler.process, concurrency=settings.concurrency)
        self.kinds = self._kinds()
        self.freshness = Freshness(cluster, settings.namespaces, self.kinds.watched())
        self.garbage = Garbage(
            cluster,
            settings.namespaces,
            self.entries,
            self.builds,
            self.freshness,
            collect_trees=self.sources.collect,
            now=now,
        )
        self.health = HealthServer(
            settings.health_host,
            settings.health_port,
            live=[self._live],
            ready=[
                lambda: self._preflight_problem,
                self._leading,
                self._fresh,
                self.accounts.problem,
                self.sources.problem,
            ],
            metrics=self.metrics.text,
        )
        register_gauges(
            self.metrics,
            self.queue,
            self.entries,
            self.accounts,
            self.builds,
            self.sources,
            self.lease,
            now,
        )

    def _kinds(self) -> Kinds:
        """What is watched, and who hears of it."""
        kinds, objects, sources = Kinds(), self.objects, self.sources
        kinds.add(
            ALGO_DEPLOYMENTS,
            (objects.changed, sources.deployment_changed),
            (objects.gone, sources.deployment_gone),
            objects.versions,
        )
        kinds.add(PLATFORM_ACCOUNTS, (self._account_changed,), (self._account_gone,))
        kinds.add(ALGO_BUILDS, (self.builds.changed,), (self.builds.gone,), self.builds.versions)
        kinds.add(ALGO_SOURCES, (sources.changed,), (sources.gone,))
        return kinds

    def _account_changed(self, obj: Object) -> None:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        new = self.accounts.known(key) is None
        self.accounts.put(obj)
        if new:
            self.sources.account_changed(*key)

    def _account_gone(self, obj: Object) -> None:
        self.accounts.drop(obj)
        self.sources.account_changed(obj["metadata"]["namespace"], obj["metadata"]["name"])

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
        for resource in self.kinds.resources:
            for namespace in self._settings.namespaces:
                try:
                    await self._cluster.probe(resource, namespace)
                except ClusterError as problem:
                    return f"{problem}" + (f"; {problem.hint}" if problem.hint else "")
        return None

    async def _lead(self) -> None:
        self._tasks.start("lease", self.lease.run())
        log.info("waiting for the lease", namespace=self.lease.namespace, name=self.lease.name)
        await self.lease.held.wait()
        log.info("lease held", identity=self.lease.identity)

    async def _serve(self) -> int:
        """Work until told to stop. Accounts and builds are read first: without them every object would look
        orphaned, and every build as if it had yet to be asked for.
        """
        try:
            await self.sources.start()
        except OSError as problem:
            hint = "choose another --tree-address or --hook-address"
            log.error("cannot listen", problem=str(problem), hint=hint)
            return EXIT_ADDRESS_TAKEN
        for namespace in self._settings.namespaces:
            async for obj in self._cluster.pages(PLATFORM_ACCOUNTS, namespace):
                self.accounts.put(obj)
            async for obj in self._cluster.pages(ALGO_BUILDS, namespace):
                self.builds.changed(obj)
        watcher = Watcher(self._cluster, self.kinds.resources, self._settings.namespaces, self.kinds.on_event)
        stop_watching = asyncio.Event()
        self._tasks.start("events", self.events.run())
        self._tasks.start("dispatcher", self.dispatcher.run())
        self._tasks.start("watcher", watcher.run(stop_watching, self._on_watching))
        self._tasks.start("sources", self.sources.run())
        self._tasks.start("freshness", self.freshness.run())
        self._tasks.start("garbage", self.garbage.run())
        asked = await self._tasks.until_one_ends(_ESSENTIAL)
        if self.lease.lost.is_set():
            log.error(
                "lease lost", holder=self.lease.holder, hint="another operator works now; this one ends"
            )
        stop_watching.set()
        return EXIT_OK if asked else EXIT_FAILED

    async def _end(self) -> None:
        """Let work in flight end, give the lease back, close everything."""
        log.info("stopping")
        self._watching = False
        for name in ("sources", "dispatcher", "garbage", "freshness"):
            await self._tasks.cancel(name)
        await self.sources.close()
        await self.dispatcher.drain(_GRACE if not self.lease.lost.is_set() else 0.0)
        await self.accounts.close()
        if "events" in self._tasks:
            await self.events.drain(2.0)
        await self._tasks.cancel("events")
        await self._tasks.cancel("watcher", patience=3.0)
        await self._tasks.cancel("lease")
        await self.lease.release()
        await self.health.stop()
        await self._cluster.close()
        log.info("stopped")

    # -- checks ------------------------------------------------------------------------------------

    def _live(self) -> str | None:
        return "the dispatcher ended" if self._tasks.ended("dispatcher") else None

    def _leading(self) -> str | None:
        # Before its kinds exist an operator does not try for the Lease.
        return None if self._preflight_problem is not None else self.lease.why_not()

    def _fresh(self) -> str | None:
        if not self.lease.held.is_set():
            return None
        return self.freshness.problem if self._watching else "the watches have not begun"

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
