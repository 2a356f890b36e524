"""The artifact store: one immutable ConfigMap per WASM, named by its digest."""

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Any

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.spec.names import ARTIFACT_KEY, LAST_USED, MANAGED_BY, artifact_name


def digest(wasm: bytes) -> str:
    """SHA-256 of the bytes, 64 lower-case hex digits."""
    return hashlib.sha256(wasm).hexdigest()


def configmap(wasm: bytes, namespace: str, *, now: datetime | None = None) -> dict[str, Any]:
    """The apply-configuration of the ConfigMap that stores `wasm` in `namespace` (server-side apply, any manager)."""
    used = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": artifact_name(digest(wasm)),
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": MANAGED_BY},
            "annotations": {LAST_USED: used},
        },
        "immutable": True,
        "binaryData": {ARTIFACT_KEY: base64.b64encode(wasm).decode()},
    }


def wasm_from(configmap: dict[str, Any], key: str, sha256: str) -> bytes:
    """The stored bytes, checked against the digest the deployment names.

    Raises ArtifactError with reason ArtifactKeyMissing, ArtifactUnreadable or DigestMismatch.
    """
    name = configmap.get("metadata", {}).get("name", "?")
    data = configmap.get("binaryData") or {}
    if key not in data:
        present = ", ".join(sorted(data)) or "no binary key at all"
        raise ArtifactError(
            "ArtifactKeyMissing",
            f"ConfigMap {name} has no binaryData key {key!r} (it has {present})",
            "store it again: `sequence deploy`",
        )
    try:
        wasm = base64.b64decode(data[key], validate=True)
    except (binascii.Error, TypeError, ValueError) as problem:
        raise ArtifactError(
            "ArtifactUnreadable",
            f"ConfigMap {name}, key {key}: not base64 ({problem})",
            "store it again: `sequence deploy`",
        ) from None
    found = digest(wasm)
    if found != sha256:
        raise ArtifactError(
            "DigestMismatch",
            f"ConfigMap {name}, key {key} holds {found}, but the deployment names {sha256}",
            "store the right bytes and name their digest: `sequence deploy`",
        )
    return wasm
