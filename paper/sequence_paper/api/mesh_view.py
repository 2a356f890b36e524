"""The mesh of a deployment and the clocks of edges, from stored rows: one function for the REST answer and the stream.

Messages are counted since registration; percentiles, and all of probes, are of the last five minutes. A pair of labels
has the probes of the two edges it lies on.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

from sequence_paper.api.fleet import Fleet
from sequence_paper.mesh.window import WINDOW_NS, Figures, Slot, figures
from sequence_paper.store import Store
from sequence_paper.store.deployments import Registration
from sequence_paper.store.mesh import Pair
from sequence_paper.store.mesh_records import EdgeLink, MeshTally
from sequence_paper.store.records import Instance
from sequence_paper.store.words import Json

STALE_NS: Final = 2_500_000_000
"""Edges ask each other once a second: what was last measured longer ago says nothing of now."""

_OUTCOMES: Final = ("sent", "delivered", "lost", "reordered")


@dataclass(frozen=True, slots=True)
class _Measured:
    """All rows about one deployment."""

    tallies: dict[Pair, list[MeshTally]]
    slots: dict[Pair, list[Slot]]
    edge_slots: dict[Pair, list[Slot]]
    edge_links: dict[Pair, EdgeLink]


def mesh_view(store: Store, edges: Fleet, found: Registration, now_ns: int | None = None) -> Json:
    """What `GET /v1/deployments/{id}/mesh` answers: instances, and one row for every ordered pair of labels."""
    now = time.time_ns() if now_ns is None else now_ns
    measured = _measured(store, found.deployment.deployment_id)
    routes = (found.deployment.mesh or {}).get("routes")
    allowed = None if routes is None else {(route["from"], route["to"]) for route in routes}
    return {
        "deployment_id": found.deployment.deployment_id,
        "as_of_ns": now,
        "window_ns": WINDOW_NS,
        "routes": routes,
        "instances": [_instance(instance, edges) for instance in found.instances],
        "links": [
            _link(sender, receiver, measured, allowed, now)
            for sender in found.instances
            for receiver in found.instances
            if sender.label != receiver.label
        ],
    }


def clocks(store: Store, now_ns: int | None = None) -> dict[str, list[Json]]:
    """By edge: the clock of every other edge minus its own, as the probes it sent there tell."""
    now = time.time_ns() if now_ns is None else now_ns
    slots, rows = store.mesh.edge_slots(), defaultdict(list)
    for (mine, other), link in sorted(store.mesh.edge_links().items()):
        if mine != other:
            seen = figures(slots.get((mine, other), []), now)
            rows[mine].append(
                {
                    "edge_id": other,
                    "offset_ns": link.offset_ns,
                    "bound_ns": link.bound_ns,
                    "p50_ns": seen.p50_ns,
                    "p99_ns": seen.p99_ns,
                    "lost": seen.lost,
                    "last_ns": link.last_ns,
                    "stale": now - link.last_ns > STALE_NS,
                }
            )
    return dict(rows)


def _measured(store: Store, deployment_id: str) -> _Measured:
    tallies: dict[Pair, list[MeshTally]] = defaultdict(list)
    for tally in store.mesh.tallies(deployment_id):
        tallies[(tally.from_label, tally.to_label)].append(tally)
    mesh = store.mesh
    return _Measured(tallies, mesh.slots(deployment_id), mesh.edge_slots(), mesh.edge_links())


def _instance(instance: Instance, edges: Fleet) -> Json:
    edge = edges.get(instance.edge_id)
    return {
        "label": instance.label,
        "venue": instance.venue,
        "edge_id": instance.edge_id,
        "region": edge.region if edge is not None else None,
        "alive": edge.alive if edge is not None else False,
        "feed": edge.feed if edge is not None else None,
        "status": instance.observed.status,
    }


def _link(sender: Instance, receiver: Instance, all_: _Measured, allowed: set[Pair] | None, now: int) -> Json:
    labels, edges = (sender.label, receiver.label), (sender.edge_id, receiver.edge_id)
    clock = all_.edge_links.get(edges)
    messages = _messages(all_.tallies.get(labels, []), figures(all_.slots.get(labels, []), now))
    probes = _probes(clock, figures(all_.edge_slots.get(edges, []), now))
    # Nothing may stand for messages but messages, as long as there are any to go by.
    source = "message" if messages["p50_ns"] is not None else "probe"
    shown = messages if source == "message" else probes
    newest = max(messages["last_ns"] or 0, probes["last_ns"] or 0)
    return {
        "from": sender.label,
        "to": receiver.label,
        "p50_ns": shown["p50_ns"],
        "p99_ns": shown["p99_ns"],
        "count": messages["count"],
        "dropped": messages["dropped"],
        "last_ns": shown["last_ns"],
        "source": source,
        "stale": now - newest > STALE_NS,
        "allowed": allowed is None or labels in allowed,
        "offset_ns": clock.offset_ns if clock is not None else None,
        "offset_bound_ns": clock.bound_ns if clock is not None else None,
        "messages": messages,
        "probes": probes,
    }


def _messages(tallies: list[MeshTally], seen: Figures) -> Json:
    events: Counter[str] = Counter({tally.event: tally.n for tally in tallies})
    reasons = {event: n for event, n in sorted(events.items()) if event not in _OUTCOMES}
    delivered = [tally.last_ns for tally in tallies if tally.event == "delivered"]
    return {
        "sent": events["sent"],
        "count": events["delivered"],
        "dropped": sum(reasons.values()),
        "lost": events["lost"],
        "reordered": events["reordered"],
        "reasons": reasons,
        "p50_ns": seen.p50_ns,
        "p99_ns": seen.p99_ns,
        "last_ns": max(delivered, default=None),
    }


def _probes(clock: EdgeLink | None, seen: Figures) -> Json:
    return {
        "count": seen.count,
        "lost": seen.lost,
        "reordered": seen.reordered,
        "p50_ns": seen.p50_ns,
        "p99_ns": seen.p99_ns,
        "last_ns": clock.last_ns if clock is not None else None,
    }
