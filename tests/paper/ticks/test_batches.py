"""Many moments and intervals asked at once give what each gives alone: over a part, the raw tail and two runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sequence_paper.store.ticks import TickStore
from sequence_paper.store.ticks.compact import compact

from .conftest import SECOND, T0, Tape


@pytest.fixture
def recorded(tape: Callable[..., Tape], tmp_path: Path) -> TickStore:
    """Two runs of ten seconds that overlap in feed time, the first one compacted."""
    chance = random.Random(5)
    for run_ns in (1, 2):
        one = tape(run_ns=run_ns)
        for second in range(run_ns * 3, run_ns * 3 + 10):
            state = "gap" if second == 8 else "ok"
            px = 100 + chance.randrange(9)
            one.depth(second * SECOND, [(px, 5), (px - 1, 7)], [(px + 1, 4)], state=state)
            one.depth(second * SECOND, [(px, 6)], [(px + 1, 4)], symbol=1)
            one.trade(second * SECOND + chance.randrange(SECOND), px, chance.randrange(1, 9), state=state)
        one.writer.close()
        if run_ns == 1:
            compact(tmp_path / "ticks")
    return TickStore(tmp_path / "ticks")


@pytest.mark.parametrize("run_ns", [None, 1, 2])
def test_as_one_by_one(recorded: TickStore, run_ns: int | None) -> None:
    chance = random.Random(7)
    ts = [T0 + chance.randrange(0, 20 * SECOND) for _ in range(60)]
    alone = [recorded.depth_asof("kraken", "BTC-USD", moment, run_ns) for moment in ts]
    assert recorded.depths("kraken", "BTC-USD", ts, run_ns) == alone
    assert None in alone
    assert any(alone)
    intervals = [(moment, moment + chance.randrange(0, 6 * SECOND)) for moment in ts]
    each = [recorded.vwap("kraken", "BTC-USD", *interval, run_ns) for interval in intervals]
    assert recorded.vwaps("kraken", "BTC-USD", intervals, run_ns) == each
    assert any(found and found.n > 2 for found in each)


def test_nothing_asked_and_nothing_recorded(recorded: TickStore) -> None:
    assert recorded.depths("kraken", "BTC-USD", []) == []
    assert recorded.vwaps("kraken", "BTC-USD", []) == []
    assert recorded.depths("nowhere", "BTC-USD", [T0]) == [None]
    assert recorded.vwaps("nowhere", "BTC-USD", [(T0, T0)]) == [None]
