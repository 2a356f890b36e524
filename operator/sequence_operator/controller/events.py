"""Events are posted behind the work: they tell people about it and never hold it up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from sequence_operator.cluster import events as cluster_events
from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind

log = structlog.get_logger(__name__)

_MOST = 5000  # waiting; beyond it the oldest are dropped: the history in the status keeps what matters


@dataclass(frozen=True, slots=True)
class _Note:
    about: Object
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


_PAUSE = 0.05  # seconds between two Events while there is work: each costs the API server as much as a status


class EventPoster:
    """Posts one Event after the other; slowly while ``busy`` says that there is work to do."""

    def __init__(
        self, cluster: ClusterClient, identity: str, busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._busy = busy
        self._cluster = cluster
        self._identity = identity
        self._waiting: asyncio.Queue[_Note] = asyncio.Queue()

    def add(self, about: Object, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Post an Event soon. about: apiVersion, kind and metadata (name, namespace, uid)."""
        metadata = {key: about["metadata"][key] for key in ("name", "namespace", "uid")}
        slim = {"apiVersion": about["apiVersion"], "kind": about["kind"], "metadata": metadata}
        if self._waiting.qsize() >= _MOST:
            self._waiting.get_nowait()
            self._waiting.task_done()
        self._waiting.put_nowait(_Note(slim, type_, reason, message))

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            note = await self._waiting.get()
            try:
                await self._post(note)
            finally:
                self._waiting.task_done()
            if self._busy():
                await asyncio.sleep(_PAUSE)

    async def drain(self, timeout: float) -> None:
        """Give what waits a last chance before the process ends."""
        try:
            async with asyncio.timeout(timeout):
                await self._waiting.join()
        except TimeoutError:
            log.warning("events not posted", count=self._waiting.qsize())

    async def _post(self, note: _Note) -> None:
        try:
            await cluster_events.emit(
                self._cluster,
                note.about,
                type_=note.type,
                reason=note.reason,
                note=note.message,
                instance=self._identity,
            )
        except ClusterError as problem:
            # A namespace that is being deleted takes no new Events (403).
            level = log.debug if problem.kind in (Kind.FORBIDDEN, Kind.NOT_FOUND) else log.warning
            level("event not posted", reason=note.reason, problem=str(problem))
