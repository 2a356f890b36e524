"""What trading of `examples/xvenue` cost, computed a second time by plain code from fills, orders and recorded files.

Nothing of the analysis nor of the tick store is used for it: the Parquet files are read as they lie there.
"""

from __future__ import annotations

import bisect
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sequence_markets import Sequence

from sequence_operator.artifact.build import build
from sequence_operator.spec import render, sequence_toml
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import create_body, desired_wire
from support.paper import Paper
from support.processes import wait_until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "xvenue"
# One market in one time on both venues, so that the books of one say something about the other.
FEED = ("--feed", "generated", "--seed", "7", "--pace", "20", "--gate", "1")
ENOUGH = 30
SECOND = 10**9


@dataclass
class Run:
    """What is left of it: both edges have ended, all that they saw is in Parquet."""

    client: Sequence
    folder: Path
    deployment_id: str
    key: str
    paper: Paper

    def get(self, path: str) -> Any:
        status, body, _ = self.paper.request("GET", f"/v1{path}", self.key)
        assert status == 200, body
        return body


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    project = tmp_path_factory.mktemp("project") / "xvenue"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("target"))
    built = build(project, say=lambda _: None, forward=lambda _: None)
    resource = render.algo_deployment(
        sequence_toml.load(project / "Sequence.toml"),
        namespace="x",
        account="sandbox",
        mode="sandbox",
        artifact=render.stored(built.inspection.sha256),
        origin=None,
        with_state=False,
    )
    body = create_body(desired_wire(AlgoDeploymentSpec.model_validate(resource["spec"])), built.wasm, {})
    paper = Paper(tmp_path_factory.mktemp("paper"), dict.fromkeys(("kraken", "coinbase"), FEED))
    try:
        paper.start()
        key = paper.key("sandbox")
        status, row, _ = paper.request("POST", "/v1/deployments", key, body)
        assert status == 201, row
        client = Sequence(key, base_url=paper.url, max_retries=0)
        yield _traded(client, paper, key, row["deployment_id"])
    finally:
        paper.stop()


def _traded(client: Sequence, paper: Paper, key: str, deployment_id: str) -> Run:
    wait_until(
        lambda: all(i["warm"] for i in client.algo_status(deployment_id)["instances"]), "it is warm", 60
    )
    client.algo_start(deployment_id)
    wait_until(lambda: client.fills()["total"] >= ENOUGH, "it trades on both venues", 120)
    client.algo_stop(deployment_id)
    for edge in paper.edges.values():
        edge.stop()
    recorded = paper.folder / "paper.ticks"
    wait_until(lambda: not list(recorded.rglob("*.seg")), "all that was recorded is in Parquet", 60)
    return Run(client, recorded, deployment_id, key, paper)


class Tape:
    """Best bid and ask of BTC-USD at one venue, by time."""

    def __init__(self, folder: Path, venue: str) -> None:
        rows: list[dict[str, Any]] = []
        for file in sorted((folder / "parts" / venue / "tob").glob("*.parquet")):
            rows += pq.read_table(file).to_pylist()
        rows = sorted((r for r in rows if r["symbol"] == "BTC-USD"), key=lambda r: (r["ts_ns"], r["seq"]))
        self.rows, self.times = rows, [row["ts_ns"] for row in rows]
        # The recording goes on to its last record, of whatever kind and symbol: a price stood until then.
        files = (folder / "parts" / venue).glob("*/*.parquet")
        self.end = max(max(pq.read_table(file, columns=["ts_ns"])["ts_ns"].to_pylist()) for file in files)

    def mid(self, ts: int) -> float | None:
        """Half of bid and ask as they stood then; None outside of the recording, or when it was not to be trusted."""
        at = bisect.bisect_right(self.times, ts) - 1
        if at < 0 or ts > self.end:
            return None
        row = self.rows[at]
        if (
            row["state"] != "ok"
            or ts - row["ts_ns"] >= 2 * SECOND
            or not (row["bid_px_1e9"] and row["ask_px_1e9"])
        ):
            return None
        return (row["bid_px_1e9"] + row["ask_px_1e9"]) / 2


@pytest.fixture(scope="module")
def tapes(run: Run) -> dict[str, Tape]:
    return {venue: Tape(run.folder, venue) for venue in ("kraken", "coinbase")}


def _fills(run: Run) -> list[dict[str, Any]]:
    page = run.get("/fills?limit=1000")
    assert not page["has_more"]
    return page["fills"]


def _orders(run: Run) -> dict[str, dict[str, Any]]:
    """Orders with a fill, by id."""
    return {fill["node_order_id"]: run.get(f"/orders/{fill['node_order_id']}") for fill in _fills(run)}


