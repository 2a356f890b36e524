"""`sequence trace` for people: a waterfall of one order."""

import math
import sys
import textwrap
from typing import Any

from sequence_operator.cli.amounts import clock, price, quantity
from sequence_operator.cli.output import facts, harmless, table
from sequence_operator.cli.terminal import paint
from sequence_operator.cli.trace_steps import deal, describe, span

Json = dict[str, Any]

_COLOURS = {"fill": "green", "rejected": "red", "amend_rejected": "red", "cancelled": "yellow"}
_STATUS = {"FILLED": "green", "REJECTED": "red", "OPEN": "cyan", "PARTIALLY_FILLED": "cyan"}
_EIGHTHS = " ▏▎▍▌▋▊▉"
_ONE_LINE = 120
"""Columns from which a step fits one line; with less its detail stands below it."""


def detail(data: Json, *, columns: int = 0, wide: bool = False, unicode: bool = True) -> str:
    """The whole page. `columns`: of the terminal, 0 for one without end; `wide`: every level of the book."""
    data = harmless(data)
    parts = (_head(data), _waterfall(data, columns, unicode), _book(data, 20 if wide else 5))
    return "\n".join(part for part in parts if part)


def _head(data: Json) -> str:
    order, deployment, source = data["order"], data["deployment"], data["source"]
    status = str(order["status"] or "-")
    why = f" ({order['failure_reason']})" if order["failure_reason"] else ""
    steps = data["steps"]
    module = (deployment["wasm_sha256"] or "")[:12]
    rows = [
        ("order", f"{order['order_id']}  {paint(status, sys.stdout, _STATUS.get(status, 'yellow'))}{why}"),
        ("", f"{deal(order)} · {order['symbol']} on {order['venue']}"),
        ("", _outcome(order)),
        ("deployment", _place(order, deployment)),
        ("module", module or "not told"),
        ("commit", _commit(source)),
    ]
    if source["commit_url"]:
        rows.append(("", source["commit_url"]))
    if steps:
        feed = steps[0]["feed_ns"]
        told = f", feed time {clock(feed)}" if feed is not None else ""
        rows.append(("began", f"{clock(steps[0]['ts_ns'])} UTC{told}"))
    if data["parent"]:
        rows.append(("part of", str(data["parent"])))
    rows += [("leg" if not i else "", str(child)) for i, child in enumerate(data["children"])]
    return facts(rows)


def _place(order: Json, deployment: Json) -> str:
    if not deployment["name"]:
        return "none: the account's own order"
    place = f"{deployment['name']} · instance {deployment['label'] or '-'}"
    return f"{place} · {order['edge_id']}" if order["edge_id"] else place


def _outcome(order: Json) -> str:
    filled = order["filled_qty_1e8"]
    client = f"client id {order['client_order_id']}"
    if not filled:
        return f"{client} · nothing filled"
    average = price(order["avg_fill_price_1e9"])
    return f"{client} · filled {quantity(filled)} at {average}, fees {price(order['fees_1e9'])}"


def _commit(source: Json) -> str:
    if not source["commit"]:
        return "not recorded (deployed without git)"
    return str(source["git_show"] or source["commit"])


def _waterfall(data: Json, columns: int, unicode: bool) -> str:
    steps = data["steps"]
    if not steps:
        return "The platform tells no steps of this order."
    one_line = columns == 0 or columns >= _ONE_LINE
    widest = max(len(f"{number:,}") for number in (data["sum_ns"], *(step["delta_ns"] for step in steps))) + 1
    room = 16 if one_line else max(6, columns - max(len(step["stage"]) for step in steps) - widest - 24)
    scale = Scale([step["delta_ns"] for step in steps], room, unicode)
    rows = [_step(step, scale, widest) for step in steps]
    rows.append(["sum", "", f"{data['sum_ns']:,}".rjust(widest), _adds_up(data)])
    header = ["STAGE", "TIME (UTC)", "+NS".rjust(widest), "TOOK"]
    told = [*describe(data), ""]
    if one_line:
        lines = table([*header, "DETAIL"], [[*row, text] for row, text in zip(rows, told, strict=True)])
        return lines + scale.legend(data["sum_ns"])
    head, *body = table(header, rows).splitlines(keepends=True)
    shown = [head]
    for line, text in zip(body, told, strict=True):
        shown += [line, *_below(text, columns)]
    return "".join(shown) + scale.legend(data["sum_ns"])


