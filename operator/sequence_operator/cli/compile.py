"""Compile a crate of a tree as the builder in the cluster will: from its inputs alone, locked, in its own folder."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sequence_operator.artifact.build import Built, build
from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inputs import build_inputs
from sequence_operator.artifact.tar_extract import extract
from sequence_operator.artifact.tree import Tree, pack
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.terminal import say

_ERROR = re.compile(r"^error(?:\[E\d+\])?: (?!could not compile|aborting due)")
_PLACE = re.compile(r"^\s*--> (?P<path>.+):(?P<line>\d+):(?P<column>\d+)$")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Failed:
    """It does not compile, or no edge could host it. `path` of the file inside the repository; line 0: the whole."""

    path: str
    line: int
    column: int
    message: str
    hint: str = ""


def compiled(tree: Tree, folder: str) -> Built | Failed:
    """Build the crate in `folder` ("" is the root). cargo's words go to stderr as they come.

    Needs cargo; downloads dependencies where the machine has not got them. Compiled dependencies are kept in
    the user's cache folder for the next time.
    """
    manifest = str(PurePosixPath(folder) / "Cargo.toml")
    said: list[str] = []
    inputs: tuple[str, ...] = ()

    def forward(line: str) -> None:
        said.append(line)
        say(line)

    with _workshop() as place:
        source = place / "source"
        try:
            inputs = build_inputs(tree, folder)
            extract(pack(tree, inputs).tar, source)
            return build(source / folder, say=say, forward=forward, locked=True, target=place / "target")
        except ArtifactError as problem:
            return explained(problem, said, manifest, folder, source, inputs)


def explained(
    problem: ArtifactError,
    said: Sequence[str],
    manifest: str,
    folder: str,
    source: Path,
    inputs: Sequence[str],
) -> Failed:
    """The failure at the place that rustc names, as a path inside the repository; else at the crate's manifest."""
    first = first_error(said)
    if first is None or problem.reason not in ("CompileFailed", "LinkFailed"):
        return Failed(manifest, 0, 0, problem.message, problem.hint)
    message, path, line, column = first
    return Failed(
        _in_repository(path, folder, source, inputs) or manifest, line, column, message, problem.hint
    )


def first_error(said: Sequence[str]) -> tuple[str, str, int, int] | None:
    """rustc's first error and the place it names; (…, "", 0, 0) when it names none; None without an error."""
    lines = [_ANSI.sub("", line) for line in said]
    for number, line in enumerate(lines):
        if not _ERROR.match(line):
            continue
        for following in lines[number + 1 : number + 6]:
            if found := _PLACE.match(following):
                return line, found["path"], int(found["line"]), int(found["column"])
        return line, "", 0, 0
    return None


def _in_repository(path: str, folder: str, source: Path, inputs: Sequence[str]) -> str:
    """rustc names files relative to the workspace's root, or (of other workspaces) in full."""
    if path.startswith(f"{source}/"):
        path, folder = path.removeprefix(f"{source}/"), ""
    here = PurePosixPath(folder)
    known = set(inputs)
    for root in (here, *here.parents):
        if (candidate := str(root / path)) in known:
            return candidate
    return ""


@contextmanager
def _workshop() -> Iterator[Path]:
    """A folder that is always the same, so that cargo knows again what it compiled; ours alone while we are in it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = (cache / "sequence" / "plan").resolve()
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = open(place / "lock", "w")  # noqa: SIM115 -- closed below
    except OSError as problem:
        what = f"nothing can be compiled in {place}: {problem.strerror}"
        raise CliError(
            what, "", "set XDG_CACHE_HOME to a folder that can be written, or plan with --no-build"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(place / "source", ignore_errors=True)
        yield place
