"""What the market offers, measured: `/v1/intelligence/…`, `/v1/analytics/market/…` and `/v1/price_history/…`."""

from __future__ import annotations

import re
import time
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.analysis.liquidity import SIZES_USD
from sequence_paper.analysis.market import RULES, shares
from sequence_paper.api import intel_figures
from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.fleet import Fleet
from sequence_paper.api.market import VenueBook
from sequence_paper.api.platform import Here, Platform, json, needs_key
from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.store.ticks import TickStore
from sequence_paper.store.words import Json
from sequence_paper.venue.rules import listed, venue_fees

router = APIRouter(prefix="/v1", tags=["intelligence"], dependencies=[needs_key])

MAX_SIZES: Final = 16
DEPTH_LEVELS: Final = 100
NOT_RECORDED: Final = "nothing is recorded here: the API and the edges were started without --ticks"
_SECONDS: Final = {"h": 3600, "d": 86_400, "w": 604_800, "m": 30 * 86_400, "y": 365 * 86_400}
_FOREVER: Final = 2**62
_TICKS: Final = 50_000

SideWord = Literal["buy", "sell"]
SIDES: Final[dict[SideWord, Side]] = {"buy": BUY, "sell": SELL}
Window = Annotated[
    int, Query(ge=60, le=86_400, description="seconds of feed time before each venue's newest record")
]


@router.get("/intelligence/venues")
@router.get("/analytics/market/{symbol}")
async def venues(here: Here, symbol: str, window_s: Window = 3600) -> Response:
    """Who trades a symbol, how wide, how deep, how busy: now by the books on the bus, before by what was recorded."""
    require(here, symbol)
    return json(await here.run(lambda: _venues(here, symbol, window_s)))


@router.get("/intelligence/slippage")
async def slippage(
    here: Here,
    symbol: str,
    side: SideWord = "buy",
    sizes: str = ",".join(map(str, SIZES_USD)),
    window_s: Window = 3600,
) -> Response:
    """Cost of taking a size (US dollars) on recorded book samples: median and 90 %, by venue and split over all.

    A size that the recorded depth did not reach is null, with `short` saying how often; nothing is extrapolated.
    """
    require(here, symbol)
    wanted = _sizes(sizes)
    found: Json = {"venues": [], "routed": None, "window_s": window_s, "sizes_usd": wanted}
    if here.ticks is not None:
        ticks, way = here.ticks, SIDES[side]
        found = await here.run(lambda: intel_figures.slippage(ticks, symbol, way, wanted, window_s))
    return json({"symbol": symbol, "side": side, **found, "note": _note(here, found["venues"])})


@router.get("/intelligence/depth")
async def depth(here: Here, symbol: str) -> Response:
    """The books of all venues as one, equal prices added, and each venue's own best with its state."""
    require(here, symbol)
    now = time.time_ns()
    merged = here.market.consolidated(symbol, DEPTH_LEVELS, now)
    return json(
        {
            "symbol": symbol,
            "bids": [] if merged is None else merged.bids,
            "asks": [] if merged is None else merged.asks,
            "venues": [] if merged is None else merged.venues,
            "crossed": merged is not None and merged.crossed,
            "ts_ns": None if merged is None else merged.ts_ns,
            "books": {book.venue: _now(book, now) for book in here.market.books(symbol)},
        }
    )


@router.get("/price_history/{symbol}")
async def price_history(
    here: Here,
    symbol: str,
    range: str = "1d",
    fidelity_secs: Annotated[int, Query(ge=0, le=86_400)] = 60,
    venue: str | None = None,
    start_ts: int | None = None,
    end_ts: int | None = None,
    limit: Annotated[int, Query(ge=1, le=_TICKS)] = 5000,
) -> Response:
    """The last public print of each step; `fidelity_secs=0`: the prints themselves. Newest `limit` points, by time.

    `range` counts back from the newest record (feed time); `start_ts` and `end_ts` are Unix seconds of feed time.
    """
    require(here, symbol)
    if here.ticks is None:
        raise ApiError(404, NOT_RECORDED)
    ticks, back = here.ticks, _range_ns(range)
    points = await here.run(
        lambda: _history(ticks, symbol, venue, fidelity_secs, back, (start_ts, end_ts), limit)
    )
    return json({"symbol": symbol, "venue": venue, "fidelity_secs": fidelity_secs, "points": points})


# -- answers ---------------------------------------------------------------------------------------------------


