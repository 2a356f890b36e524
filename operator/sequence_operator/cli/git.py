"""Where a project stands in git, for the record of a deployment."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sequence_operator.cli.terminal import warn

if TYPE_CHECKING:
    from sequence_operator.spec.resources import Origin

_CREDENTIALS = re.compile(r"(?<=://)[^/@]+@")


def origin(file: Path) -> "Origin | None":
    """Repository, commit, the file's path in it, and whether the work tree had uncommitted changes.

    None when the file is in no repository, or in one without a commit; a repository that git refuses to read
    is reported as a warning. The repository is its remote `origin`'s address, without credentials.
    """
    import os

    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a machine without git must still deploy
    import git

    from sequence_operator.spec.resources import Origin

    try:
        with git.Repo(file.resolve().parent, search_parent_directories=True) as repo:
            if repo.working_tree_dir is None or not repo.head.is_valid():
                return None
            remotes = {remote.name: remote.url for remote in repo.remotes}
            address = remotes.get("origin") or next(iter(remotes.values()), None)
            return Origin(
                repository=_CREDENTIALS.sub("", address) if address else None,
                commit=repo.head.commit.hexsha,
                path=str(file.resolve().relative_to(Path(repo.working_tree_dir).resolve())),
                dirty=repo.is_dirty(untracked_files=True),
            )
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return None
    except (git.GitCommandError, git.GitCommandNotFound, ValueError, OSError) as problem:
        said = str(getattr(problem, "stderr", "") or problem).strip().splitlines()
        warn(f"repository and commit are not recorded: {said[-1].strip() if said else problem}")
        return None


def describe(found: "Origin | None") -> str:
    """The origin in a few words."""
    if found is None:
        return "not in git"
    dirty = ", with uncommitted changes" if found.dirty else ""
    return f"{(found.commit or '')[:12]}{dirty}" + (f" of {found.repository}" if found.repository else "")
