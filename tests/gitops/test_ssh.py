"""Fetching over SSH, from a real sshd: one key, one list of known hosts, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sequence_operator.gitops.errors import GitError
from support.gitserver import Repository
from support.sshserver import SshServer, keypair

from .conftest import Look, crate


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    with SshServer(tmp_path / "ssh") as running:
        yield running


async def refused(look: Look, url: str, **secret: str) -> GitError:
    with pytest.raises(GitError) as caught:
        await look(url, secret=secret)
    assert "PRIVATE KEY" not in caught.value.advice
    return caught.value


async def test_a_commit_is_fetched_with_the_secrets_key(
    ssh: SshServer, repository: Repository, look: Look
) -> None:
    commit = repository.commit("first", crate("mm"))
    secret = {"identity": ssh.identity, "known_hosts": ssh.known_hosts}
    seen = await look(ssh.url(repository.bare), secret=secret)
    assert seen.commit == commit and len(seen.files) == 1
    assert not (await look(ssh.url(repository.bare), secret=secret, known=commit)).changed


async def test_a_server_with_another_key_is_not_talked_to(
    ssh: SshServer, repository: Repository, look: Look, tmp_path: Path
) -> None:
    repository.commit("first", crate("mm"))
    url = ssh.url(repository.bare)
    other = keypair(tmp_path / "other").rsplit(" ", 1)[0]
    wrong = await refused(look, url, identity=ssh.identity, known_hosts=f"[127.0.0.1]:{ssh.port} {other}\n")
    assert wrong.reason == "HostKeyMismatch" and "known_hosts" in wrong.hint
    unknown = await refused(look, url, identity=ssh.identity, known_hosts=f"elsewhere.example.com {other}\n")
    assert unknown.reason == "HostKeyMismatch"


async def test_a_key_that_may_not_log_in_and_secrets_that_lack_something(
    ssh: SshServer, repository: Repository, look: Look, tmp_path: Path
) -> None:
    repository.commit("first", crate("mm"))
    url = ssh.url(repository.bare)
    keypair(tmp_path / "other")
    denied = await refused(look, url, identity=(tmp_path / "other").read_text(), known_hosts=ssh.known_hosts)
    assert denied.reason == "AuthFailed"
    assert (await refused(look, url, identity=ssh.identity)).reason == "SecretInvalid"
    assert "identity" in (await refused(look, url, known_hosts=ssh.known_hosts)).message
    broken = await refused(look, url, identity="no key at all", known_hosts=ssh.known_hosts)
    assert broken.reason == "AuthFailed"


async def test_a_repository_that_is_not_there(ssh: SshServer, look: Look, tmp_path: Path) -> None:
    problem = await refused(
        look, ssh.url(tmp_path / "no.git"), identity=ssh.identity, known_hosts=ssh.known_hosts
    )
    assert problem.reason == "RepositoryNotFound"
