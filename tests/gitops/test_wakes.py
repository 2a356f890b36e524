"""What makes a source look or act besides its interval, and what keeps it from acting."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import aiohttp

from sequence_operator.spec.names import API_VERSION, APPROVE_COMMIT
from support.gitserver import GitServer, Repository
from support.sshserver import keypair

from .conftest import crate
from .desk import Desk, eventually


async def push(desk: Desk, token: str, body: bytes = b"{}") -> int:
    """Announce a push as GitHub does; the status of the answer."""
    assert desk.sources.hooks is not None
    url = f"http://127.0.0.1:{desk.sources.hooks.port}/hook/{desk.namespace}/desk"
    signature = "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Event": "push"}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def test_a_push_wakes_its_source_and_a_new_token_is_learnt(desk: Desk, repository: Repository) -> None:
    repository.commit("first", crate("mm"))
    await desk.secret("hook", token="first-token")
    await desk.declare(repository.url, webhook={"secretRef": {"name": "hook", "key": "token"}})
    await desk.reaches("Applied")
    commit = repository.commit("second", crate("mm", rate=9))

    async def taken() -> bool:
        return await push(desk, "first-token") == 202

    await eventually(taken, "the token is known")

    async def applied() -> bool:
        return bool((await desk.source())["status"]["observedCommit"] == commit)

    await eventually(applied, "the pushed commit is applied long before the interval of an hour")
    assert await push(desk, "guess") == 403
    await desk.secret("hook", token="second-token")

    async def learnt() -> bool:
        return await push(desk, "second-token") == 202

    await eventually(learnt, "the new token is known")
    assert await push(desk, "first-token") == 403


async def test_many_pushes_are_few_looks(desk: Desk, repository: Repository) -> None:
    repository.commit("first", crate("mm"))
    await desk.secret("hook", token="first-token")
    await desk.declare(repository.url, webhook={"secretRef": {"name": "hook"}})
    await desk.reaches("Applied")

    async def taken() -> bool:
        return await push(desk, "first-token") == 202

    await eventually(taken, "the token is known")
    before = len(desk.looks)
    assert {await push(desk, "first-token") for _ in range(50)} == {202}
    await desk.look()
    assert len(desk.looks) - before < 25


async def test_an_unsigned_commit_is_not_applied_and_the_signed_one_stays(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    ada, eve = keypair(tmp_path / "ada"), keypair(tmp_path / "eve")
    signing = {"gpg.format": "ssh", "user.signingkey": str(tmp_path / "ada")}
    await desk.secret("signers", allowed_signers=f"ada@example.com {ada}\n")
    good = repository.commit("signed", {**crate("mm"), **crate("other")}, config=signing, sign=True)
    await desk.declare(repository.url, verify={"mode": "HEAD", "secretRef": {"name": "signers"}})
    await desk.reaches("Applied")
    repository.remove("other")
    repository.commit("unsigned", crate("mm", rate=9))
    await desk.look()
    status, reason, message = await desk.condition()
    assert (status, reason) == ("False", "VerificationFailed") and "not signed" in message
    algos = await desk.algos()
    assert set(algos) == {"mm", "other"} and algos["mm"]["spec"]["risk"]["maxOrderRate"] == 5
    assert (await desk.source())["status"]["observedCommit"] == good
    # A key that was taken away signs nothing any more, from the next commit on.
    await desk.secret("signers", allowed_signers=f"eve@example.com {eve}\n")
    repository.commit("signed again", config=signing, sign=True)
    await desk.look()
    assert (await desk.condition())[1] == "VerificationFailed"
    await desk.secret("signers", allowed_signers=f"ada@example.com {ada}\n")
    await desk.look()
    assert (await desk.condition())[1] == "Applied"


async def test_an_idle_look_at_a_thousand_files_costs_one_ls_remote_and_no_call(
    desk: Desk, repository: Repository, server: GitServer
) -> None:
    files: dict[str, str | bytes] = {f"data/{n % 30}/{n}.txt": f"{n}" for n in range(990)}
    repository.commit("first", {**files, **crate("mm"), **crate("other")})
    await desk.declare(repository.url, interval="2s")
    await desk.reaches("Applied")

    async def idle() -> bool:
        return desk.looks[-1:] == ["Unchanged"] and desk.sources.settled

    await eventually(idle, "an idle look")
    desk.client.calls.clear()
    server.forget()
    looks = len(desk.looks)

    async def again() -> bool:
        return len(desk.looks) > looks and desk.sources.settled

    await eventually(again, "another idle look")
    assert desk.client.calls == []
    assert server.requests["fetch"] == 0 and server.requests["ls-refs"] >= 1
    assert server.sent["ls-refs"] / server.requests["ls-refs"] < 500  # one reference, not all of them


async def test_too_many_running_algos_are_not_touched_before_somebody_agrees(
    desk: Desk, repository: Repository
) -> None:
    names = [f"a{n}" for n in range(10)]
    repository.commit("first", {path: text for name in names for path, text in crate(name).items()})
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    for name in names:  # what the deployment controller says of algos that run
        algo = await desk.algo(name)
        assert algo is not None
        about = {
            "name": algo["metadata"]["name"],
            "namespace": desk.namespace,
            "uid": algo["metadata"]["uid"],
        }
        status = {"state": "Running", "observedGeneration": 1}
        await desk.reader.apply_status(
            {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": about, "status": status}
        )
    await desk.restart()  # the next plan knows that they run
    changes = {path: text for name in names[:4] for path, text in crate(name, rate=9).items()}
    commit = repository.commit("four at once", changes)
    source = await desk.look()
    status, _, message = await desk.condition("Stalled")
    assert status == "True" and "4 of 10" in message and APPROVE_COMMIT in message and commit in message
    assert {algo["spec"]["risk"]["maxOrderRate"] for algo in (await desk.algos()).values()} == {5}
    await desk.annotate("desk", **{APPROVE_COMMIT: commit})
    await desk.reaches("Applied")
    rates = [algo["spec"]["risk"]["maxOrderRate"] for algo in (await desk.algos()).values()]
    assert sorted(rates) == [5] * 6 + [9] * 4 and source["metadata"]["name"] == "desk"


async def test_what_nobody_needs_any_more_is_collected(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    repository.commit("first", crate("mm"))
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    trees = tmp_path / "cache/trees" / desk.namespace
    first = {file.name for file in trees.iterdir()}
    repository.commit("second", crate("mm", source="// other\n"))
    await desk.look()
    assert len(list(trees.iterdir())) == 4
    await eventually(lambda: _seen(desk), "the watch has brought what was written")
    assert desk.sources.collect(set(), older_than=3600.0) == 0
    kept = {(desk.namespace, sorted(first)[0].removesuffix(".tar.gz"))}
    assert desk.sources.collect(kept, older_than=-60.0) == 1
    assert desk.sources.collect(set(), older_than=-60.0) == 1
    assert len(list(trees.iterdir())) == 2 and not first & {file.name for file in trees.iterdir()}


async def _seen(desk: Desk) -> bool:
    return desk.sources.settled
