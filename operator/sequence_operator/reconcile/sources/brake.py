"""The brake: one commit that touches many running algos waits for a person.

A mistake in a shared crate, a search-and-replace or a bad merge changes everything at once, and each change alone looks
right. Below ten running algos a look at the plan is enough.
"""

from __future__ import annotations

from collections.abc import Collection

from sequence_operator.reconcile.sources.differs import FieldDifference
from sequence_operator.reconcile.sources.leaving import approval, approved
from sequence_operator.reconcile.sources.model import Brake, Snapshot
from sequence_operator.spec.names import TREE
from sequence_operator.spec.resources import AlgoSource

BRAKE = "Brake"
LEAST = 10
PERCENT = 30

_SILENT = (
    "spec.origin",
    "spec.description",
    "spec.artifact.build.commit",
    "metadata.labels",
    "metadata.annotations",
)


def effective(fields: Collection[FieldDifference]) -> frozenset[str]:
    """Those that change what the algo does: not its labels, its description or the commit it is of."""
    return frozenset(
        difference.field
        for difference in fields
        if difference.what != "Owner"
        and (difference.field, difference.what) != ("spec.state", "Dropped")  # it is handed over as it is
        and (not difference.field.startswith(_SILENT) or difference.field == f"metadata.annotations[{TREE}]")
    )


def exceeded(touched: int, running: int) -> bool:
    """More than 30 % of ten or more; exact, in whole numbers."""
    return running >= LEAST and touched * 100 > running * PERCENT


def brake(source: AlgoSource, snapshot: Snapshot, touched: int, running: int) -> Brake | None:
    """The brake, when it holds this commit.

    touched: running algos that the commit changes (a plain stop is no change) or removes; running: all running ones of
    this source. A commit that was held stays held until it is approved, whatever `running` is since: plain stops go
    through, and must not let the rest follow by making the running ones fewer than ten.
    """
    if not touched or approved(source, snapshot):
        return None
    if not exceeded(touched, running) and not _was_held(source, snapshot):
        return None
    command = approval(source, snapshot.commit)
    message = (
        f"commit {snapshot.commit[:12]} touches {touched} of {running} running algos, more than {PERCENT} %: "
        f"nothing but plain stops is done. Look at it with `sequence plan`; if it is meant: {command}"
    )
    return Brake(touched, running, command, message)


def _was_held(source: AlgoSource, snapshot: Snapshot) -> bool:
    status = source.status
    return status.observed_commit == snapshot.commit and any(
        c.type == "Stalled" and c.status == "True" and c.reason == BRAKE for c in status.conditions
    )
