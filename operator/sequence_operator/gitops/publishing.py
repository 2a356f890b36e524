"""The folder of published files, written by the child process and served by the operator's tree server.

`<root>/<namespace>/<digest>.tar.gz` is the gzip'd tarball whose uncompressed bytes have that SHA-256, and
`<digest>.wasm` a committed module. A file appears whole or not at all, and is never changed.
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

TARBALL, MODULE = ".tar.gz", ".wasm"

NAME = re.compile(r"(?P<digest>[0-9a-f]{64})(?P<suffix>\.tar\.gz|\.wasm)\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def publish_tree(folder: Path, digest: str, tar: bytes) -> None:
    """Publish a tarball unless it is there already; its age starts anew in any case."""
    _publish(folder, digest, TARBALL, lambda: gzip.compress(tar, compresslevel=3, mtime=0))


def publish_module(folder: Path, digest: str, wasm: bytes) -> None:
    """Put a committed module where the operator finds it."""
    _publish(folder, digest, MODULE, lambda: wasm)


def published(folder: Path) -> Iterator[tuple[Path, str, float]]:
    """(file, digest, when it was last published, in seconds of the epoch) of everything in a namespace's folder."""
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if found := NAME.match(file.name):
            try:
                yield file, found["digest"], file.stat().st_mtime
            except FileNotFoundError:
                continue  # collected meanwhile


def collect(folder: Path, keep: Collection[str], older_than: float) -> int:
    """Remove what is not kept and was last published before `older_than`; the number of files removed."""
    removed = 0
    for file, digest, at in published(folder):
        if digest not in keep and at < older_than:
            file.unlink(missing_ok=True)
            removed += 1
    if folder.is_dir():
        for file in folder.glob(".new-*"):  # of a process that was killed while writing
            if file.stat().st_mtime < older_than:
                file.unlink(missing_ok=True)
    return removed


def _publish(folder: Path, digest: str, suffix: str, content: Callable[[], bytes]) -> None:
    if not _DIGEST.match(digest):
        raise ValueError(f"{digest!r} is not a SHA-256: 64 lower-case hex digits")
    target = folder / f"{digest}{suffix}"
    try:
        os.utime(target)
        return
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content())
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
