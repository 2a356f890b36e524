"""The test server itself: what it counts is what tests of polling rely on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gitserver import GitServer, git


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git") as running:
        yield running


def test_a_look_at_the_refs_and_a_clone_are_told_apart(server: GitServer, tmp_path: Path) -> None:
    repository = server.repository()
    head = repository.commit("first", {"a/Sequence.toml": "x"})
    assert git("ls-remote", repository.url, "refs/heads/main", cwd=tmp_path).split()[0] == head
    assert server.requests == {"advertise": 1, "ls-refs": 1}
    git("clone", "--quiet", repository.url, "clone", cwd=tmp_path)
    assert (tmp_path / "clone/a/Sequence.toml").read_text() == "x"
    assert server.requests["fetch"] == 1 and server.sent["fetch"] > 0


def test_a_clone_may_push(server: GitServer, tmp_path: Path) -> None:
    repository = server.repository()
    repository.commit("first", {"a": "1"})
    git("clone", "--quiet", repository.url, "clone", cwd=tmp_path)
    (tmp_path / "clone/a").write_text("2")
    git("commit", "--quiet", "--all", "--message", "second", cwd=tmp_path / "clone")
    git("push", "--quiet", cwd=tmp_path / "clone")
    assert repository.head() == git("rev-parse", "HEAD", cwd=tmp_path / "clone")


def test_credentials_are_asked_for_and_an_outage_ends(server: GitServer, tmp_path: Path) -> None:
    repository = server.repository()
    head = repository.commit("first", {"a": "1"})
    server.user, server.password = "ada", "s3cret"
    url = repository.url.replace("//", "//ada:s3cret@")
    ask = ["git", "-c", "credential.helper=", "ls-remote", repository.url]
    refused = subprocess.run(
        ask, capture_output=True, env={"PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0"}
    )
    assert refused.returncode != 0 and server.requests["denied"] > 0
    assert head in git("ls-remote", url, cwd=tmp_path)
    port = server.port
    server.stop()
    assert subprocess.run(["git", "ls-remote", url], capture_output=True).returncode != 0
    server.start()
    assert server.port == port and head in git("ls-remote", url, cwd=tmp_path)


def test_an_unrelated_history_shares_nothing(server: GitServer) -> None:
    repository = server.repository()
    first = repository.commit("first", {"a": "1"})
    repository.write("b", "2")
    repository.unrelated()
    assert repository.git("rev-list", "--count", "HEAD") == "1"
    assert repository.head() != first
