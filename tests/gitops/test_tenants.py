"""What an AlgoSource of a hostile tenant gets: nothing of the network inside, nothing of other tenants."""

from __future__ import annotations

from pathlib import Path

import pytest

from sequence_operator.gitops.errors import GitError
from support.gitserver import GitServer, Repository

from .conftest import Look, crate
from .desk import Desk


async def test_an_allowed_server_leads_nowhere_else(
    repository: Repository, server: GitServer, look: Look, tmp_path: Path
) -> None:
    repository.commit("first", crate("mm"))
    with GitServer(tmp_path / "inside") as inside:
        inside.repository().commit("secret", crate("secret"))
        server.redirect = inside.url
        with pytest.raises(GitError) as caught:
            await look(repository.url)
        assert caught.value.reason == "UrlRefused"
        assert not inside.requests and inside.paths == []


async def test_what_another_tenant_fetched_is_not_read_without_the_right_to(
    repository: Repository, server: GitServer, look: Look, tmp_path: Path
) -> None:
    """One cache serves every source of an address; who has no credentials for it knows the commit's id all the same."""
    commit = repository.commit("first", crate("mm"))
    server.user, server.password = "ada", "correct-horse"
    assert (await look(repository.url, secret={"username": "ada", "password": "correct-horse"})).fetched
    mine = tmp_path / "trees-of-mallory"
    for kind, ref in (("branch", "main"), ("commit", commit)):
        for secret in ({}, {"username": "mallory", "password": "guess"}):
            with pytest.raises(GitError) as caught:
                await look(repository.url, ref_kind=kind, ref=ref, secret=secret, trees=str(mine))
            assert caught.value.reason == "AuthFailed"
    assert not mine.exists(), "nothing of it is published for the other tenant"


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data",  # credentials of a cloud's machine
        "https://[fd00:ec2::254]/latest/meta-data",
        "ssh://git@169.254.169.254/algos.git",
    ],
)
async def test_an_address_that_is_refused_is_said_in_the_source_and_tried_by_nobody(
    desk: Desk, url: str
) -> None:
    await desk.declare(url)
    message = await desk.reaches("AddressRefused")
    assert "169.254.169.254" in message or "fd00:ec2::254" in message
    assert not (await desk.source())["status"].get("observedCommit")
    assert await desk.algos() == {}
    assert ("Warning", "AddressRefused") in {event[:2] for event in desk.events}
