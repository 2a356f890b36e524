"""Writing the status of AlgoBuilds: every write is refused when somebody else was faster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from sequence_operator.builder import status as statuses
from sequence_operator.cluster.client import BUILDER, ClusterClient
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import ALGO_BUILDS
from sequence_operator.spec.build import AlgoBuild, AlgoBuildStatus

log = structlog.get_logger(__name__)

_LAST_WORD_SECONDS = (
    300.0  # how long the end of a build is tried to be told to an API server that does not answer
)


class ClaimLostError(Exception):
    """The build is another's, or gone: whatever came out of it must not be written."""


class Claims:
    """The status of builds, as one holder. duration: seconds a claim counts without being renewed."""

    def __init__(
        self, cluster: ClusterClient, holder: str, duration: float, now: Callable[[], datetime]
    ) -> None:
        self._cluster, self._holder, self._duration, self._now = cluster, holder, duration, now

    async def take(self, build: AlgoBuild) -> AlgoBuild | None:
        """The build as it is once it is ours; None when another was faster or it is gone."""
        now = self._now()
        status = statuses.claimed(build, self._holder, now + timedelta(seconds=self._duration), now)
        return await self.write(build, status)

    async def write(self, build: AlgoBuild, status: AlgoBuildStatus) -> AlgoBuild | None:
        """One write on top of what was read; None when that is old or gone. Raises ClusterError for the rest."""
        try:
            obj = statuses.apply_configuration(build, status)
            return AlgoBuild.model_validate(await self._cluster.apply_status(obj, manager=BUILDER))
        except ClusterError as problem:
            if problem.kind in (Kind.CONFLICT, Kind.NOT_FOUND):
                return None
            raise

    async def keep(self, held: Held) -> None:
        """Renew until cancelled. Raises ClaimLostError when the build is ours no longer."""
        while True:
            await asyncio.sleep(self._duration / 3)
            try:
                await self.finish(held, statuses.renewed(held.build.status, self._until()))
            except ClusterError as problem:
                log.warning("claim not renewed", build=held.build.metadata.name, problem=str(problem))
                until = held.build.status.claim.until if held.build.status.claim else None
                if until is None or until <= self._now():
                    raise ClaimLostError(f"it could not be renewed in time: {problem}") from None

    async def finish(self, held: Held, status: AlgoBuildStatus) -> None:
        """Write over our own claim, also when something else of the object changed meanwhile. Raises ClaimLostError."""
        while True:
            stored = await self.write(held.build, status)
            if stored is not None:
                held.build = stored
                return
            held.build = await self._mine(held.build)

    async def tell_the_end(self, held: Held, status: AlgoBuildStatus) -> None:
        """`finish`, in spite of an API server that does not answer for a while. Raises ClaimLostError, ClusterError."""
        pause = 0.5
        async with asyncio.timeout(_LAST_WORD_SECONDS):
            while True:
                try:
                    return await self.finish(held, status)
                except ClusterError as problem:
                    if problem.kind in (Kind.INVALID, Kind.FORBIDDEN, Kind.MISSING_CRD):
                        raise
                    log.warning(
                        "result not yet written", build=held.build.metadata.name, problem=str(problem)
                    )
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)

    async def _mine(self, before: AlgoBuild) -> AlgoBuild:
        """The object as it is now, if the claim on it is still the one we made."""
        name, namespace = before.metadata.name, before.metadata.namespace
        found = await self._cluster.find(ALGO_BUILDS, name, namespace)
        if found is None or found["metadata"]["uid"] != before.metadata.uid:
            raise ClaimLostError("the AlgoBuild was deleted")
        build = AlgoBuild.model_validate(found)
        claim = build.status.claim
        if claim is None or claim.holder != self._holder or build.status.attempts != before.status.attempts:
            raise ClaimLostError(f"it was taken over by {claim.holder if claim else 'nobody'}")
        return build

    def _until(self) -> datetime:
        return self._now() + timedelta(seconds=self._duration)


class Held:
    """A build that is ours; `build` is the object as last written."""

    def __init__(self, build: AlgoBuild) -> None:
        self.build = build
