"""What an edge is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sequence_paper.store.words import InstrumentType, Json
from sequence_paper.venue.latency import Latency


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """``until_ns`` and the clock's origin are on the feed's time; ``gate`` counts running instances.

    ``ticks``: folder of the tick store, None to record nothing. ``source``: how to open this feed again.
    ``latency``: between algos and the venue, None = all at once.
    """

    edge_id: str
    venue: str
    instrument_type: InstrumentType
    nats_url: str
    gate: int = 0
    until_ns: int | None = None
    ticks: Path | None = None
    source: Json = field(default_factory=dict)
    latency: Latency | None = None
