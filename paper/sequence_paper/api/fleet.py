"""Which edges are there: what they told the database and the bus, whichever is newer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sequence_paper.api.bus import Beat
from sequence_paper.store.edges import ALIVE_NS
from sequence_paper.store.records import EdgeInfo
from sequence_paper.store.words import Json


@dataclass(frozen=True, slots=True)
class EdgeView:
    """An edge as seen now. `beat_ns` 0: it left in an orderly way. `said`: its last beat on the bus, {} without one."""

    edge_id: str
    venue: str
    instrument_type: str
    region: str
    symbols: tuple[str, ...]
    feed: Json
    beat_ns: int
    alive: bool
    said: Json


Fleet = Mapping[str, EdgeView]


def view(
    known: list[EdgeInfo], beats: Mapping[str, Beat], gone: Mapping[str, int], now_ns: int | None = None
) -> dict[str, EdgeView]:
    """Every edge that ever announced itself, by id. `gone`: when the bus said that an edge has died."""
    now = time.time_ns() if now_ns is None else now_ns
    return {
        edge.edge_id: _view(edge, beats.get(edge.edge_id), gone.get(edge.edge_id, 0), now) for edge in known
    }


def edge_rows(fleet: Fleet, clocks: Mapping[str, list[Json]]) -> list[Json]:
    """Rows of `GET /v1/edges` and of the channel `edges`. What only a beat says is null while there is none.

    `clocks`: by edge, how far the clocks of others are from its own.
    """
    return [
        {
            "edge_id": edge.edge_id,
            "venue": edge.venue,
            "instrument_type": edge.instrument_type,
            "region": edge.region,
            "remote": False,
            "alive": edge.alive,
            "last_heartbeat": edge.beat_ns // 1_000_000_000,
            "symbols": list(edge.symbols),
            "feed": edge.feed,
            "clock": clocks.get(edge.edge_id, []),
            "instances": len(edge.said["instances"]) if edge.alive and "instances" in edge.said else None,
            "callback_latency_ns": edge.said.get("callback_latency_ns") if edge.alive else None,
        }
        for edge in fleet.values()
    ]


def _view(edge: EdgeInfo, beat: Beat | None, gone_ns: int, now_ns: int) -> EdgeView:
    beat_ns, feed = edge.beat_ns, edge.feed
    if beat is not None and beat_ns > 0 and beat.heard_ns >= beat_ns:
        beat_ns = beat.heard_ns
        feed = beat.payload.get("feed") or feed
    return EdgeView(
        edge_id=edge.edge_id,
        venue=edge.venue,
        instrument_type=edge.instrument_type,
        region=edge.region,
        symbols=tuple(edge.symbols),
        feed=feed,
        beat_ns=beat_ns,
        alive=beat_ns > max(now_ns - ALIVE_NS, gone_ns),
        said=beat.payload if beat is not None else {},
    )
