"""The digest of a run: the same wherever the feed is cut, of the past alone, and different when anything is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sequence_paper.edge.event_log import EventLog
from sequence_paper.feed.events import BookDelta, BookSnapshot, FeedState, FeedStatus, Trade
from sequence_paper.replay import run as running
from sequence_paper.replay.capsule import Capsule
from sequence_paper.replay.run import run

SECOND = 10**9


def written(capsule: Capsule, **more: int) -> bytes:
    content = bytearray()
    log = EventLog(content.extend)
    run(capsule, log, **more)
    log.digest()
    return bytes(content)


def test_nothing_is_known_before_its_time(sealed: Callable[..., Capsule]) -> None:
    """No lookahead: a run that ends at t has written what the whole run had written by then, to the byte."""
    capsule = sealed()
    whole = written(capsule)
    assert capsule.expected is not None
    assert len(capsule.expected.seconds) == 20
    begin = capsule.feed.start_ns
    for after in (1, SECOND // 2, SECOND, 7 * SECOND + 123_456_789, 19 * SECOND):
        part = written(capsule, to_ns=begin + after)
        assert whole.startswith(part)
        assert len(part) < len(whole)


@pytest.mark.parametrize("burst", [1, 10_000_000, 60 * SECOND])
def test_where_the_feed_is_cut_makes_no_difference(
    burst: int, sealed: Callable[..., Capsule], monkeypatch: pytest.MonkeyPatch
) -> None:
    capsule = sealed()
    monkeypatch.setattr(running, "_BURST_NS", burst)
    assert capsule.expected is not None
    assert run(capsule).log.digest() == capsule.expected.sha256


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 2},
        {"symbols": ["BTC-USD", "ETH-USD"]},
        {"venue": "binance"},
        {"params": []},
        {"seconds": 21.0},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_run_has_another_digest(changed: dict[str, object], sealed: Callable[..., Capsule]) -> None:
    one, other = sealed().expected, sealed(**changed).expected
    assert one is not None
    assert other is not None
    assert one.sha256 != other.sha256


def test_every_kind_of_event_counts_with_every_field() -> None:
    events = [
        BookDelta("A", 1, 1, 10, 5, 2),
        BookDelta("B", 1, 1, 10, 5, 2),
        BookDelta("A", 1, -1, 10, 5, 2),
        BookDelta("A", 1, 1, 10, 6, 2),
        Trade("A", 1, 10, 5, 1, 2),
        BookSnapshot("A", 1, ((10, 5),), ((11, 5),), 2),
        BookSnapshot("A", 1, ((10, 5), (11, 5)), (), 2),
        FeedStatus("A", 1, FeedState.OK, 2),
        FeedStatus("A", 1, FeedState.GAP, 2),
    ]
    digests = set()
    for event in events:
        log = EventLog()
        log.took(event)
        digests.add(log.digest())
    assert len(digests) == len(events)
