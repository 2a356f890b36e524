"""`/v1/sandbox/…`: what a sandbox account pretends to hold, and how to begin anew. A live key gets 403."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from sequence_paper.api.answers import Answer, described
from sequence_paper.api.bodies import Name, Symbol
from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.fleet import Fleet
from sequence_paper.api.market import MarketView
from sequence_paper.api.platform import Here, Who, json, needs_key
from sequence_paper.mesh import wire
from sequence_paper.store.funds import Kind, asset_of
from sequence_paper.store.sandbox import Given
from sequence_paper.store.words import Json
from sequence_paper.venue.wallet import assets

_ASK_SECONDS: Final = 2.0
_BEHIND: Final = 10**12
"""Numbers of given positions are shown above those of traded ones."""
_PEGS: Final = ("USD", "USDC", "USDT", "DAI", "PYUSD", "USDP", "FDUSD", "TUSD")
_UNIT: Final = 10**9
_COUNTED_1E9: Final = 2**64 - 1
_MOST_1E8: Final = 9 * 10**17
"""Of one asset at one venue: the ledger counts it in units ten times as fine."""
_MAY_RISE: Final = 4

Qty = Annotated[Decimal, Field(ge=-(10**10), le=10**10, allow_inf_nan=False)]
Price = Annotated[Decimal, Field(ge=0, lt=10**9, allow_inf_nan=False)]
Balance = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]
Asset = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,15}\z")]


def _sandbox_only(who: Who) -> None:
    if who.mode != "sandbox":
        raise ApiError(403, "/v1/sandbox needs a seq_test_ key: a live account has no pretended positions")


router = APIRouter(prefix="/v1/sandbox", tags=["sandbox"], dependencies=[needs_key, Depends(_sandbox_only)])


class GivenBody(BaseModel):
    """Human units. `qty` is below 0 for perps only; without an entry price 1 for dollars and pegs, else 0."""

    model_config = ConfigDict(extra="forbid")

    venue: Name
    kind: Kind
    symbol: Symbol
    qty: Qty
    entry_price_usd: Price | None = None

    @model_validator(mode="after")
    def _sign(self) -> GivenBody:
        if self.qty < 0 and self.kind != "perp":
            raise ValueError("qty is below 0, which only a perp can be")
        return self


class GivenPositionsBody(BaseModel):
    """`replace` deletes every given position first; else one with the same venue, kind and symbol is overwritten."""

    model_config = ConfigDict(extra="forbid")

    positions: Annotated[list[GivenBody], Field(max_length=1000)]
    replace: bool = False


class SettingsBody(BaseModel):
    """By asset, in human units: what a reset gives at every venue that trades it. 0 counts too: there is none of it."""

    model_config = ConfigDict(extra="forbid")

    default_balances: Annotated[dict[Asset, Balance], Field(max_length=50)]


class WrittenAnswer(Answer):
    """How many positions were written, and how many deleted before."""

    written: int
    deleted: int


class SettingsAnswer(Answer):
    """In human units, by asset."""

    default_balances: dict[str, float]


class ResetAnswer(Answer):
    """How many positions were wiped, and how many given anew."""

    deleted: int
    written: int


@router.post("/positions", responses=described(WrittenAnswer))
async def write(body: GivenPositionsBody, here: Here, who: Who) -> Response:
    """Give the account positions. From now on orders are held against the money and the coins among them."""
    rows = [_given(one) for one in body.positions]
    account, kept = who.account.account_id, here.store.sandbox

    def work() -> int:
        before = [] if body.replace else [row for _, row in kept.positions(account)]
        after = {(row.venue, row.kind, row.symbol): row for row in [*before, *rows]}
        _countable(after.values(), here.market, "positions")
        return kept.write(account, rows, replace=body.replace)

    deleted = await here.run(work)
    # An edge that does not answer reads it within a second.
    names = sorted(edge.edge_id for edge in (await here.run(here.fleet)).values() if edge.alive)
    asked = (here.bus.ask(wire.funds_subject(name), {"account_id": account}, _ASK_SECONDS) for name in names)
    await asyncio.gather(*asked)
    return json({"written": len({(r.venue, r.kind, r.symbol) for r in rows}), "deleted": deleted})


@router.get("/settings", responses=described(SettingsAnswer))
async def settings(here: Here, who: Who) -> Response:
    """What a reset gives."""
    balances = await here.run(lambda: here.store.sandbox.balances_1e8(who.account.account_id))
    return json(_shown(balances))


@router.put("/settings", responses=described(SettingsAnswer))
async def set_settings(body: SettingsBody, here: Here, who: Who) -> Response:
    """Take effect with the next reset."""
    balances = {asset: int(qty.scaleb(8)) for asset, qty in body.default_balances.items()}
    await here.run(lambda: here.store.sandbox.set_balances(who.account.account_id, balances))
    return json(_shown(balances))


@router.post("/reset", responses=described(ResetAnswer))
async def reset(here: Here, who: Who) -> Response:
    """Wipe all positions of the account's sandbox, traded and given, and give the default balances.

    409 while a deployment is wanted running or an order is open: a position must not vanish under who trades it.
    """
    store, account = here.store.sandbox, who.account.account_id
    why = await here.run(lambda: store.busy(account))
    if why:
        raise ApiError(409, f"not reset: {why}")
    fleet = await here.run(here.fleet)
    balances = await here.run(lambda: store.balances_1e8(account))
    seeds = list(_seeds(fleet, balances))
    _countable(seeds, here.market, "default_balances")
    # Rows first: an edge that starts in between reads none, and one that is there is asked for what it remembers.
    deleted = await here.run(lambda: store.reset(account, seeds))
    names = sorted(edge.edge_id for edge in (await here.run(here.fleet)).values() if edge.alive)
    asked = (here.bus.ask(wire.reset_subject(name), {"account_id": account}, _ASK_SECONDS) for name in names)
    answers = dict(zip(names, await asyncio.gather(*asked), strict=True))
    for name, answer in answers.items():
        if answer is None:
            raise ApiError(503, f"{name} did not answer: reset again", headers={"Retry-After": "1"})
        if answer:
            raise ApiError(409, f"not reset at {name}: {answer['error']}")
    return json({"deleted": deleted, "written": len(seeds)})


def given_rows(found: list[tuple[int, Given]], market: MarketView) -> list[Json]:
    """As rows of `/v1/positions`, at the market's price where there is one, else at the entry price."""
    return [_row(number, row, _price(row, market)) for number, row in found]


