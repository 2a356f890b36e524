"""What a WASM callback costs in the edge: `python -m bench.edge_callback [--json FILE] [--seconds N]`.

callback: a ready book, state and features are copied in, fuel and deadline set, the real two-sided maker of
tests/algos (SDK 0.4) called, its two actions decoded; wall time of each call. `plain` is the same by wasmtime's
documented API, which the edge falls back to.
edge: recorded and generated events through a whole edge (book, matching, risk, callback, rows, market data recorded),
messages a second of CPU time on one core, the feed's own included; rows end in memory, so the database is not in it.
A message is an event of the feed; the recording has almost six rows of orders for each.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.stage import PARAMS, SYMBOL, VENUE, Stage, market
from sequence_paper.edge import abi
from sequence_paper.edge.algo_state import StateWriter
from sequence_paper.edge.features import Features
from sequence_paper.edge.host import Host
from sequence_paper.edge.sandbox import Sandbox
from sequence_paper.feed.events import Event, Feed
from sequence_paper.feed.open import open_feed

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.algos import build_algos


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


def edge(host: Host, wasm: bytes, feed_words: str, seconds: float, *, record: bool) -> dict[str, Any]:
    """Messages a second of CPU time through a whole edge, what it takes to read the feed included and not."""
    feed = open_feed(feed_words, venue=VENUE, symbols=[SYMBOL], seed=1)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(host, wasm, feed.prime(), Path(folder) if record else None)
        started = time.process_time()
        slices = list(read(feed, seconds))
        reading = time.process_time() - started
        working = stage.run(slices)
    messages = sum(map(len, slices))
    latency = stage.hosted.latency
    return {
        "messages": messages,
        "messages_per_cpu_second": round(messages / (reading + working)),
        "without_reading": round(messages / working),
        "callbacks": stage.hosted.callbacks,
        "callback_p50_ns": latency.percentile(0.5),
        "callback_p99_ns": latency.percentile(0.99),
        "orders": stage.rows.orders,
        "fills": stage.rows.fills,
    }


def read(feed: Feed, seconds: float) -> Iterator[list[Event]]:
    """As an edge takes it that runs as fast as it can."""
    end = feed.about.start_ns + int(seconds * 1e9)
    while (due := feed.peek_ns()) is not None and due < end:
        yield feed.next_until(due + 50_000_000)


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
        figures[f"edge_{words}"] = edge(host, wasm, words, options.seconds, record=True)
        figures[f"edge_{words}_unrecorded"] = edge(host, wasm, words, options.seconds, record=False)
    host.close()
    text = json.dumps(figures, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
