"""Rows of the platform's answers. None always means that the platform did not say; `parse` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ParamRow:
    name: str
    slot: int | None = None
    type: str | None = None
    value: int | float | bool | None = None


@dataclass(frozen=True, slots=True)
class OrderCounts:
    open: int | None = None
    submitted: int | None = None
    filled: int | None = None
    rejected: int | None = None
    cancelled: int | None = None


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """`last_heartbeat`: Unix seconds. `callback_latency_ns`: as the platform gave it."""

    label: str
    venue: str | None = None
    edge_id: str | None = None
    symbols: tuple[str, ...] | None = None
    instrument_type: str | None = None
    status: str | None = None
    warm: bool | None = None
    last_heartbeat: float | None = None
    orders: OrderCounts | None = None
    error: str | None = None
    pause_reason: str | None = None
    callback_latency_ns: Mapping[str, Any] | None = None
    update_count: int | None = None
    risk: Mapping[str, int] | None = None
    params: tuple[ParamRow, ...] | None = None


@dataclass(frozen=True, slots=True)
class EdgeRow:
    edge_id: str
    status: str | None = None
    error: str | None = None
    pause_reason: str | None = None
    deployed_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class PauseRow:
    id: str
    reason: str | None = None
    at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """`repository`, `path`: the origin."""

    managed_by: str | None = None
    uid: str | None = None
    spec_digest: str | None = None
    commit: str | None = None
    cluster: str | None = None
    repository: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One deployment; see `reconcile.row.Row` for what the core reads of it. `raw`: the JSON object itself."""

    deployment_id: str
    name: str | None = None
    symbols: tuple[str, ...] | None = None
    size_bytes: int | None = None
    status: str | None = None
    pushed_to: int | None = None
    capable_edges: int | None = None
    edges: tuple[EdgeRow, ...] | None = None
    wasm_sha256: str | None = None
    metadata: MetadataRow | None = None
    risk: Mapping[str, int] | None = None
    params: tuple[ParamRow, ...] | None = None
    routes: tuple[tuple[str, str], ...] | None = None
    full_mesh: bool | None = None
    on_stop: str | None = None
    revision: int | None = None
    created_at_ns: int | None = None
    instances: tuple[InstanceRow, ...] | None = None
    pause: PauseRow | None = None
    pause_reason: str | None = None
    orders_open: int | None = None
    deleting: bool | None = None
    raw: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """`account_id` and the rest are None when the platform does not say."""

    account_id: str | None = None
    mode: str | None = None
    tier: str | None = None
    rate_limit_qps: float | None = None
