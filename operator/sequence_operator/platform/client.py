"""The client. One method per call; each takes the lane it is served in. It never repeats a POST by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sequence_operator.platform import means
from sequence_operator.platform.answers import GARBAGE
from sequence_operator.platform.errors import PlatformError, Unreachable
from sequence_operator.platform.library import httpx
from sequence_operator.platform.limiter import Lane, RateLimiter
from sequence_operator.platform.means import Capital
from sequence_operator.platform.parse import parse_account, parse_row
from sequence_operator.platform.readings import Readings, deployment_path
from sequence_operator.platform.redact import Secret
from sequence_operator.platform.rows import Account, Row
from sequence_operator.platform.stream import Stream
from sequence_operator.platform.wire import Before, OnCall, Wire

_NOT_BUILT = frozenset({404, 405, 501})  # how a platform says that it has no such call
_ROWS_AT_A_TIME = 100  # of a long list, before others get their turn: a stop must not wait for parsing


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole list. `etag`: pass it to the next `list_deployments`; when the request began is the caller's to note."""

    rows: tuple[Row, ...]
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The list of that `etag` still holds."""

    etag: str


class PlatformClient(Readings):
    """`async with PlatformClient(endpoint, key, limiter=…) as client:`.

    endpoint: base URL without /v1. key: the API key; it appears in no repr, message or log. limiter: shared by all
    clients of the same (endpoint, account). timeout: seconds per call. Every method raises `PlatformError`
    (`Unreachable` when there was no answer) and nothing else but what `before` raises.
    """

    def __init__(
        self,
        endpoint: str,
        key: str | None,
        *,
        limiter: RateLimiter | None = None,
        timeout: float = 30.0,
        connections: int = 50,
        on_call: OnCall | None = None,
    ) -> None:
        secret = Secret(key.strip()) if key and key.strip() else None
        self.limiter = limiter if limiter is not None else RateLimiter()
        self._secret = secret
        self._wire = Wire(endpoint.rstrip("/"), secret, self.limiter, timeout, connections, on_call)

    @property
    def endpoint(self) -> str:
        return self._wire.endpoint

    def __repr__(self) -> str:
        return f"PlatformClient({self.endpoint!r})"

    async def __aenter__(self) -> PlatformClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    def stream(self, channels: Iterable[str] = (), *, silence: float = 15.0) -> Stream:
        """Its `/v1/stream`, with the same key; see there for `silence`. Use it as a context manager."""
        key = self._secret.reveal() if self._secret is not None else ""
        return Stream(self.endpoint, key, channels, silence=silence)

    # --- account ---

    async def health(self, *, lane: Lane = Lane.POLL) -> bool:
        """True when the platform answers 200 to `GET /v1/health/live` (no key needed)."""
        try:
            response = await self._wire.send("health", "GET", "/v1/health/live", lane, authorized=False)
        except Unreachable:
            return False
        return response.status_code == 200

    async def account(self, *, lane: Lane = Lane.POLL) -> Account:
        """Who the key belongs to."""
        response = await self._wire.call("account", "GET", "/v1/account", lane)
        try:
            return parse_account(self._wire.json(response))
        except ValueError as error:
            raise self._wire.garbage(response, str(error)) from None

    async def connected_venues(self, *, lane: Lane = Lane.POLL) -> frozenset[str] | None:
        """Ids of the venues the account can trade on; None when the platform does not say."""
        return means.connected_venues(await self._optional("credentials", "/v1/credentials", lane))

    async def risk_limits(self, *, lane: Lane = Lane.POLL) -> Mapping[str, int] | None:
        """Limits that hold for every deployment of the account, by their names in `risk`; None when untold."""
        return means.account_limits(await self._optional("risk_limits", "/v1/risk_limits", lane))

    async def capital(self, *, lane: Lane = Lane.POLL) -> Capital | None:
        """What there is to trade with; None when untold. The cash among the positions is no answer: what may be used
        depends on margin and bounds that it does not show."""
        return means.capital(await self._optional("account", "/v1/account", lane))

    # --- deployments ---

    async def list_deployments(
        self, etag: str | None = None, *, lane: Lane = Lane.POLL
    ) -> Listing | NotModified:
        """All deployments of the account; `NotModified` when `etag` still holds.

        One unreadable row spoils the list: what it hides could otherwise count as absent.
        """
        headers = {"If-None-Match": etag} if etag else None
        response = await self._wire.send("list", "GET", "/v1/deployments", lane, headers=headers)
        if response.status_code == 304 and etag:
            return NotModified(etag)
        self._wire.raise_for(response)
        body = self._wire.json(response)
        rows = body.get("deployments") if isinstance(body, dict) else body
        if not isinstance(rows, list):
            raise self._wire.garbage(response, "a list of deployments was expected")
        parsed: list[Row] = []
        try:
            for row in rows:
                parsed.append(parse_row(row, keep_raw=False))
                if len(parsed) % _ROWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)
        except ValueError as error:
            raise self._wire.garbage(response, str(error)) from None
        return Listing(tuple(parsed), response.headers.get("etag"))

    async def get(self, deployment_id: str, *, lane: Lane = Lane.POLL) -> Row:
        """One deployment; 404 is a `PlatformError` with that status."""
        row = self._row(await self._wire.call("get", "GET", deployment_path(deployment_id), lane))
        if row is None:
            raise PlatformError(200, "unreadable answer: it is empty", code=GARBAGE)
        return row

    async def create(
        self, body: Mapping[str, Any], *, lane: Lane = Lane.REGISTER, before: Before | None = None
    ) -> Row | None:
        """Register; the body of `spec.wire.create_body`. None when the platform answered nothing readable: the
        deployment exists then, and the list will tell its id."""
        response = await self._wire.call("create", "POST", "/v1/deployments", lane, body=body, before=before)
        return self._row(response, lenient=True)

    async def patch(
        self,
        deployment_id: str,
        body: Mapping[str, Any],
        *,
        if_revision: int | None = None,
        lane: Lane = Lane.REGISTER,
        before: Before | None = None,
    ) -> Row | None:
        """Change limits, parameters, mesh, metadata; None when the platform answered nothing readable."""
        sent = dict(body) if if_revision is None else {**body, "if_revision": if_revision}
        response = await self._wire.call(
            "patch", "PATCH", deployment_path(deployment_id), lane, body=sent, before=before
        )
        return self._row(response, lenient=True)

    async def delete(
        self, deployment_id: str, *, lane: Lane = Lane.STOP, before: Before | None = None
    ) -> bool:
        """Stop and unregister. True when that is done; False when the platform only took it on (202)."""
        response = await self._wire.call(
            "delete", "DELETE", deployment_path(deployment_id), lane, before=before
        )
        return response.status_code != 202

    async def start(
        self,
        deployment_id: str,
        acknowledge: str | None = None,
        *,
        lane: Lane = Lane.START,
        before: Before | None = None,
    ) -> Row | None:
        """Start; `acknowledge` is the id of the pause this clears."""
        body = {"acknowledge": acknowledge} if acknowledge else None
        path = deployment_path(deployment_id, "start")
        response = await self._wire.call("start", "POST", path, lane, body=body, before=before)
        return self._row(response, lenient=True)

    async def stop(
        self, deployment_id: str, *, lane: Lane = Lane.STOP, before: Before | None = None
    ) -> Row | None:
        """Stop; state is kept."""
        response = await self._wire.call(
            "stop", "POST", deployment_path(deployment_id, "stop"), lane, before=before
        )
        return self._row(response, lenient=True)

    # --- the wire ---

    async def _optional(self, operation: str, path: str, lane: Lane) -> object:
        """The JSON of a call that a platform may not have; None when it has not, or answers what is no JSON."""
        response = await self._wire.send(operation, "GET", path, lane)
        if response.status_code in _NOT_BUILT:
            return None
        self._wire.raise_for(response)
        try:
            return self._wire.json(response)
        except PlatformError:
            return None

    def _row(self, response: httpx.Response, *, lenient: bool = False) -> Row | None:
        """The row in an answer. Lenient after a write: it was executed, however unreadable the answer is."""
        if not response.content:
            return None
        try:
            return parse_row(self._wire.json(response))
        except PlatformError:
            if lenient:
                return None
            raise
        except ValueError as error:
            if lenient:
                return None
            raise self._wire.garbage(response, str(error)) from None
