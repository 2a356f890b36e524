"""The builder process put together: what starts when, what makes it ready, how it ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import prometheus_client as prometheus
import structlog
from pydantic import ValidationError

from sequence_operator.builder import cargo, rust
from sequence_operator.builder.attempt import Workplace
from sequence_operator.builder.sandbox import Bubblewrap, Sandbox, Unsandboxed
from sequence_operator.builder.settings import Settings
from sequence_operator.builder.worker import Builds, Worker
from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError
from sequence_operator.cluster.resources import ALGO_BUILDS
from sequence_operator.health import HealthServer
from sequence_operator.spec.build import AlgoBuild

log = structlog.get_logger(__name__)

EXIT_OK, EXIT_FAILED, EXIT_ADDRESS_TAKEN = 0, 1, 98
_LONGEST_PAUSE = 30.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Builder:
    """One builder process. `run` returns its exit code."""

    def __init__(
        self,
        settings: Settings,
        cluster: ClusterClient,
        place: Workplace,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings, self._cluster, self._place = settings, cluster, place
        self._stop = asyncio.Event()
        self._builds: Builds = {}
        self._problem: str | None = "the AlgoBuilds have not been read yet"
        self._work: asyncio.Task[None] | None = None
        self._registry = prometheus.CollectorRegistry()
        self._ended = prometheus.Counter(
            "sequence_builds", "Attempts that ended, by result.", ["result"], registry=self._registry
        )
        self._took = prometheus.Histogram(
            "sequence_build_seconds",
            "How long attempts took.",
            buckets=(1, 2, 5, 10, 30, 60, 120, 300, 600),
            registry=self._registry,
        )
        self.worker = Worker(cluster, place, lambda: self._builds, now, self._count)
        self.health = HealthServer(
            settings.health_host,
            settings.health_port,
            live=[self._live],
            ready=[lambda: self._problem, self._live],
            metrics=lambda: prometheus.generate_latest(self._registry),
        )

    async def run(self) -> int:
        """Serve until a signal (0), or until the work ends by itself (1)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await asyncio.to_thread(self.worker.clean)
        try:
            await self.health.start()
        except OSError as problem:
            place = f"{self.health.host}:{self.health.port}"
            log.error("cannot listen", address=place, problem=str(problem), hint="another --health-address")
            return EXIT_ADDRESS_TAKEN
        log.info(
            "listening",
            host=self.health.host,
            port=self.health.port,
            server=self._cluster.server,
            rust=self._place.rust.version,
            sandboxed=self._place.sandbox.isolated,
        )
        following = asyncio.create_task(self._follow(), name="watch")
        self._work = asyncio.create_task(self.worker.run(), name="work")
        stopped = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait([following, self._work, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            log.error("ended by itself", task=task.get_name(), problem=repr(task.exception()))
        log.info("stopping")
        for task in (self._work, following, stopped):
            task.cancel()
        await asyncio.gather(self._work, following, stopped, return_exceptions=True)
        await self.health.stop()
        log.info("stopped")
        return EXIT_OK if stopped in done else EXIT_FAILED

    # -- what there is to build ----------------------------------------------------------------------

    async def _follow(self) -> None:
        pause = 1.0
        while True:
            try:
                seen: Builds = {}
                async for type_, obj in self._cluster.watch(ALGO_BUILDS, self._settings.namespace):
                    if type_ == "SYNCED":
                        self._builds, self._problem, pause = seen, None, 1.0
                    elif type_ == "DELETED":
                        seen.pop(obj["metadata"]["uid"], None)
                    else:
                        self._put(seen, obj)
                    self.worker.wake.set()
            except ClusterError as problem:
                self._problem = f"{problem}" + (f"; {problem.hint}" if problem.hint else "")
                log.warning("cannot watch", problem=str(problem), hint=problem.hint)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _put(self, builds: Builds, obj: Object) -> None:
        try:
            builds[obj["metadata"]["uid"]] = AlgoBuild.model_validate(obj)
        except ValidationError as problem:
            builds.pop(obj["metadata"]["uid"], None)
            log.warning("not understood", build=obj["metadata"]["name"], problem=str(problem))

    # -- checks ------------------------------------------------------------------------------------

    def _live(self) -> str | None:
        return "the work ended" if self._work is not None and self._work.done() else None

    def _count(self, result: str, seconds: float) -> None:
        self._ended.labels(result).inc()
        self._took.observe(seconds)


async def serve(settings: Settings) -> int:
    """Find Rust and the sandbox, connect, and run one builder. Returns the exit code of the process."""
    try:
        found = rust.find()
        online, offline, extra = cargo.configuration(settings.cargo_config)
        cluster = await ClusterClient.connect(settings.kubeconfig, settings.context)
    except (rust.RustMissingError, cargo.ConfigError) as problem:
        log.error("cannot build", problem=str(problem))
        return EXIT_FAILED
    except ClusterError as problem:
        log.error("no cluster", problem=problem.message, hint=problem.hint)
        return EXIT_FAILED
    sandbox: Sandbox = Unsandboxed(settings.limits)
    if settings.unsandboxed:
        log.warning("builds run WITHOUT a sandbox", hint="for a machine of your own only")
    else:
        sandbox = Bubblewrap(found, settings.limits)
    place = Workplace(settings, found, sandbox, online, offline, extra)
    async with cluster:
        return await Builder(settings, cluster, place).run()
