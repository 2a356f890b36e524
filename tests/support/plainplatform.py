"""A platform that has only what the hosted one is known to have: real paper behind a proxy that drops all the rest.

Requests lose every field that is ours, answers lose every field and header that is ours, `PATCH` does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.faultproxy import Answer, FaultProxy

CREATE_FIELDS = ("name", "wasm_base64", "symbols", "start_immediately")
ROW_FIELDS = ("deployment_id", "name", "symbols", "size_bytes", "status", "pushed_to", "capable_edges")
EDGE_FIELDS = ("edge_id", "status")
ERROR_FIELDS = ("code", "message", "request_id")


class PlainPlatform(FaultProxy):
    """A FaultProxy that forwards and returns nothing but the fields above.

    bodies: create bodies as they came. meanwhile: done once, between the arrival of a create here and there.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.bodies: list[dict[str, Any]] = []
        self.meanwhile: Callable[[], None] | None = None

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
        if handler.command == "PATCH":
            return 405, _JSON, _error("BAD_REQUEST", "method not allowed")
        path = handler.path.partition("?")[0].rstrip("/")
        for name in ("If-None-Match", "Content-Length"):
            del handler.headers[name]
        if handler.command == "POST" and path == "/v1/deployments":
            sent = json.loads(body)
            self.bodies.append(sent)
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            body = json.dumps(_only(sent, CREATE_FIELDS)).encode()
            status, _, answer = super()._forward(handler, body)
            return status, _JSON, _plain(path, answer)
        if handler.command == "POST":
            body = b""  # start and stop take none
        status, _, answer = super()._forward(handler, body)
        return status, _JSON, _plain(path, answer)


_JSON = [("Content-Type", "application/json")]


def _plain(path: str, answer: bytes) -> bytes:
    if not answer:
        return answer
    value = json.loads(answer)
    if "error" in value:
        return json.dumps({"error": _only(value["error"], ERROR_FIELDS)}).encode()
    if path == "/v1/account":
        return b"{}"
    if "deployments" in value:
        return json.dumps({"deployments": [_row(row) for row in value["deployments"]]}).encode()
    if "deployment_id" in value:
        return json.dumps(_row(value)).encode()
    return answer


def _row(row: dict[str, Any]) -> dict[str, Any]:
    edges = [_only(edge, EDGE_FIELDS) for edge in row.get("edges") or []]
    return {**_only(row, ROW_FIELDS), **({"edges": edges} if "edges" in row else {})}


def _only(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value[name] for name in names if name in value}


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()
