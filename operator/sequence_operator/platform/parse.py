"""From the platform's JSON to rows: what is absent or of the wrong type is None, what is unknown is ignored."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sequence_operator.platform.rows import (
    Account,
    EdgeRow,
    InstanceRow,
    MetadataRow,
    OrderCounts,
    ParamRow,
    PauseRow,
    Row,
)

T = TypeVar("T")


def parse_row(value: object, *, keep_raw: bool = True) -> Row:
    """One deployment. Raises ValueError with the reason when it is no object or has no `deployment_id`.

    An optional field of the wrong type counts as not told: it can then neither be compared nor crash anybody.
    keep_raw: keep the JSON object in `Row.raw`; thousands of listed rows do without.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"a deployment must be an object, not {type(value).__name__}")
    deployment_id = _text(value.get("deployment_id"))
    if not deployment_id:
        raise ValueError("a deployment without deployment_id")
    routes, full_mesh = _mesh(value)
    instances = _objects(value.get("instances"), _instance)
    return Row(
        deployment_id=deployment_id,
        name=_text(value.get("name")),
        symbols=_texts(value.get("symbols")),
        size_bytes=_int(value.get("size_bytes")),
        status=_text(value.get("status")),
        pushed_to=_int(value.get("pushed_to")),
        capable_edges=_int(value.get("capable_edges")),
        edges=_objects(value.get("edges"), _edge),
        wasm_sha256=_text(value.get("wasm_sha256")),
        metadata=_metadata(value),
        risk=_limits(value.get("risk")),
        params=_objects(value.get("params"), _param),
        routes=routes,
        full_mesh=full_mesh,
        on_stop=_text(value.get("on_stop")),
        revision=_int(value.get("revision")),
        created_at_ns=_int(value.get("created_at_ns")),
        instances=instances,
        pause=_pause(value.get("pause")),
        pause_reason=_text(value.get("pause_reason")),
        orders_open=_orders_open(value, instances),
        deleting=_bool(value.get("deleting")),
        raw=dict(value) if keep_raw else None,
    )


def parse_account(value: object) -> Account:
    """The account's profile, whatever its shape; a profile may be nested under `account` or `profile`.
    Raises ValueError for anything but an object."""
    if not isinstance(value, Mapping):
        raise ValueError(f"an account must be an object, not {type(value).__name__}")
    nested = [value.get(k) for k in ("profile", "account")]
    sources = [value, *(n for n in nested if isinstance(n, Mapping))]

    def first(*names: str) -> object:
        return next((s[n] for s in sources for n in names if s.get(n) is not None), None)

    qps = _float(first("rate_limit_qps"))
    return Account(
        account_id=_text(first("account_id", "client_id")),
        mode=_text(first("mode")),
        tier=_text(first("tier")),
        rate_limit_qps=qps if qps is not None and qps > 0 else None,
    )


def _edge(value: Mapping[str, Any]) -> EdgeRow | None:
    edge_id = _text(value.get("edge_id"))
    seconds = _float(value.get("deployed_at"))
    if edge_id is None:
        return None
    return EdgeRow(
        edge_id=edge_id,
        status=_text(value.get("status")),
        error=_text(value.get("error")),
        pause_reason=_text(value.get("pause_reason")),
        deployed_at_ns=None if seconds is None else int(seconds * 1e9),
    )


def _instance(value: Mapping[str, Any]) -> InstanceRow | None:
    label = _text(value.get("label"))
    if label is None:
        return None
    latency = value.get("callback_latency_ns")
    return InstanceRow(
        label=label,
        venue=_text(value.get("venue")),
        edge_id=_text(value.get("edge_id")),
        symbols=_texts(value.get("symbols")),
        instrument_type=_text(value.get("instrument_type")),
        status=_text(value.get("status")),
        warm=_bool(value.get("warm")),
        last_heartbeat=_float(value.get("last_heartbeat")),
        orders=_orders(value.get("orders")),
        error=_text(value.get("error")),
        pause_reason=_text(value.get("pause_reason")),
        callback_latency_ns=dict(latency) if isinstance(latency, Mapping) else None,
        update_count=_int(value.get("update_count")),
        risk=_limits(value.get("risk")),
        params=_objects(value.get("params"), _param),
    )