def _step(step: Json, scale: "Scale", widest: int) -> list[str]:
    delta, colour = step["delta_ns"], _COLOURS.get(step["stage"])
    return [
        paint(step["stage"], sys.stdout, colour) if colour else step["stage"],
        f"{clock(step['ts_ns'])[11:19]}.{step['ts_ns'] % 10**9:09d}",
        f"+{delta:,}".rjust(widest),
        paint(scale.bar(delta), sys.stdout, "cyan") if delta else "",
    ]


def _adds_up(data: Json) -> str:
    last = data["last_minus_first_ns"]
    if data["sum_ns"] == last:
        return "= last - first"
    return f"but last - first = {last:,}"


def _below(text: str, columns: int) -> list[str]:
    return [
        f"  {paint(line, sys.stdout, dim=True)}\n"
        for line in textwrap.wrap(text, columns - 2, break_on_hyphens=False)
    ]


class Scale:
    """How long a bar is: proportionate, or by the logarithm where a proportionate one would vanish."""

    def __init__(self, deltas: list[int], width: int, unicode: bool) -> None:
        self._longest, self._width, self._unicode = max(deltas), width, unicode
        smallest = min((delta for delta in deltas if delta), default=0)
        cells = width * (8 if unicode else 1)
        self._log = self._longest > cells * smallest

    def bar(self, delta_ns: int) -> str:
        """Something for every time that passed, nothing for none."""
        if delta_ns <= 0:
            return ""
        share = delta_ns / self._longest
        if self._log:
            share = math.log1p(delta_ns) / math.log1p(self._longest)
        if not self._unicode:
            return "#" * max(1, round(share * self._width))
        eighths = max(1, round(share * self._width * 8))
        return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()

    def legend(self, whole_ns: int) -> str:
        if not self._longest:
            return ""
        kind = "logarithmic" if self._log else "proportionate"
        return f"{span(whole_ns)} in all; bars are {kind}, the longest is {span(self._longest)}\n"


def _book(data: Json, levels: int) -> str:
    book = data["book"]
    if not book:
        return ""
    bids, asks = book["bids"][:levels], book["asks"][:levels]
    rows = []
    for index in range(max(len(bids), len(asks))):
        bid = bids[index] if index < len(bids) else None
        ask = asks[index] if index < len(asks) else None
        rows.append(
            [
                quantity(bid[1]) if bid else "",
                price(bid[0]) if bid else "",
                price(ask[0]) if ask else "",
                quantity(ask[1]) if ask else "",
            ]
        )
    widths = [max(len(row[i]) for row in [*rows, ["BID SIZE", "BID", "", ""]]) for i in (0, 1)]
    header = ["BID SIZE".rjust(widths[0]), "BID".rjust(widths[1]), "ASK", "ASK SIZE"]
    lines = [[row[0].rjust(widths[0]), row[1].rjust(widths[1]), *row[2:]] for row in rows]
    hidden = max(len(book["bids"]), len(book["asks"])) - levels
    more = f" (-o wide shows {hidden} more levels)" if hidden > 0 else ""
    title = (
        f"{data['order']['venue']} as the algo saw it: book {book['seq']:,}, {book['state']}, feed time "
        f"{clock(book['ts_ns'])}\n"
    )
    mid = f"mid at the decision {price(data['decision_mid_1e9'])}, on arrival {price(data['arrival_mid_1e9'])}{more}\n"
    return title + table(header, lines) + mid
