"""`sequence mesh` for people, in 80 columns as long as labels are short."""

import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any

from sequence_operator.cli.amounts import age, duration
from sequence_operator.cli.output import count, facts, harmless, table
from sequence_operator.cli.terminal import paint

Json = dict[str, Any]

_COLOURS = {"live": "green", "stale": "yellow", "unmeasured": "yellow", "forbidden": "bright_black"}
_GLYPHS = {"live": "●", "stale": "◌", "unmeasured": "?", "forbidden": "✕"}
ASCII = str.maketrans({"→": "->", "±": "~", "●": "*", "◌": "!", "✕": "x"})
"""For a console without these."""

_KINDS = {"message": "messages", "probe": "probes", None: "live"}

REASONS = {
    "no_route": "the routes do not allow it",
    "outbox_full": "the sending edge had too many waiting",
    "bus_away": "the sending edge had no bus",
    "not_here": "the receiving edge does not host that label",
    "not_running": "the receiver did not run",
    "deaf": "the receiver's module takes no messages",
    "inbox_full": "the receiver had too many waiting",
    "late": "a later one had been delivered already",
}
"""What the platform's words for a drop mean."""


def text(data: Json) -> str:
    """Instances, pairs, what was dropped, clocks, and what the figures are."""
    data = harmless(data)
    now_ns = data["as_of_ns"] or time.time_ns()
    parts = [_head(data), _instances(data), _links(data, now_ns), _drops(data), _clocks(data), _notes(data)]
    return "\n".join(part for part in parts if part)


def state(link: Json) -> str:
    """`forbidden`, `unmeasured`, `stale` or `live`: a pair is shown as fresh only when it is."""
    if link["allowed"] is False:
        return "forbidden"
    if link["p50_ns"] is None:
        return "unmeasured" if link["last_ns"] is None else "stale"
    return "stale" if link["stale"] else "live"


def _head(data: Json) -> str:
    routes = data["routes"]
    shown = (
        "all to all" if routes is None else ", ".join(f"{r['from']} → {r['to']}" for r in routes) or "none"
    )
    rows = [("deployment", f"{data['deployment']} ({data['mode']})"), ("routes", shown)]
    if data["bus"] is False:
        rows.append(("bus", "AWAY: between edges no message passes, and nothing is measured"))
    return facts(rows)


def _instances(data: Json) -> str:
    rows = [
        [
            row["label"],
            row["venue"] or "-",
            row["edge_id"] or "-",
            row["region"] or "-",
            (row["status"] or "-") if row["alive"] is not False else "edge away",
            _feed(row["feed"]),
        ]
        for row in data["instances"]
    ]
    return table(["LABEL", "VENUE", "EDGE", "REGION", "STATE", "FEED"], rows)


def _feed(feed: Json | None) -> str:
    return " ".join(str(feed[key]) for key in ("kind", "state") if feed.get(key)) if feed else "-"


def _links(data: Json, now_ns: int) -> str:
    if not data["links"]:
        return "One instance has nobody to talk to: there is no pair.\n"
    header = ["FROM", "TO", "P50", "P99", "±", "COUNT", "LOST", "DROPPED", "LAST", "KIND"]
    return table(header, [_link(link, now_ns) for link in data["links"]])


def _link(link: Json, now_ns: int) -> list[str]:
    word = state(link)
    last = link["last_ns"]
    return [
        link["from"],
        link["to"],
        duration(link["p50_ns"]),
        duration(link["p99_ns"]),
        duration(link["offset_bound_ns"]),
        _number(link["count"]),
        _number((link["messages"] or {}).get("lost")),
        _number(link["dropped"]),
        "never" if last is None else age(last / 1e9, now_ns / 1e9),
        paint(
            f"{_GLYPHS[word]} {_KINDS[link['source']] if word == 'live' else word}",
            sys.stdout,
            _COLOURS[word],
        ),
    ]


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _drops(data: Json) -> str:
    rows = [
        (
            "dropped",
            f"{link['from']} → {link['to']}: {n:,} {reason} ({REASONS.get(reason, 'no further word')})",
        )
        for link in data["links"]
        for reason, n in ((link["messages"] or {}).get("reasons") or {}).items()
    ]
    return facts(rows) if rows else ""


def _clocks(data: Json) -> str:
    """One line a pair of edges, not a direction."""
    edges = {row["label"]: row["edge_id"] for row in data["instances"]}
    seen: dict[tuple[str, ...], str] = {}
    for link in data["links"]:
        mine, other = edges.get(link["from"]), edges.get(link["to"])
        pair = tuple(sorted((str(mine), str(other))))
        if mine == other or link["offset_ns"] is None or pair in seen:
            continue
        offset = f"{'+' if link['offset_ns'] >= 0 else '-'}{duration(abs(link['offset_ns']))}"
        seen[pair] = f"{other} against {mine}: {offset} ± {duration(link['offset_bound_ns'])}"
    return facts([("clock", line) for line in seen.values()]) if seen else ""


def _notes(data: Json) -> str:
    return "\n".join(line for note in _said(data) for line in textwrap.wrap(note, 78)) + "\n"


def _said(data: Json) -> Iterator[str]:
    window = "of what was measured"
    if data["window_ns"]:
        window = f"of the last {count(data['window_ns'] // 60_000_000_000, 'minute')}"
    yield (
        f"P50 and P99 are {window}, one way: from the sender's call to the receiver's callback. ± is how well the "
        "two clocks are known. COUNT, LOST and DROPPED are messages since registration."
    )
    yield (
        "Silent pairs show probes: edges ask each other once a second, on the way that messages take. On one edge it "
        "is the queue between instances that is timed."
    )
    if any(state(link) == "stale" for link in data["links"]):
        yield "Stale: nothing could be measured since LAST; figures beside it are of then."