def given_cash_1e9(found: list[tuple[int, Given]]) -> int:
    """What of them is money."""
    return sum(row.qty_1e8 * 10 for _, row in found if _is_money(row))


def _row(number: int, row: Given, price: int) -> Json:
    value = price * row.qty_1e8 // 10**8
    result = value - row.entry_1e9 * row.qty_1e8 // 10**8
    return {
        "id": _BEHIND + number,
        "venue": row.venue,
        "deployment": "",
        "instrument": {"kind": row.kind, "symbol": row.symbol},
        "qty_1e8": row.qty_1e8,
        "locked_qty_1e8": 0,
        "available_qty_1e8": row.qty_1e8,
        "entry_price_usd_1e9": row.entry_1e9,
        "current_price_usd_1e9": price,
        "current_value_usd_1e9": result if row.kind == "perp" else value,
        "unrealized_pnl_usd_1e9": result,
        "realized_pnl_usd_1e9": 0,
        "session_realized_pnl_usd_1e9": 0,
        "fees_usd_1e9": 0,
        "lifecycle": {"state": "active" if row.qty_1e8 else "closed"},
        "transferable": False,
        "settled": False,
        "settled_mark_usd_1e9": None,
        "updated_ns": row.updated_ns,
    }


def _price(row: Given, market: MarketView) -> int:
    if _is_money(row):
        return _UNIT
    symbol = row.symbol if "-" in row.symbol else f"{row.symbol}-USD"
    book = market.consolidated(symbol, 1)
    if book is None or not book.bids or not book.asks:
        return row.entry_1e9
    return (book.bids[0][0] + book.asks[0][0]) // 2


def _countable(rows: Iterable[Given], market: MarketView, field: str) -> None:
    """Sums must stay numbers of 64 bits in JSON, also after the price of what is no money has risen."""
    total, places = 0, dict[tuple[str, str], int]()
    for row in rows:
        if row.kind in ("fiat", "crypto"):
            place = (row.venue, asset_of(row.symbol))
            places[place] = places.get(place, 0) + row.qty_1e8
        price, room = max(_price(row, market), row.entry_1e9, _UNIT), 1 if _is_money(row) else _MAY_RISE
        total += abs(row.qty_1e8) * price // 10**8 * room
    if total > _COUNTED_1E9 or max(places.values(), default=0) > _MOST_1E8:
        raise invalid(field, "together they are worth more than can be counted (some billions of dollars)")


def _is_money(row: Given) -> bool:
    return row.kind == "fiat" or (row.kind == "crypto" and row.symbol in _PEGS)


def _given(body: GivenBody) -> Given:
    row = Given(body.venue, body.kind, body.symbol, int(body.qty.scaleb(8)), 0, time.time_ns())
    price = body.entry_price_usd
    entry = int(price.scaleb(9)) if price is not None else _UNIT if _is_money(row) else 0
    return Given(row.venue, row.kind, row.symbol, row.qty_1e8, entry, row.updated_ns)


def _seeds(fleet: Fleet, balances_1e8: dict[str, int]) -> Iterable[Given]:
    places = {
        (edge.venue, asset)
        for edge in fleet.values()
        for symbol in edge.symbols
        for asset in assets(symbol)
        if asset
    }
    now = time.time_ns()
    for venue, asset in sorted(places):
        if asset in balances_1e8:
            kind: Kind = "fiat" if asset == "USD" else "crypto"
            entry = _UNIT if asset in _PEGS else 0
            yield Given(venue, kind, asset, balances_1e8[asset], entry, now)


def _shown(balances_1e8: dict[str, int]) -> Json:
    return {"default_balances": {asset: qty / 10**8 for asset, qty in balances_1e8.items()}}
