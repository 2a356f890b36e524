"""AlgoSource: a git repository whose `Sequence.toml` files become AlgoDeployments."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from sequence_operator.spec.account import seconds
from sequence_operator.spec.deployment import AccountRef, Commit, DataKey, ObjectName
from sequence_operator.spec.meta import Resource, SpecModel, StatusModel
from sequence_operator.spec.names import FILE_NAME
from sequence_operator.spec.status import Condition

MAX_GLOBS = 64
MAX_PROBLEMS = 100
MAX_INVENTORY = 5000

# What git calls a well-formed reference, less what could be taken for an option or a pattern.
REF_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._/+@-]*$"

RefName = Annotated[str, Field(pattern=REF_PATTERN, min_length=1, max_length=255)]
Glob = Annotated[str, Field(min_length=1, max_length=1024)]


class SecretRef(SpecModel):
    """A Secret in the same namespace."""

    name: ObjectName = Field(description="Name of the Secret.")


class GitRef(SpecModel):
    """What to follow. Exactly one of branch, tag, commit."""

    branch: RefName | None = Field(default=None, description="Branch whose newest commit is followed.")
    tag: RefName | None = Field(default=None, description="Tag that is followed, also when it is moved.")
    commit: Commit | None = Field(default=None, description="One commit, 40 hex digits.")

    @model_validator(mode="after")
    def _one(self) -> GitRef:
        if [self.branch, self.tag, self.commit].count(None) != 2:
            raise ValueError("exactly one of branch, tag, commit is needed")
        return self

    def __str__(self) -> str:
        """`branch main`, `tag v1`, `commit 3c0ffee1`: for messages."""
        if self.branch is not None:
            return f"branch {self.branch}"
        return f"tag {self.tag}" if self.tag is not None else f"commit {(self.commit or '')[:8]}"


class HookKeyRef(SpecModel):
    """A key of a Secret in the same namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field(default="token", description="Key under the Secret's data.")


class Webhook(SpecModel):
    """Who may announce a push."""

    secret_ref: HookKeyRef = Field(
        description="The secret that signs the announcement (GitHub) or is its token."
    )


class Verify(SpecModel):
    """Signatures that a commit needs before anything of it is applied."""

    mode: Literal["HEAD"] = Field(default="HEAD", description="HEAD: the commit that is followed.")
    secret_ref: SecretRef = Field(
        description="Secret with the keys that may sign: OpenPGP public keys (*.asc) or SSH allowed signers."
    )


class AlgoSourceSpec(SpecModel):
    """Where the files are, and what happens to what they declare."""

    url: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="Address of the repository, without credentials: https://…, ssh://user@host/path or "
        "user@host:path; http on loopback only."
    )
    ref: GitRef = Field(description="What to follow.")
    paths: Annotated[list[Glob], Field(max_length=MAX_GLOBS)] = Field(
        default=[f"**/{FILE_NAME}"],
        description="Globs of the files, relative to the repository; `**` is any folders. An empty list publishes "
        "the sources and renders nothing.",
    )
    interval: Annotated[
        str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", min_length=2, max_length=12)
    ] = Field(default="1m", description="Time between two looks at the repository, 2s to 24h.")
    secret_ref: SecretRef | None = Field(
        default=None,
        description="Secret to fetch with: username and password (or a token as password) for https, "
        "identity and known_hosts for ssh.",
    )
    webhook: Webhook | None = Field(default=None, description="Push announcements that wake it at once.")
    verify: Verify | None = Field(default=None, description="Signatures that are required.")
    account_ref: AccountRef = Field(description="The account for everything it renders.")
    adopt: Literal["Never", "SameOrigin"] = Field(
        default="Never",
        description="SameOrigin: take over what another cluster, declared gone, registered from the same repository "
        "and path.",
    )
    prune: StrictBool = Field(
        default=True, description="Whether an algo that left the repository is undeployed, or stays as it is."
    )
    suspend: StrictBool = Field(
        default=False, description="true: look and report, but write nothing of what the repository says."
    )

    @property
    def interval_seconds(self) -> float:
        return seconds(self.interval)


class SourceArtifact(StatusModel):
    """The sources of the observed commit, published inside the cluster."""

    digest: str = Field(default="", description="SHA-256 of the uncompressed tarball.")
    url: str = Field(default="", description="Where the builder gets it.")


class InventoryEntry(StatusModel):
    """One AlgoDeployment that this source applied and owns."""

    name: str = Field(description="Name of the AlgoDeployment.")
    path: str = Field(default="", description="Path of its file inside the repository.")
    digest: str = Field(default="", description="12 hex digits of what it was rendered from.")


class SourceProblem(StatusModel):
    """Something wrong in the repository, where it stands. Other files go on."""

    path: str = Field(default="", description="Path inside the repository.")
    line: int = Field(default=0, description="Line, from 1; 0 when it is about the whole file.")
    column: int = Field(default=0, description="Column, from 1; 0 when it is about the whole file.")
    message: Annotated[str, Field(max_length=4096)] = Field(default="", description="A sentence for people.")

    @property
    def where(self) -> str:
        """`path:line:column`, or the path alone."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.path else self.message


class SourceSummary(StatusModel):
    """Short forms for the columns of `kubectl get algosrc`."""

    algos: str = Field(default="", description="Applied of all declared, for example 12/13.")
    commit: str = Field(default="", description="First 8 digits of the observed commit.")
    ref: str = Field(default="", description="What is followed.")


class AlgoSourceStatus(StatusModel):
    """What was last found and applied."""

    observed_generation: int = Field(
        default=-1, description="metadata.generation this status speaks about; -1 = none yet."
    )
    observed_commit: str = Field(default="", description="Commit that was last read.")
    summary: SourceSummary | None = Field(default=None, description="Short forms for columns.")
    artifact: SourceArtifact | None = Field(default=None, description="The published sources of that commit.")
    inventory: Annotated[list[InventoryEntry], Field(max_length=MAX_INVENTORY)] = Field(
        default_factory=list, description="What this source applied and owns, by name."
    )
    problems: Annotated[list[SourceProblem], Field(max_length=MAX_PROBLEMS)] = Field(
        default_factory=list, description="What is wrong in the repository, by path; at most 100."
    )
    last_handled_reconcile_at: str | None = Field(
        default=None,
        description="Echo of the annotation sequencemkts.com/reconcile-requested-at, once it was acted on.",
    )
    conditions: list[Condition] = Field(
        default_factory=list, description="Ready, Reconciling, Stalled (kstatus)."
    )


class AlgoSource(Resource):
    kind: Literal["AlgoSource"] = "AlgoSource"
    spec: AlgoSourceSpec
    status: AlgoSourceStatus = Field(default_factory=AlgoSourceStatus)
