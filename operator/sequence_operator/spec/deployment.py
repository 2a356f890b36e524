"""AlgoDeployment: one algo registered on the platform under a name, and whether it runs."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from sequence_operator.spec import names
from sequence_operator.spec.meta import INT64_MAX, INT64_MIN, Resource, SpecModel
from sequence_operator.spec.status import AlgoDeploymentStatus

MAX_INSTANCES = 16
MAX_PARAMS = 32
MAX_ROUTES = 256
MAX_SYMBOLS = 32
MAX_OPEN_ORDERS = 32

State = Literal["Stopped", "Running"]
InstrumentType = Literal["spot", "perp"]
ParamKind = Literal["int", "float", "bool", "bps"]

Limit = Annotated[StrictInt, Field(ge=1, le=INT64_MAX)]
Label = Annotated[str, Field(pattern=names.LABEL_PATTERN, min_length=1, max_length=names.LABEL_MAX)]
Symbol = Annotated[str, Field(pattern=names.SYMBOL_PATTERN, min_length=1, max_length=names.SYMBOL_MAX)]
Sha256 = Annotated[str, Field(pattern=names.SHA256_PATTERN, min_length=64, max_length=64)]
Commit = Annotated[str, Field(pattern=names.COMMIT_PATTERN, max_length=64)]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)]
DataKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)]


class Risk(SpecModel):
    """Risk limits, checked before an order leaves the edge; an absent one is the account's."""

    max_position_1e8: Limit | None = Field(
        default=None,
        description="Largest position per symbol and instance, in base units times 1e8 (200000000 = 2 BTC).",
    )
    max_order_notional_1e9: Limit | None = Field(
        default=None,
        description="Largest value of one order, in quote currency times 1e9 (50000000000000 = 50,000 USD).",
    )
    max_order_rate: Annotated[StrictInt, Field(ge=1, le=2**32 - 1)] | None = Field(
        default=None, description="Orders per second that an instance may send."
    )
    max_daily_loss_1e9: Limit | None = Field(
        default=None,
        description="Loss since 00:00 UTC that pauses the algo, in quote currency times 1e9 "
        "(500000000000 = 500 USD). A pause is never undone without a person.",
    )
    max_price_deviation_bps: Limit | None = Field(
        default=None,
        description="How far an order's price may be from the best bid or ask, in basis points (100 = 1 %).",
    )
    max_open_orders: Annotated[StrictInt, Field(ge=1, le=MAX_OPEN_ORDERS)] | None = Field(
        default=None,
        description="Open orders an instance may have at a time; the algo interface has room for 32.",
    )


class Param(SpecModel):
    """A parameter the algo can read while it runs. Exactly one of int, float, bool, bps holds the value."""

    name: Annotated[
        str, Field(pattern=names.PARAM_PATTERN, min_length=1, max_length=names.PARAM_NAME_MAX)
    ] = Field(description="Name of the parameter, unique in its list.")
    slot: Annotated[StrictInt, Field(ge=0, le=MAX_PARAMS - 1)] | None = Field(
        default=None,
        description="Slot in the algo's parameter table, 0 to 31, unique. Required under spec.params, "
        "absent in an instance's params, which override by name.",
    )
    int_: Annotated[StrictInt, Field(ge=INT64_MIN, le=INT64_MAX)] | None = Field(
        default=None, description="A whole number (64 bits, signed)."
    )
    float_: float | None = Field(default=None, description="A floating point number (64 bits).")
    bool_: StrictBool | None = Field(default=None, description="true or false.")
    bps: Annotated[StrictInt, Field(ge=-(2**31), le=2**31 - 1)] | None = Field(
        default=None, description="Basis points, a whole number (32 bits, signed; 100 = 1 %)."
    )

    @model_validator(mode="after")
    def _one_finite_value(self) -> Param:
        given = [v for v in (self.int_, self.float_, self.bool_, self.bps) if v is not None]
        if len(given) != 1:
            raise ValueError(f"parameter {self.name}: exactly one of int, float, bool, bps is needed")
        if self.float_ is not None and not math.isfinite(self.float_):
            raise ValueError(f"parameter {self.name}: float must be finite")
        return self

    @property
    def kind(self) -> ParamKind:
        if self.int_ is not None:
            return "int"
        if self.float_ is not None:
            return "float"
        return "bool" if self.bool_ is not None else "bps"

    @property
    def value(self) -> int | float | bool:
        for value in (self.int_, self.float_, self.bool_, self.bps):
            if value is not None:
                return value
        raise AssertionError("a Param without a value cannot be made")


class Instance(SpecModel):
    """One running copy of the WASM on one venue's edge."""

    label: Label = Field(
        description="Name of the instance inside the deployment; other instances address it by this name."
    )
    venue: Annotated[str, Field(pattern=names.VENUE_PATTERN, min_length=1, max_length=names.VENUE_MAX)] = (
        Field(description="Venue id in lower case, for example kraken or coinbase.")
    )
    symbols: Annotated[list[Symbol], Field(min_length=1, max_length=MAX_SYMBOLS)] = Field(
        description="Symbols the instance trades, for example BTC-USD or BTC-USD-PERP."
    )
    instrument_type: InstrumentType = Field(
        default="spot", description="spot or perp; a venue has one edge for each."
    )
    risk: Risk | None = Field(
        default=None, description="Limits of this instance; each may only tighten the one of spec.risk."
    )
    params: Annotated[list[Param], Field(max_length=MAX_PARAMS)] = Field(
        default_factory=list,
        description="Values in place of those in spec.params: same name, same kind, no slot.",
    )


