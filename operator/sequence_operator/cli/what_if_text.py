"""`sequence trace --what-if` for people: two lives of one order side by side."""

from typing import Any

from sequence_operator.cli.amounts import clock, money, price, quantity
from sequence_operator.cli.output import count, facts, harmless, table
from sequence_operator.cli.trace_steps import span

Json = dict[str, Any]


def page(data: Json) -> str:
    """`data`: as `what-if/v1`. Fits 80 columns."""
    data = harmless(data)
    return "\n".join((_head(data), _lives(data), _result(data)))


def _head(data: Json) -> str:
    limit = data["price_1e9"]
    deal = f"{data['side']} {quantity(data['qty_1e8'])} @ {price(limit) if limit else 'market'}"
    fills = count(data["repeated"]["fills"], "fill")
    return facts(
        [
            ("order", data["order_id"]),
            ("", f"{deal} · {data['symbol']} · {data['deployment']}/{data['label']}"),
            ("decided", f"feed time {clock(data['decided_ns'])}, mid {price(data['decision_mid_1e9'])}"),
            ("what if", data["change"]),
            ("repeated", f"the run without the change first: the same {fills}, to the unit"),
        ]
    )


def _lives(data: Json) -> str:
    lives = data["original"], data["changed"]
    since = data["decided_ns"]
    rows = [
        ["venue", *(life["venue"] for life in lives)],
        ["type", *(life["order_type"] for life in lives)],
        ["latency", *(life["latency"] for life in lives)],
        ["sent", *(_after(life["sent_ns"], since) for life in lives)],
        ["arrived", *(_after(life["arrived_ns"], since) for life in lives)],
        ["queue ahead", *(_ahead(life) for life in lives)],
        *_side_by_side("fills", *(_fills(life, since) for life in lives)),
        *_side_by_side("ended", *(_end(life, since) for life in lives)),
        ["filled", *(_filled(life) for life in lives)],
        ["slippage", *(_bps(life["slippage_bps"]) for life in lives)],
        ["fees", *(money(life["fees_1e9"]) for life in lives)],
        ["cost", *(f"{money(life['cost_1e9'])} ({_bps(life['cost_bps'])})" for life in lives)],
    ]
    return table(["", "AS IT WAS", "WHAT IF"], rows)


def _side_by_side(label: str, before: list[str], after: list[str]) -> list[list[str]]:
    longest = max(len(before), len(after))
    both = (side + [""] * (longest - len(side)) for side in (before, after))
    return [[label if not index else "", *cells] for index, cells in enumerate(zip(*both, strict=True))]


def _after(ns: int | None, since: int) -> str:
    if ns is None:
        return "-"
    return "at once" if ns == since else f"+{span(ns - since)}"


def _ahead(life: Json) -> str:
    return "did not rest" if life["ahead_1e8"] is None else quantity(life["ahead_1e8"])


def _fills(life: Json, since: int) -> list[str]:
    lines = []
    for fill in life["fills"]:
        lines.append(f"{quantity(fill['qty_1e8'])} @ {price(fill['price_1e9'])}")
        lines.append(f"  {fill['liquidity']}, {fill['certainty']}, {_after(fill['ts_ns'], since)}")
        lines.append(f"  fee {price(fill['fee_1e9'])}")
    return lines or ["none"]


def _end(life: Json, since: int) -> list[str]:
    if life["ended_ns"] is None:
        return ["still open"]
    lines = [f"{life['status']} {_after(life['ended_ns'], since)}"]
    if life["why"]:
        words = life["why"].split()
        line = " "
        for word in words:
            if len(line) + len(word) > 30:
                lines.append(line)
                line = " "
            line += f" {word}"
        lines.append(line)
    if life["possible_1e8"]:
        lines.append(f"  {quantity(life['possible_1e8'])} of it possible")
    return lines


def _filled(life: Json) -> str:
    if not life["filled_1e8"]:
        return "nothing"
    return f"{quantity(life['filled_1e8'])} at {price(life['avg_price_1e9'])}"


def _bps(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f} bps"


def _result(data: Json) -> str:
    change, until = data["difference"], data["until_ns"]
    cost, bps = change["cost_1e9"], change["cost_bps"]
    if cost is None:
        verdict = "not known: there is no mid at the decision or at the end"
    elif cost == 0:
        verdict = "none"
    else:
        more = "more" if cost > 0 else "less"
        verdict = (
            f"it costs {money(abs(cost))} {more} ({_bps(bps)}): fees {_signed(change['fees_1e9'])}, "
            f"prices {_signed(change['before_fees_1e9'])}"
        )
    rows = [
        ("difference", verdict),
        ("valued at", f"mid {price(data['until_mid_1e9'])} for what is not filled by {clock(until)}"),
        ("the algo saw", _algo(data)),
        ("signs", "positive is cost; slippage is against the mid at the decision"),
    ]
    return facts(rows)


def _signed(value_1e9: int) -> str:
    text = money(value_1e9)
    return text if text.startswith("-") else f"+{text}"


def _algo(data: Json) -> str:
    algo = data["algo"]
    before, after = algo["actions_original"], algo["actions_changed"]
    if algo["differs_from_ns"] is None:
        return f"the change, and did the same: {count(before, 'action')} from the decision on"
    when = clock(algo["differs_from_ns"])[11:]
    return (
        f"the change, and did otherwise from {when} on:\n"
        f"{count(after, 'action')} from the decision on instead of {before:,}"
    )
