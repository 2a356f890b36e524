"""AlgoBuild: one compilation of one crate from published sources. Equal inputs have one AlgoBuild."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sequence_operator.spec import names
from sequence_operator.spec.deployment import Commit, Sha256
from sequence_operator.spec.meta import Resource, SpecModel, StatusModel, Time
from sequence_operator.spec.status import Condition

MAX_LOG_LINES = 50
MAX_LOG_LINE = 2048

Phase = Literal["Pending", "Building", "Succeeded", "Failed"]


class AlgoBuildSpec(SpecModel):
    """What to build. Immutable: other sources are another AlgoBuild."""

    tree_digest: Sha256 = Field(
        description="SHA-256 of the uncompressed tarball with the inputs of the build, 64 lower-case hex digits."
    )
    tree_url: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="Where that tarball is, inside the cluster; the builder refuses every other place."
    )
    commit: Commit = Field(description="Commit that the sources were read from first.")
    path: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Folder of the crate inside the tarball; `.` is its root."
    )
    toolchain: Annotated[str, Field(pattern=names.TOOLCHAIN_PATTERN, min_length=1, max_length=64)] = Field(
        description="Version of Rust, for example 1.95.0."
    )


class Claim(StatusModel):
    """The builder that works on it."""

    holder: str = Field(default="", description="Name of the builder.")
    until: Time | None = Field(default=None, description="When another builder may take over.")


class AlgoBuildStatus(StatusModel):
    """How far the build is."""

    observed_generation: int = Field(
        default=-1, description="metadata.generation this status speaks about; -1 = none yet."
    )
    phase: Phase | None = Field(default=None, description="Pending, Building, Succeeded or Failed.")
    claim: Claim | None = Field(default=None, description="Who works on it.")
    attempts: int = Field(default=0, description="How often it was begun.")
    sha256: str = Field(default="", description="SHA-256 of the WASM that came out.")
    size_bytes: int = Field(default=0, description="Size of that WASM in bytes.")
    config_map: str = Field(default="", description="ConfigMap that holds it.")
    sandboxed: bool | None = Field(default=None, description="Whether cargo ran in the sandbox.")
    seconds: float = Field(default=0.0, description="How long the last attempt took.")
    log: Annotated[list[Annotated[str, Field(max_length=MAX_LOG_LINE)]], Field(max_length=MAX_LOG_LINES)] = (
        Field(default_factory=list, description="Last 50 lines of the log.")
    )
    conditions: list[Condition] = Field(
        default_factory=list, description="Ready, Reconciling, Stalled (kstatus)."
    )


class AlgoBuild(Resource):
    kind: Literal["AlgoBuild"] = "AlgoBuild"
    spec: AlgoBuildSpec
    status: AlgoBuildStatus = Field(default_factory=AlgoBuildStatus)
