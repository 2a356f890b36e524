"""The error table: how a failed platform call is treated."""

from __future__ import annotations

from sequence_operator.reconcile.model import Failure, FailureKind

_REJECTED = (400, 405, 413, 415, 422, 501)


def classify(
    status: int | None,
    *,
    message: str,
    code: str = "",
    field: str = "",
    retry_after: float | None = None,
    sent: bool = True,
) -> Failure:
    """The `Failure` of an HTTP status, or of a network error (`status` None or 0; `sent` False when nothing left us).

    message: what the platform said, without request ids; it may end in the status.
    """
    if not status:
        kind, executed = FailureKind.RETRY, None if sent else False
    else:
        kind, executed = _kind(status, message, code, field), _executed(status)
    return Failure(
        kind=kind,
        message=message,
        status=status or None,
        code=code,
        field=field,
        retry_after=retry_after,
        executed=executed,
    )


def _kind(status: int, message: str, code: str, field: str) -> FailureKind:
    if status in _REJECTED:
        return FailureKind.REJECTED
    if status in (401, 403):
        return FailureKind.ACCOUNT
    if status in (404, 410):
        return FailureKind.GONE
    if status == 409:
        return _conflict(message, code, field)
    return FailureKind.RETRY


def _conflict(message: str, code: str, field: str) -> FailureKind:
    """The field says it where the platform names one; the kill switch is told by the text alone."""
    if field == "name":
        return FailureKind.NAME
    if field in ("revision", "if_revision"):
        return FailureKind.REVISION
    text = f"{code} {message}".lower().replace("_", " ")
    return FailureKind.KILL_SWITCH if "kill switch" in text else FailureKind.CONFLICT


def _executed(status: int) -> bool | None:
    """An explicit refusal was not executed; a time-out or a server error may have been."""
    return False if 400 <= status < 500 and status != 408 else None
