"""All AlgoSources of this process: their rounds, and the two servers that belong to them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import ValidationError

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError
from sequence_operator.cluster.resources import ALGO_SOURCES
from sequence_operator.gitops.hooks import HookServer
from sequence_operator.gitops.live import Deployments
from sequence_operator.gitops.protocol import Bounds
from sequence_operator.gitops.publishing import collect
from sequence_operator.gitops.source import Source
from sequence_operator.gitops.tree_server import TreeServer
from sequence_operator.gitops.worker import GitWorker
from sequence_operator.gitops.world import PostEvent, World
from sequence_operator.reconcile.sources import Sibling
from sequence_operator.spec.addresses import Network
from sequence_operator.spec.names import Mode
from sequence_operator.spec.resources import AlgoSource

log = structlog.get_logger(__name__)

Address = tuple[str, int]
_AGAIN = 2.0  # seconds to the next try when the API server is away at the start


class Sources:
    """Feed it what the watches bring, `start` its servers, `run` it, `close` it.

    namespaces: those served. cache: folder of bare repositories and published trees, kept between runs; None: one of
    this process's own. tree_address, hook_address: where to serve; None: not at all. tree_base: base URL under which
    builders reach the trees. allowed: networks that repositories may be in although they are refused otherwise.
    mode_of: mode of a PlatformAccount by namespace and name, None when there is none. post: posts an Event.
    """

    def __init__(
        self,
        cluster: ClusterClient,
        *,
        namespaces: Collection[str],
        cache: Path | None,
        tree_address: Address | None,
        tree_base: str,
        hook_address: Address | None,
        allowed: Sequence[Network],
        mode_of: Callable[[str, str], Mode | None],
        post: PostEvent,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_look: Callable[[str, float], None] = lambda outcome, seconds: None,
        bounds: Bounds | None = None,
    ) -> None:
        self._cluster, self._namespaces = cluster, tuple(namespaces)
        self._own_folder = Path(tempfile.mkdtemp(prefix="sequence-git-")) if cache is None else None
        folder = cache or self._own_folder
        assert folder is not None  # noqa: S101 -- one of the two
        self._trees_folder = folder / "trees"
        self._deployments = Deployments(cluster, self._deployment_differs)
        self._world = World(
            cluster=cluster,
            worker=GitWorker(),
            deployments=self._deployments,
            post=post,
            now=now,
            cache=folder / "repositories",
            trees=self._trees_folder,
            tree_base=tree_base,
            allow=tuple(str(network) for network in allowed),
            mode_of=mode_of,
            siblings=self._siblings,
            looked=self._looked,
            on_look=on_look,
            bounds=bounds or Bounds(),
        )
        self._sources: dict[tuple[str, str], Source] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._running = False
        self.trees = TreeServer(self._trees_folder, namespaces, *tree_address) if tree_address else None
        self.hooks = (
            HookServer(lambda ns, name: self._sources.get((ns, name)), *hook_address)
            if hook_address
            else None
        )

    # -- life -----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises OSError when an address cannot be taken."""
        for server in (self.trees, self.hooks):
            if server is not None:
                await server.start()
                log.info("serving", what=type(server).__name__, host=server.host, port=server.port)

    async def run(self) -> None:
        """Know all sources, then let each of them work, until cancelled."""
        while True:
            if await self._list():
                break
            await asyncio.sleep(_AGAIN)
        self._running = True
        for key in self._sources:
            self._begin(key)
        await asyncio.Event().wait()

    async def _list(self) -> bool:
        """All sources, for one that did not know its siblings could take away what they declare."""
        try:
            for namespace in self._namespaces:
                async for obj in self._cluster.pages(ALGO_SOURCES, namespace):
                    self.changed(obj)
        except ClusterError as problem:
            log.warning("sources not listed", problem=str(problem), hint=problem.hint)
            return False
        return True

    async def close(self) -> None:
        """End all rounds and servers; what was begun is taken up by whoever runs next."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for source in self._sources.values():
            await source.close()
        for server in (self.trees, self.hooks):
            if server is not None:
                await server.stop()
        if self._own_folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._own_folder, ignore_errors=True)

    def _begin(self, key: tuple[str, str]) -> None:
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._sources[key].run(), name=f"source {'/'.join(key)}")

    # -- what the watches bring -----------------------------------------------------------------------

    def changed(self, obj: Object) -> None:
        """An AlgoSource as it is now."""
        try:
            resource = AlgoSource.model_validate(obj)
        except ValidationError as problem:
            # The API server checks the same rules: only a newer version of the product writes such a thing.
            log.error("source not understood", name=obj["metadata"]["name"], problem=str(problem))
            return
        key = resource.metadata.namespace, resource.metadata.name
        known = self._sources.get(key)
        if known is not None and known.resource.metadata.uid == resource.metadata.uid:
            if int(known.resource.metadata.resource_version) < int(resource.metadata.resource_version):
                known.changed(resource)
            return
        if known is not None:
            self._drop(key)
        self._sources[key] = Source(self._world, resource)
        if self._running:
            self._begin(key)

    def gone(self, obj: Object) -> None:
        """An AlgoSource that is there no more. What it applied stays as it is."""
        metadata = obj["metadata"]
        key = metadata["namespace"], metadata["name"]
        known = self._sources.get(key)
        if known is None or known.resource.metadata.uid != metadata["uid"]:
            return
        self._drop(key)
        if not any(namespace == key[0] for namespace, _ in self._sources):
            self._deployments.leave(key[0])
        self._looked(*key)  # nobody need wait for it now

    def deployment_changed(self, obj: Object) -> None:
        """An AlgoDeployment as it is now, with its managedFields."""
        self._deployments.put(obj)

    def deployment_gone(self, obj: Object) -> None:
        """An AlgoDeployment that is there no more."""
        self._deployments.drop(obj)

    def account_changed(self, namespace: str, name: str) -> None:
        """A PlatformAccount came or went."""
        for source in self._of(namespace):
            if source.resource.spec.account_ref.name == name:
                source.plan_now()

    def _drop(self, key: tuple[str, str]) -> None:
        del self._sources[key]
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    def _of(self, namespace: str) -> Iterator[Source]:
        return (source for key, source in self._sources.items() if key[0] == namespace)

    # -- what sources need of one another -------------------------------------------------------------

    def _siblings(self, namespace: str, name: str) -> list[Sibling]:
        return [source.sibling for source in self._of(namespace) if source.name != name]

    def _looked(self, namespace: str, name: str) -> None:
        for source in self._of(namespace):
            if source.name != name and source.unfinished:
                source.plan_now()

    def _deployment_differs(self, namespace: str, name: str, label: str) -> None:
        for source in self._of(namespace):
            if source.concerned(name, label):
                source.plan_now()

    # -- housekeeping -----------------------------------------------------------------------------------

    def collect(self, in_use: Collection[tuple[str, str]], older_than: float) -> int:
        """Remove published files that nobody needs: neither a source's present commit nor `in_use` (namespace and
        digest), and not published for `older_than` seconds. Returns how many.
        """
        removed = 0
        for namespace in self._namespaces:
            keep = self._deployments.trees(namespace) | {
                digest for where, digest in in_use if where == namespace
            }
            for source in self._of(namespace):
                keep |= source.published
            removed += collect(self._trees_folder / namespace, keep, time.time() - older_than)
        return removed

    def problem(self) -> str | None:
        """Why sources are not served, in a sentence; None when they are."""
        ended = [task.get_name() for task in self._tasks.values() if task.done()]
        return f"{ended[0]} ended" if ended else None

    @property
    def settled(self) -> bool:
        """Whether every source has looked and has nothing to do until something changes."""
        return self._running and all(source.settled for source in self._sources.values())

    def problems(self) -> Iterator[tuple[tuple[str, str], int]]:
        """By namespace and name, how many problems each source has told."""
        for key, source in self._sources.items():
            yield key, len(source.resource.status.problems)
