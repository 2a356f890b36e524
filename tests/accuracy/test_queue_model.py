"""How wrong is the queue model? Measured on every order of a real half hour.

Each recorded order that joined behind others is followed twice: by its true place (who stood before it and is still
there) and by the model, which sees level sizes and prints only. Compared at the end of the order's life, as a part of
the queue it first joined. Run with ``-s`` to see the figures.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from sequence_paper.feed.bitstamp import OrderRow, Recording
from sequence_paper.feed.events import Trade
from sequence_paper.feed.levels import Levels
from sequence_paper.venue.queue import QueueModel, ahead_after_decrease

SECOND = 10**9


@dataclass
class Tracked:
    """One real order, and what each model believes stands before it."""

    born_ns: int
    joined_behind: int
    others: int
    ahead: dict[QueueModel, int]
    printed: int = 0
    saw_cancels: bool = False


@dataclass
class Score:
    """Errors (model - truth) / first queue, of orders that lived long enough and saw a cancel."""

    errors: list[float] = field(default_factory=list)
    too_early: int = 0
    too_late: int = 0

    def add(self, model: int, truth: int, joined_behind: int) -> None:
        self.errors.append((model - truth) / joined_behind)
        self.too_early += model < truth
        self.too_late += model > truth

    @property
    def bias(self) -> float:
        return sum(self.errors) / len(self.errors)

    @property
    def mae(self) -> float:
        return sum(map(abs, self.errors)) / len(self.errors)

    @property
    def rmse(self) -> float:
        return math.sqrt(sum(error * error for error in self.errors) / len(self.errors))


class Follow:
    """Follows all orders of a recording; ``scores[seconds][model]``."""

    def __init__(self, levels: Levels, lives: tuple[int, ...]) -> None:
        self.levels = levels
        self.scores = {life: {model: Score() for model in QueueModel} for life in lives}
        self.at: dict[tuple[int, int], dict[str, Tracked]] = defaultdict(dict)
        self.bracket_broken = 0

    def row(self, row: OrderRow) -> None:
        if row.action == "deleted":
            self._end(row)
        for event in self.levels.row(row):
            side = -event.aggressor if isinstance(event, Trade) else event.side
            for order_id, tracked in tuple(self.at[side, event.px_1e9].items()):
                order = self.levels.order(order_id)
                if order is None:
                    del self.at[side, event.px_1e9][order_id]
                elif isinstance(event, Trade):
                    self._print(tracked, event.qty_1e8)
                else:
                    self._size(tracked, event.sz_1e8 - order.qty_1e8)
        if row.action == "created":
            self._begin(row)

    def _begin(self, row: OrderRow) -> None:
        order = self.levels.order(row.id)
        if order is not None:
            ahead = sum(o.qty_1e8 for o in self.levels.queue(row.side, row.px_1e9)) - order.qty_1e8
            if ahead > 0:
                models = dict.fromkeys(QueueModel, ahead)
                self.at[row.side, row.px_1e9][row.id] = Tracked(row.ts_ns, ahead, ahead, models)

    def _print(self, tracked: Tracked, qty: int) -> None:
        tracked.printed += qty
        for model, ahead in tracked.ahead.items():
            tracked.ahead[model] = max(0, ahead - qty)

    def _size(self, tracked: Tracked, others: int) -> None:
        shrunk = tracked.others - others
        if shrunk > 0:
            explained = min(shrunk, tracked.printed)
            tracked.printed -= explained
            level = tracked.others - explained
            tracked.saw_cancels |= shrunk > explained
            for model, ahead in tracked.ahead.items():
                tracked.ahead[model] = ahead_after_decrease(model, ahead, level, shrunk - explained)
        tracked.others = others

    def _end(self, row: OrderRow) -> None:
        order = self.levels.order(row.id)
        tracked = self.at[order.side, order.px_1e9].pop(row.id, None) if order else None
        if order is None or tracked is None or not tracked.saw_cancels:
            return
        before = itertools.takewhile(lambda o: o.id != row.id, self.levels.queue(order.side, order.px_1e9))
        truth = sum(o.qty_1e8 for o in before)
        worst, middle, best = (
            tracked.ahead[m] for m in (QueueModel.RISK_AVERSE, QueueModel.CALIBRATED, QueueModel.OPTIMISTIC)
        )
        self.bracket_broken += not worst >= middle >= best
        for life, scores in self.scores.items():
            if row.ts_ns - tracked.born_ns >= life * SECOND:
                for model, score in scores.items():
                    score.add(tracked.ahead[model], truth, tracked.joined_behind)


@pytest.fixture(scope="module")
def followed() -> Follow:
    recording = Recording.find()
    levels = Levels("BTC-USD", recording.trades())
    rows = recording.orders()
    levels.open_with(itertools.islice(rows, recording.opening_rows), recording.start_ns)
    follow = Follow(levels, (0, 1, 10))
    for row in rows:
        follow.row(row)
    for life, scores in follow.scores.items():
        for model, score in scores.items():
            print(
                f"life >= {life:2} s  {model:12}  n {len(score.errors):6}  bias {score.bias:+.3f}"
                f"  MAE {score.mae:.3f}  RMSE {score.rmse:.3f}"
            )
    return follow


@pytest.mark.parametrize("life", [1, 10])
def test_the_calibrated_model_is_nearly_unbiased(followed, life):
    score = followed.scores[life][QueueModel.CALIBRATED]
    assert len(score.errors) > 1_000
    assert abs(score.bias) <= 0.03
    assert score.rmse <= 0.25


def test_the_pessimist_is_never_early_and_the_optimist_never_late(followed):
    assert followed.scores[0][QueueModel.RISK_AVERSE].too_early == 0
    assert followed.scores[0][QueueModel.OPTIMISTIC].too_late == 0


def test_the_calibrated_model_always_lies_between_them(followed):
    assert followed.bracket_broken == 0
