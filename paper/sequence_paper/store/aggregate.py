"""What follows from several rows: one status word for many instances, effective limits, parameters and peers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sequence_paper.store.records import Peer
from sequence_paper.store.words import InstanceStatus, Json

_WORST_FIRST: tuple[InstanceStatus, ...] = (
    "rejected",
    "paused",
    "pending",
    "running",
    "stopped",
    "accepted",
)


def aggregate_status(statuses: Iterable[InstanceStatus]) -> InstanceStatus:
    """The word all instances share, else the one that most needs a person; `pending` when there are no instances."""
    found = set(statuses)
    return next((word for word in _WORST_FIRST if word in found), "pending")


def effective_risk(deployment: Json | None, instance: Json | None) -> Json:
    """Every limit at its tighter value; an override can never loosen one."""
    merged = dict(deployment or {})
    for name, value in (instance or {}).items():
        if name not in merged:
            merged[name] = value
        elif isinstance(value, bool):
            merged[name] = merged[name] or value  # reduce_only
        else:
            merged[name] = min(merged[name], value)
    return merged


def effective_params(deployment: Sequence[Json] | None, instance: Sequence[Json] | None) -> list[Json]:
    """The deployment's parameters in slot order, with the values an instance overrides by name."""
    overrides = {param["name"]: param for param in instance or []}
    merged = [
        {**param, "value": overrides[param["name"]]["value"]} if param["name"] in overrides else dict(param)
        for param in deployment or []
    ]
    return sorted(merged, key=lambda param: int(param["slot"]))


def peers_of(label: str, mesh: Json | None, everyone: Sequence[Peer]) -> list[Peer]:
    """Where an instance may send to: along the routes, or to every other instance when none are given."""
    return [peer for peer in everyone if _may_send(label, peer.label, mesh)]


def hears_of(label: str, mesh: Json | None, everyone: Sequence[Peer]) -> list[Peer]:
    """Who may send to an instance."""
    return [peer for peer in everyone if _may_send(peer.label, label, mesh)]


def _may_send(sender: str, receiver: str, mesh: Json | None) -> bool:
    if mesh is None or mesh.get("routes") is None:
        return sender != receiver
    return any(route["from"] == sender and route["to"] == receiver for route in mesh["routes"])
