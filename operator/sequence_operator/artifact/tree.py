"""A tree of files as git sees it, and its one archive form, whose digest names it.

The archive is an uncompressed POSIX (PAX) tar with nothing in it but names, kinds and contents: entries sorted by
the bytes of their paths, times and owners 0, modes 644 or 755. Equal trees give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sequence_operator.artifact.errors import ArtifactError

EntryKind = Literal["file", "executable", "symlink", "submodule"]

_MODES: Mapping[EntryKind, int] = {"file": 0o644, "executable": 0o755, "symlink": 0o777}
_LINKS_FOLLOWED = 40  # as Linux does


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree. Folders are not entries.

    path: relative to the tree's root, `/` between its parts, bytes that are not UTF-8 as surrogate escapes;
    size in bytes; blob: git's id of the content, "" where nobody has computed it. A submodule has no content.
    """

    path: str
    kind: EntryKind
    size: int
    blob: str = ""


class Tree(Protocol):
    """Something with files. Reading is blocking: call it through a thread from a loop."""

    def entries(self) -> Sequence[Entry]:
        """All entries, sorted by `order`. Raises ArtifactError."""

    def read(self, path: str) -> bytes:
        """The content of a file, or the target of a symlink. Raises ArtifactError (FileMissing, FileTooLarge)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a tree may hold: number of files, bytes of one file, bytes of all together (the archive included)."""

    files: int = 10_000
    file_bytes: int = 16 << 20
    total_bytes: int = 64 << 20


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Packed:
    """The archive of a tree and its SHA-256, 64 lower-case hex digits."""

    tar: bytes
    digest: str


def order(path: str) -> bytes:
    """The key entries are sorted by: the path's bytes, whatever the locale."""
    return path.encode(errors="surrogateescape")


def printable(path: str) -> str:
    """A path fit for a message: control characters and stray bytes escaped."""
    shown = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def pack(tree: Tree, paths: Collection[str] | None = None, limits: Limits = LIMITS) -> Packed:
    """Archive all entries, or those at `paths`. Submodules are left out: their files are in another repository.

    Raises ArtifactError: FileMissing for a path that is not in the tree, TreeTooLarge.
    """
    chosen = _chosen(tree, paths)
    if len(chosen) > limits.files:
        raise _too_large(f"{len(chosen):,} files; at most {limits.files:,} are taken")
    total = 0
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in chosen:
            if entry.size > limits.file_bytes:
                what = (
                    f"{printable(entry.path)} has {entry.size:,} bytes; a file may have {limits.file_bytes:,}"
                )
                raise _too_large(what)
            content = tree.read(entry.path)
            total += len(content)
            if total > limits.total_bytes:
                raise _too_large(f"more than {limits.total_bytes:,} bytes")
            archive.addfile(*_member(entry, content))
    tar = buffer.getvalue()
    return Packed(tar, hashlib.sha256(tar).hexdigest())


def _chosen(tree: Tree, paths: Collection[str] | None) -> list[Entry]:
    entries = [entry for entry in tree.entries() if entry.kind != "submodule"]
    if paths is None:
        return sorted(entries, key=lambda entry: order(entry.path))
    wanted = set(paths)
    chosen = [entry for entry in entries if entry.path in wanted]
    for missing in sorted(wanted - {entry.path for entry in chosen}):
        raise ArtifactError("FileMissing", f"there is no file {printable(missing)}", "")
    return sorted(chosen, key=lambda entry: order(entry.path))


def _member(entry: Entry, content: bytes) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    member = tarfile.TarInfo(entry.path)
    member.mode = _MODES[entry.kind]
    if entry.kind == "symlink":
        member.type = tarfile.SYMTYPE
        member.linkname = content.decode(errors="surrogateescape")
        return member, None
    member.size = len(content)
    return member, io.BytesIO(content)


def _too_large(what: str) -> ArtifactError:
    return ArtifactError(
        "TreeTooLarge", what, "keep data and build results out of git, or in another repository"
    )


def links_of(tree: Tree, entries: Iterable[Entry]) -> dict[str, str]:
    """Path to target of every symlink among `entries`."""
    return {
        entry.path: tree.read(entry.path).decode(errors="surrogateescape")
        for entry in entries
        if entry.kind == "symlink"
    }


@dataclass(frozen=True, slots=True)
class Route:
    """Where a path leads (`end`; "" is the tree's root), and the symlinks on the way, in order."""

    end: str
    links: tuple[str, ...]


def resolve(path: str, links: Mapping[str, str]) -> Route | None:
    """Follow every symlink on the way of a path, as the kernel would; `links` maps each one's path to its target.

    None when the path leaves the tree, is absolute, or its links go in circles.
    """
    pending = path.split("/")[::-1]
    done: list[str] = []
    followed: list[str] = []
    if path.startswith("/"):
        return None
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not done:
                return None
            done.pop()
            continue
        here = "/".join([*done, part])
        target = links.get(here)
        if target is None:
            done.append(part)
            continue
        followed.append(here)
        if target.startswith("/") or len(followed) > _LINKS_FOLLOWED:
            return None
        pending += target.split("/")[::-1]
    return Route("/".join(done), tuple(followed))
