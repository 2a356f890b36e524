"""One piece of news as one line: `sequence watch --plain`, pipes, `-o json`."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from sequence_operator.cli.amounts import clock, micros, money, price, quantity
from sequence_operator.cli.terminal import paint, plain

SCHEMA = "watch/v1"
_COLOURS = {"fill": "green", "reject": "red", "lost": "red", "status": "yellow", "drop": "yellow"}


def line(kind: str, at_ns: int, data: Mapping[str, Any]) -> str:
    """`2026-01-02 03:04:05.678 fill    maker     …`: time (UTC), kind, instance, words."""
    word = "reject" if kind == "order" and data.get("status") == "REJECTED" else kind
    shown = paint(f"{word:<7}", sys.stdout, _COLOURS.get(word))
    label = str(data.get("label") or data.get("from") or data.get("edge_id") or "-")
    return f"{clock(at_ns)} {shown} {plain(label):<10} {plain(words(kind, data))}".rstrip()


def as_json(kind: str, at_ns: int, data: Mapping[str, Any]) -> str:
    """The same as an object on one line; `data` is the platform's own row."""
    return json.dumps({"schema": SCHEMA, "kind": kind, "at_ns": at_ns, "data": data}, ensure_ascii=False)


def words(kind: str, data: Mapping[str, Any]) -> str:
    """What a person needs of it, without time and instance."""
    match kind:
        case "order":
            return _order(data)
        case "fill":
            return _fill(data)
        case "mesh":
            return _flow(data)
        case "log":
            return f"{data.get('level', 'INFO'):<5} {data.get('message', '')}"
        case "latency":
            return _latency(data)
        case "status":
            return " · ".join(str(data[k]) for k in ("status", "pause_reason", "error") if data.get(k))
        case _:
            return str(data.get("text", ""))


def _order(row: Mapping[str, Any]) -> str:
    at = "market" if row.get("price_1e9") is None else price(row["price_1e9"])
    filled = row.get("filled_qty_1e8") or 0
    part = f", {quantity(filled)} filled" if filled else ""
    why = f" ({row['failure_reason']})" if row.get("failure_reason") else ""
    what = f"{row.get('side')} {quantity(row.get('qty_1e8'))} {row.get('symbol')} @ {at} {row.get('tif')}"
    return f"{row.get('status')} {what}{part}{why} {row.get('order_id')}"


def _fill(row: Mapping[str, Any]) -> str:
    what = f"{row.get('side')} {quantity(row.get('qty_1e8'))} {row.get('symbol')} @ {price(row.get('price_1e9'))}"
    return f"{what} {row.get('liquidity')} fee {money(row.get('fee_1e9'))} {row.get('node_order_id')}"


def _flow(data: Mapping[str, Any]) -> str:
    fate = "dropped" if data.get("dropped") else micros(data.get("latency_ns"))
    return f"-> {data.get('to')} {data.get('bytes')} bytes {fate}"


def _latency(row: Mapping[str, Any]) -> str:
    if not row.get("alive"):
        return "edge is gone"
    latency = row.get("callback_latency_ns") or {}
    feed = row.get("feed") or {}
    return f"callback p50 {micros(latency.get('p50'))} p99 {micros(latency.get('p99'))} feed {feed.get('state', '-')}"
