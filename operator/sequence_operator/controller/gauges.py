"""What is read at the moment somebody scrapes ``/metrics``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import get_args

from sequence_operator.cluster.lease import Lease
from sequence_operator.controller.accounts import Accounts
from sequence_operator.controller.builds import Builds
from sequence_operator.controller.metrics import Metrics, Sample
from sequence_operator.controller.queue import KeyedQueue
from sequence_operator.controller.state import Entries
from sequence_operator.gitops.sources import Sources
from sequence_operator.spec.resources import Phase


def register_gauges(
    metrics: Metrics,
    queue: KeyedQueue[str],
    entries: Entries,
    accounts: Accounts,
    builds: Builds,
    sources: Sources,
    lease: Lease,
    now: Callable[[], datetime],
) -> None:
    """Depth of the lanes, objects known, builds by phase, problems of each source, age of each account's last list,
    whether its stream is connected, and whether we hold the Lease.
    """

    def depths() -> Iterable[Sample]:
        return [((lane.name.lower(),), float(count)) for lane, count in queue.depth().items()]

    def ages() -> Iterable[Sample]:
        return [
            (
                (account.resource.metadata.namespace, account.name),
                (now() - account.listing.began_at).total_seconds(),
            )
            for account in accounts
            if account.listing.began_at is not None
        ]

    def phases() -> Iterable[Sample]:
        counted = Counter(build.phase for build in builds)
        return [((phase,), float(counted[phase])) for phase in get_args(Phase)]

    add = metrics.gauge
    add("sequence_operator_queue_depth", "Objects waiting, by lane.", ("lane",), depths)
    add("sequence_operator_objects", "AlgoDeployments known.", (), lambda: [((), float(len(entries)))])
    add("sequence_operator_builds", "AlgoBuilds known, by phase.", ("phase",), phases)
    add(
        "sequence_operator_source_problems",
        "Problems that an AlgoSource has told, such as files that cannot be read.",
        ("namespace", "source"),
        lambda: [(key, float(count)) for key, count in sources.problems()],
    )
    add(
        "sequence_operator_leader",
        "1 while this process holds the Lease.",
        (),
        lambda: [((), float(lease.held.is_set()))],
    )
    add(
        "sequence_operator_stream_connected",
        "1 while there is a stream of the platform's events; 0: the account is only polled.",
        ("namespace", "account"),
        lambda: [(key, float(hearing.connected)) for key, hearing in accounts.hearings()],
    )
    add(
        "sequence_operator_stream_deployments",
        "Deployments whose events are heard.",
        ("namespace", "account"),
        lambda: [(key, float(hearing.heard)) for key, hearing in accounts.hearings()],
    )
    add(
        "sequence_operator_seconds_since_last_list",
        "Age of the last list of an account's deployments.",
        ("namespace", "account"),
        ages,
    )
