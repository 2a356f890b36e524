"""What the tick store answers, against a plain Python look at the same records: raw, half compacted, compacted."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from sequence_paper.store.ticks import Quote, TickStore, Vwap
from sequence_paper.store.ticks.compact import compact
from sequence_paper.store.ticks.window import HOLE_NS

T0 = 1_770_000_000 * 10**9
SECOND = 10**9
FAR = 2**62


def a_minute(tape: Any, seed: int) -> None:
    """Quotes at random moments and once a second, prints, a book sample a second; a bad stretch in the middle."""
    rng = random.Random(seed)
    bid, state = 100_000, "ok"
    for ts in range(0, 60 * SECOND, SECOND // 4):
        state = "gap" if 20 * SECOND <= ts < 24 * SECOND else "ok"
        bid += rng.randint(-3, 3)
        at = ts + rng.randrange(SECOND // 4)
        tape.tob(at, (bid, rng.randint(1, 9)), (bid + rng.randint(1, 4), 5), state=state)
        if rng.random() < 0.5:
            tape.trade(at, bid, rng.randint(1, 10**9), rng.choice([1, -1]), state=state)
        if rng.random() < 0.3:
            tape.tob(at, (7, 7), (9, 9), symbol=1)
        if ts % SECOND == 0:
            levels = rng.randint(1, 200)
            bids = [(bid - n, n + 1) for n in range(levels)]
            tape.depth(at, bids, [(bid + 5 + n, n + 2) for n in range(levels // 2)], state=state)


def last_tob(rows: list[tuple[Any, ...]], ts: int) -> tuple[Any, ...] | None:
    seen = [r for r in rows if r[0] == "tob" and r[1] == "BTC-USD" and r[2] <= ts]
    return seen[-1] if seen else None


@pytest.fixture(params=["raw", "half", "parquet"])
def minute(request: pytest.FixtureRequest, tape: Callable[..., Any]) -> Any:
    """A tape in each state of its life; `store` is opened before it is compacted."""
    run = tape(segment_bytes=20_000)
    a_minute(run, seed=1)
    if request.param != "raw":
        if request.param == "parquet":
            run.writer.close()
        assert compact(run.folder) > 1
    left = list((run.folder / "raw" / "kraken").iterdir())
    assert (len(left) == 0) == (request.param == "parquet")
    return run


def test_the_best_as_of_a_moment_is_that_of_the_last_record_before_it(minute: Any) -> None:
    store, rng = TickStore(minute.folder), random.Random(2)
    last = max(r[2] for r in minute.rows)
    moments = [*sorted(rng.randrange(T0, last + 1) for _ in range(500)), T0 + 21 * SECOND]
    quotes, mids = store.quotes("kraken", "BTC-USD", moments), store.mids("kraken", "BTC-USD", moments)
    for ts, quote, mid in zip(moments, quotes, mids, strict=True):
        row = last_tob(minute.rows, ts)
        if row is None or ts < min(r[2] for r in minute.rows):
            assert quote is None
            continue
        assert quote == Quote(row[2], ts - row[2], row[3], *row[5:], 1)
        assert mid == (quote if row[3] == "ok" else None)
        if mid:
            assert mid.mid_1e9 == Fraction(row[5] + row[7], 2)
    assert quotes[-1] is not None and quotes[-1].state == "gap" and mids[-1] is None


def test_nothing_is_known_outside_of_what_was_recorded(minute: Any) -> None:
    store = TickStore(minute.folder)
    last = max(r[2] for r in minute.rows)
    assert store.mids("kraken", "BTC-USD", [T0 - 1, last + 1, FAR]) == [None] * 3
    assert store.mids("coinbase", "BTC-USD", [T0 + SECOND]) == [None]
    assert store.mids("kraken", "DOGE-USD", [T0 + SECOND]) == [None]
    assert store.mids("kraken", "BTC-USD", []) == []
    assert store.vwap("kraken", "BTC-USD", last + 1, FAR) is None
    assert store.depth_asof("kraken", "BTC-USD", last + 1) is None
    assert store.span("kraken", "DOGE-USD") is None
    assert TickStore(minute.folder / "nowhere").venues() == []


def test_vwap_is_that_of_the_believed_prints_of_the_interval(minute: Any) -> None:
    store = TickStore(minute.folder)
    for since, until in ((0, 60), (3, 17), (18, 26)):
        a, b = T0 + since * SECOND, T0 + until * SECOND
        mine = [r for r in minute.rows if r[0] == "trade" and a <= r[2] <= b]
        good = [r for r in mine if r[3] == "ok"]
        expected = Vwap(
            sum(r[4] * r[5] for r in good),
            sum(r[5] for r in good),
            len(good),
            min(r[2] for r in good),
            max(r[2] for r in good),
            len(mine) - len(good),
        )
        assert store.vwap("kraken", "BTC-USD", a, b) == expected
    assert expected.suspect > 0
    assert store.vwap("kraken", "BTC-USD", T0 + 21 * SECOND, T0 + 23 * SECOND) is None


def test_book_samples_come_back_as_they_were(minute: Any) -> None:
    store = TickStore(minute.folder)
    samples = store.depth_samples("BTC-USD", "kraken", 0, FAR)
    wrote = [r for r in minute.rows if r[0] == "depth"]
    assert [(s.ts_ns, s.state, s.bids, s.asks) for s in samples] == [(r[2], r[3], r[4], r[5]) for r in wrote]
    for ts in (T0 + 5 * SECOND + 1, wrote[7][2], wrote[7][2] - 1):
        expected = [r for r in wrote if r[2] <= ts][-1]
        found = store.depth_asof("kraken", "BTC-USD", ts)
        assert found is not None and (found.ts_ns, found.bids) == (expected[2], expected[4])
    assert store.depth_asof("kraken", "BTC-USD", T0 + 22 * SECOND) is None  # the feed had a gap
    every = store.depth_samples("BTC-USD", "kraken", 0, FAR, every_s=7)
    assert [s.ts_ns for s in every] == [r[2] for r in wrote if r[2] // SECOND % 7 == 0]


def test_what_stood_and_what_was_quoted_adds_up(minute: Any) -> None:
    store = TickStore(minute.folder)
    rows = [r for r in minute.rows if r[0] == "tob" and r[1] == "BTC-USD"]
    stood: dict[tuple[int, int], int] = {}
    suspect_ns = 0
    for row, after in itertools.pairwise(rows):
        if row[3] == "ok":
            key = (row[5], row[7])
            stood[key] = stood.get(key, 0) + after[2] - row[2]
        else:
            suspect_ns += after[2] - row[2]
    held = store.held("kraken", "BTC-USD", 0, FAR)
    assert {(h.bid_px_1e9, h.ask_px_1e9): h.ns for h in held} == stood
    tape = store.tape("kraken", "BTC-USD", 0, FAR)
    assert (tape.quotes, tape.suspect_rows, tape.suspect_ns) == (
        sum(r[3] == "ok" for r in rows),
        sum(r[3] != "ok" for r in rows),
        suspect_ns,
    )


def test_a_hole_in_the_recording_answers_nothing(tape: Callable[..., Any]) -> None:
    run = tape()
    run.tob(0, (10, 1), (12, 1))
    run.tob(SECOND, (10, 1), (12, 1), changed=False)
    run.tob(9 * SECOND, (20, 1), (22, 1))
    store = TickStore(run.folder)
    moments = [T0 + SECOND + HOLE_NS - 1, T0 + SECOND + HOLE_NS, T0 + 9 * SECOND]
    assert [q and q.bid_px_1e9 for q in store.mids("kraken", "BTC-USD", moments)] == [10, None, 20]
    assert [(h.bid_px_1e9, h.ns) for h in store.held("kraken", "BTC-USD", 0, FAR)] == [(10, SECOND)]
    assert store.tape("kraken", "BTC-USD", 0, FAR).quotes == 2


def test_an_empty_side_is_no_price(tape: Callable[..., Any]) -> None:
    run = tape()
    run.tob(0, (0, 0), (12, 1))
    store = TickStore(run.folder)
    assert store.mids("kraken", "BTC-USD", [T0]) == [None]
    assert store.quotes("kraken", "BTC-USD", [T0])[0] is not None


def test_of_two_records_of_one_moment_the_later_counts(tape: Callable[..., Any]) -> None:
    run = tape()
    run.tob(5, (10, 1), (12, 1))
    run.tob(5, (11, 1), (12, 1), state="stale")
    store = TickStore(run.folder)
    [quote] = store.quotes("kraken", "BTC-USD", [T0 + 5])
    assert quote is not None and (quote.bid_px_1e9, quote.state) == (11, "stale")


def test_a_replay_that_is_started_again_does_not_mix_with_its_first_run(tape: Callable[..., Any]) -> None:
    first, second = tape(run_ns=1_000), tape(run_ns=2_000)
    for second_of_it in range(10):
        first.tob(second_of_it * SECOND, (10, 1), (12, 1))
        first.trade(second_of_it * SECOND, 11, 100)
    compact(first.folder)  # the first still lives: nothing to do
    first.writer.close()
    assert compact(first.folder) == 1
    for second_of_it in range(5):
        second.tob(second_of_it * SECOND, (20, 1), (22, 1))
        second.trade(second_of_it * SECOND, 21, 1)
    store = TickStore(first.folder)
    runs = store.runs("kraken")
    assert [(r.run_ns, r.first_ns, r.last_ns, r.source) for r in runs] == [
        (1_000, T0, T0 + 9 * SECOND, "a test"),
        (2_000, T0, T0 + 4 * SECOND, "a test"),
    ]
    moments = [T0 + 2 * SECOND, T0 + 4 * SECOND, T0 + 4 * SECOND + 1, T0 + 7 * SECOND]

    def bids(run: int | None = None) -> list[int | None]:
        return [q and q.bid_px_1e9 for q in store.mids("kraken", "BTC-USD", moments, run)]

    assert bids() == [
        20,
        20,
        None,
        None,
    ]  # the first run saw more, but that will not be what the second one sees
    assert bids(1_000) == [10, 10, 10, 10]
    assert bids(2_000) == [20, 20, None, None]
    assert bids(3_000) == [None] * 4
    whole = store.vwap("kraken", "BTC-USD", 0, FAR)
    assert whole is not None and (whole.n, whole.qty_1e8) == (5, 5)
    named = store.vwap("kraken", "BTC-USD", 0, FAR, 1_000)
    assert named is not None and named.n == 10
    assert [store.run_at("kraken", wall) for wall in (999, 1_000, 1_999, 2_000, FAR)] == [
        None,
        1_000,
        1_000,
        2_000,
        2_000,
    ]


def test_runs_after_one_another_are_one_history(tape: Callable[..., Any]) -> None:
    first, second = tape(run_ns=1_000), tape(run_ns=2_000)
    for n in range(3):
        first.trade(n * SECOND, 10, 1)
        second.trade((10 + n) * SECOND, 20, 1)
        first.tob(n * SECOND, (10, 1), (12, 1))
        second.tob((10 + n) * SECOND, (20, 1), (22, 1))
    store = TickStore(first.folder)
    moments = [T0 + SECOND, T0 + 5 * SECOND, T0 + 11 * SECOND]
    assert [q and q.bid_px_1e9 for q in store.mids("kraken", "BTC-USD", moments)] == [10, None, 20]
    whole = store.vwap("kraken", "BTC-USD", T0 + SECOND, T0 + 11 * SECOND)
    assert whole is not None and (whole.n, whole.turnover_1e17) == (4, 60)
    assert sum(h.ns for h in store.held("kraken", "BTC-USD", 0, FAR)) == 4 * SECOND


def test_prints_and_closes(tape: Callable[..., Any]) -> None:
    run = tape()
    for n in range(10):
        run.trade(n * SECOND // 2, 100 + n, n + 1, state="crossed" if n == 3 else "ok")
    store = TickStore(run.folder)
    newest = store.prints("kraken", "BTC-USD", 0, FAR, limit=3)
    assert [(p.px_1e9, p.qty_1e8, p.venue) for p in newest] == [
        (107, 8, "kraken"),
        (108, 9, "kraken"),
        (109, 10, "kraken"),
    ]
    closes = store.candles("kraken", "BTC-USD", 0, FAR, SECOND)
    assert closes == [
        (T0 + SECOND // 2, 101),
        (T0 + SECOND, 102),
        (T0 + 5 * SECOND // 2, 105),
        (T0 + 7 * SECOND // 2, 107),
        (T0 + 9 * SECOND // 2, 109),
    ]
