"""The trace of an order that named no venue: what the router did with it. Each leg has a trace of its own.

Its steps are on the clock of the API process, and no feed's time belongs to them: several venues were looked at.
"""

from __future__ import annotations

from sequence_paper.api.graph_facts import load
from sequence_paper.api.parents import parent_order
from sequence_paper.store import Store
from sequence_paper.store.routing import Parent, Route
from sequence_paper.store.tracing import Trace
from sequence_paper.store.views import order_view
from sequence_paper.store.words import Json, Mode


def node_traces(store: Store, account_id: str, mode: Mode, order_id: str, limit: int) -> list[Json]:
    """Of a parent its own; of a node of a graph those of its newest orders."""
    node = store.graphs.of_order(account_id, mode, order_id)
    found = load(store, node[0]) if node is not None else None
    ids = [order_id]
    if found is not None and node is not None:
        ids = [parent.order_id for parent, _ in reversed(found.orders[node[1]])][:limit]
    traces = (parent_trace(store, account_id, mode, one) for one in ids)
    return [trace for trace in traces if trace is not None]


def parent_trace(store: Store, account_id: str, mode: Mode, order_id: str) -> Json | None:
    """None when there is no such parent. An algo's intent has the origin that its legs have."""
    parent = store.routes.by_order(account_id, mode, order_id)
    if parent is None:
        return None
    legs = store.routes.legs(order_id)
    ids = [leg.order_id for leg, _ in legs]
    traces = store.traces.of(ids)
    first = next((traces[leg_id] for leg_id in ids if leg_id in traces), None)
    steps = [_submitted(parent), *(_routed(route) for route in store.routes.decisions(order_id))]
    return order_view(parent_order(parent, legs)) | {
        **origin_view(first),
        "decision_mid_1e9": None,
        "arrival_mid_1e9": None,
        "book": None,
        "events": sorted(steps, key=lambda step: int(step["ts_ns"])),
        "parent": None,
        "children": ids,
    }


def origin_view(trace: Trace | None) -> Json:
    """Where the algo came from that an order belongs to. Metadata is whatever a client registered."""
    head = trace.head if trace is not None else None
    about = (head.metadata if head is not None else None) or {}
    origin = about.get("origin")
    words = {name: about.get(name) for name in ("commit", "managed_by", "uid")}
    return {
        **{name: word if isinstance(word, str) else None for name, word in words.items()},
        "origin": origin if isinstance(origin, dict) else None,
        "wasm_sha256": (head.wasm_sha256 if head is not None else None) or None,
    }


def _submitted(parent: Parent) -> Json:
    origin = parent.origin or {}
    detail = {
        "client_id": origin.get("intent_id"),
        "side": parent.side,
        "order_type": parent.order_type,
        "qty_1e8": parent.qty_1e8,
        "price_1e9": parent.limit_1e9,
        "policy": parent.policy,
    }
    return {"stage": "submitted", "ts_ns": parent.created_ns, "feed_ns": None, "detail": detail}


def _routed(route: Route) -> Json:
    decision = route.decision
    detail = {
        "round": route.round,
        "legs": [{"venue": leg["venue"], "qty_1e8": leg["qty_1e8"]} for leg in decision.get("legs", [])],
        "est_cost_bps": decision.get("est_cost_bps"),
        "skipped": decision.get("skipped") or {},
    }
    return {"stage": "routed", "ts_ns": route.at_ns, "feed_ns": None, "detail": detail}