def mean(pairs: list[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def test_fees_and_counts(run: Run) -> None:
    found, fills = run.client.tca("BTC-USD"), _fills(run)
    turnover = sum(fill["price_1e9"] * fill["qty_1e8"] for fill in fills) / 10**8
    assert found["fills"] == len(fills)
    assert found["notional_1e9"] == pytest.approx(turnover, rel=1e-12)
    assert found["fees"]["total_1e9"] == sum(fill["fee_1e9"] for fill in fills)
    assert found["fees"]["total_bps"] == pytest.approx(
        10_000 * found["fees"]["total_1e9"] / turnover, rel=1e-12
    )
    assert found["orders"]["traded"] == len({fill["node_order_id"] for fill in fills})
    assert {row["venue"] for row in found["venues"]} == {"kraken", "coinbase"}


def test_arrival_slippage_and_shortfall(run: Run, tapes: dict[str, Tape]) -> None:
    found, slips, costs, missing = run.client.tca("BTC-USD"), [], [], 0
    for order in _orders(run).values():
        side = 1 if order["side"] == "buy" else -1
        arrival, end = (tapes[order["venue"]].mid(order[at]) for at in ("created_ns", "updated_ns"))
        bought = sum(fill["qty_1e8"] for fill in order["fills"]) / 10**8
        money = sum(fill["price_1e9"] * fill["qty_1e8"] for fill in order["fills"]) / 10**8
        left = order["qty_1e8"] / 10**8 - bought
        if arrival is None or (left and end is None):
            missing += 1
            continue
        slips.append((10_000 * side * (money / bought - arrival) / arrival, money))
        paper = order["qty_1e8"] / 10**8 * arrival
        drift = side * left * (end - arrival) if left else 0
        cost = side * (money - bought * arrival) + drift + sum(fill["fee_1e9"] for fill in order["fills"])
        costs.append((10_000 * cost / paper, paper))
    assert slips
    assert missing == 0
    # Decided and arrived are one instant on one edge: no delay, and the same mid in both.
    assert found["metrics"]["delay_bps"]["mean"] == pytest.approx(0, abs=1e-9)
    assert found["metrics"]["arrival_bps"]["n"] == len(slips)
    assert found["metrics"]["arrival_bps"]["mean"] == pytest.approx(mean(slips), rel=1e-9, abs=1e-9)
    assert found["metrics"]["shortfall_bps"]["mean"] == pytest.approx(mean(costs), rel=1e-9, abs=1e-9)
    assert found["implementation_shortfall_bps"] == found["metrics"]["shortfall_bps"]["mean"]


def test_effective_spread_and_markouts(run: Run, tapes: dict[str, Tape]) -> None:
    found, spreads = run.client.tca("BTC-USD"), []
    horizons = {"50ms": SECOND // 20, "1s": SECOND, "5s": 5 * SECOND, "15s": 15 * SECOND, "1m": 60 * SECOND}
    after: dict[str, list[tuple[float, float]]] = {name: [] for name in horizons}
    fills = _fills(run)
    for fill in fills:
        side, price, tape = (1 if fill["side"] == "buy" else -1), fill["price_1e9"], tapes[fill["venue"]]
        met = tape.mid(fill["ts_ns"] - (fill["liquidity"] == "maker"))
        money = price * fill["qty_1e8"] / 10**8
        if met is not None:
            spreads.append((20_000 * side * (price - met) / met, money))
        for name, tau in horizons.items():
            later = tape.mid(fill["ts_ns"] + tau)
            if later is not None:
                after[name].append((10_000 * side * (later - price) / price, money))
    effective = found["metrics"]["effective_bps"]
    assert effective["n"] == len(spreads)
    assert effective["mean"] == pytest.approx(mean(spreads), rel=1e-9, abs=1e-9)
    for row in found["horizons"]:
        stat = row["markout_bps"]
        assert stat["n"] + sum(stat["missing"].values()) == len(fills)
        if row["horizon"] in horizons:
            mine = after[row["horizon"]]
            assert stat["n"] == len(mine), row["horizon"]
            if mine:
                assert stat["mean"] == pytest.approx(mean(mine), rel=1e-9, abs=1e-9)


def test_every_order_is_compared_with_the_other_venue(run: Run) -> None:
    found = run.get(f"/analytics/tca/report?deployment={run.deployment_id}")
    compared = [row for row in found["rows"] if row["regret_bps"] is not None]
    assert {row["venue"] for row in compared} == {"coinbase"}, "the hedger takes, the maker rests"
    for row in compared:
        # The cheapest way is never dearer than the best single venue.
        assert row["regret_bps"] >= -row["savings_bps"] - 1e-9
    # Kraken asks 26 bps of takers and coinbase 60: that is what the hedger could have saved, but for the spread.
    assert found["metrics"]["regret_bps"]["mean"] == pytest.approx(34, abs=2)