class ConfigMapRef(SpecModel):
    """A ConfigMap in the same namespace, whose binaryData holds the WASM."""

    name: ObjectName = Field(description="Name of the ConfigMap; the CLI makes `wasm-<sha256>`.")
    key: DataKey = Field(default=names.ARTIFACT_KEY, description="Key under binaryData.")


class BuildRef(SpecModel):
    """A crate in a commit, which the builder of this namespace compiles."""

    url: Annotated[str, Field(min_length=1, max_length=2048)] = Field(
        description="Address of the git repository, without credentials. Nothing is fetched from it here: the sources "
        "come from the AlgoSource that published them."
    )
    commit: Commit = Field(description="Commit that the sources were read from.")
    path: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Folder of the crate inside the repository; `.` is the repository itself."
    )


class Artifact(SpecModel):
    """Where the WASM is. One that is stored is used only when its bytes have the SHA-256 given here; the digest of
    one that has to be built is known when the build is done."""

    config_map_ref: ConfigMapRef | None = Field(default=None, description="A ConfigMap that holds the WASM.")
    url: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        default=None, description="Address of the WASM: https, or http on loopback."
    )
    build: BuildRef | None = Field(default=None, description="Sources to build it from.")
    sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of the WASM bytes, 64 lower-case hex digits: with configMapRef and url, not with build.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Artifact:
        if [self.config_map_ref, self.url, self.build].count(None) != 2:
            raise ValueError("exactly one of configMapRef, url, build is needed")
        if (self.sha256 is None) != (self.build is not None):
            raise ValueError("sha256 goes with configMapRef and url, not with build")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the WASM; "" of one that has to be built, before the build is resolved."""
        return self.sha256 or ""


class Origin(SpecModel):
    """Where the deployment was written down, for people and for the audit; nothing is fetched from it."""

    repository: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="Address of the git repository, without credentials."
    )
    commit: Commit | None = Field(default=None, description="Commit the file was read from.")
    path: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="Path of Sequence.toml inside the repository."
    )
    dirty: StrictBool | None = Field(
        default=None, description="Whether the work tree had uncommitted changes."
    )


class Route(SpecModel):
    """Instance `from` may send messages to instance `to`."""

    from_: Label = Field(description="Label of the sending instance.")
    to: Label = Field(description="Label of the receiving instance.")


class Mesh(SpecModel):
    """Which instances may send messages to which."""

    routes: Annotated[list[Route], Field(max_length=MAX_ROUTES)] = Field(
        description="Allowed routes; an empty list allows none."
    )


class AccountRef(SpecModel):
    """A PlatformAccount in the same namespace."""

    name: ObjectName = Field(description="Name of the PlatformAccount.")


class AlgoDeploymentSpec(SpecModel):
    """Desired state of one deployment."""

    deployment: Annotated[str, Field(pattern=names.DEPLOYMENT_PATTERN, min_length=1, max_length=63)] = Field(
        description="Name of the deployment on the platform, case kept. Immutable."
    )
    description: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="One sentence for people."
    )
    account_ref: AccountRef = Field(description="The account it is registered with. Immutable.")
    state: State = Field(
        default="Stopped",
        description="Stopped registers the algo and lets it warm up; Running lets it trade.",
    )
    artifact: Artifact = Field(description="The WASM to run.")
    origin: Origin | None = Field(default=None, description="Where this spec was written down.")
    instances: Annotated[list[Instance], Field(min_length=1, max_length=MAX_INSTANCES)] = Field(
        description="The copies to run, 1 to 16, each on one venue."
    )
    risk: Risk | None = Field(default=None, description="Limits of every instance.")
    params: Annotated[list[Param], Field(max_length=MAX_PARAMS)] = Field(
        default_factory=list, description="Parameters the algo reads while it runs, at most 32."
    )
    mesh: Mesh | None = Field(
        default=None,
        description="Which instances may message which; when absent, every one may message every other.",
    )
    suspend: StrictBool = Field(
        default=False,
        description="true: the operator observes and reports, but changes nothing on the platform.",
    )
    on_stop: Literal["Keep", "Cancel"] = Field(
        default="Keep",
        description="What a plain stop does with resting orders. Unregistering always cancels them.",
    )
    drift_policy: Literal["Correct", "Report"] = Field(
        default="Correct",
        description="What happens when the platform differs from this spec though nobody edited it.",
    )
    deletion_policy: Literal["Undeploy", "Orphan"] = Field(
        default="Undeploy",
        description="Deleting this object undeploys the algo, or leaves it as it is on the platform.",
    )
    adopt: StrictBool = Field(
        default=False,
        description="true: take over a deployment of this name that somebody else registered.",
    )


class AlgoDeployment(Resource):
    kind: Literal["AlgoDeployment"] = "AlgoDeployment"
    spec: AlgoDeploymentSpec
    status: AlgoDeploymentStatus = Field(default_factory=AlgoDeploymentStatus)
