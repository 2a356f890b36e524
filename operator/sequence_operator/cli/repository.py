"""The git repository around a directory: its commits, its remotes, and trees to read files from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.git_tree import CommitTree, WorkingTree, git
from sequence_operator.artifact.tree import Tree
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.giturl import without_credentials

NO_COMMIT = "0" * 40
"""Stands for the commit of files that are in none yet."""


@dataclass(frozen=True, slots=True)
class Repository:
    """`root`: its working folder. `remotes`: name to address, without credentials."""

    root: Path
    remotes: dict[str, str]

    @property
    def url(self) -> str:
        """The address of `origin`, else of the first remote, else of the folder itself."""
        named = self.remotes.get("origin") or next(iter(self.remotes.values()), "")
        return named or self.root.as_uri()

    def commit(self, revision: str) -> str:
        """The full id of a commit. Raises CliError (usage) when there is none of that name."""
        try:
            arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            return git(self.root, *arguments).decode().strip()
        except ArtifactError:
            raise CliError(
                f"there is no commit {revision!r} in {self.root}",
                "it names no branch, tag or commit of this clone",
                f"git fetch origin   (in a shallow clone: git fetch --unshallow), then `git rev-parse {revision}`",
                ExitCode.USAGE,
            ) from None

    def head(self) -> str:
        """The commit that is checked out, or NO_COMMIT before the first one."""
        try:
            return git(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        except ArtifactError:
            return NO_COMMIT

    def dirty(self) -> bool:
        """Whether the working folder differs from the commit that is checked out; new files count."""
        return bool(
            git(self.root, "status", "--porcelain", "--untracked-files=normal", personal=True).strip()
        )

    def merge_base(self, one: str, other: str) -> str:
        """The newest commit that both come from; `one` itself when they have none in common or it is not known."""
        try:
            return git(self.root, "merge-base", one, other).decode().strip() or one
        except ArtifactError:
            return one

    def author(self, commit: str) -> str:
        """`Ada <ada@example.com>`, "" for files that are in no commit."""
        if commit == NO_COMMIT:
            return ""
        shown = git(
            self.root, "show", "--no-patch", "--no-show-signature", "--format=%an <%ae>", commit, "--"
        )
        return shown.decode(errors="replace").strip()

    @contextmanager
    def tree(self, commit: str | None) -> Iterator[Tree]:
        """The files of a commit; None: of the working folder, as committing all of it would take them."""
        if commit is None:
            yield WorkingTree(self.root)
            return
        with CommitTree(self.root, commit) as tree:
            yield tree


def around(folder: Path) -> Repository | None:
    """The repository that `folder` is in; None when it is in none. Raises CliError when git cannot be run."""
    try:
        top = git(folder, "rev-parse", "--show-toplevel", personal=True)
        root = Path(top.decode(errors="surrogateescape").removesuffix("\n"))
        return Repository(root, _remotes(root))
    except ArtifactError as problem:
        if problem.reason == "GitMissing":
            raise CliError(problem.message, "", problem.hint) from None
        return None


def required(folder: Path) -> Repository:
    """The repository that `folder` is in. Raises CliError (usage) when it is in none."""
    found = around(folder)
    if found is None:
        raise CliError(
            f"{folder} is in no git repository",
            "the plan of a source needs the files as git has them",
            "cd into a clone, or name a deployment: sequence plan NAME",
            ExitCode.USAGE,
        )
    return found


def _remotes(root: Path) -> dict[str, str]:
    """From the repository's own configuration, as written there."""
    try:
        listed = git(root, "config", "--local", "--null", "--get-regexp", r"^remote\..*\.url$")
    except ArtifactError:  # git's way to say that there is none
        return {}
    found: dict[str, str] = {}
    for entry in listed.decode(errors="replace").split("\0"):
        key, _, address = entry.partition("\n")
        if name := re.fullmatch(r"remote\.(.*)\.url", key):
            found.setdefault(name[1], without_credentials(address))
    return found
