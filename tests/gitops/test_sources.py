"""From a commit to AlgoDeployments: real git over HTTP, a real API server."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, ALGO_SOURCES, CONFIG_MAPS
from sequence_operator.spec.builds import tree_url
from sequence_operator.spec.names import SOURCE_LABEL, TREE, artifact_name
from support.gitserver import GitServer, Repository, git

from .conftest import crate, prebuilt
from .desk import Desk, eventually


async def test_a_commit_becomes_algos_with_their_origin(desk: Desk, repository: Repository) -> None:
    commit = repository.commit(
        "first", {**crate("algos/mm"), **prebuilt("algos/pre")}, author="Grace <g@example.com>"
    )
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    algos = await desk.algos()
    assert set(algos) == {"mm", "pre"}
    built = algos["mm"]
    assert built["spec"]["origin"] == {
        "repository": repository.url,
        "commit": commit,
        "path": "algos/mm/Sequence.toml",
    }
    assert built["spec"]["artifact"]["build"] == {"url": repository.url, "commit": commit, "path": "algos/mm"}
    assert (
        built["metadata"]["labels"][SOURCE_LABEL] == "desk"
        and len(built["metadata"]["annotations"][TREE]) == 64
    )
    sha = hashlib.sha256(b"\0asm\1\0\0\0").hexdigest()
    assert algos["pre"]["spec"]["artifact"]["sha256"] == sha
    stored = await desk.reader.get(CONFIG_MAPS, artifact_name(sha), desk.namespace)
    assert base64.b64decode(stored["binaryData"]["algo.wasm"]) == b"\0asm\1\0\0\0"
    assert stored["metadata"]["labels"][SOURCE_LABEL] == "desk"
    status = (await desk.source())["status"]
    assert status["observedCommit"] == commit
    assert (
        status["artifact"]["url"]
        == f"http://trees.test/trees/{desk.namespace}/{status['artifact']['digest']}.tar.gz"
    )
    assert [entry["name"] for entry in status["inventory"]] == ["mm.sandbox", "pre.sandbox"]
    assert ("Normal", "Applied") in {event[:2] for event in desk.events}


async def test_a_look_that_finds_nothing_makes_no_call_to_the_api_server(
    desk: Desk, repository: Repository, server: GitServer
) -> None:
    repository.commit("first", {**crate("a"), **crate("b")})
    await desk.secret("git", username="ada", password="correct-horse")
    await desk.declare(repository.url, interval="2s", secretRef={"name": "git"})
    await desk.reaches("Applied")
    await eventually(lambda: _true(desk.looks[-1:] == ["Unchanged"]), "an idle look")
    desk.client.calls.clear()
    server.forget()
    seen = len(desk.looks)
    await eventually(lambda: _true(len(desk.looks) >= seen + 2), "two more idle looks")
    assert desk.client.calls == []
    assert server.requests["fetch"] == 0 and server.requests["ls-refs"] == server.requests["advertise"]


async def _true(value: bool) -> bool:
    return value


async def test_one_limit_of_many_algos_is_one_write(desk: Desk, repository: Repository) -> None:
    repository.commit("first", {path: text for n in range(12) for path, text in crate(f"algos/a{n}").items()})
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    before = await desk.algos()
    desk.client.calls.clear()
    commit = repository.commit("limit", crate("algos/a7", rate=9))
    await desk.look()
    after = await desk.algos()
    changed = [
        name
        for name in after
        if after[name]["metadata"]["generation"] != before[name]["metadata"]["generation"]
    ]
    assert changed == ["a7"] and after["a7"]["spec"]["risk"]["maxOrderRate"] == 9
    assert after["a7"]["metadata"]["annotations"][TREE] == before["a7"]["metadata"]["annotations"][TREE]
    assert after["a7"]["spec"]["origin"]["commit"] == commit
    assert (
        after["a7"]["spec"]["artifact"]["build"]["commit"]
        == before["a7"]["spec"]["artifact"]["build"]["commit"]
    )
    assert len([call for call in desk.client.calls if "/algodeployments/" in call]) == 1
    assert len(desk.client.calls) == 2  # and the status


async def test_a_bad_file_does_not_hinder_the_others_and_its_algo_stays(
    desk: Desk, repository: Repository
) -> None:
    repository.commit("first", {**crate("good"), **crate("bad")})
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    was = (await desk.algos())["bad"]
    broken = repository.files / "bad/Sequence.toml"
    repository.commit(
        "broken", {"bad/Sequence.toml": broken.read_text() + "\nnonsense\n", **crate("good", rate=7)}
    )
    source = await desk.look()
    [problem] = source["status"]["problems"]
    assert problem["path"] == "bad/Sequence.toml" and problem["line"] > 1
    algos = await desk.algos()
    assert algos["bad"]["spec"] == was["spec"] and algos["good"]["spec"]["risk"]["maxOrderRate"] == 7
    told = [event for event in desk.events if event[1] == "FileProblem"]
    assert len(told) == 1 and told[0][2].startswith(f"bad/Sequence.toml:{problem['line']}:")
    await desk.look()
    assert [event for event in desk.events if event[1] == "FileProblem"] == told  # not again
    assert (await desk.condition())[0] == "False"


async def test_what_left_git_is_removed_and_an_unreachable_repository_removes_nothing(
    desk: Desk, repository: Repository, server: GitServer
) -> None:
    repository.commit("first", {**crate("a"), **crate("b")})
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    repository.remove("b")
    repository.commit("without b")
    server.stop()
    await desk.look()
    assert (await desk.condition())[1] == "FetchFailed" and set(await desk.algos()) == {"a", "b"}
    server.start()
    await desk.look()
    await eventually(lambda: _absent(desk, "b"), "b is gone")
    assert set(await desk.algos()) == {"a"} and (await desk.condition())[1] == "Applied"
    assert [entry["name"] for entry in (await desk.source())["status"]["inventory"]] == ["a.sandbox"]


async def _absent(desk: Desk, name: str) -> bool:
    return await desk.algo(name) is None


async def test_a_branch_that_vanished_and_an_emptied_one_remove_nothing(
    desk: Desk, repository: Repository
) -> None:
    commit = repository.commit("first", crate("a"))
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    repository.delete_branch("main")
    await desk.look()
    assert (await desk.condition())[1] == "RefNotFound" and await desk.algo("a")
    repository.branch("main", at=commit)
    await desk.look()
    assert (await desk.condition())[1] == "Applied"
    repository.remove("a")
    repository.commit("empty")
    await desk.look()
    assert await desk.algo("a") and (await desk.condition("Stalled"))[0] == "True"


async def test_somebody_elses_change_of_what_git_says_comes_back(desk: Desk, repository: Repository) -> None:
    repository.commit("first", crate("mm", rate=5))
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    algo = await desk.algo("mm")
    assert algo is not None
    await desk.reader.merge(algo, {"spec": {"risk": {"maxOrderRate": 50}}}, manager="kubectl-edit")

    async def back() -> bool:
        now = await desk.algo("mm")
        return now is not None and now["spec"]["risk"]["maxOrderRate"] == 5

    await eventually(back, "the limit is git's again, without a look")
    now = await desk.algo("mm")
    assert now is not None
    await desk.reader.delete(ALGO_DEPLOYMENTS, "mm.sandbox", desk.namespace)

    async def anew() -> bool:
        fresh = await desk.algo("mm")
        return fresh is not None and fresh["metadata"]["uid"] != now["metadata"]["uid"]

    await eventually(anew, "what somebody deleted is there again")


async def test_a_new_process_changes_nothing_and_knows_what_to_remove(
    desk: Desk, repository: Repository
) -> None:
    repository.commit("first", {**crate("a"), **crate("b")})
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    before = {name: algo["metadata"]["resourceVersion"] for name, algo in (await desk.algos()).items()}
    seen = len(desk.looks)
    desk.client.calls.clear()
    await desk.restart()
    await eventually(lambda: _true(len(desk.looks) > seen), "a look of the new process")
    await desk.look()
    assert {
        name: algo["metadata"]["resourceVersion"] for name, algo in (await desk.algos()).items()
    } == before
    repository.remove("b")
    repository.commit("without b")
    await desk.restart()
    await eventually(lambda: _absent(desk, "b"), "b is gone")


async def test_a_suspended_source_reports_and_writes_nothing(desk: Desk, repository: Repository) -> None:
    repository.commit("first", crate("a"))
    await desk.declare(repository.url, suspend=True)
    await desk.reaches("Suspended")
    assert await desk.algos() == {}
    await desk.declare(repository.url, suspend=False)
    await desk.reaches("Applied")
    assert set(await desk.algos()) == {"a"}


async def test_a_missing_account_is_named_and_waited_for(desk: Desk, repository: Repository) -> None:
    desk.mode = None
    repository.commit("first", crate("a"))
    await desk.declare(repository.url)
    assert "sandbox" in await desk.reaches("AccountMissing")
    desk.mode = "sandbox"
    desk.sources.account_changed(desk.namespace, "sandbox")
    await desk.reaches("Applied")


async def test_a_source_that_is_deleted_leaves_its_algos(desk: Desk, repository: Repository) -> None:
    repository.commit("first", crate("a"))
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    await desk.reader.delete(ALGO_SOURCES, "desk", desk.namespace)
    await desk.declare(repository.url, "other")
    await desk.reaches("Applied", name="other")
    algo = await desk.algo("a")
    assert algo is not None and algo["metadata"]["labels"][SOURCE_LABEL] == "other"


async def test_two_sources_that_want_one_name(desk: Desk, server: GitServer) -> None:
    first, second = server.repository("first"), server.repository("second")
    first.commit("first", crate("mm"))
    second.commit("second", {**crate("mm"), **crate("other")})
    await desk.declare(first.url, "first")
    await desk.reaches("Applied", name="first")
    await desk.declare(second.url, "second")
    await desk.reaches("Problems", name="second")
    [problem] = (await desk.source("second"))["status"]["problems"]
    assert "first" in problem["message"] and set(await desk.algos()) == {"mm", "other"}
    mm = await desk.algo("mm")
    assert mm is not None and mm["metadata"]["labels"][SOURCE_LABEL] == "first"


async def test_moving_an_algo_between_sources_restarts_nothing(desk: Desk, server: GitServer) -> None:
    left, right = server.repository("left"), server.repository("right")
    left.commit("both", {**crate("mm"), **crate("stays")})
    right.commit("one", crate("other"))
    await desk.declare(left.url, "left")
    await desk.declare(right.url, "right")
    await desk.reaches("Applied", name="left")
    await desk.reaches("Applied", name="right")
    uid = (await desk.algos())["mm"]["metadata"]["uid"]
    right.commit("takes it", crate("mm"))
    left.remove("mm")
    left.commit("gives it away")
    await desk.look("right")
    await desk.look("left")

    async def moved() -> bool:
        mm = await desk.algo("mm")
        assert mm is not None and mm["metadata"]["uid"] == uid
        return mm["metadata"]["labels"][SOURCE_LABEL] == "right" and "deletionTimestamp" not in mm["metadata"]

    await eventually(moved, "mm belongs to right")
    await desk.reaches("Applied", name="right")
    await desk.reaches("Applied", name="left")


async def test_what_the_cli_deployed_is_taken_over(desk: Desk, repository: Repository) -> None:
    sha = hashlib.sha256(b"old").hexdigest()
    await desk.reader.apply(configmap(b"old", desk.namespace), manager="sequence-cli")
    deployed = {
        "apiVersion": "sequencemkts.com/v1alpha1",
        "kind": "AlgoDeployment",
        "metadata": {"name": "mm.sandbox", "namespace": desk.namespace},
        "spec": {
            "deployment": "mm",
            "description": "by hand",
            "accountRef": {"name": "sandbox"},
            "artifact": {"configMapRef": {"name": artifact_name(sha), "key": "algo.wasm"}, "sha256": sha},
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
        },
    }
    created = await desk.reader.apply(deployed, manager="sequence-cli")
    repository.commit("first", crate("mm"))
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    mm = await desk.algo("mm")
    assert mm is not None and mm["metadata"]["uid"] == created["metadata"]["uid"]
    managers = {entry["manager"] for entry in mm["metadata"]["managedFields"]}
    assert "sequence-cli" not in managers and "sequence-source" in managers
    assert "description" not in mm["spec"] and "build" in mm["spec"]["artifact"]


async def test_credentials_come_from_the_secret_and_show_nowhere(
    desk: Desk, repository: Repository, server: GitServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.user, server.password = "ada", "correct-horse"
    repository.commit("first", crate("mm"))
    await desk.declare(repository.url, secretRef={"name": "git"})
    assert "git" in await desk.reaches("SecretMissing")
    await desk.secret("git", username="ada", password="wrong-battery")
    await desk.look()
    assert (await desk.condition())[1] == "AuthFailed"
    await desk.secret("git", username="ada", password="correct-horse")
    await desk.look()
    assert (await desk.condition())[1] == "Applied"
    logged = capsys.readouterr()
    assert "AuthFailed" in logged.out + logged.err
    said = str(await desk.source()) + str(desk.events) + str(await desk.algos()) + logged.out + logged.err
    assert "correct-horse" not in said and "wrong-battery" not in said


async def test_what_others_apply_finds_its_inputs_served(
    desk: Desk, repository: Repository, tmp_path: Path
) -> None:
    """`sequence render` and an apply by hand beside a source without paths, as with Flux or Argo CD."""
    repository.commit("first", crate("algos/mm"))
    await desk.declare(repository.url, paths=[])
    await desk.reaches("Applied")
    assert await desk.algos() == {}
    clone = tmp_path / "clone"
    git("clone", "--quiet", repository.url, str(clone), cwd=tmp_path)
    command = [sys.executable, "-m", "sequence_operator", "render", "--sandbox", "-n", desk.namespace]
    done = await asyncio.to_thread(subprocess.run, command, cwd=clone, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    (rendered,) = yaml.safe_load_all(done.stdout)
    applied = await desk.reader.apply(rendered, manager="kustomize-controller", force=True)
    tree = applied["metadata"]["annotations"][TREE]
    assert desk.sources.trees is not None
    url = tree_url(f"http://127.0.0.1:{desk.sources.trees.port}", desk.namespace, tree)
    async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(url) as answer:
        assert answer.status == 200
        raw = gzip.decompress(await answer.read())
    assert hashlib.sha256(raw).hexdigest() == tree, "what a builder checks"
    await desk.look()
    assert desk.sources.collect(set(), older_than=-60.0) == 0, "needed as long as the commit is the newest"
    assert set(await desk.algos()) == {"mm"}, "whose it is, the source leaves alone"
