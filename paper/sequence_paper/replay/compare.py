"""Whether two runs are the same, and where they part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

from sequence_paper.edge.event_log import EventLog
from sequence_paper.replay.capsule import Expected
from sequence_paper.store.trades import Fill


def expected_of(log: EventLog) -> Expected:
    """What a repetition must come to."""
    return Expected(log.digest(), log.records, list(log.seconds))


def first_difference(expected: Expected, log: EventLog) -> tuple[int, int] | None:
    """(feed time up to which both are equal, feed time by which they differ), 0 for the beginning and the end.

    None when they are the same.
    """
    if expected.sha256 == log.digest():
        return None
    equal = 0
    for ours, theirs in zip_longest(log.seconds, expected.seconds):
        if ours != theirs:
            return equal, min(at for at, _ in (ours, theirs) if at) if ours and theirs else (ours or theirs)[
                0
            ]
        equal = ours[0]
    return equal, 0


def order_name(fill: Fill) -> str:
    """``deployment/label/number``: the same in every registration."""
    return f"{fill.deployment}/{fill.label}/{fill.order_id.rsplit(':', 1)[-1]}"


def rows(fills: Iterable[Fill]) -> list[list[Any]]:
    """What of fills must be equal in two runs, in order."""
    return [
        [
            order_name(fill),
            fill.ts_ns,
            fill.symbol,
            fill.side,
            fill.price_1e9,
            fill.qty_1e8,
            fill.fee_1e9,
            fill.liquidity,
            fill.realized_pnl_1e9,
        ]
        for fill in fills
    ]


def first_other_fill(stored: Sequence[list[Any]], ours: Sequence[list[Any]], unheard: int = 0) -> str:
    """A sentence about the first fill that differs, empty when none does.

    ``unheard``: so many words of the venue were under way when ours ended. A fill is stored with the time at which it
    happened, and may have been heard of after that end.
    """
    late = max(0, len(stored) - len(ours))
    for theirs, mine in zip_longest(stored[: len(ours)] if late <= unheard else stored, ours):
        if theirs != mine:
            return f"the platform stored {_fill(theirs)}, the repetition has {_fill(mine)}"
    return ""


def _fill(row: list[Any] | None) -> str:
    if row is None:
        return "no further fill"
    name, ts_ns, symbol, side, px, qty, *_ = row
    return f"{name} {side} {qty} at {px} of {symbol} at {ts_ns}"
