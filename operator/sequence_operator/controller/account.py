"""One PlatformAccount: its key, its identity on the platform, and one list of its deployments per tick."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.errors import ClusterError
from sequence_operator.controller.limiters import Limiters
from sequence_operator.controller.listing import LastList
from sequence_operator.controller.means import Means
from sequence_operator.platform.client import NotModified, PlatformClient
from sequence_operator.platform.errors import PlatformError
from sequence_operator.platform.redact import Secret
from sequence_operator.reconcile.model import AccountState, AccountView
from sequence_operator.spec.names import KEY_PREFIX
from sequence_operator.spec.resources import PlatformAccount

log = structlog.get_logger(__name__)

_RETRY_REFUSED = 60.0  # seconds between two tries with a key that was refused
_FAILURES_TO_UNREACHABLE = 3  # in a row; a blip must not rewrite the status of every deployment


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers: equal identities share names and the call budget."""

    endpoint: str
    mode: str
    account_id: str


class Account:
    """State of one PlatformAccount. `tick` is one round; who calls it and when is the poller's matter.

    now: aware UTC; on_call: counts platform calls.
    """

    def __init__(
        self,
        cluster: ClusterClient,
        resource: PlatformAccount,
        limiters: Limiters,
        *,
        now: Callable[[], datetime],
        on_call: Callable[[str, int], None],
    ) -> None:
        self._cluster = cluster
        self._limiters = limiters
        self._now = now
        self._on_call = on_call
        self.resource = resource
        self.listing = LastList()
        self.means = Means()
        self.client: PlatformClient | None = None
        self.identity: Identity | None = None
        self.state = AccountState.UNKNOWN
        self.message = "not contacted yet"
        self.tier: str | None = None
        self.failures = 0
        self.retry_after = 0.0  # seconds the platform asked for at the last failure
        self._key: str | None = None
        self._refused_at: datetime | None = None
        self._retired: list[PlatformClient] = []

    # -- what others see --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.resource.metadata.name

    def view(self, *, deleting: bool = False) -> AccountView:
        """What a pass may know of it. A key that vanished from the cluster still serves deletions."""
        state, message = self.state, self.message
        if deleting and state is AccountState.GONE and self.client is not None and self.identity is not None:
            state, message = AccountState.READY, ""
        return AccountView(
            name=self.name,
            state=state,
            account_id=self.identity.account_id if self.identity else self.resource.status.account_id,
            allow_unverified=frozenset(self.resource.spec.allow_unverified),
            message=message,
        )

    @property
    def line(self) -> tuple[str, Secret] | None:
        """Where and with which key its events can be heard; None while it is not usable."""
        if self.state is not AccountState.READY or self.identity is None or self._key is None:
            return None
        return self.identity.endpoint, Secret(self._key)

    def refused(self, message: str) -> None:
        """A call was answered 401 or 403: nobody calls again before the key was looked at."""
        self._set(AccountState.UNAUTHORIZED, message)
        self._refused_at = self._now()

    # -- one round ---------------------------------------------------------------------------------

    async def tick(self, *, in_use: bool, deleting: bool) -> bool:
        """Read the key, make sure who answers, list once. Returns whether the list brought something.

        in_use: False lets the account itself be asked instead of its deployments, so that its conditions stay
        true. deleting: some deployment is on its way out; the last good key serves it though the Secret
        is gone.
        """
        await self._close_retired()
        key = await self._read_key()
        if key is None:
            return deleting and self.identity is not None and await self._list(AccountState.GONE)
        if key != self._key or self.client is None or self.state is not AccountState.READY:
            if key == self._key and not self._may_retry():
                return False
            if not await self._identify(key):
                return False
            if not in_use:
                return False
        if not in_use:
            return await self._ask()
        if self.client is not None and self.means.due(self._now()):
            await self.means.read(self.client, self.name, self._now())
        return await self._list()

    async def _read_key(self) -> str | None:
        reference = self.resource.spec.secret_ref
        place = f"{self.resource.metadata.namespace}/{reference.name}"
        try:
            key = await self._cluster.secret_value(
                reference.name, reference.key, self.resource.metadata.namespace
            )
        except ClusterError as problem:
            if self.client is None:
                self._set(AccountState.UNKNOWN, f"Secret {place} cannot be read: {problem}; {problem.hint}")
            log.warning("secret unreadable", account=self.name, secret_name=place, problem=str(problem))
            return self._key
        if key:
            return key
        self._set(
            AccountState.GONE,
            f"Secret {place} has no key {reference.key!r}; `sequence login` writes it, deletionPolicy: Orphan lets "
            "go of deployments without it",
        )
        return None

    def _may_retry(self) -> bool:
        """Whether a key that did not work may be tried again now."""
        if self.state in (AccountState.CHANGED, AccountState.MODE_MISMATCH):
            return False  # only another key can help
        if self.state is AccountState.UNAUTHORIZED and self._refused_at is not None:
            return (self._now() - self._refused_at).total_seconds() >= _RETRY_REFUSED
        return True

    async def _identify(self, key: str) -> bool:
        """Ask who the key belongs to and compare with what is pinned; the client is ready when True."""
        mode = self.resource.spec.mode
        other = next((m for m, prefix in KEY_PREFIX.items() if key.startswith(prefix) and m != mode), None)
        if other is not None:
            return self._mismatch(key, other)
        endpoint = self.resource.spec.endpoint.rstrip("/")
        limiter = self._limiters.for_key(endpoint, key)
        asking = PlatformClient(endpoint, key, limiter=limiter, on_call=self._on_call)
        try:
            async with asking:
                profile = await asking.account()
        except PlatformError as problem:
            self._key = key
            self._failed("account", problem)
            return False
        if profile.mode is not None and profile.mode in KEY_PREFIX and profile.mode != mode:
            return self._mismatch(key, profile.mode)
        pinned = self.resource.status.account_id
        if pinned and profile.account_id and profile.account_id != pinned:
            self._key = key
            self._set(
                AccountState.CHANGED,
                f"the key belongs to account {profile.account_id}, but this object was pinned to {pinned}; put the "
                "right key into the Secret, or make a new PlatformAccount",
            )
            return False
        self._take(key, endpoint, profile.account_id, profile.rate_limit_qps)
        self.tier = profile.tier or self.tier
        return True

    def _mismatch(self, key: str, actual: str) -> bool:
        self._key = key
        self._set(
            AccountState.MODE_MISMATCH,
            f"this is a {self.resource.spec.mode} account, but the key in its Secret is a {actual} key; "
            f"put a {self.resource.spec.mode} key there (`sequence login`)",
        )
        return False

    def _take(self, key: str, endpoint: str, account_id: str | None, qps: float | None) -> None:
        """Use this key from now on."""
        # A platform that names no account: the key stands for it, in memory only, or a new key could
        # never be used.
        identity = Identity(endpoint, self.resource.spec.mode, account_id or _fingerprint(key))
        if self.identity is not None and identity != self.identity:
            self.listing.forget()
            self.means = Means()
        limiter = self._limiters.for_identity(identity, self.resource.spec, qps)
        if self.client is None or key != self._key:
            if self.client is not None:
                self._retired.append(self.client)
            self.client = PlatformClient(endpoint, key, limiter=limiter, on_call=self._on_call)
        self._key, self.identity = key, identity
        self.failures = 0
        self._set(AccountState.READY, "")

    async def _list(self, state: AccountState = AccountState.READY) -> bool:
        """One list; `state` is what the account is in when it succeeds."""
        if self.client is None:
            return False
        began_at = self._now()
        try:
            answer = await self.client.list_deployments(self.listing.etag)
        except PlatformError as problem:
            self._failed("list", problem)
            return False
        self.failures = 0
        if isinstance(answer, NotModified):
            self.listing.confirm(began_at)
        else:
            self.listing.replace(answer.rows, began_at, answer.etag)
        if state is AccountState.READY:
            self._set(state, "")
        return True

    async def _ask(self) -> bool:
        if self.client is None:
            return False
        try:
            await self.client.account()
        except PlatformError as problem:
            self._failed("account", problem)
            return False
        self.failures = 0
        self._set(AccountState.READY, "")
        return False

    # -- states -------------------------------------------------------------------------------------

    def _failed(self, operation: str, problem: PlatformError) -> None:
        self.failures += 1
        self.retry_after = problem.retry_after or 0.0
        log.warning("platform call failed", account=self.name, operation=operation, problem=str(problem))
        if problem.status in (401, 403):
            self.refused(f"{problem}; put a valid key into Secret {self.resource.spec.secret_ref.name}")
        elif problem.status == 429:
            return  # the limiter already waits as long as it was told to
        elif self.failures >= _FAILURES_TO_UNREACHABLE:
            self._set(AccountState.UNREACHABLE, f"{self.resource.spec.endpoint}: {problem}")

    def _set(self, state: AccountState, message: str) -> None:
        if state is not self.state:
            log.info("account", account=self.name, state=str(state), was=str(self.state), message=message)
        self.state, self.message = state, message

    async def _close_retired(self) -> None:
        """Close clients of former keys, one round after they were replaced: calls in flight have ended by
        then.
        """
        retired, self._retired = self._retired, []
        for client in retired:
            await client.aclose()

    async def close(self) -> None:
        await self._close_retired()
        if self.client is not None:
            await self.client.aclose()

    def next_delay(self, interval: float) -> float:
        """Seconds until the next round: the poll interval, sooner after a failure, later when told so."""
        if not self.failures or self.state in (AccountState.UNAUTHORIZED, AccountState.CHANGED):
            return interval
        return max(min(interval, 1.0 * 2.0 ** min(self.failures - 1, 10)), self.retry_after)


def _fingerprint(key: str) -> str:
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:16]
