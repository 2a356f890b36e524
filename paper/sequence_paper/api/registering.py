"""From request bodies to what is stored: the checks that need more than one field, the WASM, and where instances go."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from sequence_paper.api.bodies import CreateBody, InstanceBody, InstanceChange, MeshBody, ParamBody, PatchBody
from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.fleet import EdgeView, Fleet
from sequence_paper.store.deployments import Change, Registration
from sequence_paper.store.records import NewDeployment, NewInstance
from sequence_paper.store.words import InstrumentType, Json

MAX_WASM = 1024 * 1024
MAX_METADATA = 16 * 1024
VENUES = (
    "binance", "bitget", "bybit", "coinbase", "cryptocom", "dex_ethereum",
    "hyperliquid", "kalshi", "kraken", "okx", "polymarket", "solana",
)  # fmt: skip


def new_deployment(body: CreateBody, fleet: Fleet) -> NewDeployment:
    """Everything checked and placed, ready to be stored. Raises `ApiError` (422; 503 when no edge is there)."""
    wasm = decode_wasm(body.wasm_base64, body.wasm_sha256)
    instances = _as_written(body, fleet) if body.instances is not None else _placed(body, fleet)
    new = NewDeployment(
        name=body.name,
        wasm=wasm,
        symbols=list(dict.fromkeys(symbol for instance in instances for symbol in instance.symbols)),
        instances=instances,
        desired="running" if body.start_immediately else "stopped",
        risk=body.risk.wire() if body.risk else None,
        params=_slotted(body.params),
        mesh=body.mesh.wire() if body.mesh else None,
        on_stop=body.on_stop,
        manifest=body.manifest,
        metadata=_metadata(body.metadata),
    )
    _check_mesh(body.mesh, [instance.label for instance in instances])
    for number, instance in enumerate(instances):
        check_override(f"instances.{number}", new.risk, new.params, instance.risk, instance.params)
    return new


def change_of(body: PatchBody, found: Registration) -> Change:
    """The columns a PATCH sets. Raises `ApiError` (422)."""
    given = body.model_fields_set
    columns: dict[str, Any] = {}
    if "risk" in given:
        columns["risk"] = body.risk.wire() if body.risk else None
    if "params" in given:
        columns["params"] = _slotted(body.params)
    if "mesh" in given:
        columns["mesh"] = body.mesh.wire() if body.mesh else None
        _check_mesh(body.mesh, [instance.label for instance in found.instances])
    if "metadata" in given:
        columns["metadata"] = _metadata(body.metadata)
    if body.on_stop is not None:
        columns["on_stop"] = body.on_stop
    overrides = {change.label: _override(change) for change in body.instances or []}
    _check_result(columns, overrides, found)
    return Change(columns, overrides)


def decode_wasm(text: str, sha256: str | None) -> bytes:
    """The bytes of `wasm_base64`: WASM version 1, at most 1 MiB, of that digest if one is given."""
    try:
        wasm = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("wasm_base64", f"not standard base64: {error}") from error
    if len(wasm) > MAX_WASM:
        raise invalid("wasm_base64", f"the module has {len(wasm):,} bytes; at most {MAX_WASM:,} are accepted")
    if wasm[:4] != b"\0asm":
        raise invalid("wasm_base64", "not a WASM module: it does not begin with \\0asm")
    if wasm[4:8] != b"\x01\0\0\0":
        raise invalid("wasm_base64", "not a core WASM module of version 1 (a component?)")
    if sha256 is not None and hashlib.sha256(wasm).hexdigest() != sha256:
        raise invalid("wasm_sha256", "does not match the bytes of wasm_base64")
    return wasm


def edge_id_of(venue: str, instrument_type: str) -> str:
    """The edge that serves a venue; perpetuals have one of their own."""
    return f"venue-edge-{venue}" + ("-perp" if instrument_type == "perp" else "")


def check_override(
    where: str,
    risk: Json | None,
    params: list[Json] | None,
    own_risk: Json | None,
    own_params: list[Json] | None,
) -> None:
    """An instance may only tighten limits, and give other values to parameters that exist. Raises `ApiError` (422)."""
    for name, value in (own_risk or {}).items():
        limit = (risk or {}).get(name)
        looser = limit is not None and ((not value and limit) if isinstance(value, bool) else value > limit)
        if looser:
            raise invalid(f"{where}.risk.{name}", f"{value} is looser than the deployment's {limit}")
    known = {param["name"]: param["type"] for param in params or []}
    for param in own_params or []:
        if param["name"] not in known:
            raise invalid(f"{where}.params", f"{param['name']} is not a parameter of the deployment")
        if param["type"] != known[param["name"]]:
            raise invalid(
                f"{where}.params", f"{param['name']} is {known[param['name']]}, not {param['type']}"
            )


def _as_written(body: CreateBody, fleet: Fleet) -> list[NewInstance]:
    instances = body.instances or []
    _unique("instances", (instance.label for instance in instances))
    found = []
    for number, instance in enumerate(instances):
        edge_id = edge_id_of(instance.venue, instance.instrument_type)
        _check_place(number, instance, fleet.get(edge_id))
        found.append(
            NewInstance(
                label=instance.label,
                venue=instance.venue,
                instrument_type=instance.instrument_type,
                symbols=list(dict.fromkeys(instance.symbols)),
                edge_id=edge_id,
                risk=instance.risk.wire() if instance.risk else None,
                params=_named(instance.params),
            )
        )
    return found


def _check_place(number: int, instance: InstanceBody, edge: EdgeView | None) -> None:
    if edge is None and instance.venue not in VENUES:
        raise invalid(
            f"instances.{number}.venue", f"no venue {instance.venue}; venues are {', '.join(VENUES)}"
        )
    if edge is None or not edge.symbols:
        return
    for symbol in instance.symbols:
        if symbol not in edge.symbols:
            traded = ", ".join(edge.symbols)
            raise invalid(
                f"instances.{number}.symbols", f"{edge.edge_id} does not trade {symbol}; it trades {traded}"
            )


def _placed(body: CreateBody, fleet: Fleet) -> list[NewInstance]:
    """An instance on every connected edge that trades some of the symbols, labelled by venue."""
    if body.symbols is None:
        raise invalid("symbols", "needed when there are no instances")
    able = [edge for edge in fleet.values() if set(edge.symbols) & set(body.symbols)]
    there = [edge for edge in able if edge.alive][:16]
    for symbol in body.symbols:
        if not any(symbol in edge.symbols for edge in able):
            traded = sorted({s for edge in fleet.values() for s in edge.symbols})
            raise invalid("symbols", f"no edge trades {symbol}; traded are: {', '.join(traded) or 'none'}")
        if not any(symbol in edge.symbols for edge in there):
            raise ApiError(
                503, f"no edge that trades {symbol} is connected now; try again", headers={"Retry-After": "2"}
            )
    return [
        NewInstance(
            label=edge.edge_id.removeprefix("venue-edge-")[:32],
            venue=edge.venue,
            instrument_type=_instrument_type(edge),
            symbols=[symbol for symbol in dict.fromkeys(body.symbols) if symbol in edge.symbols],
            edge_id=edge.edge_id,
        )
        for edge in there
    ]


def _instrument_type(edge: EdgeView) -> InstrumentType:
    return "perp" if edge.instrument_type == "perp" else "spot"


def _slotted(params: list[ParamBody] | None) -> list[Json] | None:
    for number, param in enumerate(params or []):
        if param.slot is None:
            raise invalid(f"params.{number}.slot", "needed: the algo reads a parameter by its slot")
    _unique("params", (param.name for param in params or []))
    _unique("params", (f"slot {param.slot}" for param in params or []))
    return [param.wire() for param in params] if params else None


def _named(params: list[ParamBody] | None) -> list[Json] | None:
    _unique("instances.params", (param.name for param in params or []))
    return [param.wire() for param in params] if params else None


def _override(change: InstanceChange) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if "risk" in change.model_fields_set:
        columns["risk"] = change.risk.wire() if change.risk else None
    if "params" in change.model_fields_set:
        columns["params"] = _named(change.params)
    return columns


def _check_result(columns: dict[str, Any], overrides: dict[str, dict[str, Any]], found: Registration) -> None:
    labels = [instance.label for instance in found.instances]
    for label in overrides:
        if label not in labels:
            raise invalid("instances", f"no instance {label}; there are {', '.join(labels)}")
    risk = columns.get("risk", found.deployment.risk)
    params = columns.get("params", found.deployment.params)
    for number, instance in enumerate(found.instances):
        own = overrides.get(instance.label, {})
        own_risk, own_params = own.get("risk", instance.risk), own.get("params", instance.params)
        check_override(f"instances.{number}", risk, params, own_risk, own_params)


def _check_mesh(mesh: MeshBody | None, labels: list[str]) -> None:
    if mesh is None or mesh.routes is None:
        return
    _unique("mesh.routes", (f"{route.from_} to {route.to}" for route in mesh.routes))
    for number, route in enumerate(mesh.routes):
        for end, label in (("from", route.from_), ("to", route.to)):
            if label not in labels:
                raise invalid(
                    f"mesh.routes.{number}.{end}", f"no instance {label}; there are {', '.join(labels)}"
                )
        if route.from_ == route.to:
            raise invalid(f"mesh.routes.{number}", f"{route.to} cannot send to itself")


def _metadata(metadata: Json | None) -> Json | None:
    size = len(orjson.dumps(metadata)) if metadata else 0
    if size > MAX_METADATA:
        raise invalid("metadata", f"{size:,} bytes; at most {MAX_METADATA:,}")
    return metadata or None


def _unique(field: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(field, f"{name} is there twice")
        seen.add(name)
