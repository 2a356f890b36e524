"""Which files of a repository cargo needs to build one crate of it, and no more.

These files are what a build is known by, so whatever they leave out (another crate, a Sequence.toml, a README above)
can change without a new build. They are: the crate's folder, the folders of its `path` dependencies of every kind and
of theirs, the manifest and Cargo.lock of its workspace, and of the workspace's other members the manifest alone, which
cargo reads but does not compile.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.manifests import LOCK, MANIFEST, Dependency, Key, Manifest, parse
from sequence_operator.artifact.tree import Entry, Tree, links_of, order, printable, resolve
from sequence_operator.spec.names import FILE_NAME

_IGNORED = re.compile(
    r"(?:^|/)(?:\.cargo/config(?:\.toml)?|rust-toolchain(?:\.toml)?|\.git(?:ignore|attributes)?)$"
)
"""What a build in the cluster does not obey, or never sees."""


def build_inputs(tree: Tree, folder: str) -> tuple[str, ...]:
    """Paths of the files that a build of the crate in `folder` needs, sorted as in the archive.

    folder: relative to the tree's root, "" for the root itself. Raises ArtifactError with the file and, where there
    is one, the line: ManifestMissing, ManifestInvalid, LockMissing, PathLeaves, PathMissing.
    """
    return Crates(tree).inputs(folder)


class Crates:
    """The same for many crates of one tree, which is looked through once. The tree must not change meanwhile."""

    def __init__(self, tree: Tree) -> None:
        self._repository = _Repository(tree)

    def inputs(self, folder: str) -> tuple[str, ...]:
        """As `build_inputs`."""
        self._repository.anew()
        crate = self._repository.folder(folder)
        if crate is None:
            raise ArtifactError(
                "PathLeaves", f"{printable(folder)} is no folder of this repository", "name one inside it"
            )
        return _Inputs(self._repository).of(crate)


class _Repository:
    """The tree with its links followed."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.entries: dict[str, Entry] = {entry.path: entry for entry in tree.entries()}
        self._targets = links_of(tree, self.entries.values())
        self.crates = {posixpath.dirname(p) for p in self.entries if posixpath.basename(p) == MANIFEST}
        self._manifests: dict[str, Manifest] = {}
        self.used_links: set[str] = set()

    def anew(self) -> None:
        """Forget which links were used; a manifest behind a link is read again, so that its link is noticed again."""
        self.used_links.clear()
        if self._targets:
            self._manifests.clear()

    def folder(self, path: str) -> str | None:
        """Where a path leads; None outside the repository. Its links become part of the inputs."""
        route = resolve(path, self._targets)
        if route is None:
            return None
        self.used_links.update(route.links)
        return route.end

    def manifest(self, folder: str) -> Manifest | None:
        """The Cargo.toml of a folder, or None."""
        if folder not in self.crates:
            return None
        if folder not in self._manifests:
            path = posixpath.join(folder, MANIFEST)
            self._manifests[folder] = parse(printable(path), self._tree.read(self.folder(path) or path))
        return self._manifests[folder]

    def below(self, folder: str) -> Iterator[str]:
        prefix = f"{folder}/" if folder else ""
        return (path for path in self.entries if path.startswith(prefix))


