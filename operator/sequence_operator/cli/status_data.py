"""What `sequence status` knows: the operator's record, and what the platform says this moment, in one value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sequence_operator.cli.conditions import condition
from sequence_operator.cli.target import Target
from sequence_operator.spec.names import STATE_OF_WORD

if TYPE_CHECKING:
    from sequence_operator.platform import Row
    from sequence_operator.platform.rows import InstanceRow

Json = dict[str, Any]

_MEASURED = (
    *("callbacks", "update_count", "fills", "position_1e8", "realized_pnl_1e9", "unrealized_pnl_1e9"),
    *("fees_1e9", "callback_latency_ns", "feed"),
)


def collect(
    aim: Target, obj: Mapping[str, Any], row: "Row | None", metrics: Json | None, problem: str
) -> Json:
    """The answer of `status NAME -o json`; the schema "status/v1" only ever gains keys.

    obj: the AlgoDeployment. row, metrics: of the platform, None when it was not reached (`problem` says why)
    or does not have them. What nobody knows is null. Money `_1e9`, quantities `_1e8`, latencies ns,
    heartbeats Unix seconds.
    """
    spec, status = obj["spec"], obj.get("status") or {}
    ready, origin = condition(obj, "Ready"), spec.get("origin") or {}
    artifact = status.get("artifact") or {}
    measured = {i.get("label"): i for i in (metrics or {}).get("instances") or []}
    rows = {i.label: i for i in (row.instances if row else None) or ()}
    recorded = {i["label"]: i for i in status.get("instances") or []}
    return {
        "schema": "status/v1",
        "deployment": aim.name,
        "mode": aim.mode,
        "account": spec["accountRef"]["name"],
        "context": aim.context.name,
        "namespace": aim.context.namespace,
        "resource": aim.resource,
        "deployment_id": status.get("deploymentId"),
        "desired": spec.get("state", "Stopped"),
        "state": status.get("state") or "Pending",
        "ready": {"status": ready.status, "reason": ready.reason, "message": ready.message},
        "suspended": bool(spec.get("suspend")),
        "deleting": "deletionTimestamp" in obj["metadata"],
        "sha256": artifact.get("sha256") or spec["artifact"].get("sha256"),
        "size_bytes": artifact.get("sizeBytes"),
        "commit": artifact.get("commit") or origin.get("commit"),
        "dirty": origin.get("dirty"),
        "instances": [
            _instance(i, recorded.get(i["label"], {}), rows.get(i["label"]), measured.get(i["label"], {}))
            for i in spec["instances"]
        ],
        "totals": (metrics or {}).get("totals"),
        "pending": status.get("pending"),
        "pause": status.get("pause"),
        "drift": [{**entry, "class": drift_class(spec, entry)} for entry in status.get("drift") or []],
        "history": status.get("history") or [],
        "conditions": status.get("conditions") or [],
        "platform_problem": problem or None,
    }


def drift_class(spec: Json, entry: Mapping[str, str]) -> str:
    """`looser`: a limit that allows more than written; `tighter`: one that allows less; `corrected` and `reported`:
    anything else, by what happens to it."""
    if "risk." in entry["field"]:
        wanted, held = (_limit(entry.get(side, "")) for side in ("desired", "observed"))
        return "looser" if held > wanted else "tighter"
    kept = spec.get("driftPolicy") == "Report" or spec.get("suspend")
    return "reported" if kept else "corrected"


def _limit(text: str) -> float:
    """The number; a limit that is not set is no limit."""
    digits = text.replace(",", "").replace("_", "")
    return int(digits) if digits.isdecimal() else float("inf")


def _instance(spec: Json, recorded: Json, row: "InstanceRow | None", measured: Json) -> Json:
    """One instance; the platform's present word wins over what the operator wrote down at its last look."""
    state: str | None = recorded.get("state")
    live = recorded.get("live", False)
    if row is not None and row.status is not None:
        state = STATE_OF_WORD.get(row.status, row.status)
        live = state == "Running" and row.warm is not False
    counts = row.orders if row else None
    orders = None
    if counts is not None:
        orders = {k: getattr(counts, k) for k in ("open", "submitted", "filled", "rejected", "cancelled")}
    known = {key: measured.get(key) for key in _MEASURED}
    if row is not None:
        known["update_count"] = (
            known["update_count"] if known["update_count"] is not None else row.update_count
        )
        if known["callback_latency_ns"] is None and row.callback_latency_ns:
            known["callback_latency_ns"] = dict(row.callback_latency_ns)
    return {
        "label": spec["label"],
        "venue": spec["venue"],
        "symbols": spec["symbols"],
        "edge": (row.edge_id if row else None) or recorded.get("edge"),
        "state": state or "Pending",
        "live": live,
        "warm": row.warm if row else None,
        "last_heartbeat": row.last_heartbeat if row else None,
        "orders": orders or measured.get("orders"),
        "error": (row.error if row else None) or recorded.get("error") or None,
        "pause_reason": row.pause_reason if row else None,
        **known,
    }
