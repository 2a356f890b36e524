"""Signatures of commits, made and checked by the real gpg and ssh-keygen."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sequence_operator.gitops.errors import GitError
from support.gitserver import Repository
from support.sshserver import keypair

from .conftest import Look, crate


@dataclass
class Gpg:
    """A keyring of one person."""

    home: Path

    def run(self, *arguments: str) -> str:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def key(self, mail: str, expires: str = "0", *options: str) -> str:
        """A new key's public half."""
        self.run(*options, "--passphrase", "", "--quick-generate-key", mail, "ed25519", "sign", expires)
        return self.run("--armor", "--export", mail)

    def config(self, mail: str, *options: str) -> dict[str, str]:
        """git's settings to sign with it."""
        wrapper = self.home / "sign"
        wrapper.write_text(f'#!/bin/sh\nexec gpg --homedir "{self.home}" {" ".join(options)} "$@"\n')
        wrapper.chmod(0o700)
        return {"gpg.program": str(wrapper), "user.signingkey": mail}


@pytest.fixture
def gpg() -> Iterator[Gpg]:
    home = Path("/tmp") / f"gpg-{os.urandom(4).hex()}"  # the agent's socket needs a short path
    home.mkdir(mode=0o700)
    yield Gpg(home)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, timeout=60)
    shutil.rmtree(home, ignore_errors=True)


async def refused(look: Look, url: str, signers: dict[str, str]) -> GitError:
    with pytest.raises(GitError) as caught:
        await look(url, signers=signers)
    return caught.value


async def test_openpgp_signatures(gpg: Gpg, repository: Repository, look: Look, tmp_path: Path) -> None:
    ada, eve = gpg.key("ada@example.com"), gpg.key("eve@example.com")
    repository.commit("unsigned", crate("mm"))
    unsigned = await refused(look, repository.url, {"ada.asc": ada})
    assert unsigned.reason == "VerificationFailed" and "not signed" in unsigned.message
    assert not (tmp_path / "trees").exists()  # nothing is read from such a commit
    commit = repository.commit("signed", config=gpg.config("ada@example.com"), sign=True)
    seen = await look(repository.url, signers={"ada.asc": ada, "eve.asc": eve})
    assert seen.commit == commit and "ada@example.com" in seen.signer
    stranger = await refused(look, repository.url, {"eve.asc": eve})
    assert stranger.reason == "VerificationFailed" and "none of those in the Secret" in stranger.message
    assert (await refused(look, repository.url, {})).reason == "SignersInvalid"


async def test_a_key_that_expired_signs_nothing_any_more(
    gpg: Gpg, repository: Repository, look: Look
) -> None:
    old = gpg.key("old@example.com", "20200201T000000", "--faked-system-time", "20200101T000000!")
    config = gpg.config("old@example.com", "--faked-system-time", "20200102T000000!")
    repository.commit("signed long ago", crate("mm"), config=config, sign=True)
    problem = await refused(look, repository.url, {"old.asc": old})
    assert problem.reason == "VerificationFailed" and "expired" in problem.message


async def test_a_signature_of_another_content(gpg: Gpg, repository: Repository, look: Look) -> None:
    ada = gpg.key("ada@example.com")
    repository.commit("signed", crate("mm"), config=gpg.config("ada@example.com"), sign=True)
    forged = repository.git("cat-file", "commit", "HEAD").replace("signed", "forged") + "\n"
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode())
    repository.branch("main", at=commit)
    problem = await refused(look, repository.url, {"ada.asc": ada})
    assert problem.reason == "VerificationFailed" and "does not fit" in problem.message


async def test_ssh_signatures(repository: Repository, look: Look, tmp_path: Path) -> None:
    ada, eve = keypair(tmp_path / "ada"), keypair(tmp_path / "eve")
    config = {"gpg.format": "ssh", "user.signingkey": str(tmp_path / "ada")}
    commit = repository.commit("signed", crate("mm"), config=config, sign=True)
    listed = f"# people\nada@example.com {ada}\neve@example.com {eve}\n"
    seen = await look(repository.url, signers={"allowed_signers": listed})
    assert (seen.commit, seen.signer) == (commit, "ada@example.com")
    assert (await look(repository.url, signers={"ada.pub": ada})).signer  # a bare public key will do
    assert (
        await refused(look, repository.url, {"allowed_signers": f"eve@example.com {eve}\n"})
    ).reason == "VerificationFailed"
    late = f'ada@example.com valid-before="20200101" {ada}\n'
    assert (await refused(look, repository.url, {"allowed_signers": late})).reason == "VerificationFailed"
    other = f'ada@example.com namespaces="file" {ada}\n'
    assert (await refused(look, repository.url, {"allowed_signers": other})).reason == "VerificationFailed"
    forged = repository.git("cat-file", "commit", "HEAD").replace("signed", "forged") + "\n"
    repository.branch(
        "main", at=repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=forged.encode())
    )
    assert (await refused(look, repository.url, {"allowed_signers": listed})).reason == "VerificationFailed"
