"""Taking back limits that are looser on the platform than in the spec."""

from __future__ import annotations

from sequence_operator.reconcile import drift, guard
from sequence_operator.reconcile.actions import Difference, Plan, Refuse, Update
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.compare import tighter_body, too_loose
from sequence_operator.reconcile.row import Row


def tighten(case: Case, row: Row, found: tuple[Difference, ...]) -> Plan | None:
    """Take back limits that are looser on the platform than in the spec, and nothing else: the one change that waits
    for nothing, neither for a person who suspended the object nor for a build. None when no limit is, or when the
    platform cannot change limits in place."""
    loose = tuple(d for d in too_loose(found) if d.change == "Update")
    body = tighter_body(case, row) if loose else {}
    if not body:
        return None
    if case.blocked is not None and not case.rolled_back:
        return Plan((Refuse(*case.blocked),))
    note = drift.note(case, loose)
    stop = guard.loop(case, note)
    if stop is not None:
        return Plan((stop,))
    return Plan((Update(row.deployment_id, body, row.revision, note, partial=True),))
