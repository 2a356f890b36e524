"""All PlatformAccounts: one poller each, which wakes the objects that have a reason to be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import PLATFORM_ACCOUNTS
from sequence_operator.controller import proving
from sequence_operator.controller.account import Account, Identity
from sequence_operator.controller.account_status import keep_finalizer, write_status
from sequence_operator.controller.events import EventPoster
from sequence_operator.controller.hearing import Hearing
from sequence_operator.controller.limiters import Limiters
from sequence_operator.controller.listing import Shown
from sequence_operator.controller.proving import Proving
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.state import AccountKey, Entries, Entry, begin
from sequence_operator.logs import redact
from sequence_operator.platform.limiter import Lane
from sequence_operator.reconcile.model import AccountState, AccountView
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.names import Mode
from sequence_operator.spec.resources import PlatformAccount

log = structlog.get_logger(__name__)

_BREATH = 200  # objects looked at between two chances for others to run


@dataclass(slots=True)
class _Poller:
    account: Account
    hearing: Hearing
    woken: asyncio.Event
    proving: Proving
    task: asyncio.Task[None] | None = None
    surprise: str | None = None  # what ended the last round before its time


class Accounts:
    """The pollers, by namespace and name.

    now: aware UTC; started: when this process began, before which nothing was seen. on_call, on_stream: count calls to
    the platform and turns of events on its streams.
    """

    def __init__(
        self,
        cluster: ClusterClient,
        entries: Entries,
        queue: KeyedQueue[str],
        events: EventPoster,
        *,
        now: Callable[[], datetime],
        on_call: Callable[[str, int], None],
        on_stream: Callable[[str], None],
    ) -> None:
        self._cluster, self._entries, self._queue, self._events = cluster, entries, queue, events
        self._now, self._on_call, self._on_stream = now, on_call, on_stream
        self._started = now()
        self._limiters = Limiters()
        self._pollers: dict[AccountKey, _Poller] = {}

    def __iter__(self) -> Iterator[Account]:
        return (poller.account for poller in self._pollers.values())

    def hearings(self) -> list[tuple[AccountKey, Hearing]]:
        """The stream of every account."""
        return [(key, poller.hearing) for key, poller in self._pollers.items()]

    def problem(self) -> str | None:
        """Why some account is not polled although it should be; None when all are."""
        for key, poller in self._pollers.items():
            if poller.task is not None and poller.task.done():
                return f"the poller of account {key[0]}/{key[1]} ended"
        return next((p.surprise for p in self._pollers.values() if p.surprise), None)

    # -- the objects -------------------------------------------------------------------------------

    def put(self, obj: dict[str, Any]) -> None:
        """An account was added or changed (or found by listing)."""
        resource = PlatformAccount.model_validate(obj)
        key = (resource.metadata.namespace, resource.metadata.name)
        poller = self._pollers.get(key)
        if poller is not None and poller.account.resource.metadata.uid == resource.metadata.uid:
            self._take(key, poller, resource)
            return
        if poller is not None:
            self._end(poller)
        poller = self._pollers[key] = self._poller(key, resource)
        poller.task = asyncio.create_task(self._poll(key, poller), name=f"account {key[0]}/{key[1]}")
        self._wake(key)

    def _take(self, key: AccountKey, poller: _Poller, resource: PlatformAccount) -> None:
        """The object as it is now, from a watch or as the API server answered a write of ours, which may bring what
        others changed meanwhile: the watch's event of that is then no news any more.
        """
        before = poller.account.resource
        if int(resource.metadata.resource_version) <= int(before.metadata.resource_version):
            return
        poller.account.resource = resource
        if resource.spec != before.spec or resource.metadata.deletion_timestamp is not None:
            poller.woken.set()
            self._wake(key)

    def _poller(self, key: AccountKey, resource: PlatformAccount) -> _Poller:
        account = Account(self._cluster, resource, self._limiters, now=self._now, on_call=self._on_call)
        woken = asyncio.Event()

        def wake() -> None:
            if not account.failures:  # else the time of the next try is for the failure to decide
                woken.set()

        hearing = Hearing(key, self._entries, self._queue, wake=wake, count=self._on_stream)
        return _Poller(account, hearing, woken, Proving(lambda: self._leaving(key), woken.set))

    def drop(self, obj: dict[str, Any]) -> None:
        """An account is gone."""
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        poller = self._pollers.get(key)
        if poller is not None and poller.account.resource.metadata.uid == obj["metadata"]["uid"]:
            del self._pollers[key]
            self._end(poller)
            self._wake(key)

    async def find(self, key: AccountKey) -> Account | None:
        """The account, asked for at the API server when no watch event named it yet. Raises ClusterError."""
        poller = self._pollers.get(key)
        if poller is None:
            try:
                self.put(await self._cluster.get(PLATFORM_ACCOUNTS, key[1], key[0]))
            except ClusterError as problem:
                if problem.kind is Kind.NOT_FOUND:
                    return None
                raise
            poller = self._pollers.get(key)
        return poller.account if poller is not None else None

    def known(self, key: AccountKey) -> Account | None:
        poller = self._pollers.get(key)
        return poller.account if poller is not None else None

    def mode_of(self, namespace: str, name: str) -> Mode | None:
        """Mode of an account by its namespace and name; None when there is none."""
        account = self.known((namespace, name))
        return account.resource.spec.mode if account is not None else None

    # -- what passes need -----------------------------------------------------------------------------

    def first_sight(self, account: AccountKey) -> Sight:
        """Where an object begins that is seen for the first time."""
        poller = self._pollers.get(account)
        if poller is not None and not self._entries.uses(account):
            poller.woken.set()  # nobody needed the list before
        return begin(self._started)

    def admit(self, entry: Entry) -> None:
        """Tell a new object what the last list says of it."""
        poller = self._pollers.get(entry.account)
        if poller is not None:
            poller.account.listing.show(entry)

    def identity(self, key: AccountKey) -> Identity | None:
        poller = self._pollers.get(key)
        return poller.account.identity if poller is not None else None

    def in_step(self, key: AccountKey) -> None:
        """A deployment of this account came, or went, or has another id now."""
        poller = self._pollers.get(key)
        if poller is not None:
            poller.hearing.in_step()

    def rivals(self, entry: Entry) -> list[Entry]:
        """The objects, this one among them, that want its name on the same account of the platform."""
        mine = self.identity(entry.account)
        return [
            other
            for other in self._entries.of_deployment(entry.deployment)
            if other.account == entry.account or (mine is not None and self.identity(other.account) == mine)
        ]

    def touched(self, entry: Entry, at: datetime) -> None:
        """We wrote to this name on the platform: lists that began before ``at`` say nothing about it."""
        poller = self._pollers.get(entry.account)
        if poller is not None:
            poller.account.listing.touched[entry.deployment] = at
            poller.hearing.in_step()  # it may have another id by now
            if entry.lane is Lane.STOP:
                self._prove(poller)

    def _prove(self, poller: _Poller) -> None:
        if poller.account.resource.spec.poll_seconds > proving.SECONDS:
            poller.proving.begin()

    def _leaving(self, key: AccountKey) -> list[str]:
        """What is being stopped or taken away of this account."""
        return [e.deployment for e in self._entries.of_account(key) if e.lane is Lane.STOP]

    def refused(self, key: AccountKey, message: str) -> None:
        """A call of this account was answered 401 or 403."""
        poller = self._pollers.get(key)
        if poller is not None and poller.account.state is AccountState.READY:
            poller.account.refused(message)
            poller.woken.set()

    def missing(self, key: AccountKey) -> AccountView:
        """The view of an account that does not exist."""
        return AccountView(
            name=key[1],
            state=AccountState.GONE,
            message=f"PlatformAccount {key[0]}/{key[1]} does not exist; create it (`sequence login` writes one), "
            "or set deletionPolicy: Orphan to let go of the deployment",
        )

    # -- polling --------------------------------------------------------------------------------------

    async def _poll(self, key: AccountKey, poller: _Poller) -> None:
        account = poller.account
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            poller.woken.clear()
            try:
                await self._round(key, poller, began)
                poller.surprise = None
            except Exception as problem:  # one account's surprise must not end the polling of it
                poller.surprise = f"the account {key[0]}/{key[1]} cannot be polled: {redact(repr(problem))}"
                account.failures += 1
                log.exception("round failed", account=account.name)
            delay = account.next_delay(account.resource.spec.poll_seconds)
            await _wait(max(delay - (loop.time() - began), 0.05), poller.woken)

    async def _round(self, key: AccountKey, poller: _Poller, began_at: float) -> None:
        account, in_use = poller.account, self._entries.uses(key)
        before = (account.state, account.message, account.identity)
        self._prove(poller)
        brought = await account.tick(in_use=in_use, deleting=bool(self._leaving(key)))
        if brought:
            news = await self._show(key, account)
            poller.hearing.listed(began_at, news=news, interval=account.resource.spec.poll_seconds)
        if (account.state, account.message, account.identity) != before:
            self._wake(key)
        if account.client is not None:
            poller.hearing.keep(account.line if in_use else None, account.client.limiter.rps)
        await self._keep(key, poller)

    async def _show(self, key: AccountKey, account: Account) -> bool:
        """Show the list to all objects of the account; whether it was news to one of them."""
        best = Shown.NOTHING
        for number, entry in enumerate(self._entries.of_account(key)):
            shown = account.listing.show(entry)
            best = max(best, shown)
            if shown:
                self._queue.add(entry.uid, Lane.POLL)
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        return best is Shown.NEWS

    async def _keep(self, key: AccountKey, poller: _Poller) -> None:
        """Finalizer and conditions of the object itself; what fails is tried again in the next round."""
        account = poller.account
        try:
            stored = await keep_finalizer(self._cluster, account, in_use=self._entries.uses(key))
            if stored is not None:
                self._take(key, poller, stored)
            stored = await write_status(self._cluster, account, self._events, self._now())
            if stored is not None:
                self._take(key, poller, stored)
        except ClusterError as problem:
            if problem.kind is Kind.CONFLICT:
                await self._refresh(key, account)
            elif problem.kind is not Kind.NOT_FOUND:
                log.warning("account status not written", account=key[1], problem=str(problem))

    async def _refresh(self, key: AccountKey, account: Account) -> None:
        """Our copy is behind the API server: take the present one."""
        try:
            self.put(await self._cluster.get(PLATFORM_ACCOUNTS, key[1], key[0]))
        except ClusterError as problem:
            log.info("account unreadable", account=account.name, problem=str(problem))

    def _wake(self, key: AccountKey) -> None:
        for entry in self._entries.of_account(key):
            self._queue.add(entry.uid, Lane.POLL)

    # -- the end ----------------------------------------------------------------------------------------

    def _end(self, poller: _Poller) -> None:
        poller.proving.end()
        if poller.task is not None:
            poller.task.cancel()
        asyncio.get_running_loop().create_task(_close(poller))

    async def close(self) -> None:
        """End all pollers and their connections."""
        for poller in self._pollers.values():
            poller.proving.end()
            if poller.task is not None:
                poller.task.cancel()
        tasks = [poller.task for poller in self._pollers.values() if poller.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        for poller in self._pollers.values():
            await _close(poller)


async def _close(poller: _Poller) -> None:
    await poller.hearing.aclose()
    await poller.account.close()


async def _wait(delay: float, woken: asyncio.Event) -> None:
    """Wait for the next round or for a reason to have it now."""
    try:
        async with asyncio.timeout(delay):
            await woken.wait()
    except TimeoutError:
        return
