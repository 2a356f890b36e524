"""The spec that is worked towards: what is written, with the stop of a person, a rollback and a finished build laid
over it.

A stop and a rollback are annotations, and each holds for one commit only, so that the next commit is again all that
counts:

- override: stopped, until `origin.commit` changes;
- rollback: an earlier WASM in place of the written one, until the commit of the artifact changes. It needs no build.

A build that is not finished leaves the artifact open: then what is registered stands for it, and nothing but a stop or
a tighter limit reaches the platform.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.spec.names import ARTIFACT_KEY, OVERRIDE, ROLLBACK, SHA256_PATTERN, artifact_name
from sequence_operator.spec.resources import (
    AlgoDeployment,
    AlgoDeploymentSpec,
    AlgoDeploymentStatus,
    Artifact,
    ConfigMapRef,
)

_SHA256 = re.compile(SHA256_PATTERN.removesuffix("$") + r"\Z")
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_ON_THE_WAY = ("Register", "Replace")


@dataclass(frozen=True, slots=True)
class Override:
    """A person stopped it although git says Running. `at`: RFC 3339 as the annotation has it, "" when it has none."""

    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A person went back to the WASM `to`; `denied` is the one that was left, `at` as in `Override`."""

    to: str
    denied: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Effective:
    """`spec`: every part as it is worked towards; its artifact has a digest unless `unresolved` and nothing is
    registered. `notes`: sentences for people about what was laid over or could not be read."""

    spec: AlgoDeploymentSpec
    override: Override | None = None
    rollback: Rollback | None = None
    unresolved: bool = False
    notes: tuple[str, ...] = ()


def effective(resource: AlgoDeployment, build: BuildView | None = None) -> Effective:
    """What the object asks for now. Total: an annotation that cannot be read is ignored, and a note says so.

    build: of `spec.artifact.build`; without it such an artifact stays open.
    """
    spec, annotations, notes = resource.spec, resource.metadata.annotations, []
    override, complaint = _override(spec, annotations)
    notes += [complaint] if complaint else []
    rollback, complaint = _rollback(spec, annotations)
    notes += [complaint] if complaint else []
    artifact = None
    if rollback is not None:
        artifact = _stored(rollback.to)
    elif spec.artifact.build is not None:
        artifact = _built(build)
    unresolved = artifact is None and spec.artifact.build is not None
    changes: dict[str, Any] = {}
    if override is not None:
        changes["state"] = "Stopped"
    if artifact is None and unresolved:
        artifact = _held(resource.status)
    if artifact is not None:
        changes["artifact"] = artifact
    effective_spec = spec.model_copy(update=changes) if changes else spec
    return Effective(effective_spec, override, rollback, unresolved, tuple(notes))


def origin_commit(spec: AlgoDeploymentSpec) -> str:
    """Commit the object was written down at, "" when unknown."""
    return (spec.origin.commit if spec.origin is not None else None) or ""


def artifact_commit(spec: AlgoDeploymentSpec) -> str:
    """Commit the WASM is of, "" when unknown: it stays when a commit changes nothing that is compiled."""
    return spec.artifact.build.commit if spec.artifact.build is not None else origin_commit(spec)


def _override(spec: AlgoDeploymentSpec, annotations: Mapping[str, str]) -> tuple[Override | None, str]:
    """(in force, complaint). One that says what is written anyway is none."""
    found = _read(annotations, OVERRIDE)
    if found is None:
        return (
            None,
            f"the annotation {OVERRIDE} is no JSON object and is ignored" if OVERRIDE in annotations else "",
        )
    if found.get("commit", "") != origin_commit(spec) or spec.state == "Stopped":
        return None, ""
    if found.get("state") != "Stopped":
        return None, f"the annotation {OVERRIDE} can only stop: its state must be Stopped; it is ignored"
    return Override(_text(found, "by"), _text(found, "at")), ""


def _rollback(spec: AlgoDeploymentSpec, annotations: Mapping[str, str]) -> tuple[Rollback | None, str]:
    found = _read(annotations, ROLLBACK)
    if found is None:
        return (
            None,
            f"the annotation {ROLLBACK} is no JSON object and is ignored" if ROLLBACK in annotations else "",
        )
    if found.get("commit", "") != artifact_commit(spec):
        return None, ""
    to, denied = _text(found, "to"), _text(found, "denied")
    if not _SHA256.match(to) or (denied and not _SHA256.match(denied)) or to == denied:
        return None, f"the annotation {ROLLBACK} names no SHA-256 to go back to and is ignored"
    return Rollback(to, denied, _text(found, "by"), _text(found, "at")), ""


def _read(annotations: Mapping[str, str], name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(annotations.get(name, "null"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _built(build: BuildView | None) -> Artifact | None:
    if build is None or build.state is not BuildState.READY or not _SHA256.match(build.sha256):
        return None
    return _stored(build.sha256)


def _held(status: AlgoDeploymentStatus) -> Artifact | None:
    """What is registered, or about to be: while a build is open that is what stays."""
    pending, recorded = status.pending, status.artifact
    if pending is not None and pending.action in _ON_THE_WAY and _SHA256.match(pending.to):
        return _stored(pending.to)
    if recorded is not None and _SHA256.match(recorded.sha256):
        return _stored(recorded.sha256, recorded.config_map)
    return None


def _stored(sha256: str, config_map: str = "") -> Artifact:
    name = config_map if _OBJECT_NAME.match(config_map) else artifact_name(sha256)
    return Artifact(config_map_ref=ConfigMapRef(name=name, key=ARTIFACT_KEY), sha256=sha256)