def _param(value: Mapping[str, Any]) -> ParamRow | None:
    name = _text(value.get("name"))
    held = value.get("value")
    if name is None:
        return None
    return ParamRow(
        name=name,
        slot=_int(value.get("slot")),
        type=_text(value.get("type")),
        value=held if isinstance(held, bool | int) or _float(held) is not None else None,
    )


def _metadata(row: Mapping[str, Any]) -> MetadataRow | None:
    """None when the platform keeps no metadata; empty when it does and this deployment was registered without."""
    if "metadata" not in row:
        return None
    value = row["metadata"] if isinstance(row["metadata"], Mapping) else {}
    named = value.get("origin")
    origin: Mapping[str, Any] = named if isinstance(named, Mapping) else {}
    return MetadataRow(
        managed_by=_text(value.get("managed_by")),
        uid=_text(value.get("uid")),
        spec_digest=_text(value.get("spec_digest")),
        commit=_text(value.get("commit")),
        cluster=_text(value.get("cluster")),
        repository=_text(origin.get("repository")),
        path=_text(origin.get("path")),
    )


def _pause(value: object) -> PauseRow | None:
    if not isinstance(value, Mapping):
        return None
    identity = _text(value.get("id"))
    if identity is None:
        return None
    return PauseRow(id=identity, reason=_text(value.get("reason")), at_ns=_int(value.get("at_ns")))


def _mesh(row: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...] | None, bool | None]:
    """(routes, full mesh?): (None, None) when the platform does not say; null says full."""
    if "mesh" not in row:
        return None, None
    mesh = row["mesh"]
    if mesh is None:
        return None, True
    routes = mesh.get("routes") if isinstance(mesh, Mapping) else None
    if not isinstance(routes, list):
        return None, None
    pairs = [(_text(r.get("from")), _text(r.get("to"))) for r in routes if isinstance(r, Mapping)]
    return tuple((a, b) for a, b in pairs if a is not None and b is not None), False


def _orders(value: object) -> OrderCounts | None:
    if not isinstance(value, Mapping):
        return None
    return OrderCounts(
        open=_int(value.get("open")),
        submitted=_int(value.get("submitted")),
        filled=_int(value.get("filled")),
        rejected=_int(value.get("rejected")),
        cancelled=_int(value.get("cancelled")),
    )


def _orders_open(row: Mapping[str, Any], instances: tuple[InstanceRow, ...] | None) -> int | None:
    """Open orders of the deployment: its own count, else the sum over instances when every one has a count."""
    orders = _orders(row.get("orders"))
    if orders is not None and orders.open is not None:
        return orders.open
    counts = [i.orders.open if i.orders is not None else None for i in instances or ()]
    known = [c for c in counts if c is not None]
    return sum(known) if counts and len(known) == len(counts) else None


def _objects(value: object, parse: Callable[[Mapping[str, Any]], T | None]) -> tuple[T, ...] | None:
    if not isinstance(value, list):
        return None
    parsed = (parse(item) for item in value if isinstance(item, Mapping))
    return tuple(item for item in parsed if item is not None)


def _limits(value: object) -> Mapping[str, int] | None:
    """Only the limits that are set (a switch that is on is 1); {} says that none is. One that is no whole number
    makes all of them untold: taking it for absent would be taking a limit for none."""
    if not isinstance(value, Mapping):
        return None
    limits: dict[str, int] = {}
    for key, held in value.items():
        if held is None or held is False:
            continue
        number = int(held) if held is True or (isinstance(held, float) and held.is_integer()) else _int(held)
        if number is None:
            return None
        limits[str(key)] = number
    return limits


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else None


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
