"""A Lease: one holder works, the others wait. kopf's peering is no leader election, so this is ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from sequence_operator.cluster.client import OPERATOR, ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.cluster.resources import LEASES


class Lease:
    """Tries to hold one named Lease.

    identity: who we are, unique per process; duration: seconds a holder that fell silent still counts (by
    our own clock since we last saw the Lease change, so that clocks need not agree); renewed every third
    of it. `held` is set while we hold it; `lost`, once we held it and no longer do: then the process must
    end.
    """

    def __init__(
        self,
        client: ClusterClient,
        *,
        name: str,
        namespace: str,
        identity: str,
        duration: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self.name, self.namespace, self.identity, self.duration = name, namespace, identity, duration
        self._clock = clock
        self._seen: tuple[str, float] = ("", clock())  # resourceVersion, when we first saw it
        self._renewed_at = float("-inf")
        self._stored: Object | None = None
        self.holder = ""  # who held it when we last looked
        self.problem: ClusterError | None = None
        self.held = asyncio.Event()
        self.lost = asyncio.Event()

    async def run(self) -> None:
        """Acquire, then renew until cancelled or lost."""
        while not self.lost.is_set():
            try:
                await self.attempt()
                self.problem = None
            except ClusterError as problem:
                self.problem = problem
            if self.held.is_set() and self._clock() - self._renewed_at > self.duration * 2 / 3:
                self.held.clear()
                self.lost.set()
                return
            await asyncio.sleep(self.duration / 3 if self.held.is_set() else min(self.duration / 3, 2.0))

    def why_not(self) -> str | None:
        """Why we do not hold it, in a sentence; None while we do."""
        if self.held.is_set():
            return None
        place = f"the Lease {self.namespace}/{self.name}"
        if self.problem is not None:
            return f"{place} cannot be had: {self.problem}" + (
                f"; {self.problem.hint}" if self.problem.hint else ""
            )
        return f"{place} is held by {self.holder or 'nobody yet'}; this operator waits for it"

    async def attempt(self) -> bool:
        """One look: take the Lease if it is free, ours or expired. Returns whether we hold it now."""
        lease = await self._client.find(LEASES, self.name, self.namespace)
        if lease is None:
            return await self._store(self._client.create(self._body(None), manager=OPERATOR))
        spec, version = lease.get("spec", {}), lease["metadata"]["resourceVersion"]
        self.holder = spec.get("holderIdentity") or ""
        if version != self._seen[0]:
            self._seen = (version, self._clock())
        if self.holder not in ("", self.identity):
            term = float(spec.get("leaseDurationSeconds") or self.duration)
            if self._clock() - self._seen[1] < term:
                if self.held.is_set():
                    self.held.clear()
                    self.lost.set()
                return False
        return await self._store(self._client.replace(self._body(lease), manager=OPERATOR))

    async def _store(self, write: Awaitable[Object]) -> bool:
        try:
            self._stored = await write
        except ClusterError as problem:
            if problem.kind in (Kind.CONFLICT, Kind.ALREADY_EXISTS):
                return False  # somebody was faster; the next look tells who
            raise
        self.holder = self.identity
        self._renewed_at = self._clock()
        self.held.set()
        return True

    def _body(self, lease: Object | None) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = dict((lease or {}).get("spec", {}))
        if spec.get("holderIdentity") != self.identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions", 0)) + (1 if lease else 0)
        spec |= {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(int(self.duration), 1),
            "renewTime": now,
        }
        metadata = lease["metadata"] if lease else {"name": self.name, "namespace": self.namespace}
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}

    async def release(self) -> None:
        """Give it back, so that the next holder need not wait for it to expire. Never raises ClusterError."""
        if not self.held.is_set() or self._stored is None:
            return
        self.held.clear()
        spec = {**self._stored["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._client.replace({**self._stored, "spec": spec}, manager=OPERATOR)
        except ClusterError as problem:
            self.problem = problem  # it will expire by itself
