"""One owner per (account id, mode, deployment name): the custom resource that registered it, else the oldest one.

Who has it keeps it: an older resource may turn up later, when its account answers at last, and a creation time has
whole seconds only, so that "older" alone could take a running deployment away from the resource that made it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sequence_operator.reconcile.model import Claim

_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A custom resource that wants the name.

    registered: its status records a deployment, or a registration that is under way.
    """

    uid: str
    namespace: str
    name: str
    created_at: datetime | None
    registered: bool = False


def claim(candidates: Iterable[Candidate]) -> Claim | None:
    """Who owns the name; None without candidates. Equal ages are told apart by uid, the same everywhere."""
    ordered = sorted(candidates, key=lambda c: (not c.registered, c.created_at or _FIRST, c.uid))
    if not ordered:
        return None
    winner = ordered[0]
    return Claim(winner.uid, f"{winner.namespace}/{winner.name}")
