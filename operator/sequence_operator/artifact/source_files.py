"""The Sequence.toml files of a tree, each with what its WASM is made from: inputs of a build, or committed bytes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inputs import Crates
from sequence_operator.artifact.inspect import MAX_WASM_BYTES
from sequence_operator.artifact.store import digest
from sequence_operator.artifact.tree import Entry, Packed, Tree, links_of, pack, printable, resolve
from sequence_operator.spec.globs import matches
from sequence_operator.spec.names import FILE_NAME
from sequence_operator.spec.problems import SpecError
from sequence_operator.spec.resources import SourceProblem
from sequence_operator.spec.sequence_toml import SequenceFile, parse

MAX_FILE_BYTES = 256 << 10
"""Of one Sequence.toml: far above what 16 instances and 32 parameters need."""

_PLACED = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Found:
    """One Sequence.toml.

    path, folder: inside the repository, fit for messages; folder "" is the root.
    text:         its content, None when it cannot be read: then `problem` says why.
    packed:       archive and digest of the inputs of its build, None when nothing is built or the inputs are not to
                  be had.
    wasm:         the committed module of a file with `[build].prebuilt`, not inspected.
    problem:      why there is neither, where it stands. A text with mistakes has no problem here: whoever parses it
                  finds them all.
    """

    path: str
    folder: str
    text: str | None
    packed: Packed | None = None
    wasm: bytes | None = None
    problem: SourceProblem | None = None

    @property
    def wasm_sha256(self) -> str:
        return digest(self.wasm) if self.wasm is not None else ""


def source_files(tree: Tree, globs: Sequence[str]) -> Iterator[Found]:
    """Every Sequence.toml that one of the globs means, in the order of the tree.

    Raises ArtifactError when the tree itself cannot be read; what is wrong with one file is that file's problem.
    """
    entries = tree.entries()
    chosen = [e for e in entries if posixpath.basename(e.path) == FILE_NAME and matches(e.path, globs)]
    if not chosen:
        return
    links, crates = links_of(tree, entries), Crates(tree)
    for entry in chosen:
        yield _found(tree, entry, links, crates)


def _found(tree: Tree, entry: Entry, links: dict[str, str], crates: Crates) -> Found:
    path, folder = printable(entry.path), posixpath.dirname(entry.path)
    try:
        text = _text(tree, entry)
    except _NotReadableError as problem:
        return Found(path, folder, None, problem=SourceProblem(path=path, message=str(problem)))
    try:
        file = parse(text, path)
    except SpecError:
        return Found(path, folder, text)
    try:
        if file.build.prebuilt:
            return Found(path, folder, text, wasm=_committed(tree, file, folder, links))
        return Found(path, folder, text, packed=pack(tree, crates.inputs(folder)))
    except ArtifactError as problem:
        return Found(path, folder, text, problem=placed(problem, path))


class _NotReadableError(Exception):
    """The reason, as a sentence."""


def _text(tree: Tree, entry: Entry) -> str:
    if entry.kind not in ("file", "executable"):
        raise _NotReadableError(f"a {entry.kind}, not a file: put the file itself here")
    if entry.path != printable(entry.path):
        raise _NotReadableError("the path has characters that cannot be shown: rename it")
    if entry.size > MAX_FILE_BYTES:
        raise _NotReadableError(f"{entry.size:,} bytes; a Sequence.toml may have {MAX_FILE_BYTES:,}")
    try:
        return tree.read(entry.path).decode()
    except ArtifactError as problem:
        raise _NotReadableError(problem.message) from None
    except UnicodeDecodeError as problem:
        raise _NotReadableError(
            f"not UTF-8: byte 0x{problem.object[problem.start]:02x}; save it as UTF-8"
        ) from None


def _committed(tree: Tree, file: SequenceFile, folder: str, links: dict[str, str]) -> bytes:
    """The bytes that `[build].wasm` names."""
    named = file.build.wasm
    where = file.where("build", "wasm") if named else file.where("build", "prebuilt")
    if not named:
        raise ArtifactError(
            "WasmMissing", f'{where}: prebuilt needs the committed file: wasm = "algo.wasm" under [build]', ""
        )
    route = resolve(posixpath.join(folder, named), links) if not named.startswith("/") else None
    if route is None:
        raise ArtifactError("PathLeaves", f"{where}: {printable(named)} leaves the repository", "")
    try:
        wasm = tree.read(route.end)
    except ArtifactError as problem:
        raise ArtifactError(
            problem.reason, f"{where}: {problem.message}", "commit it, or leave prebuilt out"
        ) from None
    if len(wasm) > MAX_WASM_BYTES:
        raise ArtifactError("TooLarge", f"{where}: {len(wasm):,} bytes; the limit is {MAX_WASM_BYTES:,}", "")
    return wasm


def placed(problem: ArtifactError, path: str) -> SourceProblem:
    """An error at the place its message begins with, else at the file `path` as a whole."""
    if found := _PLACED.match(problem.message):
        message = f"{found['message']}; {problem.hint}" if problem.hint else found["message"]
        return SourceProblem(
            path=found["path"], line=int(found["line"]), column=int(found["column"]), message=message
        )
    return SourceProblem(path=path, message=problem.advice)
