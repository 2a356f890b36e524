"""The status of an AlgoBuild and the rules by which builders share the work. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sequence_operator.spec.build import (
    MAX_LOG_LINE,
    MAX_LOG_LINES,
    AlgoBuild,
    AlgoBuildStatus,
    Claim,
)
from sequence_operator.spec.meta import to_cr
from sequence_operator.spec.status import Condition, ConditionStatus

MAX_ATTEMPTS = 6
"""The first attempt and five more."""
_MAX_PAUSE = 600.0

Word = tuple[ConditionStatus, str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a builder does next: begin `build`, or look again after `wait` seconds (None: only when told)."""

    build: AlgoBuild | None
    wait: float | None


def over(build: AlgoBuild) -> bool:
    """Whether nothing more will happen to it: a result, or a failure that is final."""
    stalled = any(c.type == "Stalled" and c.status == "True" for c in build.status.conditions)
    return build.status.phase == "Succeeded" or (build.status.phase == "Failed" and stalled)


def choose(builds: Iterable[AlgoBuild], holder: str, toolchain: str, now: datetime) -> Turn:
    """The oldest build that is free: nobody's, one whose holder fell silent, or one of our own former life."""
    wait: float | None = None
    for build in sorted(builds, key=_age):
        if over(build) or build.metadata.deletion_timestamp or build.spec.toolchain != toolchain:
            continue
        claim = build.status.claim
        left = (claim.until - now).total_seconds() if claim is not None and claim.until is not None else 0.0
        if left <= 0 or (claim is not None and claim.holder == holder):
            return Turn(build, None)
        wait = left if wait is None else min(wait, left)
    return Turn(None, wait)


def _age(build: AlgoBuild) -> tuple[str, str]:
    created = build.metadata.creation_timestamp
    return created.isoformat() if created else "", build.metadata.name


def claimed(build: AlgoBuild, holder: str, until: datetime, now: datetime) -> AlgoBuildStatus:
    """Ours from now on: one attempt more."""
    attempt = build.status.attempts + 1
    words: dict[str, Word] = {
        "Ready": ("False", "Building", f"attempt {attempt}, by {holder}"),
        "Reconciling": ("True", "Building", f"attempt {attempt}, by {holder}"),
        "Stalled": ("False", "Building", ""),
    }
    return AlgoBuildStatus(
        observed_generation=build.metadata.generation,
        phase="Building",
        claim=Claim(holder=holder, until=until),
        attempts=attempt,
        conditions=_conditions(build, words, now),
    )


def renewed(status: AlgoBuildStatus, until: datetime) -> AlgoBuildStatus:
    holder = status.claim.holder if status.claim else ""
    return status.model_copy(update={"claim": Claim(holder=holder, until=until)})


def waiting(
    build: AlgoBuild,
    reason: str,
    message: str,
    now: datetime,
    phase: Literal["Pending", "Failed"] = "Pending",
) -> AlgoBuildStatus:
    """Nobody's; it is not begun because of something outside it."""
    words: dict[str, Word] = {
        "Ready": ("False", reason, message),
        "Reconciling": ("True", reason, message),
        "Stalled": ("False", reason, ""),
    }
    return build.status.model_copy(
        update={
            "observed_generation": build.metadata.generation,
            "phase": phase,
            "claim": None,
            "conditions": _conditions(build, words, now),
        }
    )


def given_back(build: AlgoBuild, now: datetime) -> AlgoBuildStatus:
    """The builder ends; the attempt does not count."""
    left = waiting(build, "Interrupted", "the builder was stopped; another attempt follows", now)
    return left.model_copy(update={"attempts": max(build.status.attempts - 1, 0)})


def succeeded(
    build: AlgoBuild,
    *,
    sha256: str,
    size: int,
    config_map: str,
    sandboxed: bool,
    seconds: float,
    log: Iterable[str],
    now: datetime,
) -> AlgoBuildStatus:
    message = f"{size:,} bytes, {sha256[:12]}" + ("" if sandboxed else "; compiled WITHOUT a sandbox")
    words: dict[str, Word] = {
        "Ready": ("True", "Succeeded", message),
        "Reconciling": ("False", "Succeeded", ""),
        "Stalled": ("False", "Succeeded", ""),
    }
    return AlgoBuildStatus(
        observed_generation=build.metadata.generation,
        phase="Succeeded",
        attempts=build.status.attempts,
        sha256=sha256,
        size_bytes=size,
        config_map=config_map,
        sandboxed=sandboxed,
        seconds=round(seconds, 1),
        log=tail(log),
        conditions=_conditions(build, words, now),
    )


def failed(
    build: AlgoBuild,
    *,
    reason: str,
    message: str,
    final: bool,
    attempts: int | None,
    pause: float,
    sandboxed: bool | None,
    seconds: float,
    log: Iterable[str],
    now: datetime,
) -> AlgoBuildStatus:
    """Final, or nobody's until the pause before the next attempt is over. pause: seconds of the first one."""
    attempt = build.status.attempts
    spent = attempt >= min(attempts or MAX_ATTEMPTS, MAX_ATTEMPTS)
    last = final or spent
    if spent and not final:
        again = f"kubectl delete algobuild {build.metadata.name} -n {build.metadata.namespace}"
        message = f"{message} ({attempt} attempts; to have it tried again: {again})"
    rest = min(pause * 2 ** max(attempt - 1, 0), _MAX_PAUSE)
    words: dict[str, Word] = {
        "Ready": ("False", reason, message),
        "Reconciling": ("False", reason, "") if last else ("True", "Retrying", message),
        "Stalled": ("True", reason, message) if last else ("False", "Retrying", ""),
    }
    return AlgoBuildStatus(
        observed_generation=build.metadata.generation,
        phase="Failed",
        claim=None if last else Claim(holder="", until=now + timedelta(seconds=rest)),
        attempts=attempt,
        sandboxed=sandboxed,
        seconds=round(seconds, 1),
        log=tail(log),
        conditions=_conditions(build, words, now),
    )


def tail(lines: Iterable[str]) -> list[str]:
    """The last lines, fit for the status: cut, and without characters that no text may hold."""
    kept = [line.rstrip() for line in lines][-MAX_LOG_LINES:]
    return ["".join(c if c == "\t" or c.isprintable() else "?" for c in line)[:MAX_LOG_LINE] for line in kept]


def apply_configuration(build: AlgoBuild, status: AlgoBuildStatus) -> dict[str, Any]:
    """For server-side apply of the status: refused when the object is another, or newer than what was read."""
    metadata = build.metadata
    return {
        "apiVersion": build.api_version,
        "kind": build.kind,
        "metadata": {
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
        "status": to_cr(status),
    }


def _conditions(build: AlgoBuild, words: Mapping[str, Word], now: datetime) -> list[Condition]:
    before = {condition.type: condition for condition in build.status.conditions}
    made = []
    for type_, (status, reason, message) in words.items():
        old = before.get(type_)
        since = old.last_transition_time if old is not None and old.status == status else now
        made.append(
            Condition(
                type=type_,
                status=status,
                reason=reason,
                message=message[:32768],
                observed_generation=build.metadata.generation,
                last_transition_time=since,
            )
        )
    return made
