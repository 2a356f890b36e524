"""What the operator counts and times, in the Prometheus text form at ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One set of metrics in a registry of its own, so that two operators in one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.reconcile = Histogram(
            "sequence_operator_reconcile_seconds",
            "Time of one pass over one object, waiting for the platform included.",
            ["kind", "outcome"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.actions = Counter(
            "sequence_operator_plan_actions_total",
            "Plan actions that were executed.",
            ["action", "outcome"],
            registry=self.registry,
        )
        self.platform = Counter(
            "sequence_operator_platform_calls_total",
            "Calls to the platform API, by operation and HTTP status (0: no answer).",
            ["operation", "code"],
            registry=self.registry,
        )
        self.writes = Counter(
            "sequence_operator_cluster_writes_total",
            "Writes to AlgoDeployments: finalizer, pending, status.",
            ["what"],
            registry=self.registry,
        )
        self.drift = Counter(
            "sequence_operator_drift_corrected_total",
            "Differences nobody asked for that were corrected, by the action that did it.",
            ["action"],
            registry=self.registry,
        )
        self.stream = Counter(
            "sequence_operator_stream_events_total",
            "On the platform's streams: connected, disconnected, unavailable; what was heard: news, known; and the "
            "lists made because of news: list.",
            ["event"],
            registry=self.registry,
        )
        self.looks = Histogram(
            "sequence_operator_source_look_seconds",
            "Time of one look at a git repository, by what came of it: Unchanged, Changed, or why it failed.",
            ["outcome"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def count_look(self, outcome: str, seconds: float) -> None:
        """One look at a repository."""
        self.looks.labels(outcome).observe(seconds)

    def count_call(self, operation: str, status: int) -> None:
        """One call to the platform; status 0: no answer."""
        self.platform.labels(operation, str(status)).inc()

    def count_stream(self, event: str) -> None:
        """One turn of events on a stream."""
        self.stream.labels(event).inc()

    def gauge(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Iterable[Sample]]
    ) -> None:
        """A gauge that is read at scrape time: ``read`` gives (label values, value) pairs."""
        self.registry.register(_Reader(name, text, labels, read))

    def text(self) -> bytes:
        """All of it in the Prometheus text format."""
        return generate_latest(self.registry)


Sample = tuple[tuple[str, ...], float]


class _Reader(Collector):
    def __init__(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Iterable[Sample]]
    ) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._text, labels=self._labels)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for values, value in self._read():
            family.add_metric(values, value)
        yield family
