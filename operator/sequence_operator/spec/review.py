"""What was reviewed is what runs: digests of whole specs, and the hash of the step from one to the other.

`sequence plan` prints the hash for a reviewer; the controller writes the same one into the history of what it does
when it carries that edit out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from sequence_operator.spec.deployment import AlgoDeploymentSpec

REVIEW_VERSION = "r1"


def review_digest(spec: AlgoDeploymentSpec, wasm_identity: str, *, with_state: bool = True) -> str:
    """`r1:<64 hex>` over everything that a reviewer decides on: the whole spec but its origin and commits.

    wasm_identity: digest of the inputs of the build, or of the WASM itself where it is stored; it stands for
                   `spec.artifact`, whose commit and place say nothing about what runs.
    with_state:    False when the file leaves `state` to people: then it is no part of what was reviewed.
    """
    # Without defaults, so that a field that is added one day changes no digest that was printed before.
    content = spec.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"origin", "artifact", "state"}
    )
    content["artifact"] = wasm_identity
    if with_state:
        content["state"] = spec.state
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return f"{REVIEW_VERSION}:{hashlib.sha256(canonical.encode()).hexdigest()}"


def plan_hash(old: str, new: str) -> str:
    """12 hex of the step between two review digests; "" stands for a deployment that does not exist. The hash of no
    step is "" too."""
    return "" if old == new else _hash(old, new)


def joint_hash(parts: Iterable[tuple[str, str]]) -> str:
    """12 hex over several steps, (name, hash) each, in any order; "" when none changes anything."""
    changed = sorted(part for part in parts if part[1])
    return _hash(*(text for part in changed for text in part)) if changed else ""


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
