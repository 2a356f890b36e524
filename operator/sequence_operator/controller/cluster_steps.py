"""The steps of a plan that write to the cluster. They come before the platform calls that they protect.

As in `executor`: a function returns None when it succeeded, raises Stale when the object is not what was planned for,
and ClusterError; none of them decides anything.
"""

from __future__ import annotations

from typing import Any

from sequence_operator.cluster.client import STATE
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.controller.builds import create, discard
from sequence_operator.controller.context import Pass, Stale
from sequence_operator.reconcile import actions as act
from sequence_operator.reconcile.conditions import pending_status
from sequence_operator.reconcile.model import Failure
from sequence_operator.spec.meta import rfc3339
from sequence_operator.spec.names import FINALIZER


async def add_finalizer(run: Pass, action: act.AddFinalizer) -> Failure | None:
    stored = await _set_finalizer(run, present=True)
    run.accept(stored)
    run.did(action)
    return None


async def drop_finalizer(run: Pass, action: act.DropFinalizer) -> Failure | None:
    await _set_finalizer(run, present=False)
    run.vanished = True
    run.did(action)
    return None


async def _set_finalizer(run: Pass, *, present: bool) -> dict[str, Any]:
    obj = run.shell()
    obj["metadata"]["finalizers"] = run.resource.metadata.finalizers
    try:
        stored = await run.world.cluster.set_finalizer(obj, FINALIZER, present)
    except ClusterError as problem:
        if problem.kind in (Kind.CONFLICT, Kind.NOT_FOUND):
            raise Stale from problem
        raise
    run.world.metrics.writes.labels("finalizer").inc()
    return stored


async def persist_pending(run: Pass, action: act.PersistPending) -> Failure | None:
    status = pending_status(
        run.desired, run.observed, run.record, action.pending, run.world.policy, run.world.now()
    )
    await run.write_status(status, what="pending")
    if run.vanished:
        raise Stale
    run.did(action)
    return None


async def take_state(run: Pass, action: act.TakeState) -> Failure | None:
    """Say who decides whether it runs, before a default could stop it."""
    try:
        stored = await run.world.cluster.apply(
            {**run.shell(), "spec": {"state": action.state}}, manager=STATE
        )
    except ClusterError as problem:
        if problem.kind in (Kind.CONFLICT, Kind.NOT_FOUND):
            raise Stale from problem
        raise
    run.world.metrics.writes.labels("state").inc()
    run.accept(stored)
    run.did(action)
    return None


async def build(run: Pass, action: act.Build) -> Failure | None:
    world = run.world
    now = rfc3339(world.now().replace(microsecond=0))
    await create(world.cluster, world.builds, run.entry.namespace, action.name, action.spec, now)
    run.did(action)
    return None


async def build_again(run: Pass) -> None:
    """The result of a build was deleted: without its AlgoBuild it is built again."""
    build = run.world.builds.named(run.entry.namespace, run.build.name) if run.build is not None else None
    if build is None or not build.ready:
        return
    try:
        await discard(run.world.cluster, run.world.builds, build)
    except ClusterError as problem:
        if problem.kind is not Kind.CONFLICT:
            raise
