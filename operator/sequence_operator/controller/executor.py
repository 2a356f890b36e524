"""Executing a plan: one small function for each action, in the order the plan gives.

A function returns None when it succeeded, else the Failure that ends the pass. None of them decides anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.controller import cluster_steps as steps
from sequence_operator.controller.context import Pass, Stale
from sequence_operator.platform.client import PlatformClient
from sequence_operator.platform.errors import PlatformError, Unreachable
from sequence_operator.platform.rows import Row
from sequence_operator.reconcile import actions as act
from sequence_operator.reconcile.errors import classify
from sequence_operator.reconcile.guard import DRIFT_CORRECTED
from sequence_operator.reconcile.model import Failure, FailureKind
from sequence_operator.spec.resources import Artifact, ConfigMapRef
from sequence_operator.spec.wire import create_body, desired_wire

Step = Callable[[Pass, Any], Awaitable[Failure | None]]


async def execute(run: Pass, action: act.Action) -> Failure | None:
    """Carry out one action and put what came of it into the pass. Raises Stale and ClusterError."""
    step = _STEPS.get(type(action))
    if step is None:  # Wait, Refuse: they are for the status
        return None
    failure = await step(run, action)
    outcome = "ok" if failure is None else str(failure.kind)
    run.world.metrics.actions.labels(type(action).__name__, outcome).inc()
    note = getattr(action, "note", None)
    if failure is None and note is not None and note.event == DRIFT_CORRECTED:
        run.world.metrics.drift.labels(type(action).__name__).inc()
    return failure


# -- reading -------------------------------------------------------------------------------------------


async def _inspect(run: Pass, action: act.Inspect) -> Failure | None:
    run.artifact = await run.world.artifacts.view(run.desired.spec.artifact, run.entry.namespace)
    if run.artifact.reason == "ArtifactMissing" and not run.desired.rollback:
        await steps.build_again(run)
    run.did(action)
    return None


async def _lookup(run: Pass, action: act.Lookup) -> Failure | None:
    began_at = run.world.now()
    try:
        row = await _client(run).get(action.deployment_id)
    except PlatformError as problem:
        if problem.status != 404:
            return _failure(problem)
        run.entry.see(run.entry.sight.not_found(began_at, action.deployment_id))
        run.did(action)
        return None
    run.entry.see(run.entry.sight.got(began_at, row))
    run.did(action, row)
    return None


# -- platform writes -------------------------------------------------------------------------------------


async def _register(run: Pass, action: act.Register) -> Failure | None:
    spec = run.desired.spec
    artifact = spec.artifact
    if action.previous:
        artifact = Artifact(
            config_map_ref=ConfigMapRef(name=action.config_map), url=None, sha256=action.sha256
        )
    try:
        wasm = await run.world.artifacts.wasm(artifact, run.entry.namespace)
    except ArtifactError as problem:
        return Failure(kind=FailureKind.ARTIFACT, message=problem.advice, executed=False)
    body = create_body(action.wire or desired_wire(spec), wasm, action.metadata)
    client = _client(run)
    return await _write(run, action, lambda: client.create(body, before=run.check_live))


async def _adopt(run: Pass, action: act.Adopt) -> Failure | None:
    if action.metadata is None:  # the platform keeps none: the decision itself is the adoption
        run.entry.see(run.entry.sight.adopted(action.deployment_id))
        run.did(action)
        return None
    body = {"metadata": dict(action.metadata)}
    client = _client(run)
    return await _write(
        run,
        action,
        lambda: client.patch(
            action.deployment_id, body, if_revision=action.if_revision, before=run.check_live
        ),
    )


async def _update(run: Pass, action: act.Update) -> Failure | None:
    client = _client(run)
    return await _write(
        run,
        action,
        lambda: client.patch(
            action.deployment_id, action.body, if_revision=action.if_revision, before=run.check_live
        ),
    )


async def _stop(run: Pass, action: act.Stop) -> Failure | None:
    client = _client(run)
    return await _write(run, action, lambda: client.stop(action.deployment_id, before=run.check_live))


async def _start(run: Pass, action: act.Start) -> Failure | None:
    client = _client(run)
    return await _write(
        run,
        action,
        lambda: client.start(action.deployment_id, action.acknowledge, before=run.check_live),
    )


async def _unregister(run: Pass, action: act.Unregister) -> Failure | None:
    client = _client(run)
    done = False

    async def call() -> Row | None:
        nonlocal done
        done = await client.delete(action.deployment_id, before=run.check_live)
        return None

    failure = await _write(run, action, call)
    if done:
        run.entry.see(replace(run.entry.sight, deleted_id=action.deployment_id))
    return failure


async def _write(
    run: Pass, action: act.PlatformWrite, call: Callable[[], Awaitable[Row | None]]
) -> Failure | None:
    """One call that changes the platform. Whatever it may have changed makes what was seen before
    worthless.
    """
    entry, began_at = run.entry, run.world.now()
    try:
        row = await call()
    except PlatformError as problem:
        failure = _failure(problem)
        if problem.status == 404 and not isinstance(action, act.Register):
            entry.see(entry.sight.not_found(began_at, action.deployment_id))
        elif failure.executed is False:
            pending_at = action.pending_at if isinstance(action, act.Register) else None
            entry.see(entry.sight.refused(pending_at))
        else:
            entry.see(entry.sight.wrote(_ended(run), after=type(action).__name__))
        return failure
    ours = _ours(action, row)
    entry.see(entry.sight.wrote(_ended(run), row=row, ours_id=ours, after=type(action).__name__))
    run.did(action, row)
    return None


def _ours(action: act.PlatformWrite, row: Row | None) -> str:
    """The id that became ours by this write."""
    if isinstance(action, act.Adopt):
        return action.deployment_id
    return row.deployment_id if isinstance(action, act.Register) and row is not None else ""


def _ended(run: Pass) -> datetime:
    at = run.world.now()
    run.world.touched(run.entry, at)
    return at


def _client(run: Pass) -> PlatformClient:
    """The account's client. The core plans platform calls only for accounts that are ready, and those
    have one.
    """
    client = run.account.client if run.account is not None else None
    if client is None:
        raise Stale
    return client


def _failure(problem: PlatformError) -> Failure:
    if isinstance(problem, Unreachable):
        return classify(None, message=problem.message, sent=problem.sent)
    return classify(
        problem.status,
        message=problem.message,
        code=problem.code,
        field=problem.field,
        retry_after=problem.retry_after,
    )


_STEPS: dict[type, Step] = {
    act.AddFinalizer: steps.add_finalizer,
    act.DropFinalizer: steps.drop_finalizer,
    act.PersistPending: steps.persist_pending,
    act.TakeState: steps.take_state,
    act.Build: steps.build,
    act.Inspect: _inspect,
    act.Lookup: _lookup,
    act.Register: _register,
    act.Adopt: _adopt,
    act.Update: _update,
    act.Stop: _stop,
    act.Start: _start,
    act.Unregister: _unregister,
}
