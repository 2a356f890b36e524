"""What `/v1/intelligence` shows, recomputed by plain Python from the Parquet files that real edges left."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sequence_paper.store.ticks import TickStore
from support.paper import Paper
from support.processes import wait_until

SECOND = 10**9
FEED = ("--feed", "generated", "--seed", "7", "--symbols", "BTC-USD", "--pace", "max", "--until", "330")
VENUES = {"kraken": FEED, "coinbase": FEED}
TAKER_PPM = {"kraken": 2600, "coinbase": 6000}
WINDOW = 300
Row = dict[str, Any]


def parquet(folder: Path, venue: str, kind: str) -> list[Row]:
    files = (folder / "parts" / venue / kind).glob("*.parquet")
    rows = [row for file in files for row in pq.read_table(file).to_pylist() if row["symbol"] == "BTC-USD"]
    return sorted(rows, key=lambda row: row["seq"])


def compacted(folder: Path, venue: str) -> bool:
    return any((folder / "parts" / venue / "depth").glob("*.parquet"))


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """Two edges that saw five minutes and a half of one market and have ended; everything is Parquet."""
    paper = Paper(tmp_path_factory.mktemp("paper"), VENUES)
    try:
        paper.start()
        ticks = paper.folder / "paper.ticks"
        wait_until(
            lambda: all(compacted(ticks, v) for v in VENUES) and not list(ticks.rglob("*.seg")),
            "the recordings are compacted",
        )
        yield paper
    finally:
        paper.stop()


@pytest.fixture(scope="module")
def tapes(paper: Paper) -> dict[str, dict[str, list[Row]]]:
    ticks = paper.folder / "paper.ticks"
    return {v: {kind: parquet(ticks, v, kind) for kind in ("tob", "trade", "depth")} for v in VENUES}


@pytest.fixture(scope="module")
def get(paper: Paper) -> Any:
    key = paper.key()

    def ask(path: str) -> Any:
        status, body, _ = paper.request("GET", path, key)
        assert status == 200, body
        return body

    return ask


def in_window(rows: list[Row], last_ns: int) -> list[Row]:
    return [row for row in rows if last_ns - WINDOW * SECOND <= row["ts_ns"] <= last_ns]


def weighted(pairs: list[tuple[float, int]], part: float) -> float:
    reached, total = 0, sum(weight for _, weight in pairs)
    for value, weight in sorted(pairs):
        reached += weight
        if reached >= total * part:
            return value
    raise AssertionError


def mid2(row: Row) -> int:
    return int(row["bid_px_1e9"][0] + row["ask_px_1e9"][0])


def test_spread_depth_and_share_are_those_of_the_recording(get: Any, tapes: Any) -> None:
    answer = get(f"/v1/intelligence/venues?symbol=BTC-USD&window_s={WINDOW}")
    assert [row["venue"] for row in answer["venues"]] == sorted(VENUES)
    traded = {}
    for row in answer["venues"]:
        tape, seen = tapes[row["venue"]], row["measured"]
        last = max(r["ts_ns"] for rows in tape.values() for r in rows)
        assert (seen["first_ns"], seen["last_ns"]) == (last - WINDOW * SECOND, last)
        tob = in_window(tape["tob"], last)
        stood = [
            (
                2e4 * (a["ask_px_1e9"] - a["bid_px_1e9"]) / (a["ask_px_1e9"] + a["bid_px_1e9"]),
                b["ts_ns"] - a["ts_ns"],
            )
            for a, b in itertools.pairwise(tob)
            if a["state"] == "ok" and b["ts_ns"] > a["ts_ns"]
        ]
        total = sum(ns for _, ns in stood)
        assert seen["spread_bps"]["ns"] == total
        assert seen["spread_bps"]["mean"] == pytest.approx(
            sum(bps * ns for bps, ns in stood) / total, rel=1e-9
        )
        for name, part in (("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9)):
            assert seen["spread_bps"][name] == pytest.approx(weighted(stood, part), rel=1e-12)
        minute = [
            (bps, ns) for (bps, ns), a in zip(stood, tob, strict=False) if a["ts_ns"] >= last - 60 * SECOND
        ]
        recent = sum(bps * ns for bps, ns in minute) / sum(ns for _, ns in minute)
        expected = (
            "tight"
            if recent < weighted(stood, 0.25)
            else "wide"
            if recent > weighted(stood, 0.75)
            else "normal"
        )
        assert seen["regime"] in (expected, None) and (seen["regime"] is None) == (total < 300 * SECOND)
        trades = [r for r in in_window(tape["trade"], last) if r["state"] == "ok"]
        quotes = sum(r["changed"] and r["state"] == "ok" for r in tob)
        assert (seen["quotes"], seen["trades"]) == (quotes, len(trades))
        assert seen["quote_to_trade"] == pytest.approx(quotes / len(trades))
        assert seen["traded_1e8"] == sum(r["qty_1e8"] for r in trades)
        assert seen["turnover_1e9"] == sum(r["qty_1e8"] * r["px_1e9"] for r in trades) // 10**8
        traded[row["venue"]] = seen["traded_1e8"]
        samples = [r for r in in_window(tape["depth"], last) if r["state"] == "ok"]
        assert seen["depth"]["n"] == len(samples) > 250
        for side, sign in (("bid", 1), ("ask", -1)):
            inside = [
                sum(
                    px * sz
                    for px, sz in zip(r[f"{side}_px_1e9"], r[f"{side}_sz_1e8"], strict=True)
                    if sign * (px * 20_000 - mid2(r) * (10_000 - sign * 10)) >= 0
                )
                // 10**8
                for r in samples
            ]
            assert seen["depth"][f"{side}_1e9"] == statistics.median_low(inside)
    for row in answer["venues"]:
        assert row["share"] == pytest.approx(traded[row["venue"]] / sum(traded.values()))


def cost(side: str, size: int, books: dict[str, Row]) -> float | None:
    """Slippage in bps, worked out with integers and fractions."""
    took, gave = ("ask", "bid") if side == "buy" else ("bid", "ask")
    sign = 1 if side == "buy" else -1
    levels = [
        (sign * px * (10**6 + sign * TAKER_PPM[venue]), px, sz)
        for venue, row in books.items()
        for px, sz in zip(row[f"{took}_px_1e9"], row[f"{took}_sz_1e8"], strict=True)
    ]
    best = min if side == "buy" else max
    opposite = max if side == "buy" else min
    mid = Fraction(
        best(row[f"{took}_px_1e9"][0] for row in books.values())
        + opposite(row[f"{gave}_px_1e9"][0] for row in books.values()),
        2,
    )
    left, base = size * 10**17, 0
    for _, px, sz in sorted(levels):
        if sz * px < left:
            base, left = base + sz, left - sz * px
            continue
        average = size * 10**17 / (base + Fraction(left, px))
        return float(sign * (average - mid) / mid * 10_000)
    return None


def ranked(values: list[float | None], percent: int) -> float | None:
    ordered = sorted(float("inf") if value is None else value for value in values)
    found = ordered[-(-len(ordered) * percent // 100) - 1]
    return None if found == float("inf") else found


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_slippage_is_that_of_the_sampled_books(get: Any, tapes: Any, side: str) -> None:
    sizes = [1_000, 1_000_000, 4_000_000, 90_000_000]
    asked = ",".join(map(str, sizes))
    answer = get(f"/v1/intelligence/slippage?symbol=BTC-USD&side={side}&sizes={asked}&window_s={WINDOW}")
    assert (answer["sizes_usd"], answer["every_s"]) == (sizes, 1)
    seconds: dict[str, dict[int, Row]] = {}
    for row in answer["venues"]:
        tape = tapes[row["venue"]]
        last = max(r["ts_ns"] for rows in tape.values() for r in rows)
        good = [r for r in in_window(tape["depth"], last) if r["state"] == "ok"]
        seconds[row["venue"]] = {r["ts_ns"] // SECOND: r for r in good}
        assert (row["n"], row["first_ns"], row["last_ns"]) == (len(good), good[0]["ts_ns"], good[-1]["ts_ns"])
        assert row["taker_bps"] == TAKER_PPM[row["venue"]] / 100
        for point in row["points"]:
            costs = [cost(side, point["size_usd"], {row["venue"]: r}) for r in good]
            check(point, costs, TAKER_PPM[row["venue"]] / 100)
    together = sorted(set.intersection(*map(set, seconds.values())))
    routed = answer["routed"]
    assert (routed["n"], routed["reason"]) == (len(together), None)
    for point in routed["points"]:
        check(
            point,
            [cost(side, point["size_usd"], {v: seconds[v][s] for v in seconds}) for s in together],
            None,
        )
    assert [point["p50_bps"] for point in routed["points"]][-1] is None, "90 million reach beyond every book"
    for split, *alone in zip(routed["points"], *(row["points"] for row in answer["venues"]), strict=True):
        known = [p["all_in_p50_bps"] for p in alone if p["all_in_p50_bps"] is not None]
        if known and split["all_in_p50_bps"] is not None:
            assert split["all_in_p50_bps"] <= min(known) + 5  # against another mid, hence not exactly below


def check(point: Row, costs: list[float | None], fee_bps: float | None) -> None:
    assert (point["n"], point["short"]) == (sum(c is not None for c in costs), sum(c is None for c in costs))
    for percent in (50, 90):
        expected = ranked(costs, percent)
        assert point[f"p{percent}_bps"] == (None if expected is None else pytest.approx(expected, abs=1e-9))
        if fee_bps is not None and expected is not None:
            assert point[f"all_in_p{percent}_bps"] == pytest.approx(expected + fee_bps, abs=1e-9)


def test_price_history_is_the_last_print_of_each_step(get: Any, tapes: Any) -> None:
    points = get("/v1/price_history/BTC-USD?fidelity_secs=60&venue=kraken&range=1h")["points"]
    closes: dict[int, Row] = {}
    for row in tapes["kraken"]["trade"]:
        if row["state"] == "ok":
            closes[row["ts_ns"] // (60 * SECOND)] = row
    assert [(p["ts_ns"], p["price_1e9"]) for p in points] == [
        (r["ts_ns"], r["px_1e9"]) for r in closes.values()
    ]
    ticks = get("/v1/price_history/BTC-USD?fidelity_secs=0&limit=5")["points"]
    newest = sorted((r["ts_ns"], v) for v in VENUES for r in tapes[v]["trade"] if r["state"] == "ok")[-5:]
    assert [(p["ts_ns"], p["venue_id"]) for p in ticks] == newest
    assert {p["side"] for p in ticks} <= {"buy", "sell"}
    begin = tapes["kraken"]["trade"][0]["ts_ns"] // SECOND
    some = get(f"/v1/price_history/BTC-USD?fidelity_secs=1&start_ts={begin}&end_ts={begin + 9}")["points"]
    assert some and all(begin <= p["ts_ns"] / SECOND <= begin + 9 for p in some)


def test_a_split_now_is_refused_by_books_that_have_ended(get: Any) -> None:
    answer = get("/v1/intelligence/routing?symbol=BTC-USD&side=buy&qty=1")
    assert answer["legs"] == [] and answer["unfilled_1e8"] == 10**8
    assert set(answer["skipped"]) == set(VENUES)
    assert all("ended" in reason for reason in answer["skipped"].values())


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/v1/intelligence/venues?symbol=DOGE-USD", 404, "BTC-USD"),
        ("/v1/intelligence/venues", 422, "symbol"),
        ("/v1/intelligence/slippage?symbol=BTC-USD&sizes=0", 422, "sizes"),
        ("/v1/intelligence/slippage?symbol=BTC-USD&sizes=1.5", 422, "sizes"),
        ("/v1/intelligence/slippage?symbol=BTC-USD&side=up", 422, "side"),
        ("/v1/intelligence/routing?symbol=BTC-USD&qty=many", 422, "qty"),
        ("/v1/intelligence/routing?symbol=BTC-USD&qty=0.000000001", 422, "qty"),
        ("/v1/price_history/BTC-USD?range=yesterday", 422, "range"),
        ("/v1/intelligence/toxicity?symbol=BTC-USD", 501, "slippage"),
    ],
)
def test_what_cannot_be_answered_says_why(paper: Paper, path: str, status: int, word: str) -> None:
    found, body, _ = paper.request("GET", path, paper.key())
    assert found == status and word in body["error"]["message"]


def test_killed_edges_and_a_killed_api_leave_every_record_once(tmp_path: Path) -> None:
    live = ("--feed", "generated", "--seed", "7", "--pace", "200")
    paper = Paper(tmp_path, {"kraken": live})
    ticks = tmp_path / "paper.ticks"
    try:
        paper.start()
        edge = paper.edges["kraken"]
        for again in (True, False):
            before = recorded(ticks)
            wait_until(lambda before=before: recorded(ticks) > before + 100_000, "it records")  # type: ignore[misc]
            edge.kill()
            paper.api.kill()
            paper.api.start()
            if again:
                edge.start()
        wait_until(lambda: not list(ticks.rglob("*.seg")), "everything is compacted")
    finally:
        paper.stop()
    rows = [row for kind in ("tob", "trade", "depth") for row in every(ticks, kind)]
    runs: dict[int, list[int]] = {}
    for run, seq in rows:
        runs.setdefault(run, []).append(seq)
    assert len(runs) == 2
    for run, numbers in runs.items():
        assert sorted(numbers) == list(range(len(numbers))), f"run {run}"
    store = TickStore(ticks)
    assert [run.run_ns for run in store.runs("kraken")] == sorted(runs)


def recorded(ticks: Path) -> int:
    total = 0
    for path in ticks.rglob("*"):
        if path.suffix in (".seg", ".parquet"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue  # compacted meanwhile
    return total


def every(ticks: Path, kind: str) -> list[tuple[int, int]]:
    files = (ticks / "parts" / "kraken" / kind).glob("*.parquet")
    return [(row["run_ns"], row["seq"]) for file in files for row in pq.read_table(file).to_pylist()]
