"""The tables of `Sequence.toml` as pydantic models: which keys exist, their types and their limits.

How many instances, symbols, parameters and routes there may be is checked with the rules across tables: a length
limit here would end the validation of a list at that element, and hide the other problems in it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from sequence_operator.spec import names
from sequence_operator.spec.deployment import (
    InstrumentType,
    Label,
    ParamKind,
    Risk,
    Symbol,
)
from sequence_operator.spec.meta import INT64_MAX, INT64_MIN

ParamValue = tuple[ParamKind, int | float | bool]


def param_value(value: object) -> ParamValue:
    """A value of a `[params]` table: whole number, float, boolean, or `{ bps = N }`."""
    match value:
        case bool():
            return "bool", value
        case int():
            if not INT64_MIN <= value <= INT64_MAX:
                raise PydanticCustomError("param", "must fit into 64 bits: between -2^63 and 2^63 - 1")
            return "int", value
        case float():
            if not math.isfinite(value):
                raise PydanticCustomError(
                    "param", "must be finite: nan and inf cannot be sent to the platform"
                )
            return "float", value
        case {"bps": bps, **rest} if not rest:
            return "bps", _basis_points(bps)
    raise PydanticCustomError(
        "param", "must be a whole number, a float (1.0), true or false, or basis points as { bps = 12 }"
    )


def _as_written(field: str) -> str:
    return field.rstrip("_")


def _basis_points(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise PydanticCustomError("param", "must be a whole number")
    if not -(2**31) <= value < 2**31:
        raise PydanticCustomError("param", "must fit into 32 bits: between -2^31 and 2^31 - 1")
    return value


class FileTable(BaseModel):
    """Unknown keys are refused; whole numbers, floats and booleans are never turned into one another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=_as_written)


ParamName = Annotated[str, Field(pattern=names.PARAM_PATTERN, max_length=names.PARAM_NAME_MAX)]
ParamTable = dict[ParamName, Annotated[Any, BeforeValidator(param_value)]]


class RiskTable(Risk):
    """`[risk]`: the limits by their names in the file."""

    model_config = ConfigDict(alias_generator=_as_written, populate_by_name=False)


class RouteTable(FileTable):
    """One `{ from = …, to = … }` of `[mesh].routes`."""

    from_: Label
    to: Label


class DeploymentTable(FileTable):
    """`[deployment]`. `state` is None when git does not decide: then whoever starts and stops does."""

    name: Annotated[str, Field(pattern=names.DEPLOYMENT_PATTERN, max_length=63)]
    description: Annotated[str, Field(max_length=1024)] = ""
    state: Literal["running", "stopped"] | None = None


class BuildTable(FileTable):
    """`[build]`. `wasm` is relative to the project; None = where cargo puts it. `prebuilt`: do not compile."""

    wasm: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    prebuilt: bool = False


class InstanceTable(FileTable):
    """One `[[instances]]`; `label` may be left out when there is only one."""

    label: Label | None = None
    venue: Annotated[str, Field(pattern=names.VENUE_PATTERN, max_length=names.VENUE_MAX)]
    symbols: list[Symbol]
    instrument_type: InstrumentType = "spot"
    risk: RiskTable | None = None
    params: ParamTable = Field(default_factory=dict)


class MeshTable(FileTable):
    """`[mesh]`."""

    routes: list[RouteTable]


class OperatorTable(FileTable):
    """`[operator]`: the resource's policies of the same name. None = the resource's default."""

    suspend: bool | None = None
    on_stop: Literal["keep", "cancel"] | None = None
    drift_policy: Literal["correct", "report"] | None = None
    deletion_policy: Literal["undeploy", "orphan"] | None = None


class Document(FileTable):
    """The whole file."""

    deployment: DeploymentTable
    build: BuildTable = Field(default_factory=BuildTable)
    risk: RiskTable | None = None
    params: ParamTable = Field(default_factory=dict)
    instances: list[InstanceTable]
    mesh: MeshTable | None = None
    operator: OperatorTable = Field(default_factory=OperatorTable)
