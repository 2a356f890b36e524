"""The three venues' words for the same news. One object a connection; everything it returns is a frame to send."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from sequence_paper.feed.events import BUY, SELL, Side, Trade
from sequence_paper.feed.server.truth import ALL, Batch, Truth
from sequence_paper.feed.wire import binance, kraken

_SIDES: Final[tuple[Side, ...]] = (BUY, SELL)
_View = dict[tuple[Side, int], int]


class Dialect(Protocol):
    """`subscribed`: symbols whose snapshot was sent."""

    def heard(self, text: str, now_ns: int) -> list[str]:
        """Answers to a request of the client: first the acknowledgement, then snapshots."""
        ...

    def news(self, batch: Batch) -> list[str]:
        """Frames about a batch."""
        ...

    def beat(self, now_ns: int) -> list[str]:
        """What is sent every second whatever happens."""
        ...


class Kraken:
    """Books of `depth` levels with a checksum; a level that is pushed out of sight is not told."""

    def __init__(self, truth: Truth, path: str) -> None:
        self._truth = truth
        self._views: dict[str, _View] = {}
        self._depth = kraken.DEPTH
        self._trades: set[str] = set()

    def heard(self, text: str, now_ns: int) -> list[str]:
        said = json.loads(text)
        params = said.get("params", {})
        symbols = [name.replace("/", "-") for name in params.get("symbol", [])]
        method, channel = said.get("method"), params.get("channel")
        ack = {"method": method, "result": {"channel": channel}, "success": True}
        if method == "unsubscribe":
            for symbol in symbols:
                self._views.pop(symbol, None)
            return [json.dumps(ack)]
        if channel == "trade":
            self._trades.update(symbols)
            return [json.dumps(ack)]
        self._depth = int(params.get("depth", self._depth))
        return [json.dumps(ack), *(self._snapshot(symbol, now_ns) for symbol in symbols)]

    def news(self, batch: Batch) -> list[str]:
        frames = []
        symbol = batch.symbol
        if batch.trades and symbol in self._trades:
            rows = [self._trade(trade, batch.ts_ns) for trade in batch.trades]
            frames.append(f'{{"channel":"trade","type":"update","data":[{",".join(rows)}]}}')
        view = self._views.get(symbol)
        if view is not None and batch.changed:
            now = self._view(symbol)
            told = {key: size for key, size in now.items() if view.get(key) != size}
            book = self._truth.books[symbol]
            told |= {key: 0 for key in view if key not in now and not book.size(*key)}
            self._views[symbol] = now
            if told:
                frames.append(self._book(symbol, "update", told, batch.ts_ns))
        return frames

    def beat(self, now_ns: int) -> list[str]:
        return ['{"channel":"heartbeat"}']

    def _snapshot(self, symbol: str, now_ns: int) -> str:
        self._views[symbol] = self._view(symbol)
        return self._book(symbol, "snapshot", self._views[symbol], now_ns)

    def _view(self, symbol: str) -> _View:
        book = self._truth.books[symbol]
        return {(side, px): size for side in _SIDES for px, size in book.top_of(side, self._depth)}

    def _book(self, symbol: str, kind: str, told: _View, now_ns: int) -> str:
        sides = []
        for name, side in (("bids", BUY), ("asks", SELL)):
            rows = [
                f'{{"price":{self._truth.price(symbol, px)},"qty":{self._truth.qty(symbol, size)}}}'
                for (of, px), size in told.items()
                if of == side
            ]
            sides.append(f'"{name}":[{",".join(rows)}]')
        name = symbol.replace("-", "/")
        # Numbers are written by hand: their digits count for the checksum, and a float would lose them.
        body = f'"symbol":"{name}",{",".join(sides)},"checksum":{self._checksum(symbol)},"timestamp":"{stamp(now_ns)}"'
        return f'{{"channel":"book","type":"{kind}","data":[{{{body}}}]}}'

    def _checksum(self, symbol: str) -> int:
        truth = self._truth
        text = ""
        for side in (SELL, BUY):
            for px, size in truth.books[symbol].top_of(side, 10):
                for written in (truth.price(symbol, px), truth.qty(symbol, size)):
                    text += written.replace(".", "").lstrip("0")
        return zlib.crc32(text.encode())

    def _trade(self, trade: Trade, now_ns: int) -> str:
        symbol, side = trade.symbol, "buy" if trade.aggressor == BUY else "sell"
        name, price = symbol.replace("-", "/"), self._truth.price(symbol, trade.px_1e9)
        self._truth.trade_id += 1
        return (
            f'{{"symbol":"{name}","side":"{side}","price":{price},'
            f'"qty":{self._truth.qty(symbol, trade.qty_1e8)},"ord_type":"limit",'
            f'"trade_id":{self._truth.trade_id},"timestamp":"{stamp(now_ns)}"}}'
        )


class Coinbase:
    """Whole books; every message of the connection is numbered."""

    def __init__(self, truth: Truth, path: str) -> None:
        self._truth = truth
        self._number = 0
        self._channels: dict[str, set[str]] = {"level2": set(), "market_trades": set(), "heartbeats": set()}

    def heard(self, text: str, now_ns: int) -> list[str]:
        said = json.loads(text)
        channel, symbols = said["channel"], said["product_ids"]
        self._channels[channel].update(symbols)
        frames = [self._frame("subscriptions", [{"subscriptions": {channel: symbols}}], now_ns)]
        if channel == "level2":
            for symbol in symbols:
                book = self._truth.books[symbol]
                shown = {(side, px): size for side in _SIDES for px, size in book.top_of(side, ALL)}
                frames.append(self._level2("snapshot", symbol, shown, now_ns))
        return frames

    def news(self, batch: Batch) -> list[str]:
        frames = []
        if batch.trades and batch.symbol in self._channels["market_trades"]:
            # The newest first, as the venue lists them.
            rows = [self._trade(trade, batch.ts_ns) for trade in reversed(batch.trades)]
            frames.append(self._frame("market_trades", [{"type": "update", "trades": rows}], batch.ts_ns))
        if batch.changed and batch.symbol in self._channels["level2"]:
            frames.append(self._level2("update", batch.symbol, batch.changed, batch.ts_ns))
        return frames

    def beat(self, now_ns: int) -> list[str]:
        if not self._channels["heartbeats"]:
            return []
        return [
            self._frame(
                "heartbeats", [{"current_time": stamp(now_ns), "heartbeat_counter": self._number}], now_ns
            )
        ]

    def _level2(self, kind: str, symbol: str, levels: Mapping[tuple[Side, int], int], now_ns: int) -> str:
        updates = [
            {
                "side": "bid" if side == BUY else "offer",
                "event_time": stamp(now_ns),
                "price_level": self._truth.price(symbol, px),
                "new_quantity": self._truth.qty(symbol, size) if size else "0",
            }
            for (side, px), size in levels.items()
        ]
        return self._frame("l2_data", [{"type": kind, "product_id": symbol, "updates": updates}], now_ns)

    def _trade(self, trade: Trade, now_ns: int) -> dict[str, Any]:
        self._truth.trade_id += 1
        return {
            "trade_id": str(self._truth.trade_id),
            "product_id": trade.symbol,
            "price": self._truth.price(trade.symbol, trade.px_1e9),
            "size": self._truth.qty(trade.symbol, trade.qty_1e8),
            "side": "SELL" if trade.aggressor == BUY else "BUY",  # the side of the order that was there
            "time": stamp(now_ns),
        }

    def _frame(self, channel: str, events: list[dict[str, Any]], now_ns: int) -> str:
        number, self._number = self._number, self._number + 1
        head = {"channel": channel, "client_id": "", "timestamp": stamp(now_ns), "sequence_num": number}
        return json.dumps(head | {"events": events})


class Binance:
    """Differences with the numbers of their changes, which the snapshot of `document` shares."""

    def __init__(self, truth: Truth, path: str) -> None:
        self._truth = truth
        names = parse_qs(urlsplit(path).query).get("streams", [""])[0].upper().split("/")
        self._symbols = {
            s for s in truth.books if any(n.startswith(binance.wire_symbol(s) + "@") for n in names)
        }

    def heard(self, text: str, now_ns: int) -> list[str]:
        return []

    def news(self, batch: Batch) -> list[str]:
        if batch.symbol not in self._symbols:
            return []
        name = binance.wire_symbol(batch.symbol)
        at = batch.ts_ns // 1_000_000
        frames = []
        for trade in batch.trades:
            self._truth.trade_id += 1
            price, qty = (
                self._truth.price(trade.symbol, trade.px_1e9),
                self._truth.qty(trade.symbol, trade.qty_1e8),
            )
            data: dict[str, Any] = {
                "e": "trade",
                "E": at,
                "s": name,
                "t": self._truth.trade_id,
                "p": price,
                "q": qty,
                "T": at,
            }
            frames.append(_stream(f"{name.lower()}@trade", data | {"m": trade.aggressor == SELL}))
        if batch.changed:
            data = {"e": "depthUpdate", "E": at, "s": name, "U": batch.first_id, "u": batch.last_id}
            data |= {"b": self._rows(batch, BUY), "a": self._rows(batch, SELL)}
            frames.append(_stream(f"{name.lower()}@depth@100ms", data))
        return frames

    def beat(self, now_ns: int) -> list[str]:
        return []

    def _rows(self, batch: Batch, side: Side) -> list[list[str]]:
        symbol, truth = batch.symbol, self._truth
        return [
            [truth.price(symbol, px), truth.qty(symbol, size)]
            for (of, px), size in batch.changed.items()
            if of == side
        ]


def document(truth: Truth, path: str) -> str | None:
    """The answer to a REST request of Binance's client; None for a path that is none."""
    parts = urlsplit(path)
    if parts.path != "/api/v3/depth":
        return None
    query = parse_qs(parts.query)
    name, limit = query["symbol"][0], int(query.get("limit", ["100"])[0])
    symbol = next((s for s in truth.books if binance.wire_symbol(s) == name), None)
    if symbol is None:
        return None
    book = truth.books[symbol]
    sides: tuple[tuple[str, Side], ...] = (("bids", BUY), ("asks", SELL))
    shown = {
        key: [[truth.price(symbol, px), truth.qty(symbol, size)] for px, size in book.top_of(side, limit)]
        for key, side in sides
    }
    return json.dumps({"lastUpdateId": truth.last_id[symbol], **shown})


def stamp(ns: int) -> str:
    """RFC 3339, UTC, microseconds."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns // 1000 % 1_000_000:06d}Z"


def _stream(name: str, data: Mapping[str, Any]) -> str:
    return json.dumps({"stream": name, "data": data})


DIALECTS: Final[Mapping[str, Callable[[Truth, str], Dialect]]] = {
    "kraken": Kraken,
    "coinbase": Coinbase,
    "binance": Binance,
}
"""By venue: made for each connection, with the path it was opened by."""
