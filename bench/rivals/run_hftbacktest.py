"""The events of a file through hftbacktest: `python run_hftbacktest.py EVENTS`, one line of JSON.

Levels and trades, power-probability queue (exponent 3), exchange with partial fills, no latency; the strategy is
compiled by numba and called once an instant of the feed. Compiling and making the data are not timed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    DEPTH_SNAPSHOT_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from maker import LOT, MAKER_FEE, QUANTITY, TAKER_FEE, TICK, quotes, stale
from numba import njit

from events import read

_KINDS = (DEPTH_SNAPSHOT_EVENT, DEPTH_EVENT, TRADE_EVENT)
_quotes, _stale = njit(quotes), njit(stale)


def data(path: Path) -> np.ndarray:
    rows = list(read(path))
    out = np.zeros(len(rows), event_dtype)
    for at, (kind, side, ts, px_1e9, qty_1e8) in enumerate(rows):
        of = BUY_EVENT if side > 0 else SELL_EVENT
        out[at]["ev"] = _KINDS[kind] | EXCH_EVENT | LOCAL_EVENT | of
        out[at]["exch_ts"] = out[at]["local_ts"] = ts
        out[at]["px"], out[at]["qty"] = px_1e9 / 1e9, qty_1e8 / 1e8
    return out


@njit
def run(hbt):
    updates = placed = number = 0
    while hbt.wait_next_feed(False, 10**12) != 1:
        hbt.clear_inactive_orders(0)
        updates += 1
        depth = hbt.depth(0)
        if not depth.best_bid < depth.best_ask:
            continue
        bid, ask = _quotes(depth.best_bid, depth.best_ask)
        has_bid = has_ask = False
        values = hbt.orders(0).values()
        while values.has_next():
            order = values.get()
            wanted = bid if order.side == 1 else ask
            if order.side == 1:
                has_bid = True
            else:
                has_ask = True
            if order.cancellable and _stale(order.price_tick, wanted):
                hbt.cancel(0, order.order_id, False)
        if not has_bid:
            placed += 1
            number += 1
            hbt.submit_buy_order(0, number, bid * TICK, QUANTITY, GTX, LIMIT, False)
        if not has_ask:
            placed += 1
            number += 1
            hbt.submit_sell_order(0, number, ask * TICK, QUANTITY, GTX, LIMIT, False)
    return updates, placed


def backtest(events: np.ndarray) -> HashMapMarketDepthBacktest:
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .power_prob_queue_model3(3.0)
        .partial_fill_exchange()
        .trading_value_fee_model(MAKER_FEE, TAKER_FEE)
        .tick_size(TICK)
        .lot_size(LOT)
    )
    return HashMapMarketDepthBacktest([asset])


def main() -> None:
    events = data(Path(sys.argv[1]))
    run(backtest(events[:1000]))  # compiles
    hbt = backtest(events)
    began = time.process_time()
    updates, placed = run(hbt)
    used = time.process_time() - began
    fills = int(hbt.state_values(0).num_trades)
    hbt.close()
    print(
        json.dumps(
            {
                "version": version("hftbacktest"),
                "messages": len(events),
                "cpu_seconds": used,
                "messages_per_cpu_second": round(len(events) / used),
                "callbacks": updates,
                "orders": placed,
                "fills": fills,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
