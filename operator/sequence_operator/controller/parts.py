"""The parts of one operator process, and how they know each other. Nothing of them runs yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sequence_operator.cluster.client import ClusterClient, Object
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
from sequence_operator.gitops.sources import Sources
from sequence_operator.reconcile.build_results import Workshop
from sequence_operator.reconcile.model import Policy


class Parts:
    """Everything that works in one operator process."""

    def __init__(self, settings: Settings, cluster: ClusterClient, now: Callable[[], datetime]) -> None:
        self._settings, self._cluster, self._now = settings, cluster, now
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
            cluster,
            self.entries,
            self.queue,
            self.events,
            now=now,
            on_call=self.metrics.count_call,
            on_stream=self.metrics.count_stream,
        )
        self.objects = Objects(self.entries, self.accounts, self.queue)
        self.builds = Builds(self.objects.built, Workshop(settings.toolchain, settings.trees))
        self.sources = self._sources()
        world = self._world()
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

    def _sources(self) -> Sources:
        settings = self._settings
        return Sources(
            self._cluster,
            namespaces=settings.namespaces,
            cache=Path(settings.git_cache) if settings.git_cache else None,
            tree_address=settings.tree_address,
            tree_base=settings.trees,
            hook_address=settings.hook_address,
            allowed=settings.allow_addresses,
            mode_of=self.accounts.mode_of,
            post=self.events.add,
            now=self._now,
            on_look=self.metrics.count_look,
        )

    def _world(self) -> World:
        settings = self._settings
        return World(
            cluster=self._cluster,
            artifacts=Artifacts(self._cluster, Downloader(settings.allow_addresses)),
            builds=self.builds,
            metrics=self.metrics,
            policy=Policy(
                cluster=settings.cluster_name,
                warm_up=settings.warm_up,
                drain_timeout=settings.drain_timeout,
                create_grace=settings.create_grace,
            ),
            now=self._now,
            known=self.entries.get,
            remember=self.objects.remember,
            touched=self.accounts.touched,
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
