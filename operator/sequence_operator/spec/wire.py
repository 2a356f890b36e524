"""The wire form of a deployment: snake_case JSON as the platform's create and patch bodies carry it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sequence_operator.spec.deployment import (
    AlgoDeploymentSpec,
    InstrumentType,
    Param,
    ParamKind,
    Risk,
)

DIGEST_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class WireParam:
    """`slot` is None in an instance's override, which goes by name."""

    name: str
    slot: int | None
    type: ParamKind
    value: int | float | bool

    def as_json(self) -> dict[str, Any]:
        slot = {} if self.slot is None else {"slot": self.slot}
        return {"name": self.name, **slot, "type": self.type, "value": self.value}


@dataclass(frozen=True, slots=True)
class WireInstance:
    """`risk` and `params` as written for this instance; the platform lays them over the deployment's."""

    label: str
    venue: str
    symbols: tuple[str, ...]
    instrument_type: InstrumentType
    risk: Mapping[str, int]
    params: tuple[WireParam, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "venue": self.venue,
            "symbols": list(self.symbols),
            "instrument_type": self.instrument_type,
            "risk": dict(self.risk),
            "params": [p.as_json() for p in self.params],
        }


@dataclass(frozen=True, slots=True)
class WireDeployment:
    """A deployment as the platform is told about it.

    symbols: union over the instances, in order of first use.
    risk:    only the limits that are set, by wire name (`max_position_1e8`, …).
    routes:  (from, to) pairs, or None for a full mesh.
    """

    name: str
    symbols: tuple[str, ...]
    instances: tuple[WireInstance, ...]
    risk: Mapping[str, int]
    params: tuple[WireParam, ...]
    routes: tuple[tuple[str, str], ...] | None
    on_stop: Literal["keep", "cancel"]

    def mesh_json(self) -> dict[str, Any] | None:
        if self.routes is None:
            return None
        return {"routes": [{"from": source, "to": target} for source, target in self.routes]}

    def as_json(self) -> dict[str, Any]:
        """The body of a create without the WASM; `mesh` is null for a full one, so that a patch can widen."""
        return {
            "name": self.name,
            "symbols": list(self.symbols),
            "instances": [i.as_json() for i in self.instances],
            "risk": dict(self.risk),
            "params": [p.as_json() for p in self.params],
            "mesh": self.mesh_json(),
            "on_stop": self.on_stop,
        }


def risk_wire(risk: Risk | None) -> dict[str, int]:
    """Only the limits that are set, by wire name."""
    return {} if risk is None else risk.model_dump(exclude_none=True)


def param_wire(param: Param) -> WireParam:
    return WireParam(name=param.name, slot=param.slot, type=param.kind, value=param.value)


def desired_wire(spec: AlgoDeploymentSpec) -> WireDeployment:
    """What the platform should hold for this spec. Parameters in slot order, instances as written."""
    instances = tuple(
        WireInstance(
            label=i.label,
            venue=i.venue,
            symbols=tuple(i.symbols),
            instrument_type=i.instrument_type,
            risk=risk_wire(i.risk),
            params=tuple(param_wire(p) for p in i.params),
        )
        for i in spec.instances
    )
    routes = None if spec.mesh is None else tuple((r.from_, r.to) for r in spec.mesh.routes)
    return WireDeployment(
        name=spec.deployment,
        symbols=tuple(dict.fromkeys(s for i in instances for s in i.symbols)),
        instances=instances,
        risk=risk_wire(spec.risk),
        params=tuple(sorted((param_wire(p) for p in spec.params), key=lambda p: p.slot or 0)),
        routes=routes,
        on_stop="cancel" if spec.on_stop == "Cancel" else "keep",
    )


def create_body(wire: WireDeployment, wasm: bytes, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Body of `POST /v1/deployments`: registered stopped whatever is desired, for it must warm up.

    metadata: `managed_by`, `uid`, `cluster`, `origin`, `spec_digest`, `commit`; left out when empty.
    """
    body = wire.as_json()
    if body["mesh"] is None:
        del body["mesh"]
    body["wasm_base64"] = base64.b64encode(wasm).decode("ascii")
    body["start_immediately"] = False
    if metadata:
        body["metadata"] = dict(metadata)
    return body


def spec_digest(spec: AlgoDeploymentSpec) -> str:
    """`v1:<12 hex>`: an index of everything that is registered on the platform, the WASM's digest included.

    It changes with every such field and with nothing else: starting, suspending or re-describing keeps it.
    Fields decide what to do, never this; the version changes when the form that is hashed does.
    """
    content = {"wire": desired_wire(spec).as_json(), "sha256": spec.artifact.digest}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"{DIGEST_VERSION}:{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"
