"""The events of a file through NautilusTrader's back-test: `python run_nautilus.py EVENTS`, one line of JSON.

Order book deltas of levels, and trades; a strategy that is called with every delta and keeps a post-only quote on each
side. Making the data objects is not timed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from decimal import Decimal
from pathlib import Path

import nautilus_trader
from maker import MAKER_FEE, QUANTITY, TAKER_FEE, TICK, quotes, stale
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import BookOrder, OrderBookDelta, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from events import DELTA, TRADE, read

ID = InstrumentId(Symbol("BTCUSD"), Venue("KRAKEN"))
_LAST = 128  # flag of the last delta of an update


def instrument() -> CurrencyPair:
    return CurrencyPair(
        ID,
        Symbol("BTCUSD"),
        BTC,
        USD,
        price_precision=1,
        size_precision=8,
        price_increment=Price(TICK, 1),
        size_increment=Quantity.from_str("0.00000001"),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=Decimal(str(MAKER_FEE)),
        taker_fee=Decimal(str(TAKER_FEE)),
    )


class Maker(Strategy):
    """A quote that is off is cancelled; the next update places the new one."""

    def __init__(self) -> None:
        super().__init__()
        self.updates = self.placed = self.fills = 0
        self.quantity = Quantity(QUANTITY, 8)

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(ID, BookType.L2_MBP)

    def on_order_book_deltas(self, _: object) -> None:
        self.updates += 1
        book = self.cache.order_book(ID)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None or bid >= ask:
            return
        for side, wanted in zip((OrderSide.BUY, OrderSide.SELL), quotes(float(bid), float(ask)), strict=True):
            self.quote(side, wanted)

    def quote(self, side: OrderSide, wanted: int) -> None:
        resting = self.cache.orders_open(instrument_id=ID, side=side)
        for order in resting:
            if stale(round(float(order.price) / TICK), wanted):
                self.cancel_order(order)
        if not resting:
            self.placed += 1
            price = Price(wanted * TICK, 1)
            self.submit_order(self.order_factory.limit(ID, side, self.quantity, price, post_only=True))

    def on_order_filled(self, _: object) -> None:
        self.fills += 1


def data(path: Path) -> list[object]:
    out: list[object] = []
    for number, (kind, side, ts, px_1e9, qty_1e8) in enumerate(read(path)):
        price, size = Price(px_1e9 / 1e9, 1), Quantity(qty_1e8 / 1e8, 8)
        if kind == TRADE:
            taker = AggressorSide.BUYER if side > 0 else AggressorSide.SELLER
            out.append(TradeTick(ID, price, size, taker, TradeId(str(number)), ts, ts))
            continue
        if kind == DELTA:
            action, flags = (BookAction.UPDATE if qty_1e8 else BookAction.DELETE), _LAST
        else:
            action, flags = BookAction.ADD, 0
        order = BookOrder(OrderSide.BUY if side > 0 else OrderSide.SELL, price, size, 0)
        out.append(OrderBookDelta(ID, action, order, flags, number, ts, ts))
    return out


def main() -> None:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=ID.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(10_000_000, USD), Money(100, BTC)],
        book_type=BookType.L2_MBP,
        trade_execution=True,
    )
    engine.add_instrument(instrument())
    events = data(Path(sys.argv[1]))
    engine.add_data(events)
    strategy = Maker()
    engine.add_strategy(strategy)
    began = time.process_time()
    engine.run()
    used = time.process_time() - began
    print(
        json.dumps(
            {
                "version": nautilus_trader.__version__,
                "messages": len(events),
                "cpu_seconds": used,
                "messages_per_cpu_second": round(len(events) / used),
                "callbacks": strategy.updates,
                "orders": strategy.placed,
                "fills": strategy.fills,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
