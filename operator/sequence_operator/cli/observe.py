"""What the controller would see of one deployment right now, gathered by hand: the inputs of a plan."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import inspect
from sequence_operator.artifact.store import wasm_from
from sequence_operator.cli.connect import platform
from sequence_operator.cli.context import Context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import Object
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, CONFIG_MAPS, PLATFORM_ACCOUNTS
from sequence_operator.platform import Listing, PlatformClient, PlatformError
from sequence_operator.reconcile.actions import Plan
from sequence_operator.reconcile.claims import Candidate, claim
from sequence_operator.reconcile.model import (
    AccountView,
    ArtifactState,
    ArtifactView,
    Claim,
    Desired,
    Observed,
    Policy,
)
from sequence_operator.reconcile.plan import plan
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.resources import AlgoDeployment, Artifact, PlatformAccount


async def account(client: ClusterClient, context: Context, name: str) -> PlatformAccount:
    """The PlatformAccount called `name`. Raises CliError (not found) with the way to make one."""
    found = await client.find(PLATFORM_ACCOUNTS, name, context.namespace)
    if found is None:
        raise CliError(
            f"there is no PlatformAccount {name!r} in namespace {context.namespace}",
            "without one the operator knows neither the platform's address nor a key",
            f"sequence --context {context.name} login --write-secret   (add --sandbox for a sandbox account)",
            ExitCode.NOT_FOUND,
        )
    return PlatformAccount.model_validate(found)


async def plan_of(
    client: ClusterClient, context: Context, obj: dict[str, Any], artifact: ArtifactView | None = None
) -> Plan:
    """The plan for one AlgoDeployment object as the cluster gave it (or would, after a dry run).

    `artifact` stands in for one that is not stored yet. Raises CliError where something cannot be observed.
    """
    resource = AlgoDeployment.model_validate(obj)
    owner = await account(client, context, resource.spec.account_ref.name)
    desired = Desired.of(resource, owner.spec.mode)
    async with platform(context, owner.spec.mode) as remote:
        profile = await remote.account()
        sight = await _sight(remote, resource)
    others = await client.list(ALGO_DEPLOYMENTS, context.namespace)
    observed = Observed(
        sight=sight,
        account=AccountView(
            name=owner.metadata.name,
            account_id=profile.account_id,
            allow_unverified=frozenset(owner.spec.allow_unverified),
        ),
        artifact=artifact or await _artifact(client, resource.spec.artifact, context.namespace),
        claim=_claim(others, resource),
        holder=_holder(others, resource, sight),
    )
    return plan(desired, observed, resource.status, Policy(), datetime.now(UTC))


async def _sight(remote: PlatformClient, resource: AlgoDeployment) -> Sight:
    """What the platform says. Absence is believed as the controller believes it: two lists and a 404."""
    sight = Sight(written_at=datetime.now(UTC))
    for _ in range(2):
        began = datetime.now(UTC)
        listing = await remote.list_deployments()
        rows = listing.rows if isinstance(listing, Listing) else ()
        sight = sight.listed(
            began,
            rows,
            name=resource.spec.deployment,
            deployment_id=resource.status.deployment_id,
            uid=resource.metadata.uid,
        )
        if sight.row is not None:
            return sight
    if recorded := resource.status.deployment_id:
        began = datetime.now(UTC)
        try:
            sight = sight.got(began, await remote.get(recorded))
        except PlatformError as problem:
            if problem.status != 404:
                raise
            sight = sight.not_found(began, recorded)
    return sight


async def _artifact(client: ClusterClient, artifact: Artifact, namespace: str) -> ArtifactView:
    """The stored module, verified and inspected; one behind a url is left for the operator to fetch."""
    reference = artifact.config_map_ref
    if reference is None:
        return ArtifactView(sha256=artifact.digest)
    view = ArtifactView(sha256=artifact.digest, config_map=reference.name)
    stored = await client.find(CONFIG_MAPS, reference.name, namespace)
    if stored is None:
        message = f"ConfigMap {namespace}/{reference.name} does not exist"
        return replace(view, state=ArtifactState.MISSING, reason="ArtifactMissing", message=message)
    try:
        found = inspect(wasm_from(stored, reference.key, artifact.digest))
    except ArtifactError as problem:
        return replace(view, state=ArtifactState.INVALID, reason=problem.reason, message=problem.advice)
    return replace(view, state=ArtifactState.READY, size_bytes=found.size)


def _claim(others: list[Object], resource: AlgoDeployment) -> Claim | None:
    """Which object of this namespace has the name, among those that want it on the same account."""
    rivals = [
        obj
        for obj in others
        if obj["spec"]["deployment"] == resource.spec.deployment
        and obj["spec"]["accountRef"]["name"] == resource.spec.account_ref.name
    ]
    return claim(map(_candidate, rivals))


def _candidate(obj: Object) -> Candidate:
    metadata, status = obj["metadata"], obj.get("status") or {}
    return Candidate(
        metadata["uid"],
        metadata["namespace"],
        metadata["name"],
        datetime.fromisoformat(metadata["creationTimestamp"]),
        registered=bool(status.get("deploymentId") or status.get("pending")),
    )


def _holder(others: list[Object], resource: AlgoDeployment, sight: Sight) -> str:
    """namespace/name of the other object of this namespace that made the row; "" when none did."""
    row = sight.row
    uid = row.metadata.uid if row is not None and row.metadata is not None else None
    if uid is None or uid == resource.metadata.uid:
        return ""
    found = (obj["metadata"] for obj in others if obj["metadata"]["uid"] == uid)
    return next((f"{m['namespace']}/{m['name']}" for m in found), "")
