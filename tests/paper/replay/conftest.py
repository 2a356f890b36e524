"""Real algos, and capsules of short runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.feed.recording import Entry, Header, Recorder
from sequence_paper.replay.capsule import Capsule
from sequence_paper.replay.compare import expected_of
from sequence_paper.replay.make import build
from sequence_paper.replay.run import run
from support.algos import build_algos

SECOND = 10**9
PARAMS = [
    {"name": "half_spread", "slot": 0, "type": "int", "value": 1},
    {"name": "size", "slot": 1, "type": "int", "value": 2_000_000},
]


@pytest.fixture(scope="session")
def maker() -> bytes:
    """Quotes one bid and one ask."""
    return build_algos()["maker"]


@pytest.fixture(scope="session")
def sealed(maker: bytes) -> Callable[..., Capsule]:
    """A capsule of a run of the maker, with its digest."""

    def make(**more: Any) -> Capsule:
        given = {"venue": "kraken", "symbols": ["BTC-USD"], "seconds": 20.0, "params": PARAMS} | more
        capsule = build(maker, **given)
        return replace(capsule, expected=expected_of(run(capsule).log))

    return make


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Ten seconds of a book that moves, as frames of Coinbase. Twice as long as what tests take of it."""
    path = tmp_path / "coinbase.feed.zst"
    recorder = Recorder(path, Header("coinbase", ("BTC-USD",), "ws://here", SECOND))
    recorder.write(Entry(SECOND, "open"))
    levels = [_level("bid", 1000 - n, 3) for n in range(20)] + [
        _level("offer", 1001 + n, 3) for n in range(20)
    ]
    recorder.write(Entry(SECOND, "frame", _frame("snapshot", levels, 0)))
    for n in range(1, 100):
        change = [_level("bid", 1000, 1 + n % 3), _level("offer", 1001, 1 + n % 4)]
        recorder.write(Entry(SECOND + n * SECOND // 10, "frame", _frame("update", change, n)))
    recorder.close()
    return path


def _level(side: str, price: int, size: int) -> dict[str, str]:
    at = "2026-01-05T00:00:00Z"
    return {"side": side, "event_time": at, "price_level": str(price), "new_quantity": str(size)}


def _frame(kind: str, levels: list[dict[str, str]], number: int) -> str:
    events = [{"type": kind, "product_id": "BTC-USD", "updates": levels}]
    return json.dumps({"channel": "l2_data", "sequence_num": number, "events": events})
