"""Secrets that a source names: read by name, and again only when there is a reason to."""

from __future__ import annotations

import base64
import binascii

from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.errors import ClusterError
from sequence_operator.cluster.resources import SECRETS
from sequence_operator.gitops.errors import GitError


async def secret_data(cluster: ClusterClient, namespace: str, name: str) -> dict[str, str]:
    """All of a Secret's data as text. Raises GitError (SecretMissing, SecretInvalid, SecretUnreadable)."""
    place = f"Secret {namespace}/{name}"
    try:
        secret = await cluster.find(SECRETS, name, namespace)
    except ClusterError as problem:
        raise GitError(
            "SecretUnreadable", f"{place} cannot be read: {problem.message}", problem.hint
        ) from None
    if secret is None:
        raise GitError(
            "SecretMissing",
            f"there is no {place}",
            f"kubectl create secret generic {name} -n {namespace} …",
            final=True,
        )
    try:
        return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    except (UnicodeDecodeError, binascii.Error):
        raise GitError(
            "SecretInvalid",
            f"{place} holds something that is not text",
            "store every key as text",
            final=True,
        ) from None
