"""One line about each step of an order. A stage or a fact that is not known here is printed as it came."""

from collections.abc import Callable
from typing import Any

from sequence_operator.cli.amounts import price, quantity

Json = dict[str, Any]


def describe(data: Json) -> list[str]:
    """The detail column: one text a step, in their order."""
    told, before = [], None
    for index, step in enumerate(data["steps"]):
        teller = _TELLERS.get(step["stage"], _anything)
        words = teller(step["detail"], data["steps"][:index])
        feed = step["feed_ns"]
        if before is not None and feed is not None and feed != before:
            words.append(f"feed +{span(feed - before)}")
        before = feed if feed is not None else before
        told.append(" · ".join(word for word in words if word))
    return told


def deal(order: Json) -> str:
    """`buy 0.02 @ 99,950.00 (post_only)`."""
    kind = order.get("tif") if order.get("order_type") == "limit" else order.get("order_type")
    return f"{order.get('side')} {_at(order)} ({kind})"


def span(ns: int) -> str:
    """A duration in the unit a person would say it in."""
    sign, rest = ("-" if ns < 0 else ""), abs(ns)
    for size, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if rest >= size:
            if unit == "s" and rest >= 120 * size:
                minutes, seconds = divmod(rest // size, 60)
                hours, minutes = divmod(minutes, 60)
                return f"{sign}{f'{hours}h ' if hours else ''}{minutes}m {seconds:02d}s"
            return f"{sign}{rest / size:,.2f} {unit}"
    return f"{sign}{rest} ns"


def _decision(detail: Json, _: list[Json]) -> list[str]:
    known = [detail.get("callback"), _number("book", detail.get("book_seq"))]
    return [*(word for word in known if word), f"mid {price(detail.get('mid_1e9'))}"]


def _submitted(detail: Json, before: list[Json]) -> list[str]:
    if "parent_id" in detail:
        return [f"a leg of {detail['parent_id']}", *_before(detail)]
    kind = detail.get("order_type")
    words = [f"{detail.get('side')} {_at(detail)}{'' if kind in (None, 'market') else f' {kind}'}"]
    decision = before[0]["detail"] if before else {}
    if "callback_ns" in decision:
        words.append(f"callback ran {span(decision['callback_ns'])}")
    if "callback_start_ns" in decision:
        words.append(f"began {span(decision['callback_start_ns'] - before[0]['ts_ns'])} after the book came")
    return words


def _before(detail: Json) -> list[str]:
    """What happened at the router, by the router's clock."""
    created, decided, sent = (detail.get(name) for name in ("created_ns", "decided_ns", "sent_ns"))
    if created is None or decided is None or sent is None:
        return []
    return [f"routed in {span(decided - created)}, sent {span(sent - decided)} later (the router's clock)"]


def _risk(detail: Json, _: list[Json]) -> list[str]:
    checks = detail.get("checks") or {}
    if detail.get("passed"):
        limits = ", ".join(f"{name} {_limit(name, limit)}" for name, limit in checks.items())
        return [f"passed: {limits}" if limits else "passed: no limit is set"]
    words = [f"refused by {detail.get('check')}: {detail.get('reason')}"]
    if detail.get("value") is not None:
        name = str(detail.get("check"))
        words.append(f"{_limit(name, detail['value'])} against {_limit(name, detail['limit'])}")
    return words


def _routed(detail: Json, _: list[Json]) -> list[str]:
    known = ("venue", "why", "mid_1e9", "parent_id")
    if "legs" in detail:
        legs = ", ".join(f"{quantity(leg['qty_1e8'])} to {leg['venue']}" for leg in detail["legs"])
        skipped = ", ".join(f"{venue} ({why})" for venue, why in (detail.get("skipped") or {}).items())
        return [f"round {detail.get('round')}: {legs or 'nowhere'}", f"without {skipped}" if skipped else ""]
    return [
        f"to {detail.get('venue')} ({detail.get('why')})",
        f"mid {price(detail.get('mid_1e9'))}",
        *_anything({k: v for k, v in detail.items() if k not in known}, []),
    ]


def _sent(detail: Json, _: list[Json]) -> list[str]:
    return [f"{_at(detail)} to {detail.get('venue')}"]


def _ack(detail: Json, _: list[Json]) -> list[str]:
    if not detail.get("rests"):
        return [_at(detail), "does not rest"]
    return [_at(detail), f"rests with {quantity(detail.get('ahead_1e8'))} ahead of it"]


def _fill(detail: Json, _: list[Json]) -> list[str]:
    return [
        f"{_at(detail)} as {detail.get('liquidity')}",
        str(detail["certainty"]) if detail.get("certainty") not in (None, "certain") else "",
        f"fee {price(detail.get('fee_1e9'))}",
        f"{quantity(detail.get('remaining_1e8'))} left",
        "" if detail.get("feed_state") in (None, "ok") else f"feed {detail['feed_state']}",
        *_skipped(detail),
    ]


def _amended(detail: Json, before: list[Json]) -> list[str]:
    place = "kept its place" if detail.get("kept_place") else "went to the end of the queue"
    return [f"now {_at(detail)}", place, *_asked(detail)]


def _amend_rejected(detail: Json, _: list[Json]) -> list[str]:
    wanted = {"qty_1e8": detail.get("wanted_qty_1e8"), "price_1e9": detail.get("wanted_price_1e9")}
    return [f"{_at(wanted)} refused ({detail.get('name')}): {detail.get('reason')}"]


def _cancelled(detail: Json, _: list[Json]) -> list[str]:
    words = [str(detail.get("reason")), f"{quantity(detail.get('remaining_1e8'))} unfilled"]
    if detail.get("possible_1e8"):
        words.append(f"{quantity(detail['possible_1e8'])} of it possible")
    return [*words, *_asked(detail), *_skipped(detail)]


def _rejected(detail: Json, _: list[Json]) -> list[str]:
    return [
        f"by the {detail.get('by')} ({detail.get('name')}, code {detail.get('code')}): {detail.get('reason')}"
    ]


def _restored(detail: Json, _: list[Json]) -> list[str]:
    return [
        "the edge was started again",
        f"{quantity(detail.get('filled_1e8'))} of {_at(detail)} filled",
        f"rests with {quantity(detail.get('ahead_1e8'))} ahead of it",
    ]


def _anything(detail: Json, _: list[Json]) -> list[str]:
    return [f"{name} {value}" for name, value in detail.items()]


def _at(detail: Json) -> str:
    """`0.02 @ 99,950.00`; a market order has no price."""
    limit = detail.get("price_1e9")
    return f"{quantity(detail.get('qty_1e8'))} @ {price(limit) if limit else 'market'}"


def _limit(name: str, value: int) -> str:
    if name.endswith("_1e8"):
        return quantity(value)
    return price(value) if name.endswith("_1e9") else f"{value:,}"


def _number(what: str, number: int | None) -> str:
    return "" if number is None else f"{what} {number:,}"


def _asked(detail: Json) -> list[str]:
    by = detail.get("by")
    if by == "algo":
        return [f"asked for by {detail.get('callback')}"]
    return [f"by the {by}"] if by else []


def _skipped(detail: Json) -> list[str]:
    skipped = detail.get("skipped_amends")
    return [f"{skipped:,} more amends are not listed"] if skipped else []


_TELLERS: dict[str, Callable[[Json, list[Json]], list[str]]] = {
    "decision": _decision,
    "submitted": _submitted,
    "risk": _risk,
    "routed": _routed,
    "sent": _sent,
    "venue_ack": _ack,
    "fill": _fill,
    "amended": _amended,
    "amend_rejected": _amend_rejected,
    "cancelled": _cancelled,
    "rejected": _rejected,
    "restored": _restored,
}
