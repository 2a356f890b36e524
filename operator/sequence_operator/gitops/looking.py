"""One source's looks at its repository: with which credentials, how often, and what is known since."""

from __future__ import annotations

import random
import time
from dataclasses import asdict, replace
from datetime import datetime

import structlog

from sequence_operator.gitops.credentials import secret_data
from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.protocol import Flaw, RefKind, Request, Seen
from sequence_operator.gitops.world import World
from sequence_operator.reconcile.sources import Snapshot, SourceFile
from sequence_operator.spec.builds import tree_url
from sequence_operator.spec.resources import AlgoSource, SourceArtifact, SourceProblem

log = structlog.get_logger(__name__)

_JITTER = 0.05
_SOONEST, _LATEST = 5.0, 900.0  # seconds to the next try after a failure
_BY_A_PERSON = ("AuthFailed", "HostKeyMismatch", "SecretInvalid", "SecretMissing", "SignersInvalid")
"""What only somebody's hand ends: tried less and less often, for servers lock out who insists."""


class Looker:
    """Looks, and remembers what was seen. `failure` is the last look's problem, None after a good one."""

    def __init__(self, world: World, namespace: str, name: str) -> None:
        self._world, self._namespace, self._name = world, namespace, name
        self.snapshot: Snapshot | None = None
        self.artifact: SourceArtifact | None = None
        self.published: frozenset[str] = frozenset()
        self.looked_at: datetime | None = None
        self.failure: GitError | None = None
        self._failures = 0
        self._secret: tuple[str, dict[str, str]] | None = (
            None  # name and data, until there is a reason to read again
        )
        self._read: object = None  # the parts of the spec that the snapshot depends on

    def forget_secret(self) -> None:
        """Read the Secret again at the next look."""
        self._secret = None

    async def look(self, source: AlgoSource) -> bool:
        """One look; whether something is known now that was not before (a problem included)."""
        spec = source.spec
        reads = (spec.url, str(spec.ref), tuple(spec.paths), spec.verify and spec.verify.secret_ref.name)
        if reads != self._read:
            self._read, self.snapshot, self.artifact = reads, None, None
        before, began = (
            (self.failure.reason, self.failure.message) if self.failure else None,
            time.monotonic(),
        )
        try:
            news = await self._look(source)
        except GitError as problem:
            self._failed(problem)
            self._world.on_look(problem.reason, time.monotonic() - began)
            return before != (problem.reason, problem.message)
        self._world.on_look("Changed" if news else "Unchanged", time.monotonic() - began)
        self.failure, self._failures = None, 0
        self.looked_at = self._world.now()
        return news or before is not None

    def delay(self, interval: float) -> float:
        """Seconds until the next look."""
        if self.failure is None:
            wait = interval
        elif self.failure.reason in _BY_A_PERSON:
            wait = min(max(interval, _SOONEST) * 2.0 ** min(self._failures - 1, 10), max(_LATEST, interval))
        else:
            wait = min(interval, _SOONEST * 2.0 ** min(self._failures - 1, 10))
        return wait * random.uniform(1 - _JITTER, 1 + _JITTER)

    # -- one look ------------------------------------------------------------------------------------

    async def _look(self, source: AlgoSource) -> bool:
        request = self._request(source, await self._credentials(source))
        if source.spec.verify is not None:
            if request.known:
                tip = await self._world.worker.look(replace(request, tip_only=True))
                if not tip.changed:
                    return False
            # Read now and not before: a key that was taken out of the Secret must not pass a commit any more.
            signers = await secret_data(
                self._world.cluster, self._namespace, source.spec.verify.secret_ref.name
            )
            request = replace(request, signers=signers)
        seen = await self._world.worker.look(request)
        if not seen.changed:
            return False
        self._take(source, seen)
        log.info(
            "commit read", source=f"{self._namespace}/{self._name}", commit=seen.commit, files=len(seen.files)
        )
        return True

    async def _credentials(self, source: AlgoSource) -> dict[str, str]:
        reference = source.spec.secret_ref
        if reference is None:
            return {}
        if self._secret is None or self._secret[0] != reference.name:
            self._secret = (
                reference.name,
                await secret_data(self._world.cluster, self._namespace, reference.name),
            )
        return self._secret[1]

    def _request(self, source: AlgoSource, secret: dict[str, str]) -> Request:
        ref = source.spec.ref
        kinds: tuple[tuple[RefKind, str | None], ...] = (
            ("branch", ref.branch),
            ("tag", ref.tag),
            ("commit", ref.commit),
        )
        kind, name = next((kind, name) for kind, name in kinds if name is not None)
        return Request(
            url=source.spec.url,
            ref_kind=kind,
            ref=name,
            paths=tuple(source.spec.paths),
            cache=str(self._world.cache),
            trees=str(self._world.trees / self._namespace),
            known=self.snapshot.commit if self.snapshot is not None else "",
            secret=secret,
            allow=self._world.allow,
            bounds=self._world.bounds,
        )

    def _take(self, source: AlgoSource, seen: Seen) -> None:
        same = self.snapshot is not None and self.snapshot.commit == seen.commit
        first_seen = self.snapshot.first_seen if same and self.snapshot is not None else self._world.now()
        self.snapshot = Snapshot(
            repository=source.spec.url,
            commit=seen.commit,
            author=seen.author,
            files=tuple(
                SourceFile(file.path, file.text, file.tree, file.wasm_sha256, _problem(file.build_problem))
                for file in seen.files
            ),
            problems=tuple(SourceProblem(**asdict(flaw)) for flaw in seen.problems),
            first_seen=first_seen,
            complete=seen.complete,
        )
        self.artifact = None
        if seen.tree and self._world.tree_base:
            url = tree_url(self._world.tree_base, self._namespace, seen.tree)
            self.artifact = SourceArtifact(digest=seen.tree, url=url)
        digests = {seen.tree} | {digest for file in seen.files for digest in (file.tree, file.wasm_sha256)}
        self.published = frozenset((digests | set(seen.inputs)) - {""})

    def _failed(self, problem: GitError) -> None:
        self.failure = problem
        self._failures += 1
        self._secret = None  # perhaps somebody corrects it
        log.warning(
            "repository not read",
            source=f"{self._namespace}/{self._name}",
            reason=problem.reason,
            problem=problem.message,
        )


def _problem(flaw: Flaw | None) -> SourceProblem | None:
    return None if flaw is None else SourceProblem(**asdict(flaw))
