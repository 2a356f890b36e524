"""Messages a second of CPU time, one core, of feed, book and matching: `python bench/feed_throughput.py [--json FILE]`.

A message is one feed event. Four loads, each with the replay and with the generator:
feed = events only; book = each applied to a market without orders; book + top = and the best 20 levels cut after each,
as an algo's callback needs them; trading = and an algo that keeps quotes on both sides near the touch, through the
risk gate, moving one of them every tenth message.
`edge` and `edge, recording` are a pair over equal events: the core of an edge without instances, and the same writing
what it saw to the tick store; the better of three runs each, without the feed's own cost.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.recorder import Recorder
from sequence_paper.feed.events import BUY, SELL, Event, Side
from sequence_paper.feed.open import open_feed
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.ticks.writing import TickWriter
from sequence_paper.venue.market import Market
from sequence_paper.venue.orders import Filled, Order, OrderType
from sequence_paper.venue.risk import RiskGate, RiskLimits, RiskState
from sequence_paper.venue.rules import symbol_rules, venue_fees

VENUE, SYMBOL = "kraken", "BTC-USD"
LIMITS = RiskLimits(10**12, 10**18, 10**6, 10**18, 500, 32)


def market() -> Market:
    rules, fees = symbol_rules(VENUE, SYMBOL), venue_fees(VENUE)
    assert rules is not None
    assert fees is not None
    return Market(SYMBOL, rules, fees)


def feed_only(events: Iterator[Event]) -> int:
    for _ in events:
        pass
    return 0


def book(events: Iterator[Event]) -> int:
    on_event = market().on_event
    for event in events:
        on_event(event)
    return 0


def book_and_top(events: Iterator[Event]) -> int:
    venue = market()
    for event in events:
        venue.on_event(event)
        venue.top(20)
    return 0


def trading(events: Iterator[Event]) -> int:
    venue, gate = market(), RiskGate(LIMITS)
    state = RiskState(0, 0, 0, 0, 0)
    fills = 0
    for n, event in enumerate(events):
        fills += sum(isinstance(e, Filled) for e in venue.on_event(event))
        venue.top(20)
        if n % 10 == 0:
            side: Side = BUY if n % 20 == 0 else SELL
            slot = n // 10 % 16
            venue.cancel(f"{slot}", event.ts_ns)
            best = venue.best()
            px = best[0] - slot // 2 * 10**9 if side == BUY else best[1] + slot // 2 * 10**9
            order = Order(f"{slot}", "a", "a/algo", SYMBOL, side, OrderType.POST_ONLY, 5_000_000, px)
            if gate.check(order, state, best, event.ts_ns) is None:
                fills += sum(isinstance(e, Filled) for e in venue.submit(order, event.ts_ns))
    return fills


LOADS: dict[str, Callable[[Iterator[Event]], int]] = {
    "feed": feed_only,
    "book": book,
    "book + top": book_and_top,
    "trading": trading,
}


def source(words: str, count: int) -> Iterator[Event]:
    feed = open_feed(words, venue=VENUE, symbols=[SYMBOL], seed=1)
    yield from feed.prime()
    for _, event in zip(range(count), feed, strict=False):
        yield event


class Forgets:
    """A store that keeps nothing: no instance writes anything here."""

    def commit(self, writes: EdgeWrites) -> None:
        """Nothing."""


SLICE = 500
"""Messages between two writes of what was recorded."""


def edge(events: Sequence[Event], folder: Path | None) -> float:
    """CPU seconds of an edge's core over these events; with a folder it records."""
    markets = {SYMBOL: market()}
    recorder = None
    if folder is not None:
        recorder = Recorder(markets, TickWriter(folder, VENUE, time.time_ns(), [SYMBOL], "bench"))
    core = EdgeCore("edge", VENUE, markets, Journal(Forgets()), lambda *_: None, recorder)
    core.prime(events[:1])
    began = time.process_time()
    for at in range(1, len(events), SLICE):
        core.feed(events[at : at + SLICE])
        if recorder is not None:
            recorder.flush()
    if recorder is not None:
        recorder.close()
    return time.process_time() - began


def recording(words: str, count: int) -> dict[str, int]:
    """Messages a second without and with recording, and the raw bytes of a message."""
    events = list(source(words, count))
    without, recorded, written = [], [], 0
    for _ in range(3):
        without.append(edge(events, None))
        with tempfile.TemporaryDirectory() as folder:
            recorded.append(edge(events, Path(folder)))
            written = sum(file.stat().st_size for file in Path(folder).rglob("*.seg"))
    return {
        "edge": int(len(events) / min(without)),
        "edge, recording": int(len(events) / min(recorded)),
        "bytes a message": round(written / len(events)),
    }


def measure(words: str, count: int) -> dict[str, int]:
    """Messages a second of each load, fills of the trading one. Feed costs are part of every figure."""
    out: dict[str, int] = {"messages": sum(1 for _ in source(words, count))}
    for name, load in LOADS.items():
        began = time.process_time()
        fills = load(source(words, count))
        out[name] = int(out["messages"] / (time.process_time() - began))
        if fills:
            out["fills"] = fills
    return out | recording(words, count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    results = {words: measure(words, arguments.messages) for words in ("replay", "generated")}
    for words, figures in results.items():
        print(words, "  ".join(f"{name} {value:,}" for name, value in figures.items()))
    if arguments.json:
        report = {"python": platform.python_version(), "machine": platform.machine(), "per_second": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
