"""The unpacked sources made ready: what a build must not obey is removed, what cargo wants to see is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.manifests import LOCK, MANIFEST, Manifest, parse, table
from sequence_operator.artifact.tree import printable
from sequence_operator.builder.failure import BuildError

_SETTINGS = (".cargo", "rust-toolchain", "rust-toolchain.toml")
_PLACES = {"bin": "src/bin", "example": "examples", "test": "tests", "bench": "benches"}


def prepare(tree: Path, paths: list[str]) -> tuple[list[Manifest], list[tuple[str, bytes]]]:
    """Remove settings of cargo and rustup, and put empty files where other members of a workspace have their code.

    paths: of the files in `tree`, which was just unpacked. Returns the manifests and the lock files (path, content).
    Raises BuildError (ManifestInvalid, final).
    """
    _remove_settings(tree, paths)
    manifests, locks = [], []
    for path in paths:
        name = PurePosixPath(path).name
        file = tree / path
        if name not in (MANIFEST, LOCK) or not file.is_file():
            continue
        content = file.read_bytes()
        if name == LOCK:
            locks.append((printable(path), content))
            continue
        try:
            manifest = parse(printable(path), content)
        except ArtifactError as problem:
            raise BuildError.of(problem) from None
        manifests.append(manifest)
        if len(list(file.parent.iterdir())) == 1:
            for stub in _targets(manifest):
                _put_empty(tree, file.parent, stub)
    return manifests, locks


def _remove_settings(tree: Path, paths: list[str]) -> None:
    for path in paths:
        for part in (PurePosixPath(path), *PurePosixPath(path).parents):
            here = tree / part
            if part.name not in _SETTINGS:
                continue
            if here.is_dir() and not here.is_symlink():
                shutil.rmtree(here)
            else:
                here.unlink(missing_ok=True)


def _targets(manifest: Manifest) -> Iterator[str]:
    """Files that cargo wants to see of a crate that came without its code."""
    if manifest.package is None:
        return
    library = table(manifest.data, "lib") or {}
    yield str(library.get("path") or "src/lib.rs")
    for kind, place in _PLACES.items():
        for target in _tables(manifest.data.get(kind)):
            yield str(target.get("path") or f"{place}/{target.get('name')}.rs")


def _tables(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 -- whatever the manifest has there
    for each in value if isinstance(value, list) else []:
        if isinstance(each, dict):
            yield each


def _put_empty(tree: Path, crate: Path, stub: str) -> None:
    file = crate / stub
    if not file.resolve().is_relative_to(tree.resolve()) or "\0" in stub:
        return  # cargo will say what it thinks of such a path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
