"""The sources of a build: fetched from the operator, compared with their digest, and only then unpacked."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path, PurePosixPath

import aiohttp

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.tar_extract import extract, gunzip
from sequence_operator.artifact.tree import LIMITS, printable
from sequence_operator.builder.failure import BuildError
from sequence_operator.spec.build import AlgoBuild
from sequence_operator.spec.builds import name_of, tree_url

_SECONDS = 120.0
_ARCHIVE_BYTES = LIMITS.total_bytes + LIMITS.files * 2048  # the files, and tar's blocks around each


def address(build: AlgoBuild, base: str) -> str:
    """Where the sources are. Raises BuildError (NameRefused, TreeRefused, PathRefused; final).

    It is made of our own base, our own namespace and the digest; what the object says must be equal to it.
    """
    if build.metadata.name != name_of(build.spec):
        text = f"its name is not the one of its inputs, {name_of(build.spec)}; let the operator create it"
        raise BuildError("NameRefused", text, final=True)
    url = tree_url(base, build.metadata.namespace, build.spec.tree_digest)
    if build.spec.tree_url != url:
        text = f"sources are taken from {url} only, not from {build.spec.tree_url[:300]}"
        raise BuildError("TreeRefused", text, final=True)
    folder(build.spec.path)
    return url


def folder(path: str) -> PurePosixPath:
    """A folder below the sources' root; `.` is the root itself. Raises BuildError (PathRefused, final)."""
    parts = path.split("/") if path != "." else []
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        text = f"{printable(path)[:200]} is no plain path below the root of the sources"
        raise BuildError("PathRefused", text, final=True)
    return PurePosixPath(*parts)


async def fetch(url: str) -> bytes:
    """The compressed tarball. Raises BuildError (TreeMissing, TreeUnavailable), never final."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False, auto_decompress=False) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise BuildError("TreeMissing", f"{url} answers {answer.status}, not 200", final=False)
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > _ARCHIVE_BYTES:
                    text = f"{url} gives more than {_ARCHIVE_BYTES:,} bytes"
                    raise BuildError("TreeTooLarge", text, final=True)
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        text = f"{url} cannot be read: {problem or type(problem).__name__}"
        raise BuildError("TreeUnavailable", text, final=False) from None
    return bytes(body)


async def unpack(data: bytes, digest: str, into: Path) -> list[str]:
    """Check the digest of the decompressed archive, and write its files; their paths.

    Raises BuildError (DigestMismatch and TreeUnreadable may heal; TreeRefused and TreeTooLarge are final).
    """
    return await asyncio.to_thread(_unpack, data, digest, into)


def _unpack(data: bytes, digest: str, into: Path) -> list[str]:
    try:
        tar = gunzip(data, _ARCHIVE_BYTES)
        found = hashlib.sha256(tar).hexdigest()
        if found != digest:
            raise BuildError("DigestMismatch", f"the sources have digest {found}, not {digest}", final=False)
        return extract(tar, into)
    except ArtifactError as problem:
        raise BuildError.of(problem, final=problem.reason != "TreeUnreadable") from None
