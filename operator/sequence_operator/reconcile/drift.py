"""Differences that nobody asked for: the spec was applied, and the platform says something else by now."""

from __future__ import annotations

from collections.abc import Iterable

from sequence_operator.reconcile import guard
from sequence_operator.reconcile.actions import Difference, Note
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.sight import Source
from sequence_operator.reconcile.states import any_active, state_of
from sequence_operator.spec.resources import DriftEntry

MISSING = "deployment"
_LONGEST = 300


def drift(case: Case, row: Row | None, found: Iterable[Difference]) -> tuple[DriftEntry, ...]:
    """All drift as it is observed now; `since` is kept from the record."""
    entries = [(d.field, d.desired, d.observed) for d in found if is_drift(case, d)]
    if row is None and case.record.deployment_id is not None and case.record.pending is None:
        entries.append((MISSING, "registered", "absent"))
    if row is not None:
        entries.extend(_state(case, row))
    since = {e.field: e.since for e in case.record.drift}
    return tuple(
        DriftEntry(field=field, desired=wanted, observed=held, since=since.get(field, case.now))
        for field, wanted, held in entries
    )


def is_drift(case: Case, difference: Difference) -> bool:
    """A commit is no part of what is applied, so a new one is never drift."""
    return not case.edited and difference.field != "metadata.commit"


def kept(case: Case, difference: Difference) -> bool:
    """A limit that somebody made tighter on the platform stays until the spec is edited: lowering risk is undone by a
    decision only."""
    return difference.direction == "loosens" and is_drift(case, difference)


def to_correct(case: Case, found: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences that are to be put right. Drift, under driftPolicy Report: only a limit that is too loose and
    can be changed in place."""
    report = case.desired.spec.drift_policy == "Report"
    return tuple(
        d
        for d in found
        if not kept(case, d)
        and not (report and is_drift(case, d) and not (d.direction == "tightens" and d.change == "Update"))
    )


def kept_sentence(fields: Iterable[Difference | DriftEntry]) -> str:
    """`risk.maxPosition1e8 is 100 on the platform, 200 in the spec`, several joined."""
    return _short(
        "; ".join(f"{d.field} is {d.observed} on the platform, {d.desired} in the spec" for d in fields)
    )


def note(case: Case, found: tuple[Difference, ...]) -> Note:
    """What the history says about a patch."""
    event = guard.DRIFT_CORRECTED if all(is_drift(case, d) for d in found) else "Updated"
    return Note(event, sentence(case, found))


def sentence(case: Case, found: tuple[Difference, ...]) -> str:
    """`risk.maxPosition1e8 was 5 on the platform, restored to 3`, or `risk.maxPosition1e8 5 → 3`."""
    told = [d for d in found if not d.field.startswith("metadata.")] or list(found)
    if all(is_drift(case, d) for d in found):
        parts = [f"{d.field} was {d.observed} on the platform, restored to {d.desired}" for d in told]
    else:
        parts = [f"{d.field} {d.observed} → {d.desired}" for d in told]
    return _short("; ".join(parts))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _state(case: Case, row: Row) -> Iterable[tuple[str, str, str]]:
    state, sight = state_of(row), case.observed.sight
    if sight.source is Source.ANSWER and sight.after == "Start":
        return  # a start that does not show in its own answer is on its way: nobody has stopped it since
    if case.running and state == "Stopped" and guard.stopped_by_others(case):
        yield "state", "Running", "Stopped"
    if not case.running and any_active(row) and guard.started_by_others(case):
        yield "state", "Stopped", state
