"""The bare repository that keeps what was fetched from one address, and what is fetched into it.

It is only a cache: whatever is wrong with it, it is thrown away and filled anew. A lock lets one process at a time use
it, and falls with that process.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import resource
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import git

from sequence_operator.gitops.errors import GitError, from_git
from sequence_operator.gitops.protocol import RefKind
from sequence_operator.gitops.urls import Remote

_OBJECT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]*\Z")
_MOST_PACKS = 60  # one per fetch; then starting anew is cheaper than carrying them along


@dataclass(frozen=True, slots=True)
class Ref:
    """What is followed. `pattern` asks the server for it: HEAD for a commit, which proves the right to read."""

    kind: RefKind
    name: str

    def __post_init__(self) -> None:
        good = _OBJECT.match(self.name) if self.kind == "commit" else _REF.match(self.name)
        if not good or ".." in self.name or "@{" in self.name or self.name.endswith((".lock", "/", ".")):
            raise GitError(
                "RefNotFound",
                f"{self.name[:100]!r} is no {self.kind} of a repository",
                "check spec.ref",
                final=True,
            )

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def pattern(self) -> str:
        return {"branch": f"refs/heads/{self.name}", "tag": f"refs/tags/{self.name}", "commit": "HEAD"}[
            self.kind
        ]

    @property
    def wanted(self) -> str:
        """What is fetched: the reference, or the commit itself."""
        return self.name if self.kind == "commit" else self.pattern

    @property
    def kept_as(self) -> str:
        return f"refs/sequence/{hashlib.sha256(str(self).encode()).hexdigest()[:16]}"


class Cache:
    """One remote's cache. Make it with `opened`, which holds the lock."""

    def __init__(
        self, folder: Path, remote: Remote, environment: Mapping[str, str], secrets: tuple[str, ...]
    ) -> None:
        self.folder, self._remote = folder, remote
        self._environment, self._secrets = dict(environment), secrets

    @classmethod
    @contextmanager
    def opened(
        cls, root: Path, remote: Remote, environment: Mapping[str, str], secrets: tuple[str, ...] = ()
    ) -> Iterator[Cache]:
        """Wait for the lock and hold it."""
        root.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(remote.url.encode()).hexdigest()[:32]
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield cls(root / f"{name}.git", remote, environment, secrets)

    def tip(self, ref: Ref) -> str:
        """`git ls-remote`: the commit that a reference names now; a pinned commit is what it is.

        Raises GitError, RefNotFound among them.
        """
        listed = self._run(
            f"looking at {self._remote.url}",
            "ls-remote",
            self._remote.url,
            ref.pattern,
            f"{ref.pattern}^{{}}",
        )
        found = dict(line.split("\t")[::-1] for line in listed.splitlines() if "\t" in line)
        if ref.kind == "commit":
            return ref.name
        commit = found.get(f"{ref.pattern}^{{}}") or found.get(ref.pattern, "")
        if not _OBJECT.match(commit):
            raise GitError("RefNotFound", f"{self._remote.url} has no {ref}", "check spec.ref, or push it")
        return commit

    def has(self, ref: Ref, commit: str) -> bool:
        """Whether this commit was fetched for this reference, completely: references move after their objects."""
        if not (self.folder / "HEAD").exists():
            return False
        try:
            return self._commit_of(ref) == commit
        except GitError:
            return False

    def fetch(self, ref: Ref, tip: str, *, most_bytes: int) -> str:
        """Fetch one commit, without history, and return its id (a reference may have moved since `tip` was seen)."""
        if self._size() > most_bytes or len(list(self.folder.glob("objects/pack/*.pack"))) > _MOST_PACKS:
            shutil.rmtree(self.folder)
        fresh = not (self.folder / "HEAD").exists()
        self._prepare(tip)
        try:
            return self._fetch(ref)
        except GitError as problem:
            if self._at_limit():
                raise _too_large(self._remote.url, self._limit) from None
            if fresh or problem.reason != "FetchFailed":
                raise
        # Perhaps it is the cache that is broken, by a crash or a full disk.
        shutil.rmtree(self.folder)
        self._prepare(tip)
        return self._fetch(ref)

    @property
    def _limit(self) -> int:
        """Bytes that one file may have: the limit of this process, which git inherits."""
        return resource.getrlimit(resource.RLIMIT_FSIZE)[0]

    def _at_limit(self) -> bool:
        """Whether git was ended by that limit; it says nothing about it, but leaves a file of just this size."""
        files = self.folder.glob("objects/pack/tmp_pack_*")
        return any(file.stat().st_size >= self._limit > 0 for file in files)

    def _fetch(self, ref: Ref) -> str:
        self._run(
            f"fetching {ref} of {self._remote.url}",
            *(
                "fetch",
                "--quiet",
                "--depth=1",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
            ),
            *(
                "--no-auto-gc",
                "--force",
                "--no-show-forced-updates",
                self._remote.url,
                f"+{ref.wanted}:{ref.kept_as}",
            ),
        )
        return self._commit_of(ref)

    def _commit_of(self, ref: Ref) -> str:
        return self._run(
            f"reading {ref}", "rev-parse", "--verify", "--quiet", f"{ref.kept_as}^{{commit}}"
        ).strip()

    def _prepare(self, tip: str) -> None:
        """An empty repository where there is none; what a killed process left behind is removed."""
        if (self.folder / "HEAD").exists():
            for stale in (*self.folder.rglob("*.lock"), *self.folder.glob("objects/pack/tmp_*")):
                stale.unlink(missing_ok=True)
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        making = self.folder.with_suffix(".new")
        shutil.rmtree(making, ignore_errors=True)
        format_ = "sha256" if len(tip) == 64 else "sha1"
        self._run(
            "making a cache",
            "init",
            "--quiet",
            "--bare",
            "--template=",
            f"--object-format={format_}",
            str(making),
        )
        making.rename(self.folder)

    def _size(self) -> int:
        return sum(file.stat().st_size for file in self.folder.glob("objects/pack/*"))

    def content(self, kind: str, name: str) -> bytes:
        """`git cat-file`: the raw content of an object."""
        found: bytes = self._git().execute(
            ["git", "cat-file", kind, name],
            env=self._environment,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
        return found

    def _git(self) -> git.Git:
        return git.Git(str(self.folder if self.folder.exists() else self.folder.parent))

    def _run(self, doing: str, *arguments: str) -> str:
        try:
            answer = self._git().execute(
                ["git", *arguments], env=self._environment, strip_newline_in_stdout=False
            )
        except git.GitCommandNotFound:
            raise GitError(
                "GitMissing", "git is not installed: no git on PATH", "install git beside the operator"
            ) from None
        except git.GitCommandError as problem:
            raise from_git(_said(problem), doing, self._secrets) from None
        return str(answer)


def _said(problem: git.GitCommandError) -> str:
    text = problem.stderr if isinstance(problem.stderr, str) else str(problem.stderr or "")
    text = text.strip().removeprefix("stderr: ").strip("'")
    status = problem.status
    return f"{text}\ngit ended by signal {-status}" if isinstance(status, int) and status < 0 else text


def _too_large(url: str, limit: int) -> GitError:
    return GitError(
        "TooLarge",
        f"{url}: one commit takes more than {limit:,} bytes",
        "keep data and build results out of the repository",
    )
