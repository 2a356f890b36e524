"""The gate every request passes: request id, size, key, rate limit, call log. ASGI, so it sees unknown paths too."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sequence_paper.api.calllog import CallLog
from sequence_paper.api.errors import ApiError, answer
from sequence_paper.api.limits import Limiter
from sequence_paper.api.stream.tickets import Tickets
from sequence_paper.store import Store
from sequence_paper.store.records import Caller

log = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request: 1 MiB of WASM in base64 with room for everything else."""
_DRAIN = 8 * MAX_BODY  # read and thrown away, so that the client hears the answer and not a cut connection
MAX_REQUEST_ID = 128
_OPEN = ("/v1/health", "/v1/health/live")
_ANSWERS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_SWITCHED = 101


@dataclass(slots=True)
class _Passage:
    request_id: str
    began: float = field(default_factory=time.perf_counter)
    ts_ns: int = field(default_factory=time.time_ns)
    caller: Caller | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 500


class Gate:
    """Wraps the application. An accepted caller is found in `request.state.caller`."""

    def __init__(
        self, app: ASGIApp, store: Store, limiter: Limiter, calls: CallLog, tickets: Tickets
    ) -> None:
        self._app = app
        self._tickets = tickets
        self._store = store
        self._limiter = limiter
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        passage = _Passage(_request_id(headers))
        scope.setdefault("state", {})["request_id"] = passage.request_id

        async def sending(message: Message) -> None:
            if message["type"] in _ANSWERS:
                passage.status = message.get("status", _SWITCHED)
                shown = MutableHeaders(scope=message)
                shown["X-Request-Id"] = passage.request_id
                for name, value in passage.headers.items():
                    shown[name] = value
                self._log_call(scope, passage)
            await send(message)

        try:
            await self._admit(scope, headers, passage)
            if scope["type"] == "http":
                receive = await _whole_body(receive)
        except ApiError as error:
            await answer(error, passage.request_id)(scope, receive, sending)
            return
        await self._serve(scope, receive, passage, sending)

    async def _admit(self, scope: Scope, headers: Headers, passage: _Passage) -> None:
        path = scope["path"]
        if path.startswith("/v1/") and path not in _OPEN:
            passage.caller = self._ticket(scope) or await self._caller(headers)
            scope["state"]["caller"] = passage.caller
            account = passage.caller.account
            grant = self._limiter.take(account.account_id, account.rate_limit_qps)
            passage.headers = grant.headers()
            if not grant.allowed:
                raise ApiError(
                    429, f"more than {account.rate_limit_qps} requests a second: wait, then try again"
                )

    def _ticket(self, scope: Scope) -> Caller | None:
        """Who redeems a ticket, which opens WebSockets only; None when there is none."""
        ticket = QueryParams(scope["query_string"]).get("ticket") if scope["type"] == "websocket" else None
        if ticket is None:
            return None
        scope["query_string"] = b""  # the server logs the address of a connection
        caller = self._tickets.redeem(ticket)
        if caller is None:
            raise ApiError(
                401, "this ticket is used, too old, or was never given out: ask /v1/ws/ticket for one"
            )
        return caller

    async def _caller(self, headers: Headers) -> Caller:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        challenge = {"WWW-Authenticate": "Bearer"}
        if scheme.lower() != "bearer" or not key:
            raise ApiError(401, "an API key is needed: send Authorization: Bearer <key>", headers=challenge)
        caller = await asyncio.to_thread(self._store.accounts.caller, key.strip())
        if caller is None:
            raise ApiError(401, "this API key is not known here", headers=challenge)
        return caller

    async def _serve(self, scope: Scope, receive: Receive, passage: _Passage, sending: Send) -> None:
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await sending(message)

        try:
            await self._app(scope, receive, watching)
        except Exception:
            # The last resort: whatever went wrong, the client gets an envelope and the log the traceback.
            log.exception("request %s failed", passage.request_id)
            if started:
                raise
            failed = ApiError(500, "internal error; the server's log has the details under this request id")
            await answer(failed, passage.request_id)(scope, receive, sending)

    def _log_call(self, scope: Scope, passage: _Passage) -> None:
        caller = passage.caller
        line = {
            "ts_ns": passage.ts_ns,
            "account_id": caller.account.account_id if caller else None,
            "mode": caller.mode if caller else None,
            "method": scope.get("method", "GET"),
            "path": scope["path"],
            "status": passage.status,
            "ms": round((time.perf_counter() - passage.began) * 1000, 3),
        }
        self._calls.write(line)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    usable = 0 < len(given) <= MAX_REQUEST_ID and given.isascii() and given.isprintable()
    return given if usable else str(uuid.uuid4())


async def _whole_body(receive: Receive) -> Receive:
    """Read the body before anybody parses it; returns a `receive` that gives it back. 413 above `MAX_BODY`."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= _DRAIN:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "the request ended before its body did")
        part = message.get("body", b"")
        more, size = message.get("more_body", False), size + len(part)
        if size <= MAX_BODY:
            parts.append(part)
    if size > MAX_BODY:
        raise ApiError(413, f"the request is larger than {MAX_BODY:,} bytes")
    body: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

    async def replay() -> Message:
        nonlocal body
        if body is None:
            return await receive()
        message, body = body, None
        return message

    return replay
