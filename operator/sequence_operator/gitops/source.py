"""One AlgoSource: when it looks, what it does about what it sees, and what it says about it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import structlog

from sequence_operator.cluster.client import Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.gitops.credentials import secret_data
from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.executing import Executor
from sequence_operator.gitops.looking import Looker
from sequence_operator.gitops.telling import tell, tell_status
from sequence_operator.gitops.world import World
from sequence_operator.reconcile.sources import (
    Sibling,
    Snapshot,
    SourcePlan,
    not_read,
    plan_source,
    status_after,
)
from sequence_operator.spec.names import API_VERSION, RECONCILE_REQUESTED_AT
from sequence_operator.spec.resources import AlgoSource, AlgoSourceStatus, to_cr

log = structlog.get_logger(__name__)

_GATHER = 0.05  # seconds in which reasons to plan anew are gathered: changes come in flocks
_TRIES = 8
_TOKEN_AGE = 10.0  # seconds between two reads of a webhook's Secret because of wrong signatures


class Source:
    """Runs until cancelled. Everything it knows can be had again from the repository and the cluster."""

    def __init__(self, world: World, resource: AlgoSource) -> None:
        self._world = world
        self.resource = resource
        self.namespace, self.name = resource.metadata.namespace, resource.metadata.name
        self._looker = Looker(world, self.namespace, self.name)
        self._executor = Executor(
            world.cluster,
            self.namespace,
            world.trees / self.namespace,
            lambda obj: world.deployments.put(obj, quiet=True),
            world.now,
        )
        self._plan: SourcePlan | None = None
        self._told: Sibling | None = None
        self._woken = asyncio.Event()
        self._look_now, self._plan_now = True, True
        self._next_look = 0.0
        self._busy = False  # in a round
        self._failures = 0  # rounds in a row whose writes did not all succeed
        self._token: str | None = None
        self._token_read = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what others tell it ---------------------------------------------------------------------------

    def changed(self, resource: AlgoSource) -> None:
        """The object as the watch has it."""
        before, self.resource = self.resource, resource
        if before.metadata.generation != resource.metadata.generation:
            self._looker.forget_secret()
            self._token_read = float("-inf")
            self._refresh_token()
            self.look_now()
        elif before.metadata.annotations != resource.metadata.annotations:
            asked = resource.metadata.annotations.get(RECONCILE_REQUESTED_AT)
            if asked is not None and asked != before.metadata.annotations.get(RECONCILE_REQUESTED_AT):
                self._looker.forget_secret()
                self.look_now()
            self.plan_now()  # an approval, or a cluster that was declared gone

    def look_now(self) -> None:
        """Look at once, however often it is said meanwhile."""
        self._look_now = True
        self._woken.set()

    def plan_now(self) -> None:
        """Something that the plan depends on is different."""
        self._plan_now = True
        self._woken.set()

    def concerned(self, name: str, label: str) -> bool:
        """Whether a change of the AlgoDeployment with this name and source label matters."""
        declares = self._plan.declares if self._plan is not None else frozenset()
        return (
            label == self.name
            or name in declares
            or any(each.name == name for each in self.resource.status.inventory)
        )

    @property
    def unfinished(self) -> bool:
        """Whether what another source learns may matter: something waits, or somebody else has a name."""
        return self._plan is not None and bool(self._plan.waits or self._plan.problems)

    @property
    def sibling(self) -> Sibling:
        """What the other sources of the namespace may know."""
        ready = self._looker.failure is None and not self.resource.spec.suspend
        declares = self._plan.declares if self._plan is not None else frozenset()
        return Sibling(self.name, ready, self._looker.looked_at if self._plan is not None else None, declares)

    @property
    def settled(self) -> bool:
        """Whether nothing is to be done until something changes or the next look is due."""
        busy = self._busy or self._look_now or self._plan_now or self._failures
        return not busy and not (self._plan is not None and self._plan.waits)

    @property
    def published(self) -> frozenset[str]:
        """Digests of what the present commit published."""
        return self._looker.published

    # -- webhook ------------------------------------------------------------------------------------

    @property
    def hook_token(self) -> str | None:
        return self._token if self.resource.spec.webhook is not None else None

    def announced(self) -> None:
        self.look_now()

    def misannounced(self) -> None:
        self._refresh_token()

    def _refresh_token(self) -> None:
        """Read the webhook's Secret behind the answer, so that no answer tells by its time what there is."""
        now = asyncio.get_running_loop().time()
        if self.resource.spec.webhook is None or now - self._token_read < _TOKEN_AGE:
            return
        self._token_read = now
        task = asyncio.create_task(self._read_token())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_token(self) -> None:
        webhook = self.resource.spec.webhook
        if webhook is None:
            return
        try:
            data = await secret_data(self._world.cluster, self.namespace, webhook.secret_ref.name)
        except GitError as problem:
            log.warning(
                "webhook token unreadable", source=f"{self.namespace}/{self.name}", problem=problem.message
            )
            self._token = None
            return
        self._token = data.get(webhook.secret_ref.key, "").strip() or None

    # -- the rounds ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look and act until cancelled."""
        self._refresh_token()
        loop = asyncio.get_running_loop()
        while True:
            await self._wait()
            self._busy = True
            try:
                await self._round()
            except ClusterError as problem:
                self._retry(str(problem))
            except Exception:  # one source must not end the others; it is told and tried again
                log.exception("source round failed", source=f"{self.namespace}/{self.name}")
                self._retry("an error of the operator's own")
            self._busy = False
            self._next_look = max(self._next_look, loop.time())

    async def _wait(self) -> None:
        while not (self._look_now or self._plan_now):
            delay = self._next_look - asyncio.get_running_loop().time()
            if delay <= 0:
                self._look_now = True
                return
            self._woken.clear()
            try:
                async with asyncio.timeout(delay):
                    await self._woken.wait()
            except TimeoutError:
                self._look_now = True
        if not self._look_now:
            await asyncio.sleep(_GATHER)

    async def _round(self) -> None:
        resource, handled = self.resource, None
        if self._look_now:
            self._look_now = False
            handled = resource.metadata.annotations.get(RECONCILE_REQUESTED_AT)
            news = await self._looker.look(resource)
            self._next_look = asyncio.get_running_loop().time() + self._looker.delay(
                resource.spec.interval_seconds
            )
            stale = resource.status.observed_generation != resource.metadata.generation
            echoed = handled is None or handled == resource.status.last_handled_reconcile_at
            if not (news or stale or self._plan_now or self.unfinished or self._failures or not echoed):
                self._tell_siblings()
                return
        self._plan_now = False
        await self._act(handled or self.resource.status.last_handled_reconcile_at)

    def _tell_siblings(self) -> None:
        """Wake those whom it may concern, when there is news: they must not wake each other in turns."""
        if self.sibling != self._told:
            self._told = self.sibling
            self._world.looked(self.namespace, self.name)

    async def _act(self, handled: str | None) -> None:
        """Plan, execute, say."""
        snapshot, failure = self._looker.snapshot, self._looker.failure
        if snapshot is not None:
            await self._world.deployments.follow(self.namespace)
            # What could not be looked at may have changed: nothing is taken away on the word of an old look.
            trusted = snapshot if failure is None else replace(snapshot, complete=False)
            status = await self._carry_out(trusted, handled)
        if failure is not None or snapshot is None:
            problem = failure or GitError("FetchFailed", "not looked at yet")
            if snapshot is None:
                self._failures = 0
            status = not_read(
                self.resource, problem.reason, problem.advice, self._world.now(), stalled=problem.final
            )
        await self._say(status, handled)
        self._tell_siblings()

    async def _carry_out(self, snapshot: Snapshot, handled: str | None) -> AlgoSourceStatus:
        source, world = self.resource, self._world
        plan = await asyncio.to_thread(
            plan_source,
            source,
            world.mode_of(self.namespace, source.spec.account_ref.name),
            snapshot,
            world.deployments.live(self.namespace),
            tuple(world.siblings(self.namespace, self.name)),
        )
        self._plan = plan
        if plan.held is not None:
            await self._say(self._status(snapshot, plan, {}), handled)
        done, failed = await self._executor.execute(self.name, plan.actions)
        tell(world.post, self._about(), snapshot, done, failed)
        if failed:
            self._retry(next(iter(failed.values())).message)
        else:
            self._failures = 0
        sentences = {name: problem.message for name, problem in failed.items()}
        return self._status(snapshot, plan, sentences)

    def _status(self, snapshot: Snapshot, plan: SourcePlan, failed: dict[str, str]) -> AlgoSourceStatus:
        return status_after(self.resource, snapshot, plan, failed, self._looker.artifact, self._world.now())

    def _retry(self, why: str) -> None:
        """Plan again, soon the first times: a conflict is over at once, for what is known is newer then."""
        self._failures += 1
        delay = min(0.2 * 2.0 ** min(self._failures, _TRIES), self.resource.spec.interval_seconds)
        log.info("planned again", source=f"{self.namespace}/{self.name}", seconds=delay, problem=why)
        asyncio.get_running_loop().call_later(delay * random.uniform(0.9, 1.1), self.plan_now)

    # -- what it says ---------------------------------------------------------------------------------

    def _about(self) -> Object:
        metadata = {"name": self.name, "namespace": self.namespace, "uid": self.resource.metadata.uid}
        return {"apiVersion": API_VERSION, "kind": "AlgoSource", "metadata": metadata}

    async def _say(self, status: AlgoSourceStatus, handled: str | None) -> None:
        """Write the status when it differs, and Events about what is new in it."""
        status = status.model_copy(update={"last_handled_reconcile_at": handled})
        before = self.resource.status
        if status == before:
            return
        try:
            stored = await self._world.cluster.apply_status(self._about() | {"status": to_cr(status)})
        except ClusterError as problem:
            if problem.kind in (Kind.NOT_FOUND, Kind.CONFLICT):
                return  # deleted meanwhile; the watch says so, too
            raise
        written = AlgoSource.model_validate(stored)
        if self.resource.metadata.uid == written.metadata.uid:
            self.resource = self.resource.model_copy(update={"status": written.status})
        tell_status(self._world.post, self._about(), before, status)

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
