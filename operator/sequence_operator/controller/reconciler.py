"""One pass over one AlgoDeployment: observe, plan, execute, status. It knows the order, not what is
traded.
"""

from __future__ import annotations

import asyncio

import structlog
from pydantic import ValidationError

from sequence_operator.cluster.errors import ClusterError
from sequence_operator.controller.accounts import Accounts
from sequence_operator.controller.context import Pass, Stale, World
from sequence_operator.controller.events import EventPoster
from sequence_operator.controller.executor import execute
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.state import Entries, Entry, claim_of
from sequence_operator.platform.limiter import Lane
from sequence_operator.reconcile.actions import Action, Outcome, Plan
from sequence_operator.reconcile.conditions import next_status
from sequence_operator.reconcile.events import events as events_of
from sequence_operator.reconcile.model import AccountView, ArtifactView, Failure, FailureKind
from sequence_operator.reconcile.plan import plan as make_plan
from sequence_operator.reconcile.requeue import Requeue, requeue

log = structlog.get_logger(__name__)

_MAX_ROUNDS = 12  # of planning in one pass; a plan that never settles must not keep others waiting


class Reconciler:
    """Runs passes. One pass at a time for a uid; the queue sees to that."""

    def __init__(
        self,
        world: World,
        entries: Entries,
        accounts: Accounts,
        queue: KeyedQueue[str],
        events: EventPoster,
    ) -> None:
        self._world = world
        self._entries = entries
        self._accounts = accounts
        self._queue = queue
        self._events = events

    async def process(self, uid: str, lane: Lane) -> None:
        """One pass and the decision when to look again. Raises nothing but cancellation."""
        entry = self._entries.get(uid)
        if entry is None:
            return
        began = asyncio.get_running_loop().time()
        outcome = "error"
        try:
            outcome = await self._pass(entry)
        except Stale:
            outcome = "stale"
            self._queue.add(uid, entry.lane)
        except ClusterError as problem:
            outcome = "cluster"
            delay = self._queue.add_failed(uid, entry.lane, problem.retry_after or 0.0)
            log.warning(
                "cluster", object=_name(entry), problem=str(problem), hint=problem.hint, again_in=delay
            )
        except ValidationError as problem:
            outcome = "invalid"
            log.error("object cannot be read by this version", object=_name(entry), problem=str(problem))
        except Exception:  # one object's surprise must not end the operator
            self._queue.add_failed(uid, entry.lane, 5.0)
            log.exception("pass failed", object=_name(entry))
        seconds = asyncio.get_running_loop().time() - began
        self._world.metrics.reconcile.labels("AlgoDeployment", outcome).observe(seconds)

    async def _pass(self, entry: Entry) -> str:
        run = await self._begin(entry)
        before = run.record
        plan, outcome, settled = await self._rounds(run)
        if run.vanished:
            return "gone"
        record = run.record
        status = next_status(
            run.desired, run.observed, record, plan, outcome, self._world.policy, self._world.now()
        )
        if status != record:
            about = run.shell()
            await run.write_status(status, what="status", force=True)
            for event in events_of(before, status):
                self._events.add(about, event.type, event.reason, event.message)
        self._again(entry, requeue(plan, outcome, record, status), settled)
        return "failed" if outcome.failure is not None else "waiting" if entry.waiting else "ok"

    async def _begin(self, entry: Entry) -> Pass:
        resource = entry.resource()
        account = await self._accounts.find(entry.account)
        if account is None:
            view: AccountView = self._accounts.missing(entry.account)
        else:
            view = account.view(deleting=resource.metadata.deletion_timestamp is not None)
        return Pass(
            world=self._world,
            entry=entry,
            resource=resource,
            account=account,
            account_view=view,
            artifact=ArtifactView(),
            claim=claim_of(self._accounts.rivals(entry)),
            record=resource.status,
            state_owner=entry.state_owner,
        )

    async def _rounds(self, run: Pass) -> tuple[Plan, Outcome, bool]:
        """Plan and execute until nothing is left to do now. False at the end: it never came to rest."""
        for _ in range(_MAX_ROUNDS):
            run.begin_round()
            plan = make_plan(run.desired, run.observed, run.record, self._world.policy, self._world.now())
            for action in plan.actions:
                failure = await execute(run, action)
                if failure is not None:
                    self._report(run, action, failure)
                    return plan, Outcome(tuple(run.done), action, failure), True
                if run.vanished:
                    return plan, Outcome(tuple(run.done)), True
            if not plan.again:
                return plan, Outcome(tuple(run.done)), True
        log.warning("plan did not settle", object=_name(run.entry))
        return plan, Outcome(tuple(run.done)), False

    def _report(self, run: Pass, action: Action, failure: Failure) -> None:
        log.warning(
            "action failed",
            object=_name(run.entry),
            action=type(action).__name__,
            kind=str(failure.kind),
            status=failure.status,
            message=failure.message,
        )
        if failure.kind is FailureKind.ACCOUNT:
            self._accounts.refused(run.entry.account, failure.message)

    def _again(self, entry: Entry, when: Requeue, settled: bool) -> None:
        """When to look at the object next, if nothing happens to it before."""
        entry.waiting = when.every_list or not settled
        if when.backoff or not settled:
            self._queue.add_failed(entry.uid, entry.lane, when.after or 0.0)
            return
        self._queue.succeeded(entry.uid)
        if when.after is not None:
            self._queue.add_later(entry.uid, when.after, entry.lane)


def _name(entry: Entry) -> str:
    return f"{entry.namespace}/{entry.name}"
