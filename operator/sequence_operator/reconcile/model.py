"""The inputs of the core: what is desired, what was observed, under which policy, and how the last calls ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.reconcile.effective import Override, Rollback, artifact_commit, effective
from sequence_operator.reconcile.preflight import Check
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.names import FINALIZER, SOURCE_LABEL, Mode
from sequence_operator.spec.resources import AlgoDeployment, AlgoDeploymentSpec, AlgoDeploymentStatus

__all__ = [
    "AccountState",
    "AccountView",
    "ArtifactState",
    "ArtifactView",
    "BuildState",
    "BuildView",
    "Check",
    "Claim",
    "Desired",
    "Failure",
    "FailureKind",
    "Observed",
    "Policy",
    "Record",
]

Record = AlgoDeploymentStatus
"""What we did last: the status, as it was read together with the spec."""


@dataclass(frozen=True, slots=True)
class Desired:
    """The custom resource, without its status.

    spec:     what is worked towards, see `effective`. written: what the object says.
    mode:     of the account it names.
    override, rollback: in force, else None. unresolved: the WASM is not known, for its build is not over; `build` says
    why. notes: sentences about annotations that could not be used.
    state_owner: the field manager that owns `spec.state`; "" when nobody set it, None when that is not known.
    source:   name of the AlgoSource that wrote the object, "" when none did.
    """

    uid: str
    generation: int
    deleting: bool
    has_finalizer: bool
    annotations: Mapping[str, str]
    spec: AlgoDeploymentSpec
    mode: Mode | None = None
    written: AlgoDeploymentSpec | None = None
    override: Override | None = None
    rollback: Rollback | None = None
    build: BuildView | None = None
    unresolved: bool = False
    notes: tuple[str, ...] = ()
    state_owner: str | None = None
    source: str = ""
    namespace: str = ""
    name: str = ""

    @classmethod
    def of(
        cls,
        resource: AlgoDeployment,
        mode: Mode | None = None,
        *,
        build: BuildView | None = None,
        state_owner: str | None = None,
    ) -> Desired:
        """The desired state in an AlgoDeployment as the API server gave it."""
        meta, found = resource.metadata, effective(resource, build)
        return cls(
            uid=meta.uid,
            generation=meta.generation,
            deleting=meta.deletion_timestamp is not None,
            has_finalizer=FINALIZER in meta.finalizers,
            annotations=meta.annotations,
            spec=found.spec,
            mode=mode,
            written=resource.spec,
            override=found.override,
            rollback=found.rollback,
            build=build,
            unresolved=found.unresolved,
            notes=found.notes,
            state_owner=state_owner,
            source=meta.labels.get(SOURCE_LABEL, ""),
            namespace=meta.namespace,
            name=meta.name,
        )

    @property
    def denied(self) -> tuple[str, ...]:
        """SHA-256 of the WASM that must not come back."""
        rollback = self.rollback
        return (rollback.denied,) if rollback is not None and rollback.denied else ()

    @property
    def artifact_commit(self) -> str:
        """Commit that the written artifact is of, "" when unknown."""
        return artifact_commit(self.written or self.spec)


class AccountState(StrEnum):
    """What stands between us and the account. Everything but READY keeps every platform call from being planned."""

    READY = "Ready"
    UNKNOWN = "Unknown"  # not contacted yet
    GONE = "AccountGone"  # the PlatformAccount, its Secret or the key in it does not exist
    UNAUTHORIZED = "Unauthorized"  # 401 or 403
    MODE_MISMATCH = "ModeMismatch"  # a live key in a sandbox account or the reverse
    CHANGED = "AccountChanged"  # another account id than the pinned one answers
    UNREACHABLE = "Unreachable"  # network, time-outs, 5xx


@dataclass(frozen=True, slots=True)
class AccountView:
    """One PlatformAccount. `allow_unverified`: subset of {"Risk", "Topology"}; `message`: why it is not READY, and the
    way out, without any secret."""

    name: str
    state: AccountState = AccountState.READY
    account_id: str | None = None
    allow_unverified: frozenset[str] = frozenset()
    message: str = ""


class ArtifactState(StrEnum):
    UNKNOWN = "Unknown"  # not looked at in this process; an `Inspect` action finds out
    READY = "Ready"  # bytes at hand, digest and interface checked
    MISSING = "Missing"  # not there (yet)
    INVALID = "Invalid"  # can never be registered


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """The WASM of `spec.artifact`. `size_bytes` when READY; `reason` (CamelCase) and `message` when MISSING or
    INVALID; `config_map`: its name, "" for a url."""

    state: ArtifactState = ArtifactState.UNKNOWN
    sha256: str = ""
    size_bytes: int | None = None
    config_map: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who may own (account id, mode, deployment name). `winner_uid`: see `reconcile.claims`."""

    winner_uid: str
    winner: str = ""  # namespace/name, for the message

    def held_by(self, uid: str) -> bool:
        return self.winner_uid == uid


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything a pass knows about the world besides the custom resource."""

    sight: Sight
    account: AccountView
    artifact: ArtifactView = field(default_factory=ArtifactView)
    claim: Claim | None = None  # None: nobody else wants the name
    holder: str = ""  # namespace/name of the other object of this cluster whose uid the row carries
    checks: tuple[Check, ...] = ()  # of the preflight, as far as the controller could look; see `preflight`


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds."""

    cluster: str = ""  # identity of this cluster, told to the platform with every registration
    warm_up: float = 5.0  # wait before a start on a platform that does not say when an instance is warm
    drain_timeout: float = 60.0  # Replace: how long resting orders may take to go before we stop and say so
    blind_drain: float = 5.0  # the same wait on a platform that does not count open orders
    create_grace: float = 30.0  # how long a lost create may stay invisible
    clock_skew: float = 5.0  # between us and the platform
    start_grace: float = 5.0  # how long an accepted start may take to show
    manual_stop_window: float = 600.0  # a second stop by someone else within it is respected
    loop_limit: int = 3  # same correction this often without effect: stop
    loop_window: float = 600.0
    poll: float = 10.0  # between two lists of the account
    hold: float = 30.0  # how long a registration that warms up may go without a word in the status


class FailureKind(StrEnum):
    """How a failed call is treated; see `reconcile.errors.classify`."""

    REJECTED = "Rejected"  # 400, 413, 422: never again until the spec changes
    ACCOUNT = "Account"  # 401, 403: the account's matter, its keys wait
    GONE = "Gone"  # 404: observe again
    NAME = "Name"  # 409: the name is taken
    REVISION = "Revision"  # 409: it moved since we looked; observe again
    KILL_SWITCH = "KillSwitch"  # 409: wait until it is cleared
    CONFLICT = "Conflict"  # any other 409: wait
    RETRY = "Retry"  # 408, 429, 5xx, network: backoff
    ARTIFACT = "Artifact"  # the bytes for a registration are not to be had


@dataclass(frozen=True, slots=True)
class Failure:
    """A platform call (or the fetch of an artifact) that did not succeed.

    executed: False when the platform certainly did not act (an explicit refusal, or nothing was sent); None when that
    is unknown (time-out, 5xx, lost connection). message: for people, free of secrets and of anything that changes
    from try to try (request ids, times), for it ends in the status.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    code: str = ""
    field: str = ""
    retry_after: float | None = None
    executed: bool | None = None
