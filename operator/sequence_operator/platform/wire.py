"""One HTTP exchange with the platform: token, key, request, answer or error. It repeats nothing by itself."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from httpx_aiohttp import HttpxAiohttpClient

from sequence_operator import __version__
from sequence_operator.platform.answers import error_of, garbage, unreachable
from sequence_operator.platform.errors import PlatformError
from sequence_operator.platform.library import httpx
from sequence_operator.platform.limiter import Lane, RateLimiter
from sequence_operator.platform.redact import Secret

Before: TypeAlias = Callable[[], Awaitable[None]]
"""Awaited once the limiter granted the call, right before anything is sent; an exception from it calls it off. The
place for a last look at what is desired, for the wait for a token may have been long."""

OnCall: TypeAlias = Callable[[str, int], None]
"""Told the operation ("create", "list", …) and the HTTP status (0: no answer) of every call."""

USER_AGENT = f"sequence-operator/{__version__}"
NO_KEY = "there is no usable API key"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Wire:
    """endpoint: base URL without /v1; secret: the key or None; timeout: seconds per call."""

    def __init__(
        self,
        endpoint: str,
        secret: Secret | None,
        limiter: RateLimiter,
        timeout: float,
        connections: int,
        on_call: OnCall | None,
    ) -> None:
        self.endpoint = endpoint
        self.limiter = limiter
        self._secret = secret
        self._timeout = timeout
        self._connections = connections
        self._on_call = on_call
        self._http: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"Wire({self.endpoint!r})"

    async def aclose(self) -> None:
        if self._http is not None:
            http, self._http = self._http, None
            await http.aclose()

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        lane: Lane,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        before: Before | None = None,
    ) -> httpx.Response:
        """Send it and return the 2xx answer; anything else is a `PlatformError`."""
        response = await self.send(operation, method, path, lane, body=body, query=query, before=before)
        self.raise_for(response)
        return response

    async def send(
        self,
        operation: str,
        method: str,
        path: str,
        lane: Lane,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        authorized: bool = True,
        before: Before | None = None,
    ) -> httpx.Response:
        """Send it and return the answer, whatever its status; no answer is `Unreachable`."""
        sent = {"Accept": "application/json", "User-Agent": USER_AGENT, **(headers or {})}
        if authorized:
            sent["Authorization"] = f"Bearer {self._usable_key()}"
        content = None if body is None else json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        if method in ("POST", "PATCH"):
            sent["Content-Type"] = "application/json"
        await self.limiter.acquire(lane)
        await self._last_look(before)
        try:
            response = await self._session().request(
                method, self.endpoint + path, params=query or None, content=content, headers=sent
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            self._count(operation, 0)
            raise unreachable(error, self.endpoint, self._secret) from None
        self._count(operation, response.status_code)
        self.limiter.adapt(response.headers, response.status_code)
        return response

    async def _last_look(self, before: Before | None) -> None:
        if before is None:
            return
        try:
            await before()
        except BaseException:
            self.limiter.give_back()
            raise

    def _count(self, operation: str, status: int) -> None:
        if self._on_call is not None:
            self._on_call(operation, status)

    def _usable_key(self) -> str:
        if self._secret is None or not self._secret.usable:
            raise PlatformError(401, NO_KEY, code="UNAUTHORIZED")
        return self._secret.reveal()

    def _session(self) -> httpx.AsyncClient:
        if self._http is None:
            # A keep-alive shorter than common servers' own (5 s): a call on a connection that the server is just
            # closing would be an answer lost, and a registration would have to wait until its fate is known.
            limits = httpx.Limits(max_connections=self._connections, keepalive_expiry=4.0)
            url = httpx.URL(self.endpoint)
            self._http = HttpxAiohttpClient(
                timeout=self._timeout,
                limits=limits,
                follow_redirects=False,
                trust_env=url.host not in LOOPBACK,
                verify=url.scheme != "http",  # saves loading the certificates where none is looked at
            )
        return self._http

    def raise_for(self, response: httpx.Response) -> None:
        """Raise the error that a non-2xx answer is."""
        if not 200 <= response.status_code < 300:
            raise error_of(response, self._secret)

    def json(self, response: httpx.Response) -> object:
        """The JSON value of an answer."""
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError):
            raise self.garbage(response, "it is not JSON") from None

    def garbage(self, response: httpx.Response, why: str) -> PlatformError:
        """The error of a 2xx answer that is not what it should be."""
        return garbage(response, why, self._secret)
