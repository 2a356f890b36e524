"""What the controller would see right now, gathered by hand: the inputs of a plan. Reads only."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import inspect
from sequence_operator.artifact.store import wasm_from
from sequence_operator.cli.connect import platform
from sequence_operator.cli.context import Context, Mode
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import Object
from sequence_operator.cluster.resources import (
    ALGO_BUILDS,
    ALGO_DEPLOYMENTS,
    CONFIG_MAPS,
    PLATFORM_ACCOUNTS,
)
from sequence_operator.platform import Account, Capital, Listing, PlatformClient, PlatformError, Row
from sequence_operator.reconcile.actions import Plan
from sequence_operator.reconcile.build_results import Build, Workshop, build_view
from sequence_operator.reconcile.claims import Candidate, claim
from sequence_operator.reconcile.model import (
    AccountView,
    ArtifactState,
    ArtifactView,
    BuildView,
    Check,
    Claim,
    Desired,
    Observed,
    Policy,
)
from sequence_operator.reconcile.plan import plan
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.ownership import owners
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


@dataclass(frozen=True, slots=True)
class Means:
    """Connected venues, limits of the account by wire name, capital; None where the platform does not say."""

    venues: frozenset[str] | None = None
    limits: Mapping[str, int] | None = None
    capital: Capital | None = None


@dataclass
class Remote:
    """The platform as one key sees it; lists are fetched once and shared by all deployments of the account."""

    client: PlatformClient
    profile: Account
    lists: list[tuple[datetime, tuple[Row, ...]]] = field(default_factory=list)
    means: Means | None = None

    async def list(self, number: int) -> tuple[datetime, tuple[Row, ...]]:
        """(when it began, rows) of the first, second, … list of this command."""
        while len(self.lists) <= number:
            began = datetime.now(UTC)
            listing = await self.client.list_deployments()
            self.lists.append((began, listing.rows if isinstance(listing, Listing) else ()))
        return self.lists[number]

    async def ask_means(self) -> Means:
        """What the account can trade with; asked once."""
        if self.means is None:
            venues = await self.client.connected_venues()
            limits = await self.client.risk_limits()
            self.means = Means(venues, limits, await self.client.capital())
        return self.means


class Observer:
    """Everything a pass of the controller would look at, each account and each list read once."""

    def __init__(self, client: ClusterClient, context: Context, stack: AsyncExitStack) -> None:
        self.client, self.context = client, context
        self._stack = stack
        self._began = datetime.now(UTC)
        self._accounts: dict[str, PlatformAccount] = {}
        self._remotes: dict[Mode, Remote] = {}
        self._algos: list[Object] | None = None
        self._builds: list[Build] | None = None

    async def account(self, name: str) -> PlatformAccount:
        """The PlatformAccount called `name`; raises CliError as `account`."""
        if name not in self._accounts:
            self._accounts[name] = await account(self.client, self.context, name)
        return self._accounts[name]

    async def remote(self, mode: Mode) -> Remote:
        """The platform with the context's key of that mode. Raises CliError when there is no key or no answer."""
        if mode not in self._remotes:
            client = await self._stack.enter_async_context(platform(self.context, mode))
            self._remotes[mode] = Remote(client, await client.account())
        return self._remotes[mode]

    async def algos(self) -> list[Object]:
        """All AlgoDeployments of the namespace."""
        if self._algos is None:
            self._algos = await self.client.list(ALGO_DEPLOYMENTS, self.context.namespace)
        return self._algos

    async def plan(
        self,
        obj: Mapping[str, Any],
        *,
        artifact: ArtifactView | None = None,
        build: BuildView | None = None,
        checks: tuple[Check, ...] = (),
    ) -> Plan:
        """The plan for an AlgoDeployment object as the cluster gave it, or as it would be.

        artifact, build: stand in for what is not stored or not built yet. checks: of the preflight.
        """
        resource = AlgoDeployment.model_validate(obj)
        owner = await self.account(resource.spec.account_ref.name)
        build = build or await self.build(resource)
        state_owner = next(iter(owners(obj, "spec", "state")), "")
        desired = Desired.of(resource, owner.spec.mode, build=build, state_owner=state_owner)
        remote = await self.remote(owner.spec.mode)
        sight, others = await self._sight(remote, resource), await self.algos()
        observed = Observed(
            sight=sight,
            account=AccountView(
                name=owner.metadata.name,
                account_id=remote.profile.account_id,
                allow_unverified=frozenset(owner.spec.allow_unverified),
            ),
            artifact=artifact or await self._artifact(desired.spec.artifact),
            claim=_claim(others, resource),
            holder=_holder(others, resource, sight),
            checks=checks,
        )
        return plan(desired, observed, resource.status, Policy(), datetime.now(UTC))

    async def _sight(self, remote: Remote, resource: AlgoDeployment) -> Sight:
        """What the platform says. Absence is believed as the controller believes it: two lists and a 404."""
        sight = Sight(written_at=self._began)
        for number in range(2):
            began, rows = await remote.list(number)
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
                sight = sight.got(began, await remote.client.get(recorded))
            except PlatformError as problem:
                if problem.status != 404:
                    raise
                sight = sight.not_found(began, recorded)
        return sight

    async def build(self, resource: AlgoDeployment) -> BuildView | None:
        """What is known of the build the object needs; None when it names a stored module."""
        if resource.spec.artifact.build is None:
            return None
        if self._builds is None:
            objects = await self.client.list(ALGO_BUILDS, self.context.namespace)
            self._builds = [Build.of(obj) for obj in objects]
        return build_view(resource, self._builds, Workshop(None))

    async def _artifact(self, artifact: Artifact) -> ArtifactView:
        """The stored module, verified and inspected; one behind a url is left for the operator to fetch."""
        reference = artifact.config_map_ref
        if reference is None:
            return ArtifactView(sha256=artifact.digest)
        view = ArtifactView(sha256=artifact.digest, config_map=reference.name)
        stored = await self.client.find(CONFIG_MAPS, reference.name, self.context.namespace)
        if stored is None:
            message = f"ConfigMap {self.context.namespace}/{reference.name} does not exist"
            return replace(view, state=ArtifactState.MISSING, reason="ArtifactMissing", message=message)
        try:
            found = inspect(wasm_from(stored, reference.key, artifact.digest))
        except ArtifactError as problem:
            return replace(view, state=ArtifactState.INVALID, reason=problem.reason, message=problem.advice)
        return replace(view, state=ArtifactState.READY, size_bytes=found.size)


@asynccontextmanager
async def observer(client: ClusterClient, context: Context) -> AsyncIterator[Observer]:
    """An Observer; the connections to the platform that it opens are closed at the end."""
    async with AsyncExitStack() as stack:
        yield Observer(client, context, stack)


async def plan_of(
    client: ClusterClient, context: Context, obj: dict[str, Any], artifact: ArtifactView | None = None
) -> Plan:
    """The plan for one AlgoDeployment object as the cluster gave it (or would, after a dry run).

    `artifact` stands in for one that is not stored yet. Raises CliError where something cannot be observed.
    """
    async with observer(client, context) as eyes:
        return await eyes.plan(obj, artifact=artifact)


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
