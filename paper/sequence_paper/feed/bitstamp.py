"""The recorded Bitstamp BTC/USD orders inside the ``ob-analytics`` wheel: where they are, and their rows.

Half an hour of 2026-05-02: every order created, changed and deleted, with the exchange's millisecond, and every
trade with both order ids. The package is GPL, so it is neither imported nor copied: it is installed beside us and
its data files are read where they lie.
"""

from __future__ import annotations

import csv
import functools
import gzip
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, Literal, NamedTuple

from sequence_paper.feed.errors import FeedError
from sequence_paper.feed.events import BUY, SELL, Side

PACKAGE: Final = "ob-analytics"
NAME: Final = "bitstamp-btcusd"
SYMBOL: Final = "BTC-USD"
_FOLDER: Final = "ob_analytics/_sample_data"
_INSTALL: Final = "pip install --no-deps ob-analytics==0.1.0"
_MS: Final = 1_000_000


class OrderRow(NamedTuple):
    """One change of one order. ``qty_1e8``: what is left of it after ``created`` and ``changed``.

    On ``deleted``, ``qty_1e8`` is 0 for an order that was filled, else what was cancelled. ``px_1e9`` of a taker's
    ``changed`` row is the price it just traded at, not its limit.
    """

    id: str
    ts_ns: int
    px_1e9: int
    qty_1e8: int
    action: Literal["created", "changed", "deleted"]
    side: Side


class TradeRow(NamedTuple):
    ts_ns: int
    px_1e9: int
    qty_1e8: int
    aggressor: Side
    maker_id: str
    taker_id: str


class Recording(NamedTuple):
    """The files and the facts of ``meta.json`` that reading needs.

    The first ``opening_rows`` are the book before the first live row; ``live_rows`` follow; what comes after are
    deletions the recorder made up to close every order, which never happened.
    """

    folder: Path
    opening_rows: int
    live_rows: int
    start_ns: int
    end_ns: int

    @staticmethod
    def find() -> Recording:
        """Locate the installed recording. Raises FeedError with the install command."""
        try:
            folder = Path(str(distribution(PACKAGE).locate_file(_FOLDER)))
        except PackageNotFoundError:
            raise FeedError(
                f"the recorded {NAME} data is not installed: it comes with the package {PACKAGE}", _INSTALL
            ) from None
        missing = [
            name for name in ("orders.csv.gz", "trades.csv", "meta.json") if not (folder / name).is_file()
        ]
        if missing:
            raise FeedError(
                f"the installed package {PACKAGE} has no {', '.join(missing)} in {folder}",
                f"{_INSTALL} --force-reinstall",
            )
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        return Recording(
            folder,
            opening_rows=int(meta["synthetic_created"]),
            live_rows=int(meta["live_orders"]),
            start_ns=int(meta["snapshot_microtimestamp"]) * 1000,
            end_ns=_epoch_ns(meta["ended_at"]),
        )

    def orders(self) -> Iterator[OrderRow]:
        """All rows that really happened, opening book first, in exchange order; parsed as they are asked for."""
        # As `OrderRow(...)`, in half the time: six rows make an event of the feed.
        row = tuple.__new__
        lines = _lines(self.folder / "orders.csv.gz")
        for line in itertools.islice(lines, 1, 1 + self.opening_rows + self.live_rows):
            order_id, _received, exchange_ms, price, volume, action, direction = line.split(",")
            side = BUY if direction == "bid" else SELL
            ts_ns, px, qty = int(exchange_ms) * _MS, _price(price), _quantity(volume)
            yield row(OrderRow, (order_id, ts_ns, px, qty, action, side))

    def trades(self) -> list[TradeRow]:
        """All trades, in the order they happened."""
        with (self.folder / "trades.csv").open(encoding="ascii", newline="") as lines:
            return [_trade(row) for row in csv.DictReader(lines)]


def _lines(path: Path) -> Iterator[str]:
    """Cut out of large pieces, which takes less than to ask for each line."""
    rest = ""
    with gzip.open(path, "rt", encoding="ascii") as text:
        while piece := text.read(1 << 16):
            *whole, rest = (rest + piece).split("\n")
            yield from whole
    if rest:
        yield rest


def _epoch_ns(iso: str) -> int:
    since = datetime.fromisoformat(iso) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since // timedelta(microseconds=1)) * 1000


def _trade(row: dict[str, str]) -> TradeRow:
    bought = row["side"] == "buy"
    maker, taker = row["sell_order_id"], row["buy_order_id"]
    if not bought:
        maker, taker = taker, maker
    return TradeRow(
        int(row["exchange_timestamp"]) * _MS,
        scaled(row["price"], 9),
        scaled(row["amount"], 8),
        BUY if bought else SELL,
        maker,
        taker,
    )


def scaled(decimal: str, digits: int) -> int:
    """A plain or scientific decimal as an integer x 10^digits, exactly. Raises ValueError for finer decimals.

    >>> scaled("0.121", 8)
    12100000
    """
    if "e" in decimal or "E" in decimal:
        mantissa, _, exponent = decimal.lower().partition("e")
        return scaled(mantissa, digits + int(exponent))
    whole, _, fraction = decimal.partition(".")
    if len(fraction) > digits:
        if digits < 0 or fraction[digits:].strip("0"):
            raise ValueError(f"{decimal!r} is finer than {digits} decimals")
        fraction = fraction[:digits]
    return int(whole + fraction.ljust(digits, "0"))


# The same prices and quantities come again and again.
@functools.lru_cache(1 << 14)
def _price(decimal: str) -> int:
    return scaled(decimal, 9)


@functools.lru_cache(1 << 14)
def _quantity(decimal: str) -> int:
    return scaled(decimal, 8)