def _venues(here: Platform, symbol: str, window_s: int) -> Json:
    now, fleet = time.time_ns(), here.fleet()
    books = {book.venue: book for book in here.market.books(symbol)}
    recorded: dict[str, Json] = {}
    if here.ticks is not None:
        for reach in intel_figures.reaches(here.ticks, symbol, window_s):
            recorded[reach.venue] = intel_figures.measured(here.ticks, symbol, reach)
    part = shares({venue: found["traded_1e8"] for venue, found in recorded.items()})
    serving = {edge.venue for edge in fleet.values() if symbol in edge.symbols}
    rows = [
        {
            "venue": venue,
            **_edge(fleet, venue),
            "fees": _fees(venue),
            "now": _now(books[venue], now) if venue in books else None,
            "measured": recorded.get(venue),
            "share": part.get(venue),
        }
        for venue in sorted(serving | books.keys() | recorded.keys())
    ]
    note = _note(here, list(recorded))
    return {"symbol": symbol, "window_s": window_s, "venues": rows, "note": note, "rules": dict(RULES)}


def _edge(fleet: Fleet, venue: str) -> Json:
    edge = next((edge for edge in fleet.values() if edge.venue == venue), None)
    if edge is None:
        return {"edge_id": None, "alive": False, "feed": None}
    return {"edge_id": edge.edge_id, "alive": edge.alive, "feed": edge.feed}


def _fees(venue: str) -> Json | None:
    fees = venue_fees(venue)
    return None if fees is None else {"maker_bps": fees.maker_ppm / 100, "taker_bps": fees.taker_ppm / 100}


def _now(book: VenueBook, now_ns: int) -> Json:
    """The best of a venue as its edge shows it; null prices for an empty side."""
    bid = book.bids[0] if book.bids else (None, None)
    ask = book.asks[0] if book.asks else (None, None)
    spread = None
    if bid[0] is not None and ask[0] is not None:
        spread = 20_000 * (ask[0] - bid[0]) / (ask[0] + bid[0])
    return {
        "state": book.state if book.state != "ok" or book.usable(now_ns) else "away",
        "bid_px_1e9": bid[0],
        "bid_sz_1e8": bid[1],
        "ask_px_1e9": ask[0],
        "ask_sz_1e8": ask[1],
        "spread_bps": spread,
        "ts_ns": book.ts_ns,
        "age_ms": book.age_ms(now_ns),
    }


def _history(
    ticks: TickStore,
    symbol: str,
    venue: str | None,
    fidelity_secs: int,
    back_ns: int | None,
    ends: tuple[int | None, int | None],
    limit: int,
) -> list[Json]:
    points: list[Json] = []
    for name in ticks.venues() if venue is None else [venue]:
        runs = ticks.runs(name)
        if not runs:
            continue
        last = runs[-1].last_ns
        until = last if ends[1] is None else ends[1] * 10**9
        since = until - back_ns if back_ns is not None and ends[0] is None else (ends[0] or 0) * 10**9
        if fidelity_secs == 0:
            points += [
                {
                    "ts_ns": p.ts_ns,
                    "price_1e9": p.px_1e9,
                    "qty_1e8": p.qty_1e8,
                    "side": "buy" if p.aggressor > 0 else "sell",
                    "venue_id": name,
                }
                for p in ticks.prints(name, symbol, since, until, limit=limit)
            ]
        else:
            closes = ticks.candles(name, symbol, since, until, fidelity_secs * 10**9)
            points += [{"ts_ns": ts_ns, "price_1e9": px, "venue_id": name} for ts_ns, px in closes]
    points.sort(key=lambda point: point["ts_ns"])
    return (points if fidelity_secs == 0 else _last_of_each(points, fidelity_secs * 10**9))[-limit:]


def _last_of_each(points: list[Json], step_ns: int) -> list[Json]:
    """Of several venues' closes in one step the latest."""
    return list({point["ts_ns"] // step_ns: point for point in points}.values())


# -- what was asked --------------------------------------------------------------------------------------------


def require(here: Platform, symbol: str) -> None:
    """404 with all symbols there are, when this is none of them."""
    known = {name for _, name in listed()} | set(here.market.symbols())
    if symbol not in known:
        why = f"no venue lists {symbol}; there is {', '.join(sorted(known))}"
        raise ApiError(404, why, field="symbol", extra={"symbols": sorted(known)})


def _note(here: Platform, recorded: list[str]) -> str | None:
    if here.ticks is None:
        return NOT_RECORDED
    return (
        None if recorded else "nothing is recorded yet: figures come with the first seconds of an edge's feed"
    )


def _sizes(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or len(words) > MAX_SIZES:
        raise invalid("sizes", f"1 to {MAX_SIZES} US dollar amounts, separated by commas")
    for word in words:
        if not re.fullmatch(r"[0-9]{1,12}(\.0*)?", word) or int(float(word)) == 0:
            raise invalid("sizes", f"{word!r} is not a whole, positive amount of US dollars")
    return sorted({int(word.partition(".")[0]) for word in words})


def _range_ns(text: str) -> int | None:
    if text == "max":
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,3})([hdwmy])", text)
    if match is None:
        raise invalid("range", "one of 1h, 6h, 1d, 1w, 1m, 3m, 6m, 1y, 2y, 5y, max")
    return int(match.group(1)) * _SECONDS[match.group(2)] * 10**9
