"""`sequence status` for people."""

import sys
from collections.abc import Sequence
from typing import Any

from sequence_operator.cli import status_git_text
from sequence_operator.cli.amounts import age, micros, money, quantity, unix
from sequence_operator.cli.output import colon, count, facts, harmless, table
from sequence_operator.cli.terminal import paint

Json = dict[str, Any]

_COLOURS = {"Running": "green", "Stopped": "cyan", "Pending": "yellow", "Paused": "yellow"}
COLUMNS = ("name", "mode", "desired", "state", "ready", "instances", "commit", "age", "wasm", "account", "id")
WIDE = 3
"""How many of the columns are shown only by `-o wide`."""


def colour(state: str) -> str:
    """The state, coloured; a word that is not in the table is bad news."""
    return paint(state, sys.stdout, _COLOURS.get(state, "red"))


def row(obj: Json, mode: str, now: float) -> list[str]:
    """One line of the list, in the order of COLUMNS."""
    spec, status = obj["spec"], obj.get("status") or {}
    summary = status.get("summary") or {}
    ready: Json = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), {})
    return [
        spec["deployment"],
        mode,
        spec.get("state", "Stopped"),
        colour(status.get("state") or "Pending"),
        f"{ready.get('status', 'Unknown')} {ready.get('reason', '')}".rstrip(),
        summary.get("instances", "-"),
        summary.get("commit") or "-",
        age(unix(obj["metadata"].get("creationTimestamp")), now),
        summary.get("wasm") or (spec["artifact"].get("sha256") or "-")[:12],
        spec["accountRef"]["name"],
        status.get("deploymentId") or "-",
    ]


def detail(data: Json, now: float, *, wide: bool = False) -> str:
    """Everything about one deployment, in 80 columns unless `wide`. `now`: Unix seconds."""
    data = harmless(data)
    return "\n".join(
        part
        for part in (
            _head(data),
            _instances(data, now, wide),
            _feeds(data),
            _totals(data),
            status_git_text.detail(data, now),
            _troubles(data, now),
            _history(data, now),
        )
        if part
    )


def _head(data: Json) -> str:
    ready, commit = data["ready"], (data["commit"] or "")[:12] or "not recorded"
    size = f", {data['size_bytes']:,} bytes" if data["size_bytes"] else ""
    flags = [
        word
        for word, on in (
            ("suspended", data["suspended"]),
            ("deleting", data["deleting"]),
            ("overridden", data.get("override")),
        )
        if on
    ]
    place = f"context {data['context']} · namespace {data['namespace']} · account {data['account']} ({data['mode']})"
    rows = [
        ("deployment", data["deployment"]),
        ("where", place),
        ("state", f"{colour(data['state'])} (desired {data['desired']}){''.join(', ' + f for f in flags)}"),
        ("ready", " ".join(w for w in (ready["status"], ready["reason"]) if w) + colon(ready["message"])),
        ("platform id", data["deployment_id"] or "not registered"),
        ("wasm", f"{data['sha256'][:12]}{size}" if data["sha256"] else "not built yet"),
        ("commit", commit + (" with uncommitted changes" if data["dirty"] else "")),
    ]
    return facts(rows)


_INSTANCES = ("instance", "venue", "state", "live", "beat", "open", "sent", "filled", "rejected", "position")
_WIDE_INSTANCES = ("symbols", "edge", "callback p50", "p99")


def _instances(data: Json, now: float, wide: bool) -> str:
    header = [*_INSTANCES, *(_WIDE_INSTANCES if wide else ())]
    rows = [[*_instance(i, now), *(_wide_instance(i) if wide else ())] for i in data["instances"]]
    return table([h.upper() for h in header], rows)


def _instance(instance: Json, now: float) -> list[str]:
    beat = instance["last_heartbeat"]
    return [
        instance["label"],
        instance["venue"],
        colour(instance["state"]),
        "yes" if instance["live"] else "no",
        "-" if beat is None else f"{age(beat, now)} ago",
        *(_count(instance["orders"], key) for key in ("open", "submitted", "filled", "rejected")),
        quantity(instance["position_1e8"]),
    ]


def _wide_instance(instance: Json) -> list[str]:
    latency = instance["callback_latency_ns"] or {}
    return [
        ",".join(instance["symbols"]),
        instance["edge"] or "-",
        micros(latency.get("p50")),
        micros(latency.get("p99")),
    ]


def _count(orders: Json | None, key: str) -> str:
    value = (orders or {}).get(key)
    return "-" if value is None else f"{value:,}"


def _feeds(data: Json) -> str:
    lines = {
        f"{i['edge'] or i['venue']}: {i['feed'].get('source') or i['feed'].get('kind')}, {i['feed'].get('state')}"
        for i in data["instances"]
        if i["feed"]
    }
    return facts([("fed by", line) for line in sorted(lines)]) if lines else ""


def _totals(data: Json) -> str:
    totals = data["totals"]
    if not totals:
        return ""
    pnl = f"PnL {money(totals.get('pnl_1e9'))} after fees, marked to mid"
    known = [(thing, totals.get(f"{thing}s")) for thing in ("order", "fill", "callback")]
    counts = [count(number, thing) for thing, number in known if number is not None]
    return facts([("totals", " · ".join([*counts, pnl]))])


_DRIFT = {
    "looser": " (allows more than written: pulled back at once)",
    "tighter": " (allows less than written: kept until the spec is edited)",
    "corrected": " (being corrected)",
    "reported": " (reported, not corrected)",
}


def _troubles(data: Json, now: float) -> str:
    told = {(data["pause"] or {}).get("reason")}  # the pause itself says it below, with the way out
    rows = []
    for instance in data["instances"]:
        for what, text in (("paused", instance["pause_reason"]), ("error", instance["error"])):
            if text and text not in told:
                rows.append((f"{what} {instance['label']}", text))
                told.add(text)
    if pause := data["pause"]:
        since = f", {age(unix(pause.get('at')), now)} ago" if pause.get("at") else ""
        rows.append(("pause", f"{pause['id']}: {pause.get('reason') or 'no reason given'}{since}"))
        flag = "--sandbox " if data["mode"] == "sandbox" else ""
        rows.append(("", f"clear it with: sequence {flag}start {data['deployment']} --acknowledge"))
    rows += [
        (
            "drift",
            f"{d['field']}: desired {d.get('desired')}, observed {d.get('observed')}{_DRIFT[d['class']]}",
        )
        for d in data["drift"]
    ]
    if pending := data["pending"]:
        rows.append(("pending", f"{pending['action']} since {pending['at']}"))
    if data["platform_problem"]:
        rows.append(("platform", data["platform_problem"]))
    return facts(rows) if rows else ""


def _history(data: Json, now: float) -> str:
    """Numbered for `sequence rollback --to N`."""
    rows = [
        (
            str(number),
            f"{age(unix(entry['at']), now)} ago",
            entry["event"],
            (entry.get("sha256") or "-")[:12],
            entry.get("planHash") or "-",
            entry.get("author") or "-",
            " ".join((entry.get("message") or "").split()),
        )
        for number, entry in enumerate(data["history"], 1)
    ]
    header = ["#", "HISTORY", "EVENT", "WASM", "PLAN", "AUTHOR", ""]
    unused = [i for i in (3, 4, 5) if all(row[i] == "-" for row in rows)]
    return table(_without(header, unused), [_without(row, unused) for row in rows]) if rows else ""


def _without(cells: Sequence[str], columns: Sequence[int]) -> list[str]:
    return [cell for index, cell in enumerate(cells) if index not in columns]
