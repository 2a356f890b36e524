"""What an edge says of itself: its row in the store, the input that its runs begin with, its heartbeat."""

from __future__ import annotations

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.features import ABSENT
from sequence_paper.edge.pump import Pump
from sequence_paper.edge.settings import EdgeSettings
from sequence_paper.edge.views import instance_view, latency_view
from sequence_paper.feed.events import FeedAbout
from sequence_paper.store.records import EdgeInfo
from sequence_paper.store.words import Json
from sequence_paper.venue.tiers import Schedule


class About:
    """``run_ns``: when this process began, wall clock."""

    def __init__(
        self,
        settings: EdgeSettings,
        core: EdgeCore,
        pump: Pump,
        feed: FeedAbout,
        schedule: Schedule,
        run_ns: int,
    ) -> None:
        self._settings, self._core, self._pump, self._feed = settings, core, pump, feed
        self._schedule, self._run_ns = schedule, run_ns
        self._latency = settings.latency.profile if settings.latency else "none"

    def row(self, now_ns: int) -> EdgeInfo:
        settings = self._settings
        return EdgeInfo(
            edge_id=settings.edge_id,
            venue=settings.venue,
            instrument_type=settings.instrument_type,
            symbols=list(self._core.markets),
            region="local",
            feed=self.feed(),
            started_ns=self._run_ns,
            beat_ns=now_ns,
        )

    def run(self) -> Json:
        """All that a repetition of this run needs to know of it besides its inputs."""
        settings = self._settings
        return {
            "venue": settings.venue,
            "instrument_type": settings.instrument_type,
            "symbols": list(self._core.markets),
            "until_ns": settings.until_ns,
            "latency": self._latency,
            "fees": self._schedule.profile,
            "feed": {"kind": self._feed.kind, "start_ns": self._feed.start_ns, **settings.source},
        }

    def feed(self) -> Json:
        return {
            "kind": self._feed.kind,
            "state": self._pump.phase,
            "symbols": list(self._core.markets),
            "clock_ns": self._core.now_ns,
            "source": self._feed.label(),
            "features_absent": list(ABSENT),
            "latency": self._latency,
            "fees": {"profile": self._schedule.profile, "worst_ppm": self._schedule.worst_ppm},
        }

    def beat(self, feed: Json) -> Json:
        hosted = self._core.roster.hosted.values()
        return {
            "edge_id": self._settings.edge_id,
            "venue": self._settings.venue,
            "feed": feed,
            "callback_latency_ns": latency_view(hosted),
            "instances": [instance_view(one) for one in hosted],
        }
