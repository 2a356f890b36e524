"""What the market says now: `/v1/quotes`, `quotes_batch`, `symbols`, `pairs/{symbol}/venues`, `fees`, `fair_price`."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from sequence_paper.api.answers import described
from sequence_paper.api.errors import ApiError
from sequence_paper.api.fleet import EdgeView
from sequence_paper.api.listed import fee_rows, pair_rows, symbol_rows
from sequence_paper.api.platform import Here, Platform, json, needs_key
from sequence_paper.api.pricing import FAIR_LEVELS, fair_view, quote_view
from sequence_paper.api.quote_answers import (
    BatchAnswer,
    BatchBody,
    FairPricesAnswer,
    FeesAnswer,
    PairAnswer,
    QuoteAnswer,
    QuotesAnswer,
    SymbolsAnswer,
)
from sequence_paper.store.words import Json

WAIT_SECONDS = 2.0
"""How long a quote waits for an edge to show the first book of its symbol."""

router = APIRouter(prefix="/v1", tags=["market data"], dependencies=[needs_key])

Depth = Annotated[int, Query(ge=1, le=100, description="levels a side")]
Names = Annotated[str | None, Query(max_length=100_000, description="comma-separated; absent: all there are")]


@router.get("/quotes", responses=described(QuotesAnswer))
async def quotes(
    here: Here,
    symbols: Names = None,
    symbol: Annotated[str | None, Query(max_length=100_000, description="the same as symbols")] = None,
    max_age_s: Annotated[float, Query(ge=0, description="older quotes are left out")] = 300.0,
) -> Response:
    """The best prices of all venues together, by symbol. What no edge ever showed is left out."""
    now = time.time_ns()
    asked = _names(symbols if symbols is not None else symbol)
    wanted = here.market.symbols() if asked is None else asked
    rows = [quote_view(name, here.market.books(name), now, depth=1) for name in wanted]
    shown = [row for row in rows if row["age_ms"] is not None and row["age_ms"] < max_age_s * 1000]
    return json({"quotes": [_brief(row) for row in shown], "count": len(shown)})


@router.get("/quotes/{symbol:path}", responses=described(QuoteAnswer))
async def quote(symbol: str, here: Here, depth: Depth = 10, nowait: bool = False) -> Response:
    """One symbol with its venues and the consolidated book.

    While no edge shows a book that can be believed this waits up to two seconds for one, unless `nowait`. `source` says
    what came of it: `edge_nbbo`, or `unavailable`, and then there is no price.
    """
    _traded(symbol, await _listed(here))
    return json(await _quote(here, symbol, depth, nowait=nowait))


@router.post("/quotes_batch", responses=described(BatchAnswer))
async def quotes_batch(body: BatchBody, here: Here) -> Response:
    """Many symbols at once; one that nobody trades has an `error` in its place and spoils nothing."""
    began = time.perf_counter_ns()
    listed = await _listed(here)
    room = asyncio.Semaphore(body.concurrency)

    async def one(symbol: str) -> Json:
        if body.instrument_type is not None and body.instrument_type not in listed.get(symbol, {}):
            kind = f" as {body.instrument_type}" if symbol in listed else ""
            return {"symbol": symbol, "error": f"no edge trades {symbol}{kind}"}
        if symbol not in listed:
            return {"symbol": symbol, "error": f"no edge trades {symbol}"}
        async with room:
            return await _quote(here, symbol, body.depth, nowait=body.nowait)

    found = await asyncio.gather(*(one(symbol) for symbol in body.symbols))
    elapsed = (time.perf_counter_ns() - began) // 1_000_000
    return json({"quotes": found, "count": len(found), "elapsed_ms": elapsed})


@router.get("/symbols", responses=described(SymbolsAnswer))
async def symbols(here: Here) -> Response:
    """Everything that any edge trades, by symbol; a list, as the official client wants it."""
    return json(symbol_rows(await here.run(here.fleet)))


@router.get("/pairs/{symbol:path}/venues", responses=described(PairAnswer))
async def pair_venues(symbol: str, here: Here) -> Response:
    """Where a symbol is traded, by which rules and at which fees."""
    fleet = await here.run(here.fleet)
    rows = pair_rows(symbol, fleet)
    if not rows:
        raise _unknown(symbol, {name for edge in fleet.values() for name in edge.symbols})
    return json({"symbol": symbol, "venues": rows})


@router.get("/fees", responses=described(FeesAnswer))
async def fees(
    here: Here,
    ticker: Annotated[str, Query(min_length=1, max_length=200)],
    venues: Annotated[str | None, Query(max_length=1000, description="comma-separated")] = None,
) -> Response:
    """Fees by venue in basis points of notional: of the venues that trade the ticker, or of those asked for.

    null is unknown, also because the venue does not trade it: do not route there.
    """
    rows = fee_rows(ticker, _names(venues), await here.run(here.fleet))
    return json({"ticker": ticker, "fees": rows})


@router.get("/fair_price", responses=described(FairPricesAnswer))
async def fair_price(
    here: Here, underlying: Annotated[str | None, Query(max_length=100, description="such as BTC")] = None
) -> Response:
    """A price weighted with the depth of the ten best levels of all venues; null while there is none."""
    now = time.time_ns()
    wanted = [
        symbol
        for symbol in here.market.symbols()
        if underlying is None or symbol.partition("-")[0] == underlying
    ]
    rows = [
        fair_view(symbol, here.market.consolidated(symbol, FAIR_LEVELS, now), FAIR_LEVELS)
        for symbol in wanted
    ]
    return json({"fair_prices": rows})


async def _quote(here: Platform, symbol: str, depth: int, *, nowait: bool) -> Json:
    if not nowait:
        await here.market.usable_within(symbol, WAIT_SECONDS)
    return quote_view(symbol, here.market.books(symbol), time.time_ns(), depth=depth)


def _brief(row: Json) -> Json:
    return {name: value for name, value in row.items() if name != "book"}


async def _listed(here: Platform) -> dict[str, dict[str, list[EdgeView]]]:
    """Edges by symbol and instrument type."""
    found: dict[str, dict[str, list[EdgeView]]] = {}
    for edge in (await here.run(here.fleet)).values():
        for symbol in edge.symbols:
            found.setdefault(symbol, {}).setdefault(edge.instrument_type, []).append(edge)
    return found


def _traded(symbol: str, listed: dict[str, dict[str, list[EdgeView]]]) -> None:
    if symbol not in listed:
        raise _unknown(symbol, set(listed))


def _unknown(symbol: str, traded: set[str]) -> ApiError:
    return ApiError(404, f"no edge trades {symbol}; traded are: {', '.join(sorted(traded)) or 'none'}")


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
