"""Status of the resources: what was last seen and done. It carries what changes rarely: no counters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sequence_operator.spec.meta import StatusModel, Time
from sequence_operator.spec.names import ObservedState

ConditionStatus = Literal["True", "False", "Unknown"]
MAX_HISTORY = 10

Text = Annotated[str, Field(max_length=32768)]


class Condition(StatusModel):
    """One aspect of the state, in the form that `kubectl wait --for=condition=…` understands."""

    type: Annotated[str, Field(min_length=1, max_length=316)] = Field(description="Name of the aspect.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: Annotated[str, Field(max_length=1024)] = Field(description="One CamelCase word that says why.")
    message: Text = Field(
        default="", description="A sentence for people, with the way out where there is one."
    )
    observed_generation: int = Field(default=0, description="metadata.generation this was written for.")
    last_transition_time: Time = Field(description="When the status last changed.")


class Summary(StatusModel):
    """Short forms for the columns of `kubectl get algo`."""

    instances: str = Field(default="", description="Live of all instances, for example 2/2.")
    wasm: str = Field(default="", description="First 12 digits of the SHA-256 of the WASM.")
    commit: str = Field(default="", description="First 8 digits of the commit.")


class ArtifactStatus(StatusModel):
    """The WASM that is registered."""

    sha256: str = Field(default="", description="SHA-256 of the bytes.")
    size_bytes: int = Field(default=0, description="Size in bytes.")
    commit: str = Field(default="", description="Commit it was built from, when known.")
    config_map: str = Field(default="", description="ConfigMap that holds it, when there is one.")


class InstanceStatus(StatusModel):
    """One instance as the platform last described it."""

    label: str = Field(description="Label of the instance.")
    venue: str = Field(default="", description="Venue id.")
    edge: str = Field(default="", description="Edge that hosts it.")
    state: ObservedState | None = Field(default=None, description="State on that edge.")
    live: bool = Field(default=False, description="Whether it is running and fed with market data.")
    error: str = Field(
        default="", description="The edge's own message, when it refused or paused the instance."
    )


class DriftEntry(StatusModel):
    """One field in which the platform differs from the spec although nobody edited the spec."""

    field: str = Field(description="Field, by its path in the spec.")
    desired: str = Field(default="", description="Value in the spec.")
    observed: str = Field(default="", description="Value on the platform.")
    since: Time = Field(description="When the difference was first seen.")


class Pending(StatusModel):
    """A platform write whose outcome is not known yet; written down before the call is made."""

    action: str = Field(description="Register, Replace or Acknowledge.")
    from_: str = Field(
        default="",
        description="SHA-256 of the WASM that is being replaced; "
        "of an Acknowledge, the digest of the spec that allows more.",
    )
    to: str = Field(
        default="",
        description="SHA-256 of the WASM that is being registered; of an Acknowledge, the id of the pause.",
    )
    at: Time = Field(description="When the write was decided.")


class Pause(StatusModel):
    """A pause made by the platform. It is cleared on purpose only."""

    id: str = Field(description="Identity of this pause; `sequence start --acknowledge` names it.")
    reason: str = Field(
        default="", description="Reason in the platform's words, for example DAILY_LOSS_LIMIT."
    )
    at: Time | None = Field(default=None, description="When it happened.")


class HistoryEntry(StatusModel):
    """Something that was done or happened to the deployment."""

    at: Time = Field(description="When.")
    event: str = Field(description="What, in one CamelCase word.")
    commit: str = Field(default="", description="Commit of the spec at that time.")
    author: str = Field(default="", description="Who wrote that commit, when known.")
    sha256: str = Field(default="", description="SHA-256 of the WASM at that time.")
    plan_hash: str = Field(
        default="",
        description="Hash of the edit that was carried out, as `sequence plan` printed it for review; "
        "empty when nothing was edited.",
    )
    message: str = Field(default="", description="A sentence for people.")


class AlgoDeploymentStatus(StatusModel):
    """What the operator last saw and did."""

    observed_generation: int = Field(
        default=-1, description="metadata.generation this status speaks about; -1 = none yet."
    )
    deployment_id: str | None = Field(default=None, description="Id of the deployment on the platform.")
    state: ObservedState | None = Field(default=None, description="State on the platform.")
    summary: Summary | None = Field(default=None, description="Short forms for columns.")
    artifact: ArtifactStatus | None = Field(default=None, description="The WASM that is registered.")
    instances: list[InstanceStatus] = Field(default_factory=list, description="One entry per instance.")
    drift: list[DriftEntry] = Field(
        default_factory=list, description="Differences that nobody asked for; empty when in sync."
    )
    pending: Pending | None = Field(
        default=None, description="A platform write whose outcome is not known yet."
    )
    pause: Pause | None = Field(default=None, description="A pause made by the platform.")
    history: Annotated[list[HistoryEntry], Field(max_length=MAX_HISTORY)] = Field(
        default_factory=list, description="What was done, newest first, at most 10 entries."
    )
    denied_digests: Annotated[list[str], Field(max_length=MAX_HISTORY)] = Field(
        default_factory=list,
        description="SHA-256 of WASM that a rollback left; not run again until the spec names another commit.",
    )
    spec_digest: str = Field(
        default="", description="Index of the form of the spec that is in force on the platform."
    )
    review_digest: str = Field(
        default="", description="Digest of the spec that was last carried out, as plan hashes are made of."
    )
    last_handled_reconcile_at: str | None = Field(
        default=None,
        description="Echo of the annotation sequencemkts.com/reconcile-requested-at, once it was acted on.",
    )
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready, Reconciling, Stalled (kstatus) and ArtifactReady, Registered, Live.",
    )


class PlatformAccountStatus(StatusModel):
    """What is known about the account."""

    observed_generation: int = Field(
        default=-1, description="metadata.generation this status speaks about; -1 = none yet."
    )
    account_id: str | None = Field(
        default=None, description="Identity on the platform, pinned at the first contact."
    )
    tier: str | None = Field(default=None, description="Tier the platform names.")
    conditions: list[Condition] = Field(default_factory=list, description="Ready.")
