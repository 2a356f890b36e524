"""Trees of a git repository: a commit, or the working folder with what is not committed yet.

git runs as a child process with a configuration of ours: no hooks, no filters, no file-system monitor, and nothing is
fetched. Contents are read as they are stored, so line-end conversion and LFS change nothing.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.tree import LIMITS, Entry, EntryKind, order, printable

_SECONDS = 60.0
_OPTIONS = ("safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never")
_KINDS: Mapping[str, EntryKind] = {
    "100644": "file",
    "100664": "file",  # written by old versions of git
    "100755": "executable",
    "120000": "symlink",
    "160000": "submodule",
}


def git(repository: Path, *arguments: str, personal: bool = False, timeout: float = _SECONDS) -> bytes:
    """Standard output of a git command in `repository`, a bare one or a working folder.

    personal: whether the user's own configuration counts (for ignored files); the system's never does.
    Raises ArtifactError (GitMissing, GitFailed) with git's words.
    """
    try:
        done = subprocess.run(
            _command(repository, arguments),
            env=_environment(personal),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise _git_missing() from None
    except subprocess.TimeoutExpired:
        raise ArtifactError(
            "GitFailed", f"no answer within {timeout:g} s from git {arguments[0]}", ""
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise ArtifactError("GitFailed", f"git {arguments[0]} in {repository}: {said}", "")
    return done.stdout


class CommitTree:
    """The tree of one commit in a repository on this machine. Close it, or use it with ``with``.

    commit: anything `git rev-parse` understands; a full id is safest. limit: bytes of the largest file `read` gives.
    """

    def __init__(self, repository: Path, commit: str, *, limit: int = LIMITS.file_bytes) -> None:
        self.repository, self.commit, self._limit = repository, commit, limit
        self._entries: list[Entry] | None = None
        self._by_path: dict[str, Entry] = {}
        self._contents: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child process that reads contents."""
        if self._contents is not None:
            self._contents.kill()
            self._contents.communicate()
            self._contents = None

    def entries(self) -> Sequence[Entry]:
        if self._entries is None:
            listed = git(
                self.repository,
                "ls-tree",
                "-r",
                "-z",
                "--long",
                "--full-tree",
                "--end-of-options",
                self.commit,
            )
            found = [_listed(line) for line in listed.split(b"\0") if line]
            self._entries = sorted(found, key=lambda entry: order(entry.path))
            self._by_path = {entry.path: entry for entry in self._entries}
        return self._entries

    def read(self, path: str) -> bytes:
        self.entries()
        entry = self._by_path.get(path)
        if entry is None or entry.kind == "submodule":
            raise _file_missing(path, f"commit {self.commit[:12]}")
        if entry.size > self._limit:
            raise _file_too_large(path, entry.size, self._limit)
        return self._blob(entry)

    def _blob(self, entry: Entry) -> bytes:
        reader = self._reader()
        assert reader.stdin is not None  # noqa: S101 -- both are pipes
        assert reader.stdout is not None  # noqa: S101
        try:
            reader.stdin.write(f"{entry.blob}\n".encode())
            reader.stdin.flush()
            header = reader.stdout.readline().split()
            if len(header) != 3 or int(header[2]) != entry.size:
                raise _unreadable(entry, b" ".join(header).decode(errors="replace"))
            content = reader.stdout.read(entry.size + 1)
        except BrokenPipeError:
            raise _unreadable(entry, "git ended early") from None
        if len(content) != entry.size + 1:
            raise _unreadable(entry, "git ended early")
        return content[:-1]

    def _reader(self) -> subprocess.Popen[bytes]:
        if self._contents is None:
            try:
                self._contents = subprocess.Popen(
                    _command(self.repository, ("cat-file", "--batch")),
                    env=_environment(personal=False),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except FileNotFoundError:
                raise _git_missing() from None
        return self._contents


class WorkingTree:
    """What a commit of everything in a working folder would hold: tracked files, and new ones git does not ignore.

    folder: any folder of the repository; `root` is the repository's own. Entries carry no blob ids.
    """

    def __init__(self, folder: Path, *, limit: int = LIMITS.file_bytes) -> None:
        self._limit = limit
        top = git(folder, "rev-parse", "--show-toplevel", personal=True)
        self.root = Path(os.fsdecode(top.removesuffix(b"\n")))
        self._entries: list[Entry] | None = None

    def entries(self) -> Sequence[Entry]:
        if self._entries is None:
            listed = git(
                self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", personal=True
            )
            paths = {os.fsdecode(name) for name in listed.split(b"\0") if name}
            found = [entry for path in paths if (entry := self._entry(path)) is not None]
            self._entries = sorted(found, key=lambda entry: order(entry.path))
        return self._entries

    def _entry(self, path: str) -> Entry | None:
        """None for what was deleted but not yet committed."""
        try:
            status = (self.root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(status.st_mode):
            return Entry(path, "symlink", status.st_size)
        if stat.S_ISREG(status.st_mode):
            return Entry(path, "executable" if status.st_mode & 0o100 else "file", status.st_size)
        return Entry(path.rstrip("/"), "submodule", 0) if stat.S_ISDIR(status.st_mode) else None

    def read(self, path: str) -> bytes:
        file = self.root / path
        entry = self._entry(path)
        if entry is None or entry.kind == "submodule":
            raise _file_missing(path, str(self.root))
        if entry.kind == "symlink":
            return os.fsencode(os.readlink(file))
        if entry.size > self._limit:
            raise _file_too_large(path, entry.size, self._limit)
        try:
            return file.read_bytes()
        except OSError as problem:
            raise ArtifactError("FileMissing", f"cannot read {file}: {problem.strerror}", "") from None


def _command(repository: Path, arguments: Sequence[str]) -> list[str]:
    options = [part for option in _OPTIONS for part in ("-c", option)]
    return ["git", *options, "-C", str(repository), *arguments]


def _environment(personal: bool) -> dict[str, str]:
    kept = ("PATH", "HOME", "XDG_CONFIG_HOME") if personal else ("PATH",)
    env = {name: os.environ[name] for name in kept if name in os.environ}
    if not personal:
        env["GIT_CONFIG_GLOBAL"] = os.devnull
    return env | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _listed(line: bytes) -> Entry:
    """`<mode> SP <type> SP <id> SP <padded size> TAB <path>` of `ls-tree --long`."""
    about, _, path = line.partition(b"\t")
    mode, _, blob, size = about.decode().split()
    return Entry(os.fsdecode(path), _KINDS.get(mode, "file"), int(size) if size.isdigit() else 0, blob)


def _git_missing() -> ArtifactError:
    return ArtifactError(
        "GitMissing", "git is not installed: no git on PATH", "install git, then run this again"
    )


def _file_missing(path: str, where: str) -> ArtifactError:
    return ArtifactError("FileMissing", f"there is no file {printable(path)} in {where}", "")


def _file_too_large(path: str, size: int, limit: int) -> ArtifactError:
    return ArtifactError(
        "FileTooLarge",
        f"{printable(path)} has {size:,} bytes; at most {limit:,} are read",
        "keep it out of git",
    )


def _unreadable(entry: Entry, said: str) -> ArtifactError:
    return ArtifactError("GitFailed", f"git cannot read {printable(entry.path)} ({entry.blob}): {said}", "")
