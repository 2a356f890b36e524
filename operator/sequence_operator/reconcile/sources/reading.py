"""A commit's files → which AlgoDeployments they declare, and what is wrong with them."""

from __future__ import annotations

import hashlib
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import tomli

from sequence_operator.reconcile.sources.model import Snapshot, SourceFile
from sequence_operator.spec.names import FILE_NAME, Mode, cr_name
from sequence_operator.spec.problems import Problem, SpecError
from sequence_operator.spec.resources import SourceProblem
from sequence_operator.spec.sequence_toml import SequenceFile, parse
from sequence_operator.spec.toml_positions import scan

_PATH_MAX = 1000  # of spec.origin.path 1024, which the folder of the build shares


@dataclass(frozen=True, slots=True)
class Declared:
    """One file without problems. name: of the AlgoDeployment; digest: 12 hex of all that it is rendered from."""

    name: str
    source: SourceFile
    file: SequenceFile
    digest: str

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def folder(self) -> str:
        """Folder of the crate; `.` is the repository itself."""
        return posixpath.dirname(self.path) or "."


@dataclass(frozen=True)
class Reading:
    """What a snapshot says.

    declared: by object name, files without problems. names: all names, of files with problems too, as far as they
    can be told. paths: of all files, readable or not. broken: paths of files with problems; what was applied from
    there stays. unnamed: those among them of which nobody can tell which algo they declare.
    """

    declared: Mapping[str, Declared]
    problems: tuple[SourceProblem, ...]
    names: frozenset[str]
    paths: frozenset[str]
    broken: frozenset[str]
    unnamed: frozenset[str] = field(default_factory=frozenset)

    @property
    def empty(self) -> bool:
        """Whether there is no file at all."""
        return not self.paths


def read(snapshot: Snapshot, mode: Mode) -> Reading:
    """Every problem of every file; one bad file does not hinder the others."""
    problems = list(snapshot.problems)
    good: dict[str, list[Declared]] = defaultdict(list)
    places: dict[str, list[tuple[str, int, int]]] = defaultdict(list)  # by object name: where it is declared
    broken = {p.path for p in snapshot.problems if posixpath.basename(p.path) == FILE_NAME}
    unnamed = set(broken)
    for file in snapshot.files:
        found, named, wrong = _one(file, mode)
        problems += wrong
        if found is not None:
            good[found.name].append(found)
        else:
            broken.add(file.path)
        if named is None:
            unnamed.add(file.path)
        else:
            places[named[0]].append((file.path, *named[1]))
    twice = {name: sorted(where) for name, where in places.items() if len(where) > 1}
    for name, where in twice.items():
        problems += _twice(where)
        broken |= {path for path, _, _ in where}
        good.pop(name, None)
    return Reading(
        declared={name: found[0] for name, found in sorted(good.items())},
        problems=ordered(problems),
        names=frozenset(places),
        paths=frozenset(file.path for file in snapshot.files) | broken,
        broken=frozenset(broken),
        unnamed=frozenset(unnamed),
    )


def content_digest(file: SourceFile) -> str:
    """12 hex digits of what one algo is made of: its file, the inputs of its build, or its committed WASM.

    Not of the commit, so an algo that a commit leaves alone is not written. Not of how it is rendered or for which
    account either: that shows in the comparison with the live object, and must not move its commit, which would end a
    person's stop.
    """
    parts = (file.path, file.text, file.tree, file.wasm_sha256)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part.encode())}\0".encode() + part.encode())
    return digest.hexdigest()[:12]


Named = tuple[str, tuple[int, int]]


def _one(file: SourceFile, mode: Mode) -> tuple[Declared | None, Named | None, list[SourceProblem]]:
    """(what it declares when it is good, its object name and where it says so, problems)."""
    parsed, wrong, named = _parsed(file.text, file.path)
    name = None if named is None else (cr_name(named[0], mode), named[1])
    problems = [_problem(problem) for problem in wrong]
    if any(character < " " or character == "\x7f" for character in file.path):
        problems.append(_about(file, "the path has a control character: rename the file or its folder"))
    if len(file.path) > _PATH_MAX:
        problems.append(_about(file, f"the path is longer than {_PATH_MAX} characters: move the file up"))
    if parsed is not None:
        problems += _unbuildable(file, parsed)
    if parsed is None or name is None or problems:
        return None, name, problems
    return Declared(name[0], file, parsed, content_digest(file)), name, []


def _unbuildable(file: SourceFile, parsed: SequenceFile) -> Iterator[SourceProblem]:
    if file.build_problem is not None:
        yield file.build_problem
    elif parsed.build.prebuilt and not file.wasm_sha256:
        line, column = _place(parsed, "build", "prebuilt")
        message = "[build].prebuilt is true, but the WASM file is not in the repository: commit it"
        yield SourceProblem(path=file.path, line=line, column=column, message=message)
    elif not parsed.build.prebuilt and not file.tree:
        yield _about(file, "what it is built from could not be gathered")


@lru_cache(maxsize=8192)
def _parsed(
    text: str, path: str
) -> tuple[SequenceFile | None, tuple[Problem, ...], tuple[str, tuple[int, int]] | None]:
    """(the file, its problems, its deployment name and where that stands). Remembered, for most files stay."""
    try:
        file = parse(text, path)
    except SpecError as error:
        return None, tuple(sorted(error.problems, key=lambda p: (p.line, p.column))), _name_in(text)
    return file, (), (file.deployment.name, _place(file, "deployment", "name"))


def _name_in(text: str) -> tuple[str, tuple[int, int]] | None:
    """The deployment name in a file with problems, as far as it can be told: what runs under it must stay."""
    try:
        name = tomli.loads(text)["deployment"]["name"]
        cr_name(name, "live")
        position = scan(text)["deployment", "name"].key
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return name, (position.line, position.column)


def _place(file: SequenceFile, *path: str) -> tuple[int, int]:
    position = file.places[path].key
    return position.line, position.column


def _twice(where: list[tuple[str, int, int]]) -> Iterator[SourceProblem]:
    for path, line, column in where:
        others = ", ".join(f"{p}:{row}:{at}" for p, row, at in where if p != path)
        message = (
            f"this deployment name is declared at {others}, too: neither is applied; give one another name"
        )
        yield SourceProblem(path=path, line=line, column=column, message=message)


def _about(file: SourceFile, message: str) -> SourceProblem:
    return SourceProblem(path=file.path, message=message)


def _problem(problem: Problem) -> SourceProblem:
    return SourceProblem(
        path=problem.path, line=problem.line, column=problem.column, message=problem.message[:4096]
    )


def ordered(problems: Iterable[SourceProblem]) -> tuple[SourceProblem, ...]:
    """By place."""
    return tuple(sorted(problems, key=lambda p: (p.path, p.line, p.column, p.message)))
