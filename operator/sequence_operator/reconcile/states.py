"""What a row says about running: its state, its units, whether it is warm, paused, refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from sequence_operator.reconcile.actions import Wait
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.identity import created_at_ns
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.sight import Source
from sequence_operator.spec.names import STATE_OF_WORD, ObservedState
from sequence_operator.spec.resources import Pause

WARMING_UP, PENDING, OBSERVING = "WarmingUp", "Pending", "Observing"

LOOK_AGAIN = Wait(OBSERVING, "waiting for the platform's list of deployments")


@dataclass(frozen=True, slots=True)
class Unit:
    """One running copy: an instance, or an edge where the platform lists only edges."""

    name: str
    state: ObservedState
    error: str = ""


def state_of_word(word: str | None) -> ObservedState:
    return "Pending" if word is None else STATE_OF_WORD.get(word.lower(), "Degraded")


def units(row: Row) -> tuple[Unit, ...]:
    """The copies with a status of their own; () when the platform lists none."""
    if row.instances:
        return tuple(
            Unit(
                f"{i.label} on {i.edge_id or i.venue or 'its edge'}",
                state_of_word(i.status),
                _error(i.error, i.pause_reason),
            )
            for i in row.instances
            if i.status is not None
        )
    return tuple(
        Unit(e.edge_id, state_of_word(e.status), _error(e.error, e.pause_reason))
        for e in row.edges or ()
        if e.status is not None
    )


def state_of(row: Row) -> ObservedState:
    """The deployment's state. Copies in different states are Degraded, whatever word the platform has for the whole;
    only while some are still on their way and none runs, it is Pending."""
    word = None if row.status is None else state_of_word(row.status)
    states = {u.state for u in units(row)}
    if not states:
        state = word or "Pending"
    elif len(states) > 1:
        state = "Degraded" if states - {"Stopped", "Pending"} else "Pending"
    else:
        (state,) = states
        if word in ("Paused", "Failed", "Pending"):
            state = word
    return "Degraded" if state in ("Running", "Stopped") and _short(row) else state


def any_active(row: Row) -> bool:
    """Whether anything trades or would go on trading without a further start: running or paused."""
    return state_of(row) in ("Running", "Paused") or any(u.state in ("Running", "Paused") for u in units(row))


def startable(row: Row) -> bool:
    """Whether a start is what is missing: something stands still, and nothing is paused, refused or on its way."""
    states = {u.state for u in units(row)} or {state_of(row)}
    return "Stopped" in states and states <= {"Stopped", "Running"} and not _short(row)


def hindrances(row: Row) -> str:
    """What the copies that are not there yet say about it; "" when nothing."""
    return "; ".join(f"{u.name}: {u.error}" for u in units(row) if u.state == "Pending" and u.error)


def refusal(row: Row) -> str:
    """Why edges refuse it, in their own words; "" when none does."""
    refused = [u for u in units(row) if u.state == "Failed"]
    if refused:
        return "; ".join(f"{u.name}: {u.error or 'refused, without a reason'}" for u in refused)
    if _short(row):
        return f"only {row.pushed_to} of {row.capable_edges} edges accepted it"
    return "every edge refused it, without a reason" if state_of(row) == "Failed" else ""


def _short(row: Row) -> bool:
    return row.pushed_to is not None and row.capable_edges is not None and row.pushed_to < row.capable_edges


def _error(error: str | None, pause_reason: str | None) -> str:
    return error or pause_reason or ""


# --- warm-up ---


def warming(case: Case, row: Row) -> Wait | None:
    """None when it may be started: every edge accepted it and feeds it. On a platform that says less, a fixed wait
    since it was registered (or since our last write, when even that is not told)."""
    told = [i.warm for i in row.instances or ()]
    if told and all(warm is not None for warm in told):
        cold = [i.label for i in row.instances or () if not i.warm]
        if not cold:
            return None
        return Wait(WARMING_UP, f"waiting for market data at {', '.join(cold)}")
    left = case.policy.warm_up - case.seconds_since(_quiet_since(case, row))
    if left <= 0:
        return None
    return Wait(WARMING_UP, "the platform does not say when an instance is warm: waiting a moment", left)


def _quiet_since(case: Case, row: Row) -> datetime:
    created = created_at_ns(row)
    written = case.observed.sight.written_at
    if created is None or case.observed.sight.source is Source.ANSWER:
        return written
    try:
        return min(written, datetime.fromtimestamp(created / 1e9, UTC))
    except (OverflowError, OSError, ValueError):
        return written


# --- pauses ---


def pause_of(case: Case, row: Row) -> Pause | None:
    """The pause that keeps the row from running; one that is only still readable after a stop keeps nothing. A
    platform without pause ids gets one of ours, kept in the status."""
    if state_of(row) != "Paused" and all(u.state != "Paused" for u in units(row)):
        return None
    if row.pause is not None:
        return Pause(id=row.pause.id, reason=row.pause.reason or "", at=_at(row.pause.at_ns))
    reason = row.pause_reason or next((u.error for u in units(row) if u.state == "Paused" and u.error), "")
    recorded = case.record.pause
    if recorded is not None and recorded.reason == reason:
        return recorded
    seed = f"{row.deployment_id}|{reason}|{case.now.isoformat()}"
    return Pause(id=f"p-{hashlib.sha256(seed.encode()).hexdigest()[:8]}", reason=reason, at=case.now)


def _at(at_ns: int | None) -> datetime | None:
    if at_ns is None:
        return None
    try:
        return datetime.fromtimestamp(at_ns / 1e9, UTC).replace(microsecond=0)
    except (OverflowError, OSError, ValueError):
        return None


# --- what the platform leaves open ---


def unverified(case: Case, row: Row) -> list[str]:
    """Which of Risk and Topology the platform does not confirm although it matters here."""
    limited = bool(case.wire.risk) or any(i.risk for i in case.wire.instances)
    missing = []
    if limited and row.risk is None:
        missing.append("Risk")
    if row.instances is None:
        missing.append("Topology")
    return missing


def describe_running(row: Row) -> str:
    """`running on 2 edges`: how many copies run."""
    running = Counter(u.state for u in units(row))["Running"]
    if not running:
        return "running"
    return f"running on {running} edge{'s' if running != 1 else ''}"
