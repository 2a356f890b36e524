"""From the recording to the figures of one symbol: reads the tick store, computes with `analysis`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sequence_paper.analysis.aggregate import nearest_rank
from sequence_paper.analysis.liquidity import Book, curve, within_1e9
from sequence_paper.analysis.market import Spread, regime, spread
from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.store.ticks import Depth, Tape, TickStore
from sequence_paper.store.words import Json
from sequence_paper.venue.rules import venue_fees

BAND_BPS: Final = 10
MAX_SAMPLES: Final = 600
"""Book samples a venue that one answer looks at, evenly spaced in feed time."""
_MINUTE_NS: Final = 60 * 10**9


@dataclass(frozen=True, slots=True)
class Reach:
    """The part of a venue's newest run that figures are made from (feed time)."""

    venue: str
    run_ns: int
    since_ns: int
    until_ns: int
    source: str


def reaches(ticks: TickStore, symbol: str, window_s: int) -> list[Reach]:
    """Venues with a record of the symbol, each with the last `window_s` of its newest run."""
    found = []
    for venue in ticks.venues():
        runs = ticks.runs(venue)
        if not runs:
            continue
        last = runs[-1]
        since = max(last.first_ns, last.last_ns - window_s * 10**9)
        # Every symbol an edge serves is written down once a second.
        if ticks.quotes(venue, symbol, [last.last_ns], last.run_ns)[0] is not None:
            found.append(Reach(venue, last.run_ns, since, last.last_ns, last.source))
    return found


def every_s(found: Sequence[Reach]) -> int:
    """Distance of the samples that an answer looks at: equal for all venues, so that they meet."""
    longest = max((reach.until_ns - reach.since_ns for reach in found), default=0)
    return max(1, -(-longest // (MAX_SAMPLES * 10**9)))


def samples(ticks: TickStore, symbol: str, reach: Reach, every: int) -> list[Depth]:
    """Book samples of a venue, also suspect ones."""
    return ticks.depth_samples(
        symbol, reach.venue, reach.since_ns, reach.until_ns, reach.run_ns, every_s=every
    )


# -- the venues of a symbol -----------------------------------------------------------------------------------


def measured(ticks: TickStore, symbol: str, reach: Reach) -> Json:
    """Spread, depth, quotes and trades of one venue, each with how much is behind it."""
    span = (reach.venue, symbol, reach.since_ns, reach.until_ns, reach.run_ns)
    tape = ticks.tape(*span)
    whole, minute = _spread(ticks, symbol, reach, reach.since_ns), _minute(ticks, symbol, reach)
    taken = samples(ticks, symbol, reach, every_s([reach]))
    return {
        "source": reach.source,
        "run_ns": reach.run_ns,
        "first_ns": reach.since_ns,
        "last_ns": reach.until_ns,
        "spread_bps": None if whole is None else asdict(whole),
        "regime": regime(whole, minute),
        "depth": _depth(taken),
        "quotes": tape.quotes,
        "trades": tape.trades,
        "quote_to_trade": tape.quotes / tape.trades if tape.trades else None,
        "traded_1e8": tape.qty_1e8,
        "turnover_1e9": tape.turnover_1e17 // 10**8,
        "suspect": _suspect(tape, taken),
    }


def _minute(ticks: TickStore, symbol: str, reach: Reach) -> Spread | None:
    return _spread(ticks, symbol, reach, max(reach.since_ns, reach.until_ns - _MINUTE_NS))


def _spread(ticks: TickStore, symbol: str, reach: Reach, since_ns: int) -> Spread | None:
    held = ticks.held(reach.venue, symbol, since_ns, reach.until_ns, reach.run_ns)
    return spread([(h.bid_px_1e9, h.ask_px_1e9, h.ns) for h in held])


def _depth(taken: Sequence[Depth]) -> Json:
    """Median money within the band, each side; `at_least`: for the side some sample ended before the band did."""
    books = [_book(sample) for sample in taken if sample.state == "ok"]
    sides: tuple[tuple[str, Side], ...] = (("bid", BUY), ("ask", SELL))
    found: Json = {"band_bps": BAND_BPS, "n": len(books)}
    for name, side in sides:
        inside = [w for w in (within_1e9(book, side, BAND_BPS) for book in books) if w is not None]
        found[f"{name}_1e9"] = nearest_rank((money for money, _ in inside), 50)
        found[f"{name}_at_least"] = any(cut for _, cut in inside)
    return found


def _suspect(tape: Tape, taken: Sequence[Depth]) -> Json:
    return {
        "quotes": tape.suspect_rows,
        "ns": tape.suspect_ns,
        "samples": sum(sample.state != "ok" for sample in taken),
    }


def _book(sample: Depth) -> Book:
    fees = venue_fees(sample.venue)
    return Book(sample.venue, sample.bids, sample.asks, fees.taker_ppm if fees is not None else 0)


# -- slippage -------------------------------------------------------------------------------------------------


def slippage(ticks: TickStore, symbol: str, side: Side, sizes_usd: Sequence[int], window_s: int) -> Json:
    """One curve a venue, and one for an order split over all of them."""
    found = reaches(ticks, symbol, window_s)
    every = every_s(found)
    taken = {reach.venue: (reach, samples(ticks, symbol, reach, every)) for reach in found}
    usable = {venue: [s for s in all_ if s.state == "ok"] for venue, (_, all_) in taken.items()}
    return {
        "window_s": window_s,
        "every_s": every,
        "sizes_usd": list(sizes_usd),
        "venues": [
            {
                "venue": venue,
                "source": reach.source,
                "run_ns": reach.run_ns,
                "taker_bps": _taker_bps(venue),
                **_curve(side, sizes_usd, [([_book(s)], s.ts_ns) for s in usable[venue]]),
                "suspect": len(all_) - len(usable[venue]),
            }
            for venue, (reach, all_) in sorted(taken.items())
        ],
        "routed": _routed(side, sizes_usd, usable),
    }


def _routed(side: Side, sizes_usd: Sequence[int], usable: Mapping[str, Sequence[Depth]]) -> Json:
    by_second = {
        venue: {s.ts_ns // 10**9: s for s in reversed(found)} for venue, found in usable.items() if found
    }
    common = set.intersection(*(set(found) for found in by_second.values())) if by_second else set()
    together = [
        ([_book(found[second]) for found in by_second.values()], second * 10**9) for second in sorted(common)
    ]
    reason = None
    if len(by_second) < 2:
        reason = "fewer than two venues were recorded"
    elif not common:
        reason = (
            "no second of feed time was recorded at all of these venues: their feeds run at different times"
        )
    return {"venues": sorted(by_second), "reason": reason, **_curve(side, sizes_usd, together)}


def _curve(side: Side, sizes_usd: Sequence[int], taken: Sequence[tuple[list[Book], int]]) -> Json:
    times = [ts_ns for _, ts_ns in taken]
    return {
        "n": len(taken),
        "first_ns": min(times, default=None),
        "last_ns": max(times, default=None),
        "points": [asdict(point) for point in curve(side, sizes_usd, [books for books, _ in taken])],
    }


def _taker_bps(venue: str) -> float | None:
    fees = venue_fees(venue)
    return None if fees is None else fees.taker_ppm / 100
