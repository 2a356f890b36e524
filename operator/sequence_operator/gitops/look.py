"""One look at a repository: has it changed, and if so, what does it say now? Runs in the child process only."""

from __future__ import annotations

import ipaddress
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.git_tree import CommitTree
from sequence_operator.artifact.source_files import Found, source_files
from sequence_operator.artifact.tree import pack
from sequence_operator.gitops import signatures
from sequence_operator.gitops.cache import Cache, Ref
from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.isolation import surroundings
from sequence_operator.gitops.protocol import ReadFile, Request, Seen
from sequence_operator.gitops.publishing import publish_module, publish_tree
from sequence_operator.gitops.urls import parse_url, way_to
from sequence_operator.spec.resources import SourceProblem

_AUTHOR = re.compile(rb"^author (.*?)> \d+ [+-]\d{4}$", re.MULTILINE)


def look(request: Request) -> Seen:
    """Ask the server, fetch what is new, check signatures, read. Raises GitError."""
    remote = parse_url(request.url)
    ref = Ref(request.ref_kind, request.ref)
    way = way_to(remote, [ipaddress.ip_network(text) for text in request.allow])
    with tempfile.TemporaryDirectory(prefix="sequence-git-") as folder:
        private = Path(folder)
        environment = surroundings(private, remote, way, request.secret)
        root = Path(request.cache).resolve()
        environment["GIT_CEILING_DIRECTORIES"] = str(root.parent)
        secrets = tuple(value for value in request.secret.values() if value)
        with Cache.opened(root, remote, environment, secrets) as cache:
            tip = cache.tip(ref)
            if tip == request.known:
                return Seen(commit=tip, changed=False)
            if request.tip_only:
                return Seen(commit=tip, changed=True)
            fetched = not cache.has(ref, tip)
            commit = cache.fetch(ref, tip, most_bytes=request.bounds.cache_bytes) if fetched else tip
            signer = _verified(cache, ref, commit, request, private)
            return _read(cache, commit, request, signer=signer, fetched=fetched)


def _verified(cache: Cache, ref: Ref, commit: str, request: Request, private: Path) -> str:
    """Who signed; nothing is read from a commit before this."""
    if request.signers is None:
        return ""
    signed, signature = signatures.of_commit(cache.content("commit", commit))
    folder = private / "signature"
    folder.mkdir(mode=0o700)
    return signatures.verify(f"commit {commit[:12]} of {ref}", signed, signature, request.signers, folder)


def _read(cache: Cache, commit: str, request: Request, *, signer: str, fetched: bool) -> Seen:
    problems: list[SourceProblem] = []
    trees = Path(request.trees)
    with CommitTree(cache.folder, commit) as tree:
        try:
            whole = _publish_whole(tree, trees, problems)
            found = source_files(tree, request.paths) if request.paths else iter(())
            files, complete = _files(found, request, trees, problems)
        except ArtifactError as problem:
            raise GitError(problem.reason, problem.message, problem.hint) from None
    author = _author(cache.content("commit", commit))
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
    )


def _publish_whole(tree: CommitTree, trees: Path, problems: list[SourceProblem]) -> str:
    """The commit's tree as one tarball. Too large a one is no reason to leave the algos alone."""
    try:
        packed = pack(tree)
    except ArtifactError as problem:
        if problem.reason != "TreeTooLarge":
            raise
        problems.append(SourceProblem(message=f"the tree is not published as a whole: {problem.advice}"))
        return ""
    publish_tree(trees, packed.digest, packed.tar)
    return packed.digest


def _files(
    found: Iterator[Found], request: Request, trees: Path, problems: list[SourceProblem]
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
            problems.append(SourceProblem(message=message))
            return files, False
        if each.text is None:
            problems.append(each.problem or SourceProblem(path=each.path, message="cannot be read"))
            continue
        if each.packed is not None:
            publish_tree(trees, each.packed.digest, each.packed.tar)
        if each.wasm is not None:
            publish_module(trees, each.wasm_sha256, each.wasm)
        tree = each.packed.digest if each.packed is not None else ""
        files.append(ReadFile(each.path, each.text, tree, each.wasm_sha256, each.problem))
    return files, True


def _author(raw: bytes) -> str:
    """`Name <address>` of a commit's raw content, printable and not endless."""
    found = _AUTHOR.search(raw.partition(b"\n\n")[0])
    text = (found[1] + b">").decode(errors="replace") if found else ""
    return "".join(character for character in text if character.isprintable())[:256]
