"""Names of builds and addresses of published sources: the same everywhere, out of nothing but the inputs."""

from __future__ import annotations

import hashlib
import re

from sequence_operator.spec.build import AlgoBuildSpec
from sequence_operator.spec.names import SHA256_PATTERN

TREES = "trees"
"""First part of the path under which sources are published."""

_SHA256 = re.compile(SHA256_PATTERN.removesuffix("$") + r"\Z")


def build_name(tree_digest: str, path: str, toolchain: str) -> str:
    """Name of the AlgoBuild of these inputs: `build-<12 hex>`.

    tree_digest: 64 hex, of the tarball with the inputs; path: folder of the crate in it; toolchain: version of Rust.
    The commit is no part of it, so that a commit which leaves the inputs alone builds nothing.
    """
    inputs = "\0".join((tree_digest, path, toolchain))
    return f"build-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"


def name_of(spec: AlgoBuildSpec) -> str:
    """The only name under which an AlgoBuild with this spec is believed."""
    return build_name(spec.tree_digest, spec.path, spec.toolchain)


def tree_url(base: str, namespace: str, digest: str) -> str:
    """`<base>/trees/<namespace>/<digest>.tar.gz`; digest: 64 hex, of the uncompressed tarball.

    Raises ValueError on anything else than a digest, so that no path can be made of it.
    """
    if not _SHA256.match(digest):
        raise ValueError(f"{digest!r} is not a SHA-256: 64 lower-case hex digits")
    return f"{base.rstrip('/')}/{TREES}/{namespace}/{digest}.tar.gz"
