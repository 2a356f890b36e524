"""Events of a source: what was done, and what is newly wrong or right again. Never the same twice in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sequence_operator.cluster.client import Object
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.gitops.world import PostEvent
from sequence_operator.reconcile.sources import Action, Apply, HandOver, Prune, Release, Snapshot, TakeOver
from sequence_operator.spec.resources import AlgoSourceStatus, Condition

_MOST = 20  # Events about single things in one round; the status has them all

_DONE = (
    (Apply, "Applied", "applied"),
    (HandOver, "HandedOver", "handed the state to whoever starts and stops"),
    (TakeOver, "TakenOver", "taken over from another writer"),
    (Release, "Released", "left to another source"),
    (Prune, "Pruned", "removed, for it left the repository"),
)


def tell(
    post: PostEvent,
    about: Object,
    snapshot: Snapshot,
    done: Sequence[Action],
    failed: Mapping[str, ClusterError],
) -> None:
    """What a round did, in one Event for each kind of action, and what the API server refused."""
    by = f" by {snapshot.author}" if snapshot.author else ""
    for kind, reason, words in _DONE:
        names = [action.name for action in done if isinstance(action, kind)]
        if names:
            listed = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            post(about, "Normal", reason, f"{words}: {listed}; commit {snapshot.commit[:8]}{by}")
    refused = [(name, problem) for name, problem in failed.items() if problem.kind is not Kind.CONFLICT]
    for name, problem in refused[:_MOST]:
        post(about, "Warning", "WriteFailed", f"{name}: {problem.message}")


def tell_status(post: PostEvent, about: Object, before: AlgoSourceStatus, after: AlgoSourceStatus) -> None:
    """Problems that were not there before, and changes of Ready and Stalled."""
    known = {str(problem) for problem in before.problems}
    new = [problem for problem in after.problems if str(problem) not in known]
    for problem in new[:_MOST]:
        post(about, "Warning", "FileProblem", str(problem))
    for type_ in ("Stalled", "Ready"):
        old, now = _condition(before, type_), _condition(after, type_)
        if now is None or (old is not None and (old.status, old.reason) == (now.status, now.reason)):
            continue
        if type_ == "Stalled" and now.status == "True":
            post(about, "Warning", now.reason, now.message)
        elif type_ == "Ready" and now.status == "True":
            post(about, "Normal", now.reason, now.message)
        elif type_ == "Ready" and now.status == "False" and not _stalled(after, now.reason):
            post(about, "Warning", now.reason, now.message)


def _condition(status: AlgoSourceStatus, type_: str) -> Condition | None:
    return next((condition for condition in status.conditions if condition.type == type_), None)


def _stalled(status: AlgoSourceStatus, reason: str) -> bool:
    """Whether the same was said about Stalled already."""
    stalled = _condition(status, "Stalled")
    return stalled is not None and stalled.status == "True" and stalled.reason == reason