@dataclass(slots=True)
class _Inputs:
    """The work of one call: which crates are needed whole, which only by their manifest."""

    repository: _Repository
    whole: set[str] = field(default_factory=set)
    manifests: set[str] = field(default_factory=set)

    def of(self, crate: str) -> tuple[str, ...]:
        manifest = self._present(crate)
        root = self._workspace_root(crate, manifest)
        root_manifest = self._present(root)
        lock = posixpath.join(root, LOCK)
        if lock not in self.repository.entries:
            raise ArtifactError(
                "LockMissing",
                f"{printable(posixpath.join(crate, MANIFEST))}: {printable(lock)} is not in git, so a build would "
                "not know which versions to take",
                f"cd {printable(root) or '.'} && cargo generate-lockfile, then commit Cargo.lock",
            )
        self._take_whole(crate, root, root_manifest)
        self._take_manifests(root, root_manifest)
        paths = {lock} | {posixpath.join(each, MANIFEST) for each in self.manifests}
        for each in self.whole:
            paths.update(self._files(each))
        return tuple(sorted(self._with_links(paths), key=order))

    def _present(self, folder: str) -> Manifest:
        manifest = self.repository.manifest(folder)
        if manifest is None:
            path = printable(posixpath.join(folder, MANIFEST))
            hint = (
                "name the folder of the algo's crate in [build], or set prebuilt = true and commit the .wasm"
            )
            raise ArtifactError("ManifestMissing", f"there is no {path} in git", hint)
        return manifest

    # -- crates --------------------------------------------------------------------------------------

    def _take_whole(self, crate: str, root: str, root_manifest: Manifest) -> None:
        """The crate and everything it depends on by path."""
        pending = [crate, *self._replacements(root, root_manifest)]
        while pending:
            folder = pending.pop()
            if folder in self.whole:
                continue
            self.whole.add(folder)
            pending += self._dependencies(folder, root, root_manifest)

    def _take_manifests(self, root: str, root_manifest: Manifest) -> None:
        """The workspace's members and what they depend on by path: cargo reads them all to understand the lock."""
        pending = [root, *self._members(root, root_manifest), *self.whole]
        while pending:
            folder = pending.pop()
            if folder in self.manifests:
                continue
            self.manifests.add(folder)
            pending += self._dependencies(folder, root, root_manifest)

    def _replacements(self, root: str, manifest: Manifest) -> Iterator[str]:
        for dependency in manifest.replacements():
            yield from self._path(manifest, root, dependency)

    def _dependencies(self, folder: str, root: str, root_manifest: Manifest) -> Iterator[str]:
        manifest = self._present(folder)
        for dependency in manifest.dependencies():
            shared = root_manifest.shared(dependency.name) if dependency.inherited else None
            if shared is not None:
                yield from self._path(root_manifest, root, shared)
            else:
                yield from self._path(manifest, folder, dependency)

    def _path(self, manifest: Manifest, folder: str, dependency: Dependency) -> Iterator[str]:
        path = dependency.table.get("path")
        if isinstance(path, str):
            yield self._crate_at(manifest, (*dependency.key, "path"), folder, path)

    def _crate_at(self, manifest: Manifest, key: Key, folder: str, path: str) -> str:
        """The crate that a path in a manifest of `folder` means."""
        found = None if path.startswith("/") else self.repository.folder(posixpath.join(folder, path))
        if found is None:
            raise manifest.problem(
                "PathLeaves",
                key,
                f'"{printable(path)}" leaves the repository',
                "move that crate into the repository, or publish it and depend on its version",
            )
        if found not in self.repository.crates:
            raise manifest.problem(
                "PathMissing",
                key,
                f"there is no {printable(posixpath.join(found, MANIFEST))} in git",
                "commit that crate (a submodule is not read)",
            )
        return found

    # -- workspaces ----------------------------------------------------------------------------------

    def _workspace_root(self, crate: str, manifest: Manifest) -> str:
        """As cargo finds it: named by the crate, or the nearest manifest above that has a [workspace]."""
        if manifest.workspace is not None:
            return crate
        named = (manifest.package or {}).get("workspace")
        if isinstance(named, str):
            return self._crate_at(manifest, ("package", "workspace"), crate, named)
        folder = crate
        while folder:
            folder = posixpath.dirname(folder)
            above = self.repository.manifest(folder)
            if above is not None and above.workspace is not None and not _excluded(above, folder, crate):
                return folder
        return crate

    def _members(self, root: str, manifest: Manifest) -> Iterator[str]:
        for key, pattern in manifest.strings("workspace", "members"):
            if not re.search(r"[*?\[]", pattern):
                yield self._crate_at(manifest, key, root, pattern)
                continue
            wanted = posixpath.normpath(posixpath.join(root, pattern)).split("/")
            for crate in self.repository.crates:
                if _matches(crate.split("/"), wanted) and not _excluded(manifest, root, crate):
                    yield crate

    # -- files ---------------------------------------------------------------------------------------

    def _files(self, crate: str) -> Iterator[str]:
        """The files of one crate, without those of crates inside its folder and without build results."""
        target = posixpath.join(crate, "target") + "/"
        others = self.repository.crates - {crate}
        for path in self.repository.below(crate):
            if path.startswith(target) or posixpath.basename(path) == FILE_NAME or _IGNORED.search(path):
                continue
            if not any(folder in others for folder in _folders_between(crate, path)):
                yield path

    def _with_links(self, paths: set[str]) -> set[str]:
        """The paths, and what the symlinks among them lead to."""
        entries = self.repository.entries
        pending, taken = [*paths], set[str]()
        while pending:
            path = pending.pop()
            if path in taken or entries[path].kind == "submodule":
                continue
            taken.add(path)
            if entries[path].kind == "symlink":
                end = self.repository.folder(path)
                if end is None:
                    raise ArtifactError(
                        "PathLeaves",
                        f"{printable(path)}: this link leaves the repository",
                        "replace it by the file itself",
                    )
                pending += [end] if end in entries else self._files(end)
            pending += self.repository.used_links - taken
        return taken


def _folders_between(crate: str, path: str) -> Iterator[str]:
    """The folders above `path`, up to but without `crate`."""
    folder = posixpath.dirname(path)
    while folder != crate:
        yield folder
        folder = posixpath.dirname(folder)


def _inside(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _excluded(manifest: Manifest, root: str, crate: str) -> bool:
    """Whether a workspace's `exclude` takes a crate out again; an explicit member stays."""

    def named(key: str) -> bool:
        listed = (
            posixpath.normpath(posixpath.join(root, each)) for _, each in manifest.strings("workspace", key)
        )
        return any(_inside(crate, "" if each == "." else each) for each in listed)

    return named("exclude") and not named("members")


def _matches(parts: list[str], wanted: list[str]) -> bool:
    """Whether the parts of a path fit a glob pattern; `**` stands for any number of them."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_matches(parts[count:], wanted[1:]) for count in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])
