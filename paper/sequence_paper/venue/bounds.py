"""The queues of a desk as the other queue models see them, beside the one that fills follow.

Market events move all of them together. Where the models disagree about what our own earlier orders had filled, two
rules keep them in order (the unfilled rest of every order: risk-averse >= calibrated >= optimistic, at any time):
what only the deciding model had filled of an order that is gone stays in front of later orders as a ghost, since a
fill is not taken back; what only a bound had filled of it is taken off the queue of those behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.venue.book import Book, reaches
from sequence_paper.venue.queue import QueueModel, ahead_after_decrease


class Queued(Protocol):
    """Anything that stands in a queue."""

    ahead_1e8: int

    @property
    def rest_1e8(self) -> int: ...


class Follows(Protocol):
    """An order of the deciding model, as far as bounds need it."""

    @property
    def px_1e9(self) -> int: ...
    @property
    def rest_1e8(self) -> int: ...


Q = TypeVar("Q", bound=Queued)


def share(
    levels: dict[int, list[Q]], side: Side, px_1e9: int, qty_1e8: int, *, queues: bool = True
) -> list[tuple[Q, int]]:
    """Hand out one quantity to orders of ``side`` (the passive one): (order, fill) pairs, in priority order.

    Orders at a better price than ``px`` stood before everything that traded there; at ``px`` itself the queue ahead
    is served first (unless ``queues`` is False). All of them share the one quantity.
    """
    pot = qty_1e8
    fills: list[tuple[Q, int]] = []
    for px in sorted(levels, reverse=side == BUY):
        if not reaches(side, px, px_1e9):
            break
        others = 0
        for queued in levels[px]:
            if not queues:
                pass
            elif px == px_1e9:
                served = min(pot, max(0, queued.ahead_1e8 - others))
                others += served
                pot -= served
                queued.ahead_1e8 -= min(others, queued.ahead_1e8)
            else:
                queued.ahead_1e8 = 0
            fill = min(pot, queued.rest_1e8)
            if fill > 0:
                pot -= fill
                fills.append((queued, fill))
    return fills


def shrink(queue: Iterable[Queued], model: QueueModel, level_1e8: int, after_1e8: int) -> None:
    """A level of others' size ``level`` fell to ``after`` without a print."""
    for queued in queue:
        queued.ahead_1e8 = ahead_after_decrease(model, queued.ahead_1e8, level_1e8, level_1e8 - after_1e8)


@dataclass(slots=True, eq=False)
class Place:
    """One order in a bound's queue; ``ghost``: the order has left, this much of it had not filled here."""

    ahead_1e8: int
    rest_1e8: int
    ghost: bool = False


class Bound:
    """All queues of one desk by one model. ``ghosts``: how many there are, since most of the time there is none."""

    __slots__ = ("_places", "ghosts", "levels", "model")

    def __init__(self, model: QueueModel) -> None:
        self.model = model
        self.ghosts = 0
        self.levels: dict[Side, dict[int, list[Place]]] = {BUY: {}, SELL: {}}
        self._places: dict[int, Place] = {}  # by identity of the order in the deciding queue

    def add(self, side: Side, order: Follows, ahead_1e8: int) -> None:
        """Where it joins and what is left of it are facts, equal in all models."""
        place = self._places[id(order)] = Place(ahead_1e8, order.rest_1e8)
        self.levels[side].setdefault(order.px_1e9, []).append(place)

    def remove(self, side: Side, order: Follows) -> int:
        """The order has left; returns what this model had filled of it beyond the fact (negative: less)."""
        place = self._places.pop(id(order))
        queue = self.levels[side][order.px_1e9]
        where = queue.index(place)
        more = order.rest_1e8 - place.rest_1e8
        self._behind(queue[where + 1 :], more)
        if more < 0:
            queue[where] = Place(place.ahead_1e8, -more, ghost=True)
            self.ghosts += 1
        else:
            del queue[where]
            self._tidy(side, order.px_1e9)
        return more

    def shorten(self, side: Side, order: Follows, by_1e8: int) -> None:
        """The order was amended down by ``by`` in its place."""
        place = self._places[id(order)]
        less = min(by_1e8, place.rest_1e8)
        place.rest_1e8 -= less
        queue = self.levels[side][order.px_1e9]
        self._behind(queue[queue.index(place) + 1 :], by_1e8 - less)

    def rest(self, order: Follows) -> int:
        """What this model has not filled of it."""
        return self._places[id(order)].rest_1e8

    def serve(self, side: Side, px_1e9: int, qty_1e8: int, *, queues: bool = True) -> None:
        """As ``share``, and book it."""
        served = 0
        for place, qty in share(self.levels[side], side, px_1e9, qty_1e8, queues=queues):
            place.rest_1e8 -= qty
            served += place.ghost and place.rest_1e8 == 0
        if served:
            self.ghosts -= served
            for px, queue in list(self.levels[side].items()):
                queue[:] = [place for place in queue if place.rest_1e8 or not place.ghost]
                self._tidy(side, px)

    def crossed(self, side: Side, px_1e9: int) -> None:
        """Somebody rests on the other side at ``px``: all that stood at this price or beyond has traded or gone.

        Ghosts before an order that still rests stay: it did not fill either.
        """
        levels = self.levels[side]
        for px in [px for px in levels if reaches(side, px, px_1e9)]:
            if all(place.ghost for place in levels[px]):
                self.ghosts -= len(levels[px])
                del levels[px]

    def reseed(self, book: Book) -> None:
        """Everything displayed stands before us; ghosts of the time before are let go."""
        self.ghosts = 0
        for side, levels in self.levels.items():
            for px in list(levels):
                levels[px] = [place for place in levels[px] if not place.ghost]
                for place in levels[px]:
                    place.ahead_1e8 = book.size(side, px)
                self._tidy(side, px)

    def _tidy(self, side: Side, px_1e9: int) -> None:
        if not self.levels[side][px_1e9]:
            del self.levels[side][px_1e9]

    @staticmethod
    def _behind(later: list[Place], more_1e8: int) -> None:
        for place in later:
            place.ahead_1e8 = max(0, place.ahead_1e8 - max(0, more_1e8))
