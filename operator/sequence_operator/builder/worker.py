"""One builder at work: choose, claim, attempt, tell. One build at a time."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from sequence_operator.artifact import store
from sequence_operator.builder import status as statuses
from sequence_operator.builder.attempt import Attempt, Workplace
from sequence_operator.builder.claims import ClaimLostError, Claims, Held
from sequence_operator.builder.failure import BuildError
from sequence_operator.builder.running import used
from sequence_operator.builder.sandbox import SandboxMissingError
from sequence_operator.cluster import events
from sequence_operator.cluster.client import BUILDER, ClusterClient
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.spec.build import AlgoBuild, AlgoBuildStatus
from sequence_operator.spec.names import artifact_name

log = structlog.get_logger(__name__)

_AFTER_OBSTACLE = 15.0  # seconds until the sandbox is tried again
_AFTER_TROUBLE = 5.0  # seconds to the next look when the API server refused one
_LAST_CALL_SECONDS = 5.0  # that the API server is given to answer when we are stopped
Builds = dict[str, AlgoBuild]


class Worker:
    """Works on `builds`, which somebody else keeps equal to the cluster; `wake` says that something changed."""

    def __init__(
        self,
        cluster: ClusterClient,
        place: Workplace,
        builds: Callable[[], Builds],
        now: Callable[[], datetime],
        done: Callable[[str, float], None],
    ) -> None:
        self._cluster, self._place, self._builds = cluster, place, builds
        self._now, self._done = now, done
        settings = place.settings
        self._claims = Claims(cluster, settings.holder, settings.claim, now)
        self._folders = settings.work / "builds"
        self._sandbox_works = False
        self.wake = asyncio.Event()

    def clean(self) -> None:
        """Remove what a builder that was killed left behind. Call it before `run`, and only one builder per folder."""
        self._place.settings.work.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(self._folders, ignore_errors=True)
        self._folders.mkdir(mode=0o755)

    async def run(self) -> None:
        """Build until cancelled; a build in hand is then given back."""
        while True:
            self.wake.clear()
            try:
                wait = await self._next()
            except ClusterError as problem:
                log.warning("trouble with the cluster", problem=str(problem), hint=problem.hint)
                wait = _AFTER_TROUBLE
            if wait == 0:
                continue
            try:
                async with asyncio.timeout(wait):
                    await self.wake.wait()
            except TimeoutError:
                continue

    async def _next(self) -> float | None:
        """One build, if there is one to do. Returns the seconds until the next look; None: when woken."""
        version, holder = self._place.rust.version, self._place.settings.holder
        waiting = [each for each in self._builds().values() if not statuses.over(each)]
        obstacle = await self._obstacle() if waiting else ""
        for build in waiting:
            if build.metadata.deletion_timestamp:
                continue
            if build.spec.toolchain != version:
                text = f"it waits for a builder with Rust {build.spec.toolchain}; {holder} has {version}"
                if not build.status.conditions:
                    await self._tell_why_not(build, "ToolchainMissing", text, "Pending")
            elif obstacle:
                await self._tell_why_not(build, "SandboxMissing", obstacle, "Failed")
        if obstacle:
            return _AFTER_OBSTACLE
        turn = statuses.choose(self._builds().values(), holder, version, self._now())
        if turn.build is None:
            return turn.wait
        taken = await self._take(turn.build)
        if taken is None:
            self._forget(turn.build)
            return 0
        self._builds()[taken.metadata.uid] = taken
        await self._work(Held(taken))
        return 0

    async def _take(self, build: AlgoBuild) -> AlgoBuild | None:
        """As `Claims.take`; a claim that is on its way when we are stopped is given back, too."""
        taking = asyncio.create_task(self._claims.take(build))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            await asyncio.wait([taking], timeout=_LAST_CALL_SECONDS)
            if taking.done() and taking.exception() is None and (taken := taking.result()) is not None:
                await self._give_back(Held(taken))
            raise

    async def _obstacle(self) -> str:
        """Why nothing can be compiled for the time being; "" when it can, which is then not asked again."""
        if self._sandbox_works:
            return ""
        try:
            await asyncio.to_thread(self._place.sandbox.check)
        except SandboxMissingError as problem:
            return str(problem)
        self._sandbox_works = True
        return ""

    def _forget(self, build: AlgoBuild) -> None:
        """Somebody wrote to it meanwhile: the watch brings what it is now, if it has not done so already."""
        uid = build.metadata.uid
        if self._builds().get(uid) is build:
            del self._builds()[uid]

    async def _tell_why_not(
        self, build: AlgoBuild, reason: str, text: str, phase: Literal["Pending", "Failed"]
    ) -> None:
        ready = next((c for c in build.status.conditions if c.type == "Ready"), None)
        if ready is not None and (ready.reason, ready.message) == (reason, text):
            return
        stored = await self._claims.write(build, statuses.waiting(build, reason, text, self._now(), phase))
        if stored is None:
            self._forget(build)
        else:
            self._builds()[stored.metadata.uid] = stored
            log.warning("not built", build=build.metadata.name, reason=reason, problem=text)

    # -- one build -----------------------------------------------------------------------------------

    async def _work(self, held: Held) -> None:
        name = held.build.metadata.name
        folder = self._folders / held.build.metadata.uid
        log.info("building", build=name, path=held.build.spec.path, attempt=held.build.status.attempts)
        attempt = Attempt(self._place, held.build, folder)
        keeping = asyncio.create_task(self._claims.keep(held))
        working = asyncio.create_task(self._attempt(attempt, folder))
        try:
            await asyncio.wait([keeping, working], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                keeping.result()  # raises why the build is ours no longer
            await _cancelled(keeping)
            outcome = await self._outcome(held, attempt, working)
            await self._claims.tell_the_end(held, outcome)
            self._builds()[held.build.metadata.uid] = held.build
            await self._announce(held.build)
        except ClaimLostError as why:
            log.warning("build abandoned", build=name, why=str(why))
        except asyncio.CancelledError:
            await _cancelled(working)
            await _cancelled(keeping)
            await self._give_back(held)
            raise
        finally:
            await _cancelled(working)
            await _cancelled(keeping)
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def _attempt(self, attempt: Attempt, folder: Path) -> bytes:
        home, disk = self._place.cargo_home, self._place.settings.limits.disk
        if await asyncio.to_thread(used, [home]) > disk // 2:
            await asyncio.to_thread(shutil.rmtree, home, True)  # a cache; it fills again
        await asyncio.to_thread(shutil.rmtree, folder, True)
        await asyncio.to_thread(folder.mkdir, 0o755)
        return await attempt.run()

    async def _outcome(self, held: Held, attempt: Attempt, working: asyncio.Task[bytes]) -> AlgoBuildStatus:
        isolated = self._place.sandbox.isolated
        try:
            wasm = working.result()
            await self._store(wasm, held.build.metadata.namespace)
        except BuildError as failure:
            self._done("failed", attempt.seconds)
            log.warning(
                "failed", build=held.build.metadata.name, reason=failure.reason, problem=failure.message
            )
            return statuses.failed(
                held.build,
                reason=failure.reason,
                message=failure.message,
                final=failure.final,
                attempts=failure.attempts,
                pause=self._place.settings.retry,
                sandboxed=isolated,
                seconds=attempt.seconds,
                log=attempt.log,
                now=self._now(),
            )
        self._done("succeeded", attempt.seconds)
        sha256 = store.digest(wasm)
        log.info(
            "built", build=held.build.metadata.name, sha256=sha256, bytes=len(wasm), seconds=attempt.seconds
        )
        return statuses.succeeded(
            held.build,
            sha256=sha256,
            size=len(wasm),
            config_map=artifact_name(sha256),
            sandboxed=isolated,
            seconds=attempt.seconds,
            log=attempt.log,
            now=self._now(),
        )

    async def _store(self, wasm: bytes, namespace: str) -> None:
        """The artifact. Equal bytes have one name, so that storing twice changes nothing. Raises BuildError."""
        obj = store.configmap(wasm, namespace, now=self._now())
        try:
            await self._cluster.apply(obj, manager=BUILDER, force=True)
        except ClusterError as problem:
            text = f"the artifact cannot be stored: {problem}"
            if problem.kind is Kind.INVALID:
                name = obj["metadata"]["name"]
                text += f"; if {name} holds other bytes: kubectl delete configmap {name} -n {namespace}"
            raise BuildError("StoreFailed", text, final=False) from None

    async def _give_back(self, held: Held) -> None:
        try:
            async with asyncio.timeout(_LAST_CALL_SECONDS):
                await self._claims.finish(held, statuses.given_back(held.build, self._now()))
        except (ClusterError, ClaimLostError, TimeoutError) as problem:
            log.warning("claim not given back; it ends by itself", problem=str(problem))

    async def _announce(self, build: AlgoBuild) -> None:
        """An Event, for `kubectl describe`; that it cannot be posted changes nothing."""
        ready = next(c for c in build.status.conditions if c.type == "Ready")
        about = {"apiVersion": build.api_version, "kind": build.kind, "metadata": build.metadata.model_dump()}
        type_: Literal["Normal", "Warning"] = "Normal" if build.status.phase == "Succeeded" else "Warning"
        try:
            await events.emit(
                self._cluster,
                about,
                type_=type_,
                reason=ready.reason,
                note=ready.message,
                instance=self._place.settings.holder,
            )
        except ClusterError as problem:
            log.warning("event not posted", problem=str(problem))


async def _cancelled(task: asyncio.Task[object]) -> None:
    """Cancel a task and wait for its end; its outcome was looked at before, or does not matter any more."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
