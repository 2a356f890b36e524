"""What people are told about a stop and a rollback that hold until the next commit."""

from __future__ import annotations

from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.effective import origin_commit
from sequence_operator.spec.names import OVERRIDE, STATE_AT

OVERRIDDEN = "Overridden"


def override_note(case: Case) -> str:
    """For the history; "" without an override."""
    override = case.desired.override
    return "" if override is None else f"by {override.by or 'a person'}, although git says Running"


def override_sentence(case: Case) -> str:
    """Who stopped it, what git says, until when, and how to end it sooner; "" without an override."""
    override = case.desired.override
    if override is None:
        return ""
    when = f" at {override.at}" if override.at else ""
    commit = origin_commit(case.desired.spec)
    at = " at ".join(p for p in (case.desired.annotations.get(STATE_AT, ""), commit[:8]) if p)
    places = f" ({at})" if at else ""
    desired = case.desired
    return (
        f"stopped by {override.by or 'a person'}{when}; git says Running{places}, which holds again from the next "
        f"commit of this algo on. Sooner: kubectl annotate algo {desired.name} -n {desired.namespace} {OVERRIDE}-"
    )


def rollback_sentence(case: Case) -> str:
    """Which WASM runs in place of which, and until when; "" without a rollback."""
    rollback = case.desired.rollback
    if rollback is None:
        return ""
    who = f" by {rollback.by}" if rollback.by else ""
    instead = f" from {rollback.denied[:12]}" if rollback.denied else ""
    return f"rolled back{who}{instead} to {rollback.to[:12]} until the spec names another commit"
