"""One owner per (account id, mode, deployment name): the oldest custom resource."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sequence_operator.reconcile.model import Claim

_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A custom resource that wants the name."""

    uid: str
    namespace: str
    name: str
    created_at: datetime | None


def claim(candidates: Iterable[Candidate]) -> Claim | None:
    """Who owns the name; None without candidates. Equal ages are told apart by uid, the same everywhere."""
    ordered = sorted(candidates, key=lambda c: (c.created_at or _FIRST, c.uid))
    if not ordered:
        return None
    winner = ordered[0]
    return Claim(winner.uid, f"{winner.namespace}/{winner.name}")
