"""Carrying out what a source's plan says, one action after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, CONFIG_MAPS
from sequence_operator.gitops.publishing import MODULE
from sequence_operator.reconcile.sources import Action, Apply, HandOver, Prune, Release, TakeOver
from sequence_operator.spec.names import (
    API_VERSION,
    ARTIFACT_KEY,
    LAST_USED,
    SOURCE_LABEL,
    SOURCE_MANAGER,
    STATE_MANAGER,
    artifact_name,
)

_FRESH = timedelta(hours=12)  # half of what an unused module is kept for


class Executor:
    """Executes plans of the sources of one namespace.

    stored: called with every object as the API server answered it. modules: folder of the published modules.
    now: aware UTC.
    """

    def __init__(
        self,
        cluster: ClusterClient,
        namespace: str,
        modules: Path,
        stored: Callable[[Object], object],
        now: Callable[[], datetime],
    ) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._modules, self._stored, self._now = modules, stored, now

    async def execute(
        self, source: str, plan: tuple[Action, ...]
    ) -> tuple[list[Action], dict[str, ClusterError]]:
        """What was done, and by object name why the rest was not: its remaining actions are left out, others go on.

        Raises ClusterError only when the API server cannot be reached: then nothing else can be done either.
        """
        done: list[Action] = []
        failed: dict[str, ClusterError] = {}
        for action in plan:
            if action.name in failed:
                continue
            try:
                await self._one(source, action)
            except ClusterError as problem:
                failed[action.name] = problem
                if problem.status is None:  # nobody answered
                    raise
            else:
                done.append(action)
        return done, failed

    async def _one(self, source: str, action: Action) -> None:
        match action:
            case Apply():
                await self._module(source, action.obj)
                self._stored(await self._cluster.apply(dict(action.obj), manager=SOURCE_MANAGER, force=True))
            case HandOver():
                body = self._guarded(action) | {"spec": {"state": action.state}}
                self._stored(await self._cluster.apply(body, manager=STATE_MANAGER, force=True))
            case TakeOver():
                await self._merge(action, {"managedFields": [dict(each) for each in action.managed_fields]})
            case Release():
                await self._merge(action, {"labels": {SOURCE_LABEL: action.to}})
            case Prune():
                await self._cluster.delete(
                    ALGO_DEPLOYMENTS,
                    action.name,
                    self._namespace,
                    uid=action.uid,
                    resource_version=action.resource_version,
                )

    async def _merge(self, action: TakeOver | Release, metadata: Mapping[str, Any]) -> None:
        patch = {"metadata": {**metadata, "resourceVersion": action.resource_version}}
        self._stored(await self._cluster.merge(self._guarded(action), patch, manager=SOURCE_MANAGER))

    def _guarded(self, action: HandOver | TakeOver | Release) -> Object:
        return {
            "apiVersion": API_VERSION,
            "kind": ALGO_DEPLOYMENTS.kind,
            "metadata": {
                "name": action.name,
                "namespace": self._namespace,
                "uid": action.uid,
                "resourceVersion": action.resource_version,
            },
        }

    async def _module(self, source: str, obj: Mapping[str, Any]) -> None:
        """Store the committed module that an object names, when it is one: before the object that needs it."""
        artifact = obj["spec"]["artifact"]
        sha256 = artifact.get("sha256", "")
        if not sha256 or artifact.get("configMapRef") != {"name": artifact_name(sha256), "key": ARTIFACT_KEY}:
            return
        try:
            wasm = await asyncio.to_thread((self._modules / f"{sha256}{MODULE}").read_bytes)
        except FileNotFoundError:
            return  # collected: it was stored when it was new
        present = await self._cluster.find(CONFIG_MAPS, artifact_name(sha256), self._namespace)
        if present is not None and _fresh(present, self._now()):
            return  # so that a process which dies after this write does not make it again and again
        stored = configmap(wasm, self._namespace, now=self._now())
        stored["metadata"]["labels"][SOURCE_LABEL] = source
        await self._cluster.apply(stored, manager=SOURCE_MANAGER, force=True)


def _fresh(module: Object, now: datetime) -> bool:
    """Whether a stored module was used lately, so that nobody is about to collect it."""
    used = (module["metadata"].get("annotations") or {}).get(LAST_USED)
    try:
        return used is not None and now - datetime.fromisoformat(used) < _FRESH
    except (ValueError, TypeError):
        return False
