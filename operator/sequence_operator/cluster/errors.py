"""What can go wrong with the cluster, in words that say what to do next."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sequence_operator.spec.names import GROUP

INSTALL_CRDS = (
    "kubectl apply --server-side -f crds/   "
    "(or: helm upgrade --install sequence-operator charts/sequence-operator)"
)


class Kind(StrEnum):
    """The cause of a `ClusterError`; callers decide by it, never by the text."""

    NO_CONFIG = "NoConfig"  # no kubeconfig, unknown context, unreadable credentials
    UNREACHABLE = "Unreachable"  # nothing answers, or not in time
    UNAUTHORIZED = "Unauthorized"  # 401
    FORBIDDEN = "Forbidden"  # 403
    NOT_FOUND = "NotFound"  # 404 of an object
    MISSING_CRD = "MissingCRD"  # 404 of the kind itself
    CONFLICT = "Conflict"  # 409: other managers own the fields, or uid or resourceVersion moved
    ALREADY_EXISTS = "AlreadyExists"  # 409 of a create
    INVALID = "Invalid"  # 400, 413, 422: the object can never be accepted as it is
    THROTTLED = "Throttled"  # 429
    SERVER = "Server"  # 5xx and what has no name


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field the API server complained about; ``manager`` is set when another manager owns it."""

    field: str
    message: str
    manager: str | None = None


class ClusterError(Exception):
    """A call to the cluster failed.

    kind:    the cause; message: what happened; hint: the command or step that fixes it ("" for none);
    fields:  per-field problems of INVALID and of field conflicts; status: the HTTP status or None;
    retry_after: seconds the server asked us to wait, or None.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        hint: str = "",
        *,
        fields: tuple[FieldProblem, ...] = (),
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.fields = fields
        self.status = status
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message


def from_response(
    status: int, body: bytes, *, what: str, server: str, retry_after: str | None = None
) -> ClusterError:
    """The error of a non-2xx answer. ``what`` names the operation: ``get algodeployments trading/my-mm``."""
    answer = _status_object(body)
    reason = str(answer.get("reason", "")) if answer else ""
    text = str(answer.get("message", "")) if answer else body[:200].decode(errors="replace").strip()
    fields = _fields(answer)
    if status == 404 and answer is None and GROUP in what:
        return ClusterError(
            Kind.MISSING_CRD,
            f"the cluster does not know {GROUP}: its CustomResourceDefinitions are not installed ({what})",
            INSTALL_CRDS,
            status=status,
        )
    if status == 404:
        namespace = re.match(r'namespaces "([^"]+)" not found', text)
        hint = f"kubectl create namespace {namespace[1]}" if namespace else ""
        return ClusterError(Kind.NOT_FOUND, text or f"not found: {what}", hint, status=status)
    if status == 401:
        return ClusterError(
            Kind.UNAUTHORIZED,
            f"{server} does not accept these credentials ({what})",
            "log in to the cluster again, or choose another context with --context",
            status=status,
        )
    if status == 403:
        return ClusterError(Kind.FORBIDDEN, text, _grant_hint(text), status=status)
    if status == 409:
        return _conflict(reason, text, fields)
    if status == 422 and any(problem.field == "metadata.uid" for problem in fields):
        # How a patch that carries a uid is refused when the object of that name is another one by now.
        return ClusterError(Kind.CONFLICT, text, "read the object again and retry", status=status)
    if status in (400, 413, 415, 422):
        return ClusterError(
            Kind.INVALID, text, "correct the fields named above", fields=fields, status=status
        )
    if status == 429:
        return ClusterError(
            Kind.THROTTLED,
            text or f"too many requests ({what})",
            status=status,
            retry_after=_seconds(retry_after),
        )
    return ClusterError(Kind.SERVER, f"{server} answered {status} to {what}: {text}", status=status)


def unreachable(server: str, problem: Exception) -> ClusterError:
    """Nothing answered at ``server``. The system's own word for it, where there is one, says the most."""
    number = getattr(getattr(problem, "os_error", problem), "errno", None)
    if isinstance(problem, TimeoutError):
        cause = "no answer in time"
    elif isinstance(number, int) and number > 0:
        cause = os.strerror(number).lower()
    else:
        cause = str(problem) or type(problem).__name__
    return ClusterError(
        Kind.UNREACHABLE,
        f"the cluster at {server} cannot be reached: {cause}",
        "is it running? `sequence up` starts a local one; `kubectl cluster-info` checks another",
    )


def _status_object(body: bytes) -> dict[str, Any] | None:
    """The ``Status`` object of an answer; None for plain text, which is how an unknown path is answered."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else None


def _fields(answer: dict[str, Any] | None) -> tuple[FieldProblem, ...]:
    causes = ((answer or {}).get("details") or {}).get("causes") or []
    problems = []
    for cause in causes:
        message = str(cause.get("message", ""))
        manager = None
        if cause.get("reason") == "FieldManagerConflict":
            found = re.search(r'conflict with "([^"]+)"', message)
            manager = found.group(1) if found else message
        problems.append(FieldProblem(str(cause.get("field", "")).lstrip("."), message, manager))
    return tuple(problems)


def _conflict(reason: str, text: str, fields: tuple[FieldProblem, ...]) -> ClusterError:
    if reason == "AlreadyExists":
        return ClusterError(Kind.ALREADY_EXISTS, text, status=409)
    owned = [problem for problem in fields if problem.manager]
    if not owned:
        return ClusterError(Kind.CONFLICT, text, "read the object again and retry", status=409)
    listed = ", ".join(f"{problem.field} (owned by {problem.manager})" for problem in owned)
    return ClusterError(
        Kind.CONFLICT,
        f"another writer owns what you want to change: {listed}",
        "change it where that writer takes it from",
        fields=fields,
        status=409,
    )


def _grant_hint(text: str) -> str:
    """From the API server's own sentence to the check that proves the missing rule."""
    found = re.search(
        r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
        r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)")?',
        text,
    )
    if not found:
        return "ask whoever runs the cluster for the missing permission"
    resource, _, subresource = found["resource"].partition("/")
    full = f"{resource}.{found['group']}" if found["group"] else resource
    extra = f" --subresource={subresource}" if subresource else ""
    where = f" -n {found['namespace']}" if found["namespace"] else ""
    return (
        f"missing rule: verb {found['verb']} on {found['resource']}; "
        f"check: kubectl auth can-i {found['verb']} {full}{extra}{where} --as={found['user']}"
    )


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None
