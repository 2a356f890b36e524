"""`sequence intel`."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from sequence_operator.cli import intel_text
from sequence_operator.cli.connect import execute, platform
from sequence_operator.cli.context import Context, Mode
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.lacking import offered
from sequence_operator.cli.output import View, harmless, show
from sequence_operator.spec.suggest import closest

if TYPE_CHECKING:  # importing the platform client costs a third of a second, and few commands need it
    from sequence_operator.platform import PlatformClient

Json = dict[str, Any]
SCHEMA = "intel/v1"
QTY = "1"

_VENUE = ("venue", "edge_id", "alive", "feed", "fees", "now", "measured", "share")
_CURVE = ("venue", "source", "run_ns", "taker_bps", "n", "suspect", "first_ns", "last_ns", "points")
_ROUTED = ("venues", "reason", "n", "first_ns", "last_ns", "points")
_POINT = ("size_usd", "n", "short", "p50_bps", "p90_bps", "all_in_p50_bps", "all_in_p90_bps")
_LEG = (
    "venue",
    "kind",
    "qty_1e8",
    "worst_px_1e9",
    "est_avg_px_1e9",
    "est_notional_1e9",
    "est_fee_1e9",
    "gas_1e9",
    "slices",
    "levels",
    "taker_bps",
    "dearest_all_in_1e9",
)
_POOL = (
    "name",
    "source",
    "spot_1e9",
    "gas_1e9",
    "gas_bps",
    "break_even_1e8",
    "alone_bps",
    "would_take_1e8",
)
_SPLIT = (
    "qty_1e8",
    "routed_1e8",
    "unfilled_1e8",
    "bid_1e9",
    "ask_1e9",
    "mid_1e9",
    "est_avg_px_1e9",
    "est_notional_1e9",
    "est_fees_1e9",
    "est_total_1e9",
    "est_cost_bps",
    "gas_1e9",
    "exact",
    "legs",
    "next",
    "alternatives",
    "pools",
    "pools_note",
    "skipped",
    "books",
)


def _quantity(ctx: click.Context, param: click.Parameter, value: str) -> str:
    try:
        if 0 < Decimal(value) <= 10**8:
            return value
    except InvalidOperation:
        pass
    raise click.BadParameter(f"{value!r} is not a quantity above 0, e.g. 2.5")


@command("intel")
@click.argument("symbol")
@click.option(
    "--side", type=click.Choice(["buy", "sell"]), default="buy", show_default=True, help="Of the order."
)
@click.option(
    "--route",
    "qty",
    metavar="QTY",
    default=QTY,
    callback=_quantity,
    show_default=True,
    help="Size to split now, e.g. 2.5.",
)
@click.option(
    "--window",
    type=click.IntRange(60, 86_400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How far back figures reach, in the time of the market data.",
)
@pass_globals
def intel(flags: Globals, symbol: str, side: str, qty: str, window: int) -> None:
    """Show what the market offers in SYMBOL, e.g. BTC-USD, measured on recorded books.

    Venues with spread, depth and share; what sizes from $1k to $1M cost; the split the router would choose now and
    why. Nothing is estimated: a size that the recorded books did not reach is missing.
    """
    data = execute(_intel(flags.resolve(), flags.mode, symbol, side, qty, window))
    text = intel_text.text(data, wide=flags.output == "wide")
    names = [row["venue"] for row in data["venues"]]
    show(View(data=data, text=text, names=names), flags.output)


async def _intel(context: Context, mode: Mode, symbol: str, side: str, qty: str, window: int) -> Json:
    async with platform(context, mode) as remote:
        await _known(remote, symbol)
        with offered(
            "market intelligence", "name one that a venue lists, for example: sequence intel BTC-USD"
        ):
            venues = await remote.intelligence("venues", symbol=symbol, window_s=window)
            curves = await remote.intelligence("slippage", symbol=symbol, side=side, window_s=window)
            split = await remote.intelligence("routing", symbol=symbol, side=side, qty=qty)
    return collect(symbol, side, venues, curves, split)


async def _known(remote: "PlatformClient", symbol: str) -> None:
    """CliError (not found) with the nearest names, when the platform's edges serve others only."""
    edges = (await remote.edges()).get("edges") or []
    serving = sorted({name for edge in edges for name in edge.get("symbols") or []})
    if serving and symbol not in serving:
        near = closest(symbol, serving)
        raise CliError(
            f"no venue trades {symbol}",
            f"the edges serve {', '.join(serving)}",
            f"sequence intel {near}" if near else f"sequence intel {serving[0]}",
            ExitCode.NOT_FOUND,
        )


def collect(symbol: str, side: str, venues: Json, curves: Json, split: Json) -> Json:
    """The platform's answers with every key there, null where it does not say; what it adds is left out."""
    routed, sizes = curves.get("routed"), curves.get("sizes_usd") or []
    return harmless(
        {
            "schema": SCHEMA,
            "symbol": symbol,
            "side": side,
            "window_s": venues.get("window_s"),
            "note": venues.get("note"),
            "venues": [_picked(row, _VENUE) for row in _rows(venues)],
            "slippage": {
                "every_s": curves.get("every_s"),
                "sizes_usd": sizes,
                "venues": [_curve(row, _CURVE) for row in _rows(curves) if _fits(row, sizes)],
                "routed": _curve(routed, _ROUTED)
                if isinstance(routed, dict) and _fits(routed, sizes)
                else None,
            },
            "route": _picked(split, _SPLIT)
            | {
                "legs": [_picked(leg, _LEG) for leg in split.get("legs") or []],
                "pools": [_picked(pool, _POOL) for pool in split.get("pools") or []],
            },
            "rules": venues.get("rules") or {},
        }
    )


def _fits(row: Json, sizes: list[int]) -> bool:
    """One point a size: what else a platform may answer is not shown."""
    return len(row.get("points") or []) == len(sizes)


def _curve(row: Json, keys: tuple[str, ...]) -> Json:
    return _picked(row, keys) | {"points": [_picked(point, _POINT) for point in row["points"]]}


def _rows(answer: Json) -> list[Json]:
    return [row for row in answer.get("venues") or [] if isinstance(row, dict)]


def _picked(row: Json, keys: tuple[str, ...]) -> Json:
    return {key: row.get(key) for key in keys}
