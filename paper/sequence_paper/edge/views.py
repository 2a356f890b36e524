"""What an edge tells on the bus about an instance."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.latency import LatencyHistogram
from sequence_paper.store.words import Json


def instance_view(hosted: Hosted) -> Json:
    """Part of a beat: figures of this process, counters since registration."""
    p50, p99 = hosted.latency.percentile(0.5), hosted.latency.percentile(0.99)
    return {
        "deployment_id": hosted.want.deployment_id,
        "label": hosted.want.label,
        "status": hosted.status,
        "warm": hosted.warm,
        "error": hosted.error,
        "pause_reason": hosted.pause_reason,
        "update_count": hosted.update_count,
        "callbacks": hosted.callbacks,
        "callback_latency_ns": None if p50 is None else {"p50": p50, "p99": p99},
        "orders": {
            "open": len(hosted.orders),
            "submitted": hosted.counts.submitted,
            "filled": hosted.counts.filled,
            "rejected": hosted.counts.rejected,
            "cancelled": hosted.counts.cancelled,
        },
        "unrealized_pnl_1e9": sum(slot.holding.position.unrealized_1e9(slot.mark()) for slot in hosted.slots),
    }


def latency_view(hosted: Iterable[Hosted]) -> Json | None:
    """Part of a beat: time spent in callbacks, over all instances; None before the first callback."""
    merged = LatencyHistogram.merged(one.latency for one in hosted)
    p50, p99 = merged.percentile(0.5), merged.percentile(0.99)
    return None if p50 is None else {"p50": p50, "p99": p99}


def event_view(hosted: Hosted) -> Json:
    """A change of status."""
    return {
        "deployment_id": hosted.want.deployment_id,
        "kind": "paused" if hosted.status == "paused" else "instance",
        "revision": hosted.applied_revision,
        "label": hosted.want.label,
        "status": hosted.status,
        "error": hosted.error,
        "pause_reason": hosted.pause_reason,
        "at_ns": time.time_ns(),
    }
