"""A small day of random trading with deaths in it; `python -m bench.soak` is the long one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from bench.day import Day
from sequence_paper.analysis.reconcile import lines


@pytest.mark.parametrize("latency", ["none", "venue"])
async def test_a_random_day_adds_up_to_the_last_unit(tmp_path, latency) -> None:
    day = Day(tmp_path, seed=7, latency=latency, odds=0.12)
    try:
        report = await day.run(events=1_200, deaths=5)
        assert report.differences == [], "\n".join(lines(report))
        assert day.lost() == []
        assert day.lives == 6
        assert report.fills > 100
        counts = day.counts()
    finally:
        day.close()
    assert {word for word in counts if word.startswith("fills while")} == {"fills while ok"}
    assert all(counts[word] for word in ("INSUFFICIENT_BALANCE", "gtd", "FILLED", "CANCELLED", "REJECTED"))
