"""How often what is heard may lead to a list of its own, and what was heard: values, without clock and connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sequence_operator.reconcile.news import is_news
from sequence_operator.reconcile.sight import Sight

_GAP = 0.25  # seconds between two lists that each showed something
_SHARE = 2.0  # calls of the budget that a list may cost: the others are for what the lists lead to
_REST = 1.0  # times as long as the last one took: listing thousands must not become all we do
_LOOKS = (
    5  # after so many lists that do not show it, an event was wrong; that all is gone takes four: one that is
)
# still on its way to say so, an empty one that needs confirming, and two more
_KEPT = 8  # events of one deployment; more of them are one that nothing is known of


class Pace:
    """A list that showed something new earns the next one soon; one that showed nothing doubles the wait, up to the
    poll interval. So a platform that tells untruths costs no more than polling it."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._gap = 0.0
        self._took = 0.0

    def wait(self, now: float, rps: float) -> float:
        """Seconds until the next list may begin; 0 for now. rps: the account's budget."""
        gap = max(self._gap, _GAP, _SHARE / rps, self._took * _REST)
        return max(self._last + gap - now, 0.0)

    def made(self, now: float, *, took: float, useful: bool, longest: float) -> None:
        """A list of this kind, which took so many seconds, is over. longest: seconds, the poll interval."""
        self._last, self._took = now, min(took, longest / _REST)
        self._gap = 0.0 if useful else min(max(self._gap * 2.0, _GAP), longest)


@dataclass(slots=True)
class _Heard:
    event: object
    at: float
    looks: int = 0


class Ear:
    """What was heard of deployments and no list has shown yet.

    sight: what is known of a deployment by its id; None when it is none of ours any more. busy: whether a pass over it
    is under way, whose own write may be what is heard.
    """

    def __init__(self, sight: Callable[[str], Sight | None], busy: Callable[[str], bool]) -> None:
        self._sight, self._busy = sight, busy
        self._heard: dict[str, list[_Heard]] = {}
        self._missed_at: float | None = None

    def hear(self, deployment_id: str, event: object, now: float) -> bool:
        """Take in an event; whether it may be news."""
        if not self._open(deployment_id, event):
            return False
        held = self._heard.setdefault(deployment_id, [])
        if len(held) >= _KEPT:
            held[:] = [_Heard(None, now)]
        held.append(_Heard(event, now))
        return True

    def missed(self, now: float) -> None:
        """For a while nothing was heard: anything may have happened."""
        self._missed_at = now

    def wants(self) -> bool:
        """Whether a list is wanted. What is known by now is forgotten."""
        for deployment_id, held in list(self._heard.items()):
            held[:] = [heard for heard in held if self._open(deployment_id, heard.event)]
            if not held:
                del self._heard[deployment_id]
        return self._missed_at is not None or any(not self._busy(each) for each in self._heard)

    @property
    def waits(self) -> bool:
        """Whether something was heard that cannot be judged before a pass is over."""
        return any(self._busy(each) for each in self._heard)

    def listed(self, began_at: float) -> None:
        """A list that began then was shown to all: it had its chance to confirm what was heard before."""
        if self._missed_at is not None and self._missed_at <= began_at:
            self._missed_at = None
        for held in self._heard.values():
            for heard in held:
                heard.looks += heard.at <= began_at
            held[:] = [heard for heard in held if heard.looks < _LOOKS]

    def forget(self) -> None:
        """Another line, another story."""
        self._heard, self._missed_at = {}, None

    def _open(self, deployment_id: str, event: object) -> bool:
        sight = self._sight(deployment_id)
        return sight is not None and (self._busy(deployment_id) or is_news(event, sight, deployment_id))
