"""Request bodies. Limits, parameters, instances and routes refuse unknown keys: no misspelt limit is ever ignored."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

INT64_MAX = 2**63 - 1
MAX_INSTANCES = 16
MAX_PARAMS = 32
MAX_SYMBOLS = 32
MAX_OPEN_ORDERS = 32
"""Room in the algo interface; no limit of a deployment can be above it."""

Limit = Annotated[StrictInt, Field(ge=1, le=INT64_MAX)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}\z")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}\z")]
Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\z")]
Symbols = Annotated[list[Symbol], Field(min_length=1, max_length=MAX_SYMBOLS)]
OnStop = Literal["keep", "cancel"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class RiskBody(_Strict):
    """Limits checked before an order leaves the edge; an absent one does not limit."""

    max_position_1e8: Limit | None = None
    max_order_notional_1e9: Limit | None = None
    max_order_rate: Annotated[StrictInt, Field(ge=1, le=2**32 - 1)] | None = None
    max_daily_loss_1e9: Limit | None = None
    max_price_deviation_bps: Limit | None = None
    max_open_orders: Annotated[StrictInt, Field(ge=1, le=MAX_OPEN_ORDERS)] | None = None
    reduce_only: StrictBool | None = None

    def wire(self) -> dict[str, Any]:
        """Only the limits that are set."""
        return self.model_dump(exclude_none=True)


class ParamBody(_Strict):
    """A live parameter: a 64-bit integer, a finite float, a bool, or basis points (32 bits)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}\z")]
    slot: Annotated[StrictInt, Field(ge=0, lt=MAX_PARAMS)] | None = None
    type: Literal["int", "float", "bool", "bps"]
    value: StrictBool | StrictInt | float

    @model_validator(mode="after")
    def _value_fits(self) -> ParamBody:
        value = self.value
        integer = isinstance(value, int) and not isinstance(value, bool)
        fits = {
            "bool": isinstance(value, bool),
            "int": integer and -(2**63) <= value < 2**63,
            "bps": integer and -(2**31) <= value < 2**31,
            "float": not isinstance(value, bool) and math.isfinite(value),
        }
        if not fits[self.type]:
            raise ValueError(f"value {value!r} of {self.name} is not a valid {self.type}")
        return self

    def wire(self) -> dict[str, Any]:
        """As it is stored and shown; a float stays a float even when it was written without a point."""
        shown = self.model_dump(exclude_none=True)
        return shown | ({"value": float(self.value)} if self.type == "float" else {})


Params = Annotated[list[ParamBody], Field(max_length=MAX_PARAMS)]


class RouteBody(_Strict):
    """One direction of a mesh."""

    from_: Annotated[Label, Field(alias="from")]
    to: Label


class MeshBody(_Strict):
    """Who may send to whom; an absent mesh lets everybody send to everybody."""

    routes: Annotated[list[RouteBody], Field(max_length=MAX_INSTANCES * MAX_INSTANCES)] | None = None

    def wire(self) -> dict[str, Any] | None:
        """None for a full mesh."""
        if self.routes is None:
            return None
        return {"routes": [{"from": route.from_, "to": route.to} for route in self.routes]}


class InstanceBody(_Strict):
    """One instance to run; `risk` may only tighten the deployment's, `params` override by name."""

    label: Label
    venue: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}\z")]
    symbols: Symbols
    instrument_type: Literal["spot", "perp"] = "spot"
    risk: RiskBody | None = None
    params: Params | None = None


class CreateBody(BaseModel):
    """`POST /v1/deployments`.

    `name`, `wasm_base64`, `symbols`, `start_immediately` suffice: then every connected edge that trades some of the
    symbols gets an instance.
    """

    name: Name
    wasm_base64: Annotated[str, Field(min_length=1, description="standard base64 of at most 1 MiB of WASM")]
    symbols: Symbols | None = None
    start_immediately: bool = False
    instances: Annotated[list[InstanceBody], Field(min_length=1, max_length=MAX_INSTANCES)] | None = None
    risk: RiskBody | None = None
    params: Params | None = None
    mesh: MeshBody | None = None
    on_stop: OnStop = "keep"
    manifest: Annotated[str, Field(max_length=256 * 1024)] | None = None
    metadata: dict[str, Any] | None = None
    wasm_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")] | None = None


class InstanceChange(_Strict):
    """New limits or parameter values of one instance; what is absent stays as it is."""

    label: Label
    risk: RiskBody | None = None
    params: Params | None = None


class PatchBody(BaseModel):
    """`PATCH /v1/deployments/{id}`: what is absent stays; null means none (of `mesh`: a full one)."""

    risk: RiskBody | None = None
    params: Params | None = None
    mesh: MeshBody | None = None
    metadata: dict[str, Any] | None = None
    on_stop: OnStop | None = None
    instances: Annotated[list[InstanceChange], Field(max_length=MAX_INSTANCES)] | None = None
    if_revision: StrictInt | None = None


class StartBody(BaseModel):
    """`POST …/start`; `acknowledge` is the id of the pause that this start clears."""

    acknowledge: str | None = None
