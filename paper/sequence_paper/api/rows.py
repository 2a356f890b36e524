"""Deployments as the API shows them: what is stored, and what follows from edges that are there or away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import orjson

from sequence_paper.api.fleet import EdgeView, Fleet
from sequence_paper.store.aggregate import aggregate_status
from sequence_paper.store.deployments import Registration
from sequence_paper.store.records import Deployment, Instance
from sequence_paper.store.trades import Position
from sequence_paper.store.words import InstanceStatus, Json

_HELD = ("rejected", "paused")  # stays true while the edge is away
_VOLATILE = {
    "last_heartbeat",
    "update_count",
    "callbacks",
    "callback_latency_ns",
    "positions",
    "orders",
    "feed",
    "edges",
}


def deployment_row(found: Registration, fleet: Fleet, positions: Iterable[Position]) -> Json:
    """One deployment in full. `positions` may hold those of other deployments; they are passed over."""
    deployment = found.deployment
    own = [position for position in positions if position.deployment == deployment.name]
    instances = [_instance(deployment, instance, fleet, own) for instance in found.instances]
    statuses: list[InstanceStatus] = [instance["status"] for instance in instances]
    edges = {instance.edge_id for instance in found.instances}
    refused = {i.edge_id for i in found.instances if i.observed.status in ("pending", "rejected")}
    return {
        "deployment_id": deployment.deployment_id,
        "name": deployment.name,
        "mode": deployment.mode,
        "symbols": deployment.symbols,
        "size_bytes": deployment.size_bytes,
        "wasm_sha256": deployment.wasm_sha256,
        "status": "pending" if deployment.desired == "deleted" else aggregate_status(statuses),
        "desired": deployment.desired,
        "deleting": deployment.desired == "deleted",
        "pushed_to": len(edges - refused),
        "capable_edges": len(edges),
        "revision": deployment.revision,
        "created_at_ns": deployment.created_at_ns,
        "updated_at_ns": deployment.updated_at_ns,
        "risk": deployment.risk or {},
        "params": deployment.params or [],
        "mesh": deployment.mesh,
        "on_stop": deployment.on_stop,
        "metadata": deployment.metadata or {},
        "pause": deployment.pause,
        "pause_reason": deployment.pause["reason"] if deployment.pause else None,
        "orders": _sum_orders(instances),
        "instances": instances,
        "edges": [
            record
            for instance, shown in zip(found.instances, instances, strict=True)
            for record in _edge_records(deployment, instance, shown)
        ],
    }


def etag_of(rows: list[Json]) -> str:
    """A weak validator of a list: counters, clocks and prices do not move it; all else does, and having open orders."""
    steady = [
        {key: value for key, value in row.items() if key not in _VOLATILE}
        | {
            "open": row["orders"]["open"] > 0,
            "instances": [
                {key: value for key, value in instance.items() if key not in _VOLATILE}
                | {"open": instance["orders"]["open"] > 0}
                for instance in row["instances"]
            ],
        }
        for row in rows
    ]
    digest = hashlib.sha256(orjson.dumps(steady, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f'W/"{digest[:32]}"'


def _instance(deployment: Deployment, instance: Instance, fleet: Fleet, own: list[Position]) -> Json:
    edge = fleet.get(instance.edge_id)
    seen = instance.observed
    status, error = _shown(instance, edge)
    alive = edge is not None and edge.alive
    return {
        "label": instance.label,
        "venue": instance.venue,
        "edge_id": instance.edge_id,
        "instrument_type": instance.instrument_type,
        "symbols": instance.symbols,
        "status": status,
        "live": alive and status == "running",
        "warm": alive and seen.warm,
        "last_heartbeat": seen.heartbeat_ns // 1_000_000_000 if seen.heartbeat_ns else None,
        "applied_revision": seen.applied_revision,
        "orders": asdict(seen.orders),
        "positions": [_holding(position) for position in _held(instance, own)],
        "error": error,
        "pause_reason": seen.pause_reason,
        "callback_latency_ns": {"p50": seen.latency_p50_ns, "p99": seen.latency_p99_ns},
        "callbacks": seen.callbacks,
        "update_count": seen.update_count,
        "risk": instance.risk or {},
        "params": instance.params or [],
        "feed": edge.feed if edge is not None else None,
        "deploy_id": f"{deployment.deployment_id}.{instance.label}",
    }


def _shown(instance: Instance, edge: EdgeView | None) -> tuple[InstanceStatus, str]:
    """Status and error: while its edge is away nothing is known of an instance but a refusal or a pause."""
    seen = instance.observed
    if edge is not None and edge.alive:
        return seen.status, seen.error
    away = f"{instance.edge_id} is not connected"
    if edge is None:
        away = f"no edge {instance.edge_id} has ever connected"
    held = seen.status in _HELD
    return (seen.status if held else "pending"), "; ".join(part for part in (seen.error, away) if part)


def _held(instance: Instance, own: list[Position]) -> list[Position]:
    return [p for p in own if p.venue == instance.venue and p.symbol in instance.symbols]


def _holding(position: Position) -> Json:
    return {
        "symbol": position.symbol,
        "qty_1e8": position.qty_1e8,
        "avg_entry_1e9": position.avg_entry_1e9,
        "mark_1e9": position.mark_1e9,
        "realized_pnl_1e9": position.realized_pnl_1e9,
        "session_realized_pnl_1e9": position.session_realized_pnl_1e9,
        "unrealized_pnl_1e9": unrealized(position),
        "fees_1e9": position.fees_1e9,
    }


def unrealized(position: Position) -> int:
    """Result of closing at the mark, before fees; 0 without a mark. Rounded toward minus infinity."""
    if position.mark_1e9 <= 0:
        return 0
    return (position.mark_1e9 - position.avg_entry_1e9) * position.qty_1e8 // 100_000_000


def _edge_records(deployment: Deployment, instance: Instance, shown: Json) -> list[Json]:
    """The older view: a record for each edge and symbol, times in whole seconds."""
    held = {holding["symbol"]: holding for holding in shown["positions"]}
    at = instance.deployed_at_ns
    return [
        {
            "symbol": symbol,
            "edge_id": instance.edge_id,
            "deploy_id": shown["deploy_id"],
            "label": instance.label,
            "status": shown["status"],
            "size_bytes": deployment.size_bytes,
            "deployed_at": at // 1_000_000_000 if at is not None else None,
            "last_heartbeat": shown["last_heartbeat"],
            "pause_reason": shown["pause_reason"],
            "error": shown["error"],
            "position_1e8": held.get(symbol, {}).get("qty_1e8", 0),
            "realized_pnl_1e9": held.get(symbol, {}).get("realized_pnl_1e9", 0),
            "session_realized_pnl_1e9": held.get(symbol, {}).get("session_realized_pnl_1e9", 0),
            "unrealized_pnl_1e9": held.get(symbol, {}).get("unrealized_pnl_1e9", 0),
            "callback_latency_ns": shown["callback_latency_ns"]["p50"],
            "update_count": shown["update_count"],
        }
        for symbol in instance.symbols
    ]


def _sum_orders(instances: list[Json]) -> dict[str, Any]:
    names = ("open", "submitted", "filled", "rejected", "cancelled")
    return {name: sum(instance["orders"][name] for instance in instances) for name in names}
