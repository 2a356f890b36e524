"""From HTTP answers and transport failures to `PlatformError`: both error envelopes, and none at all."""

from __future__ import annotations

import http
import json
import os
from collections.abc import Mapping

import aiohttp

from sequence_operator.platform.errors import PlatformError, Unreachable
from sequence_operator.platform.library import httpx
from sequence_operator.platform.limiter import number
from sequence_operator.platform.redact import Secret, redact

GARBAGE = "GARBAGE"
_MESSAGE_LENGTH = 500

# httpx-aiohttp reports a connection that broke in the middle of a call as a *connect* time-out as well; only these
# causes prove that nothing was sent.
_NOTHING_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


def error_of(response: httpx.Response, secret: Secret | None) -> PlatformError:
    """The error in a non-2xx answer."""
    body = response.content
    parsed = _json_object(body)
    error = parsed.get("error")
    code, message, field, request_id = "", "", "", parsed.get("request_id")
    if isinstance(error, Mapping):
        code, message = _text(error.get("code")), _text(error.get("message"))
        field = _first_field(error.get("details"))
        request_id = error.get("request_id") or request_id
        holder = error.get("deployment_id") or parsed.get("deployment_id")
    else:
        message, holder = _text(error), parsed.get("deployment_id")
    message = message or body[:200].decode(errors="replace").strip() or _phrase(response.status_code)
    return PlatformError(
        response.status_code,
        redact(message, secret)[:_MESSAGE_LENGTH],
        code=redact(code, secret)[:64],
        field=redact(field, secret)[:200],
        holder_id=holder if isinstance(holder, str) else None,
        retry_after=number(response.headers.get("retry-after")),
        request_id=str(request_id) if request_id else response.headers.get("x-request-id"),
    )


def garbage(response: httpx.Response, why: str, secret: Secret | None) -> PlatformError:
    """A 2xx answer that is not what it should be."""
    return PlatformError(response.status_code, redact(f"unreadable answer: {why}", secret), code=GARBAGE)


def unreachable(
    error: httpx.HTTPError | httpx.InvalidURL | OSError, endpoint: str, secret: Secret | None
) -> Unreachable:
    """No answer. The text names the endpoint and the cause, in words that stay the same from try to try."""
    cause = error.__cause__
    nothing_sent = isinstance(cause, _NOTHING_SENT) or isinstance(
        error, httpx.UnsupportedProtocol | httpx.InvalidURL
    )
    if nothing_sent:
        message = f"{endpoint} cannot be reached: {_why(cause or error)}"
    elif isinstance(cause, TimeoutError) or (cause is None and isinstance(error, httpx.TimeoutException)):
        message = f"{endpoint} did not answer in time"
    else:
        message = f"{endpoint} closed the connection before it answered"
    return Unreachable(redact(message, secret), sent=not nothing_sent)


def _why(cause: BaseException) -> str:
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(cause, aiohttp.ClientConnectorSSLError):
        return "TLS failed"
    if isinstance(cause, aiohttp.ClientConnectorError):
        number = cause.os_error.errno
        return os.strerror(number).lower() if number else "connection failed"
    return "no connection in time" if isinstance(cause, TimeoutError) else "not a usable address"


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _first_field(details: object) -> str:
    if not isinstance(details, list):
        return ""
    return next((_text(d.get("field")) for d in details if isinstance(d, Mapping) and d.get("field")), "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"
