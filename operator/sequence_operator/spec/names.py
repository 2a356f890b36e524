"""Names that several rooms must agree on: group, annotations, object names and the patterns behind them."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

Mode = Literal["live", "sandbox"]
ObservedState = Literal["Stopped", "Running", "Paused", "Pending", "Failed", "Degraded"]

GROUP = "sequencemkts.com"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FINALIZER = f"{GROUP}/finalizer"
MANAGED_BY = "sequence-operator"

# Managers of fields in server-side apply.
CLI_MANAGER = "sequence-cli"
STATE_MANAGER = "sequence-state"
SOURCE_MANAGER = "sequence-source"
BUILDER_MANAGER = "sequence-builder"
OPERATOR_MANAGER = MANAGED_BY

RECONCILE_REQUESTED_AT = f"{GROUP}/reconcile-requested-at"
ACKNOWLEDGE_PAUSE = f"{GROUP}/acknowledge-pause"
LAST_USED = f"{GROUP}/last-used"
"""Of an artifact or a build, RFC 3339 UTC: when it was last written or named. Unused ones are removed after a day."""

SOURCE_LABEL = f"{GROUP}/source"
"""Label of what an AlgoSource wrote (AlgoDeployments, ConfigMaps of committed WASM): the AlgoSource's name."""
TREE = f"{GROUP}/tree"
"""Of an AlgoDeployment that is built from git, 64 hex: SHA-256 of the tarball with the inputs of its build."""
STATE_AT = f"{GROUP}/state-at"
"""`path:line:column` of `state` in the file; there only when the file decides whether the algo runs."""
AUTHOR = f"{GROUP}/author"
"""Who wrote the commit of `spec.origin`."""
ADOPT_FROM = f"{GROUP}/adopt-from"
"""Name of the cluster, declared gone, whose registration from the same repository and path is taken over."""
OVERRIDE = f"{GROUP}/override"
"""JSON `{"state": "Stopped", "commit": <origin.commit>, "by": …, "at": …}`: a person's stop, until the next commit."""
ROLLBACK = f"{GROUP}/rollback"
"""JSON `{"to": <sha256>, "denied": <sha256>, "commit": <the artifact's commit>, "by": …, "at": …}`: the WASM to run
instead, until the spec names another commit."""
APPROVE_COMMIT = f"{GROUP}/approve-commit"
"""Of an AlgoSource, a commit: carry it out although it touches many running algos or removes them all."""
CLUSTER_GONE = f"{GROUP}/cluster-gone"
"""Of an AlgoSource with `adopt: SameOrigin`: name of the cluster that a person declares gone."""

STATE_OF_WORD: dict[str, ObservedState] = {
    "accepted": "Stopped",
    "stopped": "Stopped",
    "running": "Running",
    "paused": "Paused",
    "pending": "Pending",
    "rejected": "Failed",
}
"""The platform's status words as states; any other word is a mixture over edges."""

FILE_NAME = "Sequence.toml"
ARTIFACT_KEY = "algo.wasm"
"""Key of the WASM in an artifact's ConfigMap, unless another is named."""

KEY_PREFIX: dict[Mode, str] = {"live": "seq_live_", "sandbox": "seq_test_"}
"""What an API key of each mode begins with."""

# ASCII on purpose: byte limits hold for ASCII only; `.`, `*`, `>` or `/` would forge bus subjects and paths.
DEPLOYMENT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
LABEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
LABEL_MAX = 32
PARAM_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]*$"
PARAM_NAME_MAX = 63
VENUE_PATTERN = r"^[a-z][a-z0-9_]*$"
VENUE_MAX = 32
SYMBOL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"
SYMBOL_MAX = 128
SHA256_PATTERN = r"^[0-9a-f]{64}$"
TOOLCHAIN_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
COMMIT_PATTERN = r"^[0-9a-f]{40}([0-9a-f]{24})?$"

_DEPLOYMENT = re.compile(DEPLOYMENT_PATTERN.removesuffix("$") + r"\Z")
_SHA256 = re.compile(SHA256_PATTERN.removesuffix("$") + r"\Z")


def cr_name(deployment: str, mode: Mode) -> str:
    """Name of the AlgoDeployment object of a deployment: a slug, unique per deployment name and mode.

    `my-mm` → `my-mm` (live), `my-mm.sandbox` (sandbox). Kubernetes names are lower case and end in a letter
    or digit; where the slug had to differ, six hex digits of the name's SHA-256 follow, so that `My_mm` and
    `my-mm` stay apart. A deployment name has no dot, hence no suffix can be forged.
    Raises ValueError on a name outside the pattern.
    """
    if not _DEPLOYMENT.match(deployment):
        raise ValueError(f"{deployment!r} is not a deployment name: it must match {DEPLOYMENT_PATTERN}")
    slug = deployment.lower().replace("_", "-").rstrip("-")
    parts = [slug]
    if mode == "sandbox":
        parts.append("sandbox")
    if slug != deployment:
        parts.append(hashlib.sha256(deployment.encode()).hexdigest()[:6])
    return ".".join(parts)


def artifact_name(sha256: str) -> str:
    """Name of the ConfigMap that holds the WASM with this SHA-256 (64 lower-case hex): `wasm-<64 hex>`."""
    if not _SHA256.match(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256: 64 lower-case hex digits")
    return f"wasm-{sha256}"
