"""`python -m sequence_paper.feed.server --venue kraken --port 9001`: a venue's market data on loopback, from a feed."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence

from sequence_paper.feed.open import FeedError, open_feed
from sequence_paper.feed.server.dialects import DIALECTS
from sequence_paper.feed.server.serve import FeedServer
from sequence_paper.jsonlog import log_json_lines
from sequence_paper.venue.rules import symbol_rules


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 ended by a signal, 1 port taken, 2 wrong arguments."""
    options = _parser().parse_args(argv)
    log_json_lines()
    symbols = options.symbols.split(",")
    rules = {
        symbol: found for symbol in symbols if (found := symbol_rules(options.venue, symbol)) is not None
    }
    if len(rules) < len(symbols):
        print(f"error: {options.venue} does not list {', '.join(set(symbols) - set(rules))}", file=sys.stderr)
        return 2
    try:
        feed = open_feed(
            options.feed, venue=options.venue, symbols=symbols, seed=options.seed, start_ns=time.time_ns()
        )
    except FeedError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(FeedServer(options.venue, feed, rules, options.port)))
    except OSError as error:
        print(f"error: cannot listen on 127.0.0.1:{options.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _serve(server: FeedServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        print(f"ws://127.0.0.1:{server.port}", flush=True)
        await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.feed.server", description=__doc__)
    parser.add_argument("--venue", required=True, choices=sorted(DIALECTS))
    parser.add_argument("--port", type=int, default=0, help="0: any free one; it is printed")
    parser.add_argument("--feed", default="generated", help="generated, replay or replay:NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--symbols", default="BTC-USD,ETH-USD")
    return parser
