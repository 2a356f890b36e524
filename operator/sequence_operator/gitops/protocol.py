"""What the operator asks its git child process, and what that answers: one JSON object each way.

Plain values on purpose: most looks find nothing, and the models of the resources take longer to import than git to ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sequence_operator.gitops.errors import GitError

RefKind = Literal["branch", "tag", "commit"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one look may cost: seconds in all, bytes of one pack, bytes of all caches of a URL, files and bytes of the
    tree that is published as a whole, and of the files of algos."""

    seconds: float = 180.0
    pack_bytes: int = 256 << 20
    cache_bytes: int = 1 << 30
    algos: int = 2_000
    text_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One look at a repository.

    known:   commit whose content the asker has: when it is still the newest, nothing is read.
    cache, trees: folders for the bare repositories and for what is published (one folder per namespace).
    secret:  data of the Secret to fetch with. signers: data of the Secret with keys that may sign, or None.
    tip_only: only ask which commit is the newest.
    allow:   networks (CIDR) that may be contacted although they are refused otherwise.
    """

    url: str
    ref_kind: RefKind
    ref: str
    paths: tuple[str, ...]
    cache: str
    trees: str
    known: str = ""
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    signers: Mapping[str, str] | None = None
    allow: tuple[str, ...] = ()
    tip_only: bool = False
    bounds: Bounds = field(default_factory=Bounds)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, raw: bytes) -> Request:
        fields: dict[str, Any] = json.loads(raw)
        fields["bounds"] = Bounds(**fields["bounds"])
        return cls(**{**fields, "paths": tuple(fields["paths"]), "allow": tuple(fields["allow"])})


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong in the repository; the fields of `spec.source.SourceProblem`."""

    path: str = ""
    line: int = 0
    column: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One Sequence.toml that could be read; the fields of `reconcile.sources.model.SourceFile`."""

    path: str
    text: str
    tree: str = ""
    wasm_sha256: str = ""
    build_problem: Flaw | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found. changed: False when `known` is still the newest commit; then nothing but `commit` is set.

    tree: digest of the whole commit's published tarball, "" when it could not be published (see problems).
    signer: who signed the commit, where a signature was asked for. fetched: whether anything was transferred.
    complete: False when not all files could be looked at. inputs: digests of what was published for builds without
    being told as files, for a request without paths.
    """

    commit: str
    changed: bool
    author: str = ""
    signer: str = ""
    tree: str = ""
    fetched: bool = False
    complete: bool = True
    files: tuple[ReadFile, ...] = ()
    problems: tuple[Flaw, ...] = ()
    inputs: tuple[str, ...] = ()


def encode_seen(seen: Seen) -> bytes:
    return json.dumps({"seen": asdict(seen)}).encode()


def encode_error(problem: GitError) -> bytes:
    error = {
        "reason": problem.reason,
        "message": problem.message,
        "hint": problem.hint,
        "final": problem.final,
    }
    return json.dumps({"error": error}).encode()


def decode_answer(raw: bytes) -> Seen:
    """Raises GitError when that is what the child answered, ValueError when it is no answer at all."""
    answer = json.loads(raw)
    if "error" in answer:
        error = answer["error"]
        raise GitError(error["reason"], error["message"], error["hint"], final=error["final"])
    fields = answer["seen"]
    files = tuple(
        ReadFile(**{**each, "build_problem": each["build_problem"] and Flaw(**each["build_problem"])})
        for each in fields["files"]
    )
    problems = tuple(Flaw(**each) for each in fields["problems"])
    return Seen(**{**fields, "files": files, "problems": problems, "inputs": tuple(fields["inputs"])})
