"""A small trading platform over real HTTP: deployments that register, warm up, start and stop, with
faults on demand.

It runs in a thread of its own, so that tests may block. `plain = True` makes it a platform that knows
only what is publicly documented: it drops every other request field and returns none of the other
response fields.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from .stub_stream import Lines

When = Literal["before", "after"]
Row = dict[str, Any]

PUBLIC_REQUEST = {"name", "wasm_base64", "symbols", "start_immediately"}
PUBLIC_RESPONSE = (
    "deployment_id",
    "name",
    "symbols",
    "size_bytes",
    "status",
    "pushed_to",
    "capable_edges",
    "edges",
)


@dataclass
class Fault:
    """What happens instead of (or after) the next `times` calls of an operation.

    status: answered without executing. lost: executed, but the connection is cut. delay: seconds before
    it begins.
    """

    operation: str
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    delay: float = 0.0
    times: int = 1


@dataclass(frozen=True)
class Call:
    """One request as it arrived; status 0 when the connection was cut."""

    operation: str
    target: str
    status: int
    at: float


class PlatformStub:
    """Use as a context manager; `endpoint` is its base URL. All attributes may be read and set from the
    test.
    """

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, Row] = {}
        self.wasm: dict[str, bytes] = {}
        self.calls: list[Call] = []
        self.keys_used: list[str] = []
        self.faults: list[Fault] = []
        self.plain = False
        self.etags = True
        self.warm_after = 0.0
        self.latency = 0.0
        self.means: dict[str, Any] = {}  # answers of /v1/credentials and /v1/risk_limits; absent: 404
        self.hook: Callable[[str, When], None] | None = None
        self.lines = Lines()  # of `/v1/stream`, which is not there unless a test wants it
        self.port = 0
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = threading.Event()

    # -- for tests ---------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def account(self, key: str, account_id: str = "acct_1", mode: str = "sandbox", qps: int = 1000) -> None:
        """Let `key` in."""
        self.keys[key] = {
            "account_id": account_id,
            "mode": mode,
            "tier": "free",
            "rate_limit_qps": qps,
        }

    def count(self, operation: str, *, ok_only: bool = False) -> int:
        with self._lock:
            return sum(
                call.operation == operation and (not ok_only or 200 <= call.status < 300)
                for call in self.calls
            )

    def by_name(self, name: str) -> list[Row]:
        with self._lock:
            return [row for row in self.rows.values() if row["name"] == name]

    def one(self, name: str) -> Row:
        (row,) = self.by_name(name)
        return row

    def status(self, name: str) -> str | None:
        rows = self.by_name(name)
        return rows[0]["status"] if len(rows) == 1 else None

    def foreign(self, name: str, **fields: Any) -> Row:
        """Somebody else registers a deployment."""
        with self._lock:
            return self._create({"name": name, "symbols": ["BTC-USD"], **fields}, b"\0asm", "acct_1")

    def behind(self, name: str, status: str) -> None:
        """Somebody brings a deployment into another status, past the operator."""
        with self._lock:
            row = self.one(name)
            self._become(row, status)
            self._announce(row, status if status != "running" else "started")

    def fail(self, operation: str, **how: Any) -> Fault:
        fault = Fault(operation, **how)
        self.faults.append(fault)
        return fault

    def __enter__(self) -> PlatformStub:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- the server ----------------------------------------------------------------------------------

    def _serve(self) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._up.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        add = app.router.add_route
        add("GET", "/v1/account", self._handler("account", self._account))
        for name in ("credentials", "risk_limits"):
            add("GET", f"/v1/{name}", self._means(name))
        add("GET", "/v1/deployments", self._handler("list", self._list))
        add("POST", "/v1/deployments", self._handler("create", self._post))
        add("GET", "/v1/deployments/{id}", self._handler("get", self._get))
        add("PATCH", "/v1/deployments/{id}", self._handler("patch", self._patch))
        add("DELETE", "/v1/deployments/{id}", self._handler("delete", self._delete))
        add("POST", "/v1/deployments/{id}/start", self._handler("start", self._start))
        add("POST", "/v1/deployments/{id}/stop", self._handler("stop", self._stop))
        add("GET", "/v1/stream", self._stream)
        return app

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key not in self.keys:
            return web.json_response(_error("UNAUTHORIZED", "unknown API key"), status=401)
        return await self.lines.serve(request) if self.lines.there else _missing()

    def _handler(self, operation: str, execute: Callable[..., web.Response]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = json.loads(await request.read() or b"null")
            target = request.match_info.get("id") or (body or {}).get("name", "") or ""
            response = await self._answer(operation, execute, request, body)
            with self._lock:
                status = response.status if response is not None else 0
                self.calls.append(Call(operation, target, status, time.monotonic()))
            if response is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response(status=500)
            return response

        return handle

    async def _answer(
        self, operation: str, execute: Callable[..., web.Response], request: web.Request, body: Any
    ) -> web.Response | None:
        if self.latency:
            await asyncio.sleep(self.latency)
        if self.hook is not None:
            self.hook(operation, "before")
        fault = next((f for f in self.faults if f.operation == operation and f.times > 0), None)
        if fault is not None:
            fault.times -= 1
            if fault.delay:
                await asyncio.sleep(fault.delay)
            if fault.status is not None:
                return web.json_response(
                    fault.body or _error("FAULT", "on purpose"), status=fault.status, headers=fault.headers
                )
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.keys_used.append(key)
        account = self.keys.get(key)
        if account is None:
            return web.json_response(_error("UNAUTHORIZED", "unknown API key"), status=401)
        with self._lock:
            response = execute(request, body, account)
        if self.hook is not None:
            self.hook(operation, "after")
        return None if fault is not None and fault.lost else response

    # -- operations ------------------------------------------------------------------------------------

    def _account(self, request: web.Request, body: Any, account: Row) -> web.Response:
        if self.plain:
            return web.json_response({"client": "somebody"})
        return web.json_response(account)

    def _means(self, name: str) -> Any:
        """What some platforms tell of an account. Not counted among the calls: it is asked for rarely."""

        async def handle(request: web.Request) -> web.StreamResponse:
            told = self.means.get(name)
            return _missing() if told is None else web.json_response(told)

        return handle

    def _list(self, request: web.Request, body: Any, account: Row) -> web.Response:
        rows = [self._shown(row) for row in self.rows.values() if row["account"] == account["account_id"]]
        tag = f'"{hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"'
        if self.etags and not self.plain and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        headers = {"ETag": tag} if self.etags and not self.plain else {}
        return web.json_response({"deployments": rows}, headers=headers)

    def _post(self, request: web.Request, body: Row, account: Row) -> web.Response:
        holder = next(
            (
                row
                for row in self.rows.values()
                if row["name"] == body["name"] and row["account"] == account["account_id"]
            ),
            None,
        )
        if holder is not None and not self.plain:
            answer = _error("CONFLICT", "name is taken", "name") | {"deployment_id": holder["deployment_id"]}
            return web.json_response(answer, status=409)
        if self.plain:
            body = {key: value for key, value in body.items() if key in PUBLIC_REQUEST}
        row = self._create(body, base64.b64decode(body["wasm_base64"]), account["account_id"])
        if body.get("start_immediately"):
            row["status"] = "running"
        return web.json_response(self._shown(row))

    def _create(self, body: Row, wasm: bytes, account_id: str) -> Row:
        instances = body.get("instances") or []
        venues = [instance["venue"] for instance in instances] or ["kraken"]
        row = {
            "account": account_id,
            "deployment_id": f"dep_{next(self._ids)}",
            "name": body["name"],
            "symbols": body["symbols"],
            "size_bytes": len(wasm),
            "status": "accepted",
            "pushed_to": len(venues),
            "capable_edges": len(venues),
            "edges": [{"edge_id": f"venue-edge-{venue}", "status": "accepted"} for venue in venues],
            "wasm_sha256": hashlib.sha256(wasm).hexdigest(),
            "metadata": body.get("metadata"),
            "risk": body.get("risk", {}),
            "params": body.get("params", []),
            "mesh": body.get("mesh"),
            "on_stop": body.get("on_stop", "keep"),
            "instances": instances,
            "revision": 1,
            "created_at_ns": time.time_ns(),
            "pause": None,
            "orders": {"open": 0},
        }
        self.rows[row["deployment_id"]] = row
        self.wasm[row["deployment_id"]] = wasm
        return row

    def _get(self, request: web.Request, body: Any, account: Row) -> web.Response:
        row = self._find(request, account)
        return _missing() if row is None else web.json_response(self._shown(row))

    def _patch(self, request: web.Request, body: Row, account: Row) -> web.Response:
        row = self._find(request, account)
        if row is None or self.plain:
            return _missing()
        if body.get("if_revision", row["revision"]) != row["revision"]:
            return web.json_response(_error("CONFLICT", "it moved", "revision"), status=409)
        for name in ("risk", "params", "mesh", "metadata", "on_stop"):
            if name in body:
                row[name] = body[name]
        for change in body.get("instances", []):
            instance = next(i for i in row["instances"] if i["label"] == change["label"])
            instance |= change
        row["revision"] += 1
        self._announce(row, "updated")
        return web.json_response(self._shown(row))

    def _delete(self, request: web.Request, body: Any, account: Row) -> web.Response:
        row = self._find(request, account)
        if row is None:
            return _missing()
        del self.rows[row["deployment_id"]]
        self._announce(row, "deleted")
        return web.Response(status=204)

    def _start(self, request: web.Request, body: Any, account: Row) -> web.Response:
        row = self._find(request, account)
        if row is None:
            return _missing()
        acknowledged = row["pause"] is None or (body or {}).get("acknowledge") == row["pause"]["id"]
        if row["status"] == "paused" and not acknowledged:
            return web.json_response(_error("CONFLICT", "paused", "acknowledge"), status=409)
        row["pause"] = None
        self._become(row, "running")
        self._announce(row, "started")
        return web.json_response(self._shown(row))

    def _stop(self, request: web.Request, body: Any, account: Row) -> web.Response:
        row = self._find(request, account)
        if row is None:
            return _missing()
        row["pause"] = None
        self._become(row, "stopped")
        self._announce(row, "stopped")
        return web.json_response(self._shown(row))

    # -- rows ----------------------------------------------------------------------------------------------

    def _become(self, row: Row, status: str) -> None:
        row["status"] = status
        for edge in row["edges"]:
            edge["status"] = status

    def _announce(self, row: Row, kind: str) -> None:
        """Tell listeners, as the API does and as each edge does."""
        event = {"deployment_id": row["deployment_id"], "kind": kind, "revision": row["revision"]}
        self.lines.say(event)
        for instance in row["instances"]:
            self.lines.say({**event, "kind": "instance", "label": instance["label"], "status": row["status"]})

    def _find(self, request: web.Request, account: Row) -> Row | None:
        row = self.rows.get(request.match_info["id"])
        return row if row is not None and row["account"] == account["account_id"] else None

    def _shown(self, row: Row) -> Row:
        if self.plain:
            return {name: row[name] for name in PUBLIC_RESPONSE}
        warm = time.time_ns() - row["created_at_ns"] >= self.warm_after * 1e9
        instances = [
            {
                **instance,
                "edge_id": f"venue-edge-{instance['venue']}",
                "status": row["status"],
                "warm": warm,
                "error": None,
                "pause_reason": (row["pause"] or {}).get("reason"),
                "orders": {"open": 0, "submitted": 0, "filled": 0, "rejected": 0, "cancelled": 0},
            }
            for instance in row["instances"]
        ]
        shown = {name: value for name, value in row.items() if name != "account"}
        return shown | {"instances": instances}


def _error(code: str, message: str, field_: str = "") -> dict[str, Any]:
    details = [{"field": field_, "message": message}] if field_ else []
    return {"error": {"code": code, "message": message, "request_id": "r-1", "details": details}}


def _missing() -> web.Response:
    return web.json_response(_error("NOT_FOUND", "no such deployment"), status=404)
