"""Errors as the platform shows them: one envelope for every answer that is not a success."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

log = logging.getLogger(__name__)

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    422: "VALIDATION_ERROR",
    426: "UPGRADE_REQUIRED",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    503: "SERVICE_UNAVAILABLE",
}


class ApiError(Exception):
    """An answer with a status of 400 or more.

    `field` names what in the request is at fault; `extra` goes into the body beside `error`, `headers` to the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = [{"field": field, "message": message}] if field is not None else []
        self.extra = extra or {}
        self.headers = headers or {}


def invalid(field: str, message: str) -> ApiError:
    """422 about one field of the request."""
    return ApiError(422, f"{field}: {message}", field=field)


def refused(problems: Sequence[tuple[str, str]], status: int = 422) -> ApiError:
    """About several fields at once: (field, message) of each."""
    error = ApiError(status, _together([f"{field}: {message}" for field, message in problems]))
    error.details = [{"field": field, "message": message} for field, message in problems]
    return error


def answer(error: ApiError, request_id: str) -> Response:
    """The envelope: `{"error": {code, message, request_id, details}}`."""
    envelope = {
        "code": _CODES[error.status],
        "message": error.message,
        "request_id": request_id,
        "details": error.details,
    }
    body = orjson.dumps({"error": envelope, **error.extra})
    return Response(body, error.status, error.headers, "application/json")


def install(app: FastAPI) -> None:
    """Answer every exception with the envelope."""

    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> Response:
        return answer(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(_from_validation(error), request.state.request_id)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        status = error.status_code if error.status_code in _CODES else 400
        return answer(ApiError(status, str(error.detail)), request.state.request_id)

    @app.exception_handler(sa.exc.OperationalError)
    async def on_database(request: Request, error: sa.exc.OperationalError) -> Response:
        log.error("the database did not answer: %s", error.orig)
        away = ApiError(503, "the database does not answer; try again", headers={"Retry-After": "1"})
        return answer(away, request.state.request_id)


def _from_validation(error: RequestValidationError) -> ApiError:
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return ApiError(400, f"the body is not JSON: {problems[0]['ctx']['error']}")
    details = [
        {"field": ".".join(str(part) for part in problem["loc"][1:]), "message": _sentence(problem["msg"])}
        for problem in problems
    ]
    result = ApiError(422, _together([f"{d['field'] or 'body'}: {d['message']}" for d in details]))
    result.details = details
    return result


def _together(sentences: Sequence[str]) -> str:
    more = f" (and {len(sentences) - 3} more)" if len(sentences) > 3 else ""
    return "; ".join(sentences[:3]) + more


def _sentence(message: str) -> str:
    if message == "Extra inputs are not permitted":
        return "not a known key"
    return message.removeprefix("Value error, ")
