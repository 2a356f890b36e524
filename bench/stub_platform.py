"""A platform that costs almost nothing, so that a benchmark of the operator measures the operator.

In memory, every answer after a fixed latency, all fields of the platform API that the operator compares.
`python -m bench.stub_platform --port N --latency-ms 50 --qps 1000`
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import itertools
import time
from typing import Any

from aiohttp import web

KEY = "seq_test_" + "0" * 64


class Platform:
    """The deployments by id; `calls` counts requests by `METHOD kind`; `started_ns` says when each was last started."""

    def __init__(self, latency: float, qps: int) -> None:
        self.latency, self.qps = latency, qps
        self.rows: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, int] = {}
        self.patched_ns: dict[str, int] = {}
        self.started_ns: dict[str, int] = {}
        self.version = 0
        self.listeners: dict[web.WebSocketResponse, set[str]] = {}
        self._ids = itertools.count(1)
        self._digests: dict[str, tuple[str, int]] = {}

    def digest(self, text: str) -> tuple[str, int]:
        """(sha256, size) of base64 text; the same text again costs a look-up."""
        known = self._digests.get(text)
        if known is None:
            wasm = base64.b64decode(text)
            known = self._digests[text] = (hashlib.sha256(wasm).hexdigest(), len(wasm))
        return known

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        resource = request.match_info.route.resource
        kind = f"{request.method} {resource.canonical if resource else request.path}"
        self.calls[kind] = self.calls.get(kind, 0) + 1
        if not request.path.startswith("/bench"):
            await asyncio.sleep(self.latency)
        answer: web.StreamResponse = await handler(request)
        answer.headers["X-RateLimit-Limit"] = str(self.qps)
        return answer

    def row(self, request: web.Request) -> dict[str, Any]:
        try:
            return self.rows[request.match_info["id"]]
        except KeyError:
            raise web.HTTPNotFound(
                text='{"error":{"code":"NOT_FOUND","message":"no such deployment"}}',
                content_type="application/json",
            ) from None

    async def account(self, _: web.Request) -> web.Response:
        body = {"account_id": "acct_bench", "mode": "sandbox", "tier": "pro", "rate_limit_qps": self.qps}
        return web.json_response(body)

    async def listing(self, request: web.Request) -> web.Response:
        etag = f'"{self.version}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.json_response({"deployments": list(self.rows.values())}, headers={"ETag": etag})

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        for row in self.rows.values():
            if row["name"] == body["name"]:
                error = {
                    "code": "CONFLICT",
                    "message": "name taken",
                    "details": [{"field": "name", "message": "taken"}],
                }
                return web.json_response({"error": error, "deployment_id": row["deployment_id"]}, status=409)
        sha256, size = self.digest(body["wasm_base64"])
        identifier = f"dep_{next(self._ids):06d}"
        instances = [self.instance(item) for item in body.get("instances") or []]
        self.rows[identifier] = {
            "deployment_id": identifier,
            "name": body["name"],
            "symbols": body["symbols"],
            "size_bytes": size,
            "status": "stopped",
            "pushed_to": len(instances),
            "capable_edges": len(instances),
            "edges": [{"edge_id": i["edge_id"], "status": "stopped"} for i in instances],
            "wasm_sha256": sha256,
            "metadata": body.get("metadata") or {},
            "risk": body.get("risk") or {},
            "params": body.get("params") or [],
            "mesh": body.get("mesh"),
            "on_stop": body.get("on_stop", "keep"),
            "revision": 1,
            "created_at_ns": time.time_ns(),
            "instances": instances,
            "pause": None,
            "orders": {"open": 0},
        }
        self.version += 1
        return web.json_response(self.rows[identifier], status=201)

    @staticmethod
    def instance(item: dict[str, Any]) -> dict[str, Any]:
        orders = {"open": 0, "submitted": 0, "filled": 0, "rejected": 0, "cancelled": 0}
        return {
            **item,
            "edge_id": f"venue-edge-{item['venue']}",
            "status": "stopped",
            "warm": True,
            "orders": orders,
        }

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self.row(request))

    async def patch(self, request: web.Request) -> web.Response:
        row, body = self.row(request), await request.json()
        self.patched_ns[row["name"]] = time.time_ns()
        for field in ("risk", "params", "mesh", "metadata", "on_stop"):
            if field in body:
                row[field] = body[field]
        for change in body.get("instances") or []:
            next(i for i in row["instances"] if i["label"] == change["label"]).update(change)
        row["revision"] += 1
        self.version += 1
        await self.tell(row, "updated")
        return web.json_response(row)

    def become(self, row: dict[str, Any], status: str) -> None:
        row["status"] = status
        for part in [*row["instances"], *row["edges"]]:
            part["status"] = status
        self.version += 1

    async def turn(self, request: web.Request, status: str, kind: str) -> web.Response:
        row = self.row(request)
        self.become(row, status)
        await self.tell(row, kind)
        return web.json_response(row)

    async def start(self, request: web.Request) -> web.Response:
        self.started_ns[self.row(request)["name"]] = time.time_ns()
        return await self.turn(request, "running", "started")

    async def stop(self, request: web.Request) -> web.Response:
        return await self.turn(request, "stopped", "stopped")

    async def delete(self, request: web.Request) -> web.Response:
        del self.rows[self.row(request)["deployment_id"]]
        self.version += 1
        return web.Response(status=204)

    async def figures(self, _: web.Request) -> web.Response:
        body = {"calls": self.calls, "patched_ns": self.patched_ns, "started_ns": self.started_ns}
        return web.json_response(body)

    async def drift(self, request: web.Request) -> web.Response:
        """Stop a deployment behind the operator's back; the time it was done. `?silent`: and tell nobody."""
        row = next(row for row in self.rows.values() if row["name"] == request.match_info["name"])
        self.become(row, "stopped")
        at_ns = time.time_ns()
        if "silent" not in request.query:
            await self.tell(row, "stopped")
        return web.json_response({"at_ns": at_ns})

    async def tell(self, row: dict[str, Any], kind: str) -> None:
        """Send an event of a deployment to those who hear it."""
        channel = f"deployment:{row['deployment_id']}"
        data = {"deployment_id": row["deployment_id"], "kind": kind, "revision": row["revision"]}
        for socket, channels in list(self.listeners.items()):
            if channel in channels:
                await socket.send_json({"channel": channel, "data": data})

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        channels = self.listeners[socket] = set()
        async for message in socket:
            names = message.json().get("subscribe", [])
            channels.update(names)
            await socket.send_json({"subscribed": names, "rejected": []})
        del self.listeners[socket]
        return socket


def application(platform: Platform) -> web.Application:
    app = web.Application(middlewares=[platform.middleware], client_max_size=8 << 20)
    app.add_routes(
        [
            web.get("/v1/account", platform.account),
            web.get("/v1/deployments", platform.listing),
            web.post("/v1/deployments", platform.create),
            web.get("/v1/deployments/{id}", platform.get),
            web.patch("/v1/deployments/{id}", platform.patch),
            web.delete("/v1/deployments/{id}", platform.delete),
            web.post("/v1/deployments/{id}/start", platform.start),
            web.post("/v1/deployments/{id}/stop", platform.stop),
            web.get("/v1/stream", platform.stream),
            web.get("/bench/figures", platform.figures),
            web.post("/bench/drift/{name}", platform.drift),
        ]
    )
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--qps", type=int, default=1000)
    arguments = parser.parse_args()
    app = application(Platform(arguments.latency_ms / 1000, arguments.qps))
    web.run_app(app, host="127.0.0.1", port=arguments.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
