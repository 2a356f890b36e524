"""What a commit says and what it is made of: read, and published for builders. Runs in the child process only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.git_tree import CommitTree
from sequence_operator.artifact.source_files import Found, source_files
from sequence_operator.artifact.tree import pack
from sequence_operator.gitops.cache import Cache
from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.protocol import Flaw, ReadFile, Request, Seen
from sequence_operator.gitops.publishing import publish_module, publish_tree
from sequence_operator.spec.resources import SourceProblem

_EVERY = ("**/Sequence.toml",)
_AUTHOR = re.compile(rb"^author (.*?)> \d+ [+-]\d{4}$", re.MULTILINE)


def read(cache: Cache, commit: str, request: Request, *, signer: str, fetched: bool) -> Seen:
    """Raises GitError when the commit cannot be read at all; what is wrong with one file is told with the rest."""
    problems: list[Flaw] = []
    trees = Path(request.trees)
    with CommitTree(cache.folder, commit) as tree:
        try:
            whole = _publish_whole(tree, trees, problems)
            files, complete = _files(source_files(tree, request.paths or _EVERY), request, trees, problems)
        except ArtifactError as problem:
            raise GitError(problem.reason, problem.message, problem.hint) from None
    author = _author(cache.content("commit", commit))
    inputs: tuple[str, ...] = ()
    if not request.paths:
        # Somebody else applies what `sequence render` makes of these files, and their builds need the inputs. None of
        # them is this source's: their problems name no path, or what it applied before would be taken for recognized.
        problems += [file.build_problem for file in files if file.build_problem is not None]
        problems = [Flaw(message=str(SourceProblem(**asdict(flaw)))) for flaw in problems]
        inputs, files, complete = tuple(sorted({file.tree for file in files} - {""})), [], True
    return Seen(
        commit=commit,
        changed=True,
        author=author,
        signer=signer,
        tree=whole,
        fetched=fetched,
        complete=complete,
        files=tuple(files),
        problems=tuple(problems),
        inputs=inputs,
    )


def _publish_whole(tree: CommitTree, trees: Path, problems: list[Flaw]) -> str:
    """The commit's tree as one tarball. Too large a one is no reason to leave the algos alone."""
    try:
        packed = pack(tree)
    except ArtifactError as problem:
        if problem.reason != "TreeTooLarge":
            raise
        problems.append(Flaw(message=f"the tree is not published as a whole: {problem.advice}"))
        return ""
    publish_tree(trees, packed.digest, packed.tar)
    return packed.digest


def _files(
    found: Iterator[Found], request: Request, trees: Path, problems: list[Flaw]
) -> tuple[list[ReadFile], bool]:
    """The files that can be read, and whether those are all; what is wrong with the others goes to `problems`."""
    files: list[ReadFile] = []
    text_bytes = 0
    for each in found:
        text_bytes += len(each.text or "")
        if len(files) == request.bounds.algos or text_bytes > request.bounds.text_bytes:
            message = (
                f"more than {request.bounds.algos} files or {request.bounds.text_bytes:,} bytes of Sequence.toml: the "
                "rest is not read, and nothing is pruned; use several sources with narrower paths"
            )
            problems.append(Flaw(message=message))
            return files, False
        if each.text is None:
            problems.append(_flaw(each.problem) or Flaw(path=each.path, message="cannot be read"))
            continue
        if each.packed is not None:
            publish_tree(trees, each.packed.digest, each.packed.tar)
        if each.wasm is not None:
            publish_module(trees, each.wasm_sha256, each.wasm)
        tree = each.packed.digest if each.packed is not None else ""
        files.append(ReadFile(each.path, each.text, tree, each.wasm_sha256, _flaw(each.problem)))
    return files, True


def _flaw(problem: SourceProblem | None) -> Flaw | None:
    return None if problem is None else Flaw(problem.path, problem.line, problem.column, problem.message)


def _author(raw: bytes) -> str:
    """`Name <address>` of a commit's raw content, printable and not endless."""
    found = _AUTHOR.search(raw.partition(b"\n\n")[0])
    text = (found[1] + b">").decode(errors="replace") if found else ""
    return "".join(character for character in text if character.isprintable())[:256]
