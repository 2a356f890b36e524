"""Kubernetes Events that a change of status yields: transitions only, so that an idle object makes none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sequence_operator.reconcile.guard import DRIFT_KEPT, PAUSED
from sequence_operator.reconcile.model import Record
from sequence_operator.spec.resources import AlgoDeploymentStatus, Condition, HistoryEntry

_WARNINGS = ("Unreachable", "Retrying", "KillSwitch", "Degraded", "ManualStop", "Drifted", "ArtifactMissing")
"""Reasons of a False `Ready` that are worth a word although nothing is stalled."""


_TOLD_BELOW = (PAUSED, DRIFT_KEPT)
"""Entries of the history that are told of by what they are about: the pause, the drift."""


@dataclass(frozen=True, slots=True)
class Event:
    """`type` Normal or Warning, `reason` one CamelCase word, `message` a sentence."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def events(before: Record, after: AlgoDeploymentStatus) -> tuple[Event, ...]:
    """One Event per transition: new history entries, a condition that turned, a pause, drift that appeared."""
    found = [_of_entry(e) for e in reversed(_new_entries(before, after)) if e.event not in _TOLD_BELOW]
    if after.pause is not None and (before.pause is None or before.pause.id != after.pause.id):
        found.append(
            Event("Warning", "Paused", f"{after.pause.reason or 'no reason given'} (pause {after.pause.id})")
        )
    known = {d.field for d in before.drift}
    found.extend(
        Event("Warning", "Drift", f"{d.field} is {d.observed} on the platform, {d.desired} in the spec")
        for d in after.drift
        if d.field not in known
    )
    found.extend(_of_conditions(before, after))
    return tuple(found)


def _new_entries(before: Record, after: AlgoDeploymentStatus) -> list[HistoryEntry]:
    """Newest first. An old entry is known by its time and event: its plan hash may be filled in later."""
    old = {(e.at, e.event, e.message) for e in before.history}
    return [e for e in after.history if (e.at, e.event, e.message) not in old]


def _of_entry(entry: HistoryEntry) -> Event:
    what = entry.message or f"WASM {entry.sha256[:12]}"
    return Event("Warning" if entry.event == "DriftCorrected" else "Normal", entry.event, what)


def _of_conditions(before: Record, after: AlgoDeploymentStatus) -> list[Event]:
    old = {c.type: c for c in before.conditions}
    found: list[Event] = []
    for now in after.conditions:
        was = old.get(now.type)
        turned = was is None or was.status != now.status or was.reason != now.reason
        if not turned:
            continue
        if now.type == "Stalled" and now.status == "True":
            found.append(Event("Warning", now.reason, now.message))
        elif now.type == "Ready":
            found.extend(_of_ready(was, now))
    return found


def _of_ready(was: Condition | None, now: Condition) -> list[Event]:
    if now.status == "True":
        return [Event("Normal", "Ready", now.message)] if was is None or was.status != "True" else []
    return [Event("Warning", now.reason, now.message)] if now.reason in _WARNINGS else []
