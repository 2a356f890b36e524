"""Looking at a repository over HTTP, by the real child process."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import os
import shutil
import socket
import tarfile
import zlib
from ipaddress import ip_network
from pathlib import Path

import pytest

from sequence_operator.gitops.cache import Ref
from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.protocol import Bounds
from sequence_operator.gitops.urls import parse_url, way_to
from sequence_operator.local.pki import ensure_pki
from support.gitserver import GitServer, Repository

from .conftest import Look, crate, prebuilt


def names_in(trees: Path, digest: str) -> list[str]:
    """Names in a published tarball, whose content has the digest that it is named by."""
    raw = gzip.decompress((trees / f"{digest}.tar.gz").read_bytes())
    assert hashlib.sha256(raw).hexdigest() == digest
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return archive.getnames()


async def failure(look: Look, url: str, **fields: object) -> GitError:
    with pytest.raises(GitError) as caught:
        await look(url, **fields)
    return caught.value


async def test_the_first_look_reads_the_commit_and_publishes_its_trees(
    repository: Repository, look: Look, tmp_path: Path
) -> None:
    files = {**crate("algos/mm"), **prebuilt("algos/pre"), "README.md": "x"}
    commit = repository.commit("first", files, author="Grace <grace@example.com>")
    seen = await look(repository.url)
    assert (seen.commit, seen.changed, seen.author, seen.complete) == (
        commit,
        True,
        "Grace <grace@example.com>",
        True,
    )
    built, committed = seen.files
    assert built.path == "algos/mm/Sequence.toml" and 'name = "mm"' in built.text
    assert names_in(tmp_path / "trees", built.tree) == [
        "algos/mm/Cargo.lock",
        "algos/mm/Cargo.toml",
        "algos/mm/src/lib.rs",
    ]
    assert "README.md" in names_in(tmp_path / "trees", seen.tree)
    assert committed.wasm_sha256 == hashlib.sha256(b"\0asm\1\0\0\0").hexdigest() and committed.tree == ""
    assert (tmp_path / "trees" / f"{committed.wasm_sha256}.wasm").read_bytes() == b"\0asm\1\0\0\0"


async def test_a_look_that_finds_nothing_new_asks_for_references_only(
    repository: Repository, server: GitServer, look: Look
) -> None:
    commit = repository.commit("first", crate("mm"))
    await look(repository.url)
    server.forget()
    seen = await look(repository.url, known=commit)
    assert seen.commit == commit and not seen.changed
    assert server.requests == {"advertise": 1, "ls-refs": 1}


async def test_what_is_in_the_cache_is_not_fetched_again(
    repository: Repository, server: GitServer, look: Look
) -> None:
    repository.commit("first", crate("mm"))
    assert (await look(repository.url)).fetched
    again = await look(repository.url)  # as after a restart of the operator, which knows no commit
    assert again.changed and not again.fetched and len(again.files) == 1
    assert server.requests["fetch"] == 1


async def test_a_change_of_the_file_alone_keeps_the_inputs_of_the_build(
    repository: Repository, look: Look
) -> None:
    repository.commit("first", crate("mm", rate=5))
    before = await look(repository.url)
    repository.commit("limit", crate("mm", rate=6))
    after = await look(repository.url)
    assert after.files[0].tree == before.files[0].tree and after.files[0].text != before.files[0].text
    assert after.tree != before.tree
    repository.commit("code", crate("mm", rate=6, source="// other\n"))
    assert (await look(repository.url)).files[0].tree != before.files[0].tree


async def test_tags_plain_and_annotated_and_commits_are_followed(repository: Repository, look: Look) -> None:
    first = repository.commit("first", crate("mm"))
    repository.tag("plain")
    repository.tag("v1", message="release")
    repository.commit("second", crate("mm", rate=9))
    assert (await look(repository.url, ref_kind="tag", ref="plain")).commit == first
    assert (await look(repository.url, ref_kind="tag", ref="v1")).commit == first
    pinned = await look(repository.url, ref_kind="commit", ref=first)
    assert pinned.commit == first and "max_order_rate = 5" in pinned.files[0].text


async def test_a_moved_tag_is_noticed(repository: Repository, look: Look) -> None:
    first = repository.commit("first", crate("mm"))
    repository.tag("live", message="one")
    assert (await look(repository.url, ref_kind="tag", ref="live")).commit == first
    second = repository.commit("second", crate("mm", rate=9))
    repository.tag("live", message="two")
    assert (await look(repository.url, ref_kind="tag", ref="live", known=first)).commit == second


async def test_a_forced_unrelated_history_is_read(repository: Repository, look: Look) -> None:
    repository.commit("first", crate("mm"))
    await look(repository.url)
    repository.remove("mm")
    for path, content in crate("other").items():
        repository.write(path, content)
    commit = repository.unrelated()
    seen = await look(repository.url)
    assert seen.commit == commit and [file.path for file in seen.files] == ["other/Sequence.toml"]


async def test_a_branch_that_vanished_and_one_that_never_was(repository: Repository, look: Look) -> None:
    repository.commit("first", crate("mm"))
    assert (await failure(look, repository.url, ref="nowhere")).reason == "RefNotFound"
    await look(repository.url)
    repository.delete_branch("main")
    gone = await failure(look, repository.url)
    assert gone.reason == "RefNotFound" and "branch main" in gone.message


async def test_an_empty_repository_has_no_branch(repository: Repository, look: Look) -> None:
    assert (await failure(look, repository.url)).reason == "RefNotFound"


async def test_a_server_that_is_away_and_comes_back(
    repository: Repository, server: GitServer, look: Look
) -> None:
    commit = repository.commit("first", crate("mm"))
    server.stop()
    away = await failure(look, repository.url)
    assert away.reason == "FetchFailed" and not away.final
    server.start()
    server.fail = 503
    assert (await failure(look, repository.url)).reason == "FetchFailed"
    server.fail = 0
    assert (await look(repository.url)).commit == commit


def write_zeros(repository: Repository) -> str:
    """Store a gibibyte of zeros; its id. git would compress and hash for ten seconds what is one mebibyte repeated."""
    blob, mebibyte = "4fce05a4e4ed8cefef2d99f32c519b2fd7841b74", bytes(1 << 20)
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    head = deflate.compress(b"blob %d\0" % (1 << 30)) + deflate.flush(zlib.Z_FULL_FLUSH)
    piece = deflate.compress(mebibyte) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.adler32(b"blob %d\0" % (1 << 30))
    low, high = checksum & 0xFFFF, checksum >> 16
    checksum = (high + (low << 30)) % 65521 << 16 | low  # a zero adds nothing to the lower sum
    path = repository.bare / "objects" / blob[:2] / blob[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x78\x01" + head + piece * 1024 + deflate.flush() + checksum.to_bytes(4, "big"))
    return blob


async def test_a_gibibyte_in_the_history_is_not_transferred(
    repository: Repository, server: GitServer, look: Look
) -> None:
    blob = write_zeros(repository)
    assert repository.git("cat-file", "-s", blob) == str(1 << 30)
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tdata.bin\n".encode())
    first = repository.git("commit-tree", "-m", "first", tree)
    repository.git("update-ref", "refs/heads/main", first)
    repository.commit("second", crate("mm"))
    assert repository.git("rev-parse", "HEAD^") == first
    assert len((await look(repository.url)).files) == 1
    assert server.sent["fetch"] < 100_000


async def test_a_large_file_in_the_tree_ends_the_fetch(repository: Repository, look: Look) -> None:
    repository.commit("first", {"data.bin": os.urandom(4 << 20), **crate("mm")})
    problem = await failure(look, repository.url, bounds=Bounds(pack_bytes=1 << 20))
    assert problem.reason == "TooLarge", problem.message


async def test_a_tree_too_large_to_publish_leaves_its_algos_alone(repository: Repository, look: Look) -> None:
    repository.commit("first", {"data.bin": b"\0" * (17 << 20), **crate("mm")})
    seen = await look(repository.url)
    assert seen.tree == "" and "data.bin" in seen.problems[0].message
    assert seen.files[0].tree and seen.files[0].build_problem is None


async def test_links_that_leave_the_repository_are_problems_of_their_file(
    repository: Repository, look: Look, tmp_path: Path
) -> None:
    secret = tmp_path / "outside.toml"
    secret.write_text("outside")
    repository.commit("first", {**crate("good"), **crate("linked"), **crate("inside")})
    (repository.files / "bad").mkdir()
    (repository.files / "bad/Sequence.toml").symlink_to(secret)
    (repository.files / "linked/src/more.rs").symlink_to("../../../outside.rs")
    (repository.files / "inside/src/more.rs").symlink_to("../../good/src/lib.rs")
    repository.commit("links")
    seen = await look(repository.url)
    assert [problem.path for problem in seen.problems] == ["bad/Sequence.toml"]
    by_path = {file.path: file for file in seen.files}
    assert set(by_path) == {"good/Sequence.toml", "linked/Sequence.toml", "inside/Sequence.toml"}
    refused = by_path["linked/Sequence.toml"].build_problem
    assert refused is not None and "leaves the repository" in refused.message
    assert by_path["inside/Sequence.toml"].tree and not any("outside" in f.text for f in seen.files)


async def test_names_with_line_breaks_are_told_escaped(repository: Repository, look: Look) -> None:
    repository.commit("first", {**crate("good"), "new\nline/Sequence.toml": "x"})
    seen = await look(repository.url)
    assert [problem.path for problem in seen.problems] == ["new\\nline/Sequence.toml"]
    assert [file.path for file in seen.files] == ["good/Sequence.toml"]


async def test_more_files_than_one_source_may_have_are_not_taken_for_all(
    repository: Repository, look: Look
) -> None:
    repository.commit("first", {**crate("a"), **crate("b"), **crate("c")})
    seen = await look(repository.url, bounds=Bounds(algos=2))
    assert len(seen.files) == 2 and not seen.complete and "nothing is pruned" in seen.problems[0].message


async def test_paths_choose_the_files_and_none_publishes_only(repository: Repository, look: Look) -> None:
    repository.commit("first", {**crate("live/a"), **crate("sandbox/a")})
    chosen = await look(repository.url, paths=("live/**",))
    assert [file.path for file in chosen.files] == ["live/a/Sequence.toml"]
    nothing = await look(repository.url, paths=())
    assert nothing.files == () and nothing.tree == chosen.tree and nothing.problems == ()
    assert chosen.files[0].tree in nothing.inputs and len(nothing.inputs) == 2


async def test_a_mistake_in_what_others_apply_is_told(
    repository: Repository, look: Look, tmp_path: Path
) -> None:
    repository.commit("first", {**crate("a"), **crate("b"), "b/Cargo.toml": "[package\n"})
    seen = await look(repository.url, paths=())
    (problem,) = seen.problems
    assert problem.path == "" and problem.message.startswith("b/Cargo.toml:1:")
    assert (tmp_path / "trees" / f"{seen.inputs[0]}.tar.gz").exists()


async def test_credentials_are_sent_to_their_server_only_and_told_nobody(
    repository: Repository, server: GitServer, look: Look
) -> None:
    commit = repository.commit("first", crate("mm"))
    server.user, server.password = "ada", "correct-horse"
    secret = {"username": "ada", "password": "correct-horse\n"}
    assert (await look(repository.url, secret=secret)).commit == commit
    assert server.requests["denied"] == 0  # sent at once, so that a look costs no refusal
    wrong = await failure(look, repository.url, secret={"username": "ada", "password": "wrong-battery"})
    assert wrong.reason == "AuthFailed" and "wrong-battery" not in wrong.advice
    assert (await failure(look, repository.url)).reason == "AuthFailed"
    odd = await failure(look, repository.url, secret={"user": "ada"})
    assert odd.reason == "SecretInvalid" and "password" in odd.message
    server.redirect = "http://127.0.0.1:1"
    assert (await failure(look, repository.url, secret=secret)).reason == "UrlRefused"


async def test_https_with_an_authority_of_ones_own(tmp_path: Path, look: Look) -> None:
    ensure_pki(tmp_path)
    certificate = (tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    with GitServer(tmp_path / "tls", certificate=certificate, user="ada", password="correct-horse") as server:
        repository = server.repository()
        commit = repository.commit("first", crate("mm"))
        url = repository.url.replace("127.0.0.1", "localhost")  # so that the name is resolved and pinned
        secret = {"username": "ada", "password": "correct-horse", "ca.crt": (tmp_path / "ca.crt").read_text()}
        assert (await look(url, secret=secret)).commit == commit
        del secret["ca.crt"]
        untrusted = await failure(look, url, secret=secret)
        assert untrusted.reason == "FetchFailed" and "certificate" in untrusted.message


async def test_no_credential_is_an_argument_or_in_the_environment(
    repository: Repository, server: GitServer, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("first", crate("mm"))
    real, said, temporary = shutil.which("git"), tmp_path / "said", tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    spy = tmp_path / "bin/git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\necho "$@" >>{said}\nenv >>{said}\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-operator")
    server.user, server.password = "ada", "correct-horse"
    await look(repository.url, secret={"username": "ada", "password": "correct-horse"})
    heard = said.read_text()
    header = base64.b64encode(b"ada:correct-horse").decode()
    assert "ls-remote" in heard and "fetch" in heard
    assert not any(word in heard for word in ("correct-horse", header, "of-the-operator"))
    assert not list(temporary.iterdir())  # its files are gone with the request


async def test_a_proxy_is_used_and_names_are_then_its_matter(
    repository: Repository, server: GitServer, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.commit("first", crate("mm"))
    elsewhere = repository.url.replace(str(server.port), "1")
    assert (await failure(look, elsewhere)).reason == "FetchFailed"
    monkeypatch.setenv("http_proxy", server.url)
    assert (await look(elsewhere)).commit == commit
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert (await failure(look, elsewhere)).reason == "FetchFailed"


REFUSED_URLS = [
    ("http://127.0.0.1:9/x.git", (), "AddressRefused"),
    ("https://127.0.0.1:9/x.git", (), "AddressRefused"),
    ("https://localhost:9/x.git", (), "AddressRefused"),
    ("https://[::1]:9/x.git", (), "AddressRefused"),
    ("https://[::ffff:127.0.0.1]:9/x.git", (), "AddressRefused"),
    ("https://169.254.169.254/latest/meta-data", (), "AddressRefused"),
    ("https://100.100.100.200/x.git", (), "AddressRefused"),
    ("https://0.0.0.0/x.git", (), "AddressRefused"),
    ("https://2130706433/x.git", (), "AddressRefused"),  # 127.0.0.1 as one number
    ("ssh://git@127.0.0.1/x.git", (), "AddressRefused"),
    ("git@127.0.0.1:x.git", (), "AddressRefused"),
    ("http://192.0.2.1/x.git", ("192.0.2.0/24",), "UrlRefused"),
    ("file:///etc", (), "UrlRefused"),
    ("/etc", (), "UrlRefused"),
    ("git://127.0.0.1/x.git", ("127.0.0.0/8",), "UrlRefused"),
    ("ext::sh -c touch% /tmp/owned", (), "UrlRefused"),
    ("ssh://-oProxyCommand=touch/x.git", (), "UrlRefused"),
    ("ssh://-l@127.0.0.1/x.git", ("127.0.0.0/8",), "UrlRefused"),
    ("--upload-pack=touch", (), "UrlRefused"),
    ("https://ada:secret-word@127.0.0.1/x.git", ("127.0.0.0/8",), "UrlRefused"),
    ("https://127.0.0.1/x.git?service=x", ("127.0.0.0/8",), "UrlRefused"),
    ("https://127.0.0.1/x.git\nhttps://other/", ("127.0.0.0/8",), "UrlRefused"),
]


@pytest.mark.parametrize(("url", "allow", "reason"), REFUSED_URLS)
def test_addresses_that_lead_where_no_tenant_may_go(url: str, allow: tuple[str, ...], reason: str) -> None:
    with pytest.raises(GitError) as caught:
        way_to(parse_url(url), [ip_network(text) for text in allow])
    assert caught.value.reason == reason and caught.value.final
    assert "secret-word" not in caught.value.advice


async def test_a_refused_address_is_not_contacted(
    repository: Repository, server: GitServer, look: Look
) -> None:
    assert (await failure(look, repository.url, allow=())).reason == "AddressRefused"
    assert not server.requests


@pytest.mark.parametrize(
    "ref", ["--upload-pack=x", "a..b", "a b", "@{-1}", "a:b", "+main", "main.lock", "", "a\n"]
)
def test_references_that_git_could_take_for_something_else(ref: str) -> None:
    for kind in ("branch", "tag", "commit"):
        with pytest.raises(GitError, match="is no"):
            Ref(kind, ref)


async def test_no_hook_filter_or_own_configuration_runs(
    repository: Repository, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, home = tmp_path / "ran", tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    hook = home / "hooks/reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    (home / ".gitconfig").write_text(
        f'[core]\n\thooksPath = {home}/hooks\n[filter "x"]\n\tsmudge = touch {marker}\n'
        f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://127.0.0.1\n'
    )
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {marker}")
    attributes = "* filter=x\n*.bin filter=lfs diff=lfs merge=lfs -text\n"
    submodule = '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /x\n\tupdate = !touch /x\n'
    commit = repository.commit(
        "first", {**crate("mm"), ".gitattributes": attributes, ".gitmodules": submodule}
    )
    assert (await look(repository.url)).commit == commit
    assert not marker.exists()


async def test_a_broken_cache_is_filled_anew(repository: Repository, look: Look, tmp_path: Path) -> None:
    repository.commit("first", crate("mm"))
    await look(repository.url)
    [cache] = (tmp_path / "cache").glob("*.git")
    (cache / "shallow.lock").touch()  # of a process that was killed
    second = repository.commit("second", crate("mm", rate=6))
    assert (await look(repository.url)).commit == second
    for pack in cache.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(b"broken")
    third = repository.commit("third", crate("mm", rate=7))
    assert (await look(repository.url)).commit == third


async def test_two_looks_at_one_repository_at_once(repository: Repository, look: Look) -> None:
    commit = repository.commit("first", crate("mm"))
    found = await asyncio.gather(*(look(repository.url) for _ in range(3)))
    assert {seen.commit for seen in found} == {commit}


async def test_a_server_that_never_answers_costs_the_time_limit_only(look: Look) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        problem = await failure(look, url, bounds=Bounds(seconds=3))
    assert problem.reason == "Timeout"
