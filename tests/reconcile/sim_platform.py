"""A simulated platform: what each call does to it, and what other people do. Its time is set from outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SHA_A, SHA_B, SHA_C = ("a" * 64, "b" * 64, "c" * 64)
SIZES = {SHA_A: 1000, SHA_B: 2000, SHA_C: 3000}


@dataclass
class Platform:
    """What the platform would do. `extras`: it knows the fields that a plain one neither takes nor returns.
    `unique`: it refuses a second deployment of the same name."""

    extras: bool = True
    unique: bool = True
    empty_answers: bool = False
    slow_deletes: bool = False
    slow_starts: bool = False
    reject: Callable[[dict[str, Any]], bool] = lambda body: False
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    creates: int = 0
    duplicates: int = 0
    removals: int = 0
    now: datetime = START

    def ns(self) -> int:
        return int(self.now.timestamp() * 1e9)

    # calls: (status, body)

    def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.calls.append(("create", body["name"]))
        if self.reject(body):
            return 422, {"error": {"code": "VALIDATION_ERROR", "message": "no such symbol"}}
        holder = next((d for d in self.deployments.values() if d["name"] == body["name"]), None)
        if holder is not None:
            if self.unique:
                error = {"code": "CONFLICT", "message": "name taken"}
                details = [{"field": "name", "message": "taken"}]
                return 409, {"error": {**error, "details": details} if self.extras else error}
            self.duplicates += 1
        self.creates += 1
        wasm = body["wasm_base64"]
        row = {
            "deployment_id": f"dep_{self.creates}",
            "name": body["name"],
            "symbols": body["symbols"],
            "size_bytes": SIZES[wasm],
            "status": "accepted",
            "sha": wasm,
            "body": body,
            "revision": 1,
            "created_at_ns": self.ns(),
            "pause": None,
            "open": 0,
            "warm_at": self.now + timedelta(seconds=3),
        }
        self.deployments[row["deployment_id"]] = row
        return 201, self.answer(row)

    def patch(self, key: str, body: dict[str, Any], if_revision: int | None) -> tuple[int, Any]:
        self.calls.append(("patch", key))
        row = self.deployments.get(key)
        if row is None:
            return 404, {"error": "not found"}
        if not self.extras:
            return 405, {"error": "method not allowed"}
        if if_revision is not None and if_revision != row["revision"]:
            details = [{"field": "revision", "message": "moved"}]
            return 409, {"error": {"code": "CONFLICT", "message": "it moved", "details": details}}
        for name, value in body.items():
            if name == "instances":
                wanted = {i["label"]: i for i in value}
                for instance in row["body"]["instances"]:
                    instance.update(wanted.get(instance["label"], {}))
            else:
                row["body"][name] = value
        row["revision"] += 1
        if body.get("on_stop") == "cancel" and row["status"] != "running":
            row["open"] = 0
        return 200, self.answer(row)

    def start(self, key: str, acknowledge: str | None) -> tuple[int, Any]:
        self.calls.append(("start", key))
        row = self.deployments.get(key)
        if row is None:
            return 404, {"error": "not found"}
        pause = row["pause"]
        if row["status"] == "paused" and self.extras and acknowledge != pause["id"]:
            return 409, {
                "error": {"code": "CONFLICT", "message": "paused", "details": [{"field": "acknowledge"}]}
            }
        row.update(pause=None, starting=True)
        if not self.slow_starts:
            self.arrive()
        return 200, self.answer(row)

    def arrive(self) -> None:
        """What was started runs now."""
        for row in self.deployments.values():
            if row.pop("starting", False):
                row.update(status="running", open=2)

    def stop(self, key: str) -> tuple[int, Any]:
        self.calls.append(("stop", key))
        row = self.deployments.get(key)
        if row is None:
            return 404, {"error": "not found"}
        row.update(status="stopped")  # a pause stays readable until the next start
        if row["body"].get("on_stop") == "cancel":
            row["open"] = 0
        return 200, self.answer(row)

    def delete(self, key: str) -> tuple[int, Any]:
        self.calls.append(("delete", key))
        row = self.deployments.get(key)
        if row is None:
            return 404, {"error": "not found"}
        if self.slow_deletes:
            row.setdefault("gone_at", self.now + timedelta(seconds=25))
            row.update(status="pending", open=0)
            return 202, self.answer(row)
        del self.deployments[key]
        self.removals += 1
        return 204, None

    def reap(self) -> None:
        """What was being deleted long enough is gone."""
        for key, row in list(self.deployments.items()):
            if row.get("gone_at", self.now) < self.now:
                del self.deployments[key]
                self.removals += 1

    def get(self, key: str) -> tuple[int, Any]:
        self.calls.append(("get", key))
        row = self.deployments.get(key)
        return (404, {"error": "not found"}) if row is None else (200, self.full(row))

    def list(self) -> list[dict[str, Any]]:
        return [self.full(row) for row in self.deployments.values()]

    # forms

    def answer(self, row: dict[str, Any]) -> Any:
        return None if self.empty_answers else self.full(row)

    def full(self, row: dict[str, Any]) -> dict[str, Any]:
        body, status = row["body"], row["status"]
        plain = {k: row[k] for k in ("deployment_id", "name", "symbols", "size_bytes", "status")}
        instances = body.get("instances", []) if self.extras else [{"venue": "kraken"}]
        plain |= {"pushed_to": len(instances), "capable_edges": len(instances)}
        plain["edges"] = [{"edge_id": f"venue-edge-{i['venue']}", "status": status} for i in instances]
        if not self.extras:
            return plain
        reason = row["pause"]["reason"] if row["pause"] else None
        plain |= {
            "wasm_sha256": row["sha"],
            "metadata": body.get("metadata"),
            "risk": body.get("risk", {}),
            "params": body.get("params", []),
            "mesh": body.get("mesh"),
            "on_stop": body.get("on_stop", "keep"),
            "revision": row["revision"],
            "created_at_ns": row["created_at_ns"],
            "pause": row["pause"],
            "orders": {"open": row["open"]},
            "deleting": "gone_at" in row,
            "instances": [
                i
                | {
                    "edge_id": f"venue-edge-{i['venue']}",
                    "status": status,
                    "warm": self.now >= row["warm_at"],
                    "pause_reason": reason,
                }
                for i in body.get("instances", [])
            ],
        }
        return json.loads(json.dumps(plain))  # as over HTTP, and sooner than a deep copy

    # other people

    def only(self) -> dict[str, Any] | None:
        return next(iter(self.deployments.values()), None)

    def others_stop(self) -> None:
        for row in self.deployments.values():
            if row["status"] == "running":
                row["status"] = "stopped"

    def others_start(self) -> None:
        for row in self.deployments.values():
            row.update(status="running", pause=None)

    def others_delete(self) -> None:
        self.removals += len(self.deployments)
        self.deployments.clear()

    def others_loosen(self) -> None:
        for row in self.deployments.values():
            row["body"]["risk"] = {"max_position_1e8": 999, "max_order_rate": 20}
            row["revision"] += 1

    def others_tighten(self) -> None:
        for row in self.deployments.values():
            row["body"]["risk"] = {"max_position_1e8": 7, "max_order_rate": 20}
            row["revision"] += 1

    def pause(self, reason: str = "DAILY_LOSS_LIMIT") -> None:
        for row in self.deployments.values():
            if row["status"] == "running":
                row["status"] = "paused"
                row["pause"] = {"id": f"p-{len(self.calls)}", "reason": reason, "at_ns": self.ns()}
