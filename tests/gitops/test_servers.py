"""The two servers: published trees for builders, and announcements of pushes."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sequence_operator.gitops.hooks import MAX_BODY, HookServer
from sequence_operator.gitops.publishing import collect, publish_tree
from sequence_operator.gitops.tree_server import TreeServer

TAR = b"a tar"
DIGEST = hashlib.sha256(TAR).hexdigest()


@pytest.fixture
async def trees(tmp_path: Path) -> AsyncIterator[str]:
    """The base URL of a tree server for the namespaces `ours` and `empty`; `other` is somebody else's."""
    publish_tree(tmp_path / "ours", DIGEST, TAR)
    publish_tree(tmp_path / "other", DIGEST, TAR)
    (tmp_path / "ours" / "secret.txt").write_text("x")
    (tmp_path / "ours" / f"{'0' * 64}.tar.gz").symlink_to("/etc/hostname")
    server = TreeServer(tmp_path, ["ours", "empty"], "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


async def get(url: str) -> tuple[int, bytes]:
    from yarl import URL

    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(URL(url, encoded=True)) as answer,
    ):
        return answer.status, await answer.read()


async def test_a_published_tree_is_served_to_its_namespace(trees: str) -> None:
    status, body = await get(f"{trees}/trees/ours/{DIGEST}.tar.gz")
    assert status == 200 and gzip.decompress(body) == TAR


@pytest.mark.parametrize(
    "path",
    [
        f"/trees/empty/{DIGEST}.tar.gz",  # not published there
        f"/trees/other/{DIGEST}.tar.gz",  # not served by this operator
        f"/trees/ours/{'1' * 64}.tar.gz",
        f"/trees/ours/{'0' * 64}.tar.gz",  # a symlink is none of ours
        f"/trees/ours/{DIGEST}.wasm",
        f"/trees/ours/{DIGEST.upper()}.tar.gz",
        f"/trees/ours/{DIGEST}.tar.gz%0a",
        f"/trees/ours/../other/{DIGEST}.tar.gz",
        f"/trees/ours/..%2fother%2f{DIGEST}.tar.gz",
        f"/trees/..%2fours/{DIGEST}.tar.gz",
        "/trees/ours/secret.txt",
        "/trees/ours/",
        "/trees/ours",
        "/trees/",
        "/",
        "/trees/ours/..%2f..%2f..%2fetc%2fpasswd",
    ],
)
async def test_nothing_else_is_served(trees: str, path: str) -> None:
    status, body = await get(trees + path)
    assert status == 404 and b"a tar" not in body


def test_what_is_needed_or_young_is_kept(tmp_path: Path) -> None:
    publish_tree(tmp_path, DIGEST, TAR)
    other = hashlib.sha256(b"other").hexdigest()
    publish_tree(tmp_path, other, b"other")
    (tmp_path / ".new-1").write_text("half")
    now = time.time()
    assert collect(tmp_path, {DIGEST}, now - 60) == 0
    assert collect(tmp_path, {DIGEST}, now + 60) == 1
    assert [file.name for file in tmp_path.iterdir()] == [f"{DIGEST}.tar.gz"]


def test_publishing_again_makes_it_young(tmp_path: Path) -> None:
    publish_tree(tmp_path, DIGEST, TAR)
    [file] = tmp_path.iterdir()
    os.utime(file, (1, 1))
    publish_tree(tmp_path, DIGEST, TAR)
    assert collect(tmp_path, (), 1000) == 0
    with pytest.raises(ValueError, match="SHA-256"):
        publish_tree(tmp_path, "../" + DIGEST, TAR)


class Hooked:
    """A source that takes announcements."""

    def __init__(self, token: str | None) -> None:
        self.hook_token = token
        self.heard = self.doubted = 0

    def announced(self) -> None:
        self.heard += 1

    def misannounced(self) -> None:
        self.doubted += 1


@pytest.fixture
async def hooks() -> AsyncIterator[tuple[str, dict[str, Hooked]]]:
    sources = {"desk": Hooked("s3cret-token"), "silent": Hooked(None)}
    server = HookServer(
        lambda namespace, name: sources.get(name) if namespace == "ours" else None, "127.0.0.1", 0
    )
    await server.start()
    yield f"http://127.0.0.1:{server.port}/hook", sources
    await server.stop()


async def post(url: str, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=named) as answer:
        return answer.status, await answer.read()


def signature(body: bytes, token: str = "s3cret-token") -> str:
    return "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


async def test_signed_announcements_are_believed(hooks: tuple[str, dict[str, Hooked]]) -> None:
    base, sources = hooks
    body = b'{"ref": "refs/heads/main"}'
    assert (await post(f"{base}/ours/desk", body, X_Hub_Signature_256=signature(body)))[0] == 202
    assert (await post(f"{base}/ours/desk", body, X_Gitlab_Token="s3cret-token"))[0] == 202
    assert sources["desk"].heard == 2


async def test_whoever_lacks_the_token_learns_nothing(hooks: tuple[str, dict[str, Hooked]]) -> None:
    base, sources = hooks
    body = b"{}"
    answers = [
        await post(f"{base}/ours/desk", body),
        await post(f"{base}/ours/desk", body, X_Hub_Signature_256=signature(body, "guess")),
        await post(f"{base}/ours/desk", b"changed", X_Hub_Signature_256=signature(body)),
        await post(f"{base}/ours/desk", body, X_Hub_Signature_256=signature(body).removeprefix("sha256=")),
        await post(f"{base}/ours/desk", body, X_Gitlab_Token=""),
        await post(f"{base}/ours/desk", body, X_Gitlab_Token="s3cret"),
        await post(f"{base}/ours/desk", body, X_Hub_Signature="sha1=0"),
        await post(f"{base}/ours/silent", body, X_Gitlab_Token=""),
        await post(f"{base}/ours/silent", body, X_Hub_Signature_256=signature(body, "")),
        await post(f"{base}/ours/nobody", body, X_Hub_Signature_256=signature(body)),
        await post(f"{base}/other/desk", body, X_Hub_Signature_256=signature(body)),
    ]
    assert {status for status, _ in answers} == {403} and len({said for _, said in answers}) == 1
    assert sources["desk"].heard == 0 and sources["desk"].doubted == 7


async def test_a_huge_announcement_is_not_read(hooks: tuple[str, dict[str, Hooked]]) -> None:
    base, sources = hooks
    body = b"x" * (MAX_BODY + 1)
    assert (await post(f"{base}/ours/desk", body, X_Hub_Signature_256=signature(body)))[0] == 413
    assert sources["desk"].heard == 0
