"""kopf, for what it does best: listing and watching. Everything else of it is switched off.

Its change handlers are not used: they write annotations and finalizers of their own, wake only on edits
of the object, and so never see what changed on the platform.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from typing import Any

import kopf

from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.resources import Resource
from sequence_operator.spec.names import GROUP

OnEvent = Callable[[Resource, str | None, dict[str, Any]], None]
"""Called with the resource, the event type (None: found by listing) and the raw object; must not block."""


class _NoProgress(kopf.ProgressStorage):
    """Progress of change handlers, of which there are none."""

    def fetch(self, *, key: Any, body: Any) -> Any:  # noqa: ANN401 -- kopf's signatures
        return None

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:  # noqa: ANN401
        return None

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:  # noqa: ANN401
        return None

    def touch(self, *, body: Any, patch: Any, value: Any) -> None:  # noqa: ANN401
        return None

    def clear(self, *, essence: Any) -> Any:  # noqa: ANN401
        return essence


class _NothingKept(kopf.DiffBaseStorage):
    """kopf compares each object with the last one it handled, which costs time per event; nothing uses
    that here.
    """

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:  # noqa: ANN401 -- kopf's signature
        return {}

    def fetch(self, *, body: Any) -> Any:  # noqa: ANN401
        return None

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:  # noqa: ANN401
        return None


class _Everything(Collection[Any]):
    """The tasks kopf must leave alone when it ends: all of them. Ours are ended by us, after the passes
    in flight.
    """

    def __contains__(self, task: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return iter(asyncio.all_tasks())

    def __len__(self) -> int:
        return len(asyncio.all_tasks())


def operator_settings() -> kopf.OperatorSettings:
    """kopf's settings, each set for a reason."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # no rights on CRDs and namespaces needed; we check our CRDs ourselves
    settings.posting.enabled = False  # Events are written on transitions only, by us
    settings.peering.standalone = True  # peering is no leader election; we hold a Lease
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 30
    settings.watching.inactivity_timeout = 70
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.queueing.idle_timeout = 1.0  # a task per object for this long after its last event
    settings.queueing.worker_limit = None  # it would limit objects per second, not work at once
    # Not ours: without change handlers kopf takes the finalizer it knows off every object it sees.
    settings.persistence.finalizer = f"{GROUP}/never-set"
    settings.persistence.diffbase_storage = _NothingKept()
    settings.persistence.progress_storage = _NoProgress()
    settings.process.ultimate_exiting_timeout = 30
    return settings


class Watcher:
    """Lists and watches some resources in some namespaces and hands every event to ``on_event``."""

    def __init__(
        self,
        client: ClusterClient,
        resources: Collection[Resource],
        namespaces: Collection[str],
        on_event: OnEvent,
    ) -> None:
        self._client = client
        self._namespaces = namespaces
        # A registry of our own: the default one would try logins of other client libraries.
        self._registry = kopf.OperatorRegistry()
        kopf.on.login(registry=self._registry)(self._login)
        for resource in resources:
            self._register(resource, on_event)

    def _register(self, resource: Resource, on_event: OnEvent) -> None:
        async def handle(type: str | None, event: Any, **_: Any) -> None:  # noqa: ANN401 -- kopf's names
            on_event(resource, type, event["object"])

        kopf.on.event(
            resource.group, resource.version, resource.plural, id=resource.plural, registry=self._registry
        )(handle)

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401 -- kopf's signature
        return kopf.ConnectionInfo(**await self._client.connection.login())

    async def run(self, stop: asyncio.Event, on_spawned: Callable[[], None]) -> None:
        """Watch until ``stop`` is set.

        on_spawned: called when kopf has put up its tasks, and signal handlers of its own, which the
        caller may undo.
        """
        tasks = await kopf.spawn_tasks(
            registry=self._registry,
            settings=operator_settings(),
            namespaces=list(self._namespaces),
            standalone=True,
            stop_flag=stop,
        )
        on_spawned()
        await kopf.run_tasks(tasks, ignored=_Everything())
