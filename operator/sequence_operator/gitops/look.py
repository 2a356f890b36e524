"""One look at a repository: has it changed, and if so, what does it say now? Runs in the child process only."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from pathlib import Path

from sequence_operator.gitops import signatures
from sequence_operator.gitops.cache import Cache, Ref
from sequence_operator.gitops.isolation import surroundings
from sequence_operator.gitops.protocol import Request, Seen
from sequence_operator.gitops.urls import parse_url, way_to


def look(request: Request) -> Seen:
    """Ask the server, fetch what is new, check signatures, read. Raises GitError."""
    remote = parse_url(request.url)
    ref = Ref(request.ref_kind, request.ref)
    way = way_to(remote, [ipaddress.ip_network(text) for text in request.allow])
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # decided above; curl reads NO_PROXY in another way than we do, and must not
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
            from sequence_operator.gitops.reading import read  # only now: most looks end above

            return read(cache, commit, request, signer=signer, fetched=fetched)


def _verified(cache: Cache, ref: Ref, commit: str, request: Request, private: Path) -> str:
    """Who signed; nothing is read from a commit before this."""
    if request.signers is None:
        return ""
    signed, signature = signatures.of_commit(cache.content("commit", commit))
    folder = private / "signature"
    folder.mkdir(mode=0o700)
    return signatures.verify(f"commit {commit[:12]} of {ref}", signed, signature, request.signers, folder)
