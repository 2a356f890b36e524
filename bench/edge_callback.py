"""What a WASM callback costs in the edge: `python bench/edge_callback.py [--json FILE] [--seconds N]`.

callback: a ready book, state and features are copied in, fuel and deadline set, the real two-sided maker of
tests/algos (SDK 0.4) called, its two actions decoded; wall time of each call. `plain` is the same by wasmtime's
documented API, which the edge falls back to.
edge: recorded and generated events through a whole edge (book, matching, risk, callback, rows), messages a second of
CPU time on one core; rows end in memory, so the database is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sequence_paper.edge import abi
from sequence_paper.edge.algo_state import StateWriter
from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.features import Features
from sequence_paper.edge.host import Host
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.sandbox import Sandbox
from sequence_paper.feed.open import open_feed
from sequence_paper.store import Store
from sequence_paper.store.records import EdgeWrites, NewDeployment, NewInstance
from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import symbol_rules, venue_fees

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.algos import build_algos

VENUE, SYMBOL, EDGE = "kraken", "BTC-USD", "venue-edge-kraken"
PARAMS = [
    {"name": "half_spread_bps", "slot": 0, "type": "int", "value": 1},
    {"name": "qty_1e8", "slot": 1, "type": "int", "value": 1_000_000},
]


class Discard:
    """A store that forgets."""

    rows = 0

    def commit(self, writes: EdgeWrites) -> None:
        self.rows += len(writes.orders) + len(writes.fills)


def market() -> Market:
    rules, fees = symbol_rules(VENUE, SYMBOL), venue_fees(VENUE)
    assert rules is not None
    assert fees is not None
    return Market(SYMBOL, rules, fees)


def callback(host: Host, wasm: bytes, count: int) -> dict[str, int]:
    """ns of one callback."""
    box = Sandbox(host, host.load(wasm), lambda *_: None, lambda *_: None)
    params = [abi.Param(p["name"], p["slot"], "int", p["value"]) for p in PARAMS]  # type: ignore[arg-type]
    box.config(abi.config(params, 1, 0))
    state = bytes(StateWriter(SYMBOL, 1, market().rules).data)
    bids = [((100_000 - i) * 10**9, 10**8) for i in range(1, 21)]
    asks = [((100_000 + i) * 10**9, 10**8) for i in range(1, 21)]
    book, features = abi.book(bids, asks, 1, 5), Features(5).book(bids, asks, 5)
    assert len(box.on_book(book, state, features)) == 2
    clock, on_book, samples = time.perf_counter_ns, box.on_book, []
    for _ in range(count):
        started = clock()
        on_book(book, state, features)
        samples.append(clock() - started)
    samples.sort()
    return {f"p{share}_ns": samples[int(count * share / 100)] for share in (50, 99)} | {
        "p999_ns": samples[int(count * 0.999)]
    }


def edge(host: Host, wasm: bytes, feed_words: str, seconds: float) -> dict[str, Any]:
    """Messages a second of CPU time through a whole edge."""
    feed = open_feed(feed_words, venue=VENUE, symbols=[SYMBOL], seed=1)
    discard = Discard()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/paper.db")
        journal = Journal(discard)
        core = EdgeCore(EDGE, VENUE, {SYMBOL: market()}, journal, lambda *_: None)
        core.prime(feed.prime())
        account = store.accounts.ensure("bench", tier="free", rate_limit_qps=None).account_id
        instance = NewInstance("main", VENUE, "spot", [SYMBOL], EDGE)
        new = NewDeployment("bench", wasm, [SYMBOL], [instance], "running", params=PARAMS)
        store.deployments.create(account, "sandbox", new)
        asyncio.run(Converger(core, host, store, VENUE, "bench").converge())
        store.close()
    (hosted,) = core.roster.hosted.values()
    end, messages = core.now_ns + int(seconds * 1e9), 0
    started = time.process_time()
    while (due := feed.peek_ns()) is not None and due < end:
        events = feed.next_until(due + 50_000_000)
        core.feed(events)
        messages += len(events)
        journal.flush()
    used = time.process_time() - started
    assert hosted.status == "running", hosted.pause_reason
    return {
        "messages": messages,
        "messages_per_cpu_second": round(messages / used),
        "callbacks": hosted.callbacks,
        "callback_p50_ns": hosted.latency.percentile(0.5),
        "callback_p99_ns": hosted.latency.percentile(0.99),
        "order_and_fill_rows": discard.rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=600, help="feed time of each edge run")
    parser.add_argument("--calls", type=int, default=200_000)
    options = parser.parse_args()
    wasm = build_algos()["maker"]
    host = Host()
    figures: dict[str, Any] = {
        "machine": f"{platform.machine()} {platform.python_version()}",
        "fast": host.fast,
    }
    figures["callback"] = callback(host, wasm, options.calls)
    fast, host.fast = host.fast, False
    figures["callback_plain"] = callback(host, wasm, options.calls // 10)
    host.fast = fast
    for words in ("replay", "generated"):
        figures[f"edge_{words}"] = edge(host, wasm, words, options.seconds)
    host.close()
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
