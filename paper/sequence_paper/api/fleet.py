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
    """An edge as seen now. `beat_ns` 0: it left in an orderly way."""

    edge_id: str
    venue: str
    instrument_type: str
    region: str
    symbols: tuple[str, ...]
    feed: Json
    beat_ns: int
    alive: bool


Fleet = Mapping[str, EdgeView]


def view(known: list[EdgeInfo], beats: Mapping[str, Beat], now_ns: int | None = None) -> dict[str, EdgeView]:
    """Every edge that ever announced itself, by id."""
    now = time.time_ns() if now_ns is None else now_ns
    return {edge.edge_id: _view(edge, beats.get(edge.edge_id), now) for edge in known}


def _view(edge: EdgeInfo, beat: Beat | None, now_ns: int) -> EdgeView:
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
        alive=beat_ns > now_ns - ALIVE_NS,
    )
