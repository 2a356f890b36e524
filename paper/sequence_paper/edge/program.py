"""``python -m sequence_paper.edge``: one venue's edge as a process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from sequence_paper.edge.process import EdgeProcess
from sequence_paper.edge.settings import EdgeSettings
from sequence_paper.feed.clock import Clock, PacedClock, WallClock
from sequence_paper.feed.events import FeedAbout
from sequence_paper.feed.open import FeedError, open_feed, recording_of
from sequence_paper.jsonlog import log_json_lines
from sequence_paper.store import Store, StoreError
from sequence_paper.store.ticks.folder import beside
from sequence_paper.store.words import Json
from sequence_paper.venue.floor import NotListedError, open_markets
from sequence_paper.venue.latency import LatencyError
from sequence_paper.venue.latency import parse as parse_latency
from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import venue_fees
from sequence_paper.venue.tiers import ScheduleError
from sequence_paper.venue.tiers import parse as parse_fees

log = logging.getLogger("sequence_paper.edge")

_USAGE: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 after SIGTERM or SIGINT, 1 when something failed, 2 for wrong arguments."""
    options = _parser().parse_args(argv)
    log_json_lines()
    try:
        process = _build(options)
    except _WrongArgumentsError as error:
        log.error("%s; %s", error, error.hint)
        return _USAGE
    except StoreError as error:
        log.error("%s", error)
        return 1
    # What is there by now stays: no collection has to look through it, for which callbacks would wait 30 ms.
    gc.freeze()
    try:
        uvloop.run(_serve(process))
    except Exception:  # the supervisor starts it again; the log line is all that tells why
        log.exception("the edge failed")
        return 1
    return 0


class _WrongArgumentsError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.edge", description=__doc__)
    parser.add_argument("--venue", required=True, help="kraken, coinbase or binance")
    parser.add_argument("--instrument-type", choices=["spot"], default="spot")
    parser.add_argument("--db", required=True, help="sqlite:////path/to/file or postgresql://user@host/name")
    parser.add_argument("--nats", required=True, help="nats://127.0.0.1:PORT")
    parser.add_argument(
        "--feed", default="generated", help="generated, live, replay, replay:NAME or replay:FILE"
    )
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="write a live feed's frames into a file here"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--latency",
        default="none",
        help="none, venue, constant:MS[,MS,MS] (feed, entry, response) or table:FILE",
    )
    parser.add_argument(
        "--fees",
        default="base",
        help="base (the entry rate), tiers (by volume of 30 days, as venues publish them) or table:FILE",
    )
    parser.add_argument("--pace", default="1", help="simulated seconds per second, or max")
    parser.add_argument("--gate", type=int, default=0, help="instances that must run before time does")
    parser.add_argument("--until", type=float, help="end after so many seconds of feed time")
    parser.add_argument("--symbols", help="default: BTC-USD,ETH-USD generated; BTC-USD replayed")
    parser.add_argument(
        "--ticks",
        type=Path,
        metavar="DIR",
        help="what the market shows goes here (default: beside the SQLite file)",
    )
    return parser


def _build(options: argparse.Namespace) -> EdgeProcess:
    pace = _pace(options.pace)
    replay, live = options.feed.startswith("replay"), options.feed == "live"
    symbols = (options.symbols or ("BTC-USD" if replay else "BTC-USD,ETH-USD")).split(",")
    # A stack that lives on shows the present; whatever is gated, bounded or paced is a repeatable simulation.
    simulated = pace != 1 or options.gate > 0 or options.until is not None
    if live and simulated:
        raise _WrongArgumentsError(
            "a live feed goes at the pace of time and has no gate and no end",
            "leave --pace, --gate and --until out, or use --feed replay",
        )
    if options.record is not None and not live:
        raise _WrongArgumentsError(
            "only a live feed can be recorded", "use --feed live, or leave --record out"
        )
    try:
        feed = open_feed(
            options.feed,
            venue=options.venue,
            symbols=symbols,
            seed=options.seed,
            start_ns=None if simulated else time.time_ns(),
            record=options.record,
        )
    except FeedError as error:
        raise _WrongArgumentsError(str(error), error.hint) from None
    try:
        latency = parse_latency(options.latency, options.venue, options.seed)
    except LatencyError as error:
        raise _WrongArgumentsError(str(error), "use --latency none, or venue for what is assumed") from None
    markets = _markets(options.venue, symbols, options.fees)
    origin = feed.about.start_ns
    clock: Clock = PacedClock(origin, pace) if simulated else WallClock()
    settings = EdgeSettings(
        edge_id=f"venue-edge-{options.venue}",
        venue=options.venue,
        instrument_type=options.instrument_type,
        nats_url=options.nats,
        gate=options.gate,
        until_ns=None if options.until is None else origin + int(options.until * 1e9),
        ticks=options.ticks or beside(options.db),
        source=_source(options, feed.about),
        latency=latency,
    )
    return EdgeProcess(settings, Store(options.db, aside=True), feed, clock, markets)


def _source(options: argparse.Namespace, about: FeedAbout) -> Json:
    kind, _, name = options.feed.partition(":")
    # A file is named by where it lies: whoever opens it again may stand elsewhere.
    words = f"{kind}:{Path(name).resolve()}" if "/" in name or name.endswith(".zst") else options.feed
    source: Json = {"words": words, "seed": options.seed}
    if options.record is not None:
        source["recorded"] = str(recording_of(options.record, about).resolve())
    return source


def _pace(text: str) -> float | None:
    if text == "max":
        return None
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not 0 < pace < float("inf"):
        raise _WrongArgumentsError(f"--pace {text!r} is not a pace", "use a positive number or max")
    return pace


def _markets(venue: str, symbols: Sequence[str], fees: str) -> dict[str, Market]:
    if venue_fees(venue) is None:
        raise _WrongArgumentsError(f"{venue!r} is not a venue", "use kraken, coinbase or binance")
    try:
        return open_markets(venue, symbols, parse_fees(fees, venue))
    except NotListedError as error:
        raise _WrongArgumentsError(str(error), "use --symbols BTC-USD,ETH-USD") from None
    except ScheduleError as error:
        raise _WrongArgumentsError(str(error), "use --fees base, or tiers") from None


async def _serve(process: EdgeProcess) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    await process.run()
