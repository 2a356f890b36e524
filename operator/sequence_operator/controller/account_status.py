"""Status and finalizer of a PlatformAccount."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.controller.account import Account
from sequence_operator.controller.events import EventPoster
from sequence_operator.reconcile.model import AccountState
from sequence_operator.spec.names import FINALIZER
from sequence_operator.spec.resources import (
    Condition,
    ConditionStatus,
    PlatformAccount,
    PlatformAccountStatus,
    to_cr,
)

_REASONS = {
    AccountState.READY: "Reachable",
    AccountState.GONE: "SecretMissing",
    AccountState.UNKNOWN: "NotContacted",
}


def status_of(account: Account, now: datetime) -> PlatformAccountStatus:
    """The status that follows from what is known; equal to the stored one when nothing changed."""
    before = account.resource.status
    ready = account.state is AccountState.READY
    told = account.identity.account_id if account.identity is not None else None
    pinned = told if told is not None and not told.startswith("key-") else None
    value: ConditionStatus = (
        "True" if ready else "Unknown" if account.state is AccountState.UNKNOWN else "False"
    )
    old = next((condition for condition in before.conditions if condition.type == "Ready"), None)
    condition = Condition(
        type="Ready",
        status=value,
        reason=_REASONS.get(account.state, str(account.state)),
        message=account.message,
        observed_generation=account.resource.metadata.generation,
        last_transition_time=old.last_transition_time if old is not None and old.status == value else now,
    )
    return PlatformAccountStatus(
        observed_generation=account.resource.metadata.generation,
        account_id=before.account_id or pinned,
        tier=account.tier or before.tier,
        conditions=[condition],
    )


async def write_status(
    cluster: ClusterClient, account: Account, events: EventPoster, now: datetime
) -> PlatformAccount | None:
    """Apply the status when it differs; returns the object as it is then. Raises ClusterError."""
    before, after = account.resource.status, status_of(account, now)
    if after == before:
        return None
    metadata = account.resource.metadata
    stored = await cluster.apply_status(
        {
            "apiVersion": account.resource.api_version,
            "kind": account.resource.kind,
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
            "status": to_cr(after),
        }
    )
    ready = after.conditions[0]
    old = next((condition for condition in before.conditions if condition.type == "Ready"), None)
    if old is None or (old.status, old.reason) != (ready.status, ready.reason):
        type_: Literal["Normal", "Warning"] = "Normal" if ready.status == "True" else "Warning"
        events.add(stored, type_, ready.reason, ready.message or f"account {after.account_id or ''} answers")
    return PlatformAccount.model_validate(stored)


async def keep_finalizer(cluster: ClusterClient, account: Account, *, in_use: bool) -> PlatformAccount | None:
    """An account that deployments name cannot vanish beneath them; one that none names can. Raises
    ClusterError.
    """
    metadata = account.resource.metadata
    has = FINALIZER in metadata.finalizers
    wanted = in_use and (has or metadata.deletion_timestamp is None)  # none may be added while it is deleted
    if has == wanted:
        return None
    shell: Object = {
        "apiVersion": account.resource.api_version,
        "kind": account.resource.kind,
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
            "finalizers": metadata.finalizers,
        },
    }
    stored = await cluster.set_finalizer(shell, FINALIZER, wanted)
    return PlatformAccount.model_validate(stored)
