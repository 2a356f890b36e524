"""What an AlgoDeployment says, read from its JSON: parsing it into models costs more, and there may be thousands."""

from __future__ import annotations

import json
from typing import Any

from sequence_operator.platform.limiter import Lane
from sequence_operator.reconcile.build_results import Inputs
from sequence_operator.spec.names import OVERRIDE, TREE
from sequence_operator.spec.ownership import owners


def compact(obj: dict[str, Any]) -> bytes:
    """The object as JSON, without what no pass reads."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return json.dumps({**obj, "metadata": metadata}, separators=(",", ":")).encode()


def state_owner(obj: dict[str, Any]) -> str:
    """The field manager that owns spec.state of an object with its managedFields; "" when nobody set it."""
    return next(iter(owners(obj, "spec", "state")), "")


def wish_of(obj: dict[str, Any]) -> int:
    """A digest of what people and programs other than the operator say in it."""
    metadata = obj["metadata"]
    annotations = tuple(sorted((metadata.get("annotations") or {}).items()))
    return hash((metadata.get("generation"), metadata.get("deletionTimestamp"), annotations))


def inputs_of(obj: dict[str, Any]) -> Inputs | None:
    """What the object's artifact is built of; None when it is not built, or the sources are not published."""
    metadata, build = obj["metadata"], (obj["spec"].get("artifact") or {}).get("build")
    tree = (metadata.get("annotations") or {}).get(TREE)
    return (metadata["namespace"], tree, build["path"]) if build and tree else None


def lane_of(obj: dict[str, Any]) -> Lane:
    """How urgent a look at this object is: what takes risk away first, then what a person waits for."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    wanted = "Stopped" if _overridden(obj) else spec.get("state", "Stopped")
    if metadata.get("deletionTimestamp"):
        return Lane.STOP
    if not status.get("deploymentId"):
        return Lane.REGISTER
    if wanted == "Stopped" and status.get("state") != "Stopped":
        return Lane.STOP
    if wanted == "Running" and status.get("state") != "Running":
        return Lane.START
    return Lane.REGISTER


def _overridden(obj: dict[str, Any]) -> bool:
    """Whether a person seems to have stopped it for this commit. The core reads it exactly; this is for urgency."""
    text = (obj["metadata"].get("annotations") or {}).get(OVERRIDE)
    commit = (obj["spec"].get("origin") or {}).get("commit") or ""
    return text is not None and f'"{commit}"' in text
