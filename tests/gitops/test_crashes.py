"""The process may die between any two steps: whoever runs next brings the cluster to what git says."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.errors import ClusterError, Kind
from sequence_operator.gitops import worker
from sequence_operator.gitops.protocol import Request, Seen
from sequence_operator.spec.names import artifact_name
from support.gitserver import Repository

from .conftest import crate, prebuilt
from .desk import Desk, eventually

_WRITES = ("PATCH", "POST", "DELETE")


class OneWrite:
    """A life in which one write succeeds, and its answer is lost: the process stands still until it is replaced."""

    def __init__(self) -> None:
        self.dead = asyncio.Event()

    async def before(self, method: str, path: str) -> None:
        if self.dead.is_set():
            await asyncio.Event().wait()

    async def after(self, method: str, path: str) -> None:
        if method in _WRITES:
            self.dead.set()
            await asyncio.Event().wait()


@pytest.fixture
def one_look_a_commit(monkeypatch: pytest.MonkeyPatch, repository: Repository) -> None:
    """Every life sees the same as the one before, without a process of git that finds it out again."""
    really, seen = worker._look, {}

    async def look(request: Request) -> Seen:
        key = (repository.head(), request.encode())
        if key not in seen:
            seen[key] = await really(request)
        return seen[key]

    monkeypatch.setattr(worker, "_look", look)


async def live_until_quiet(desk: Desk) -> int:
    """Lives of one write each, the answer of which nobody sees, until one has nothing to write; how many."""
    for lives in range(60):
        life = OneWrite()
        desk.client.before, desk.client.after = life.before, life.after
        seen = len(desk.looks)
        await desk.restart()

        async def over(life: OneWrite = life, seen: int = seen) -> bool:
            idle = len(desk.looks) > seen and desk.sources.settled
            return life.dead.is_set() or idle

        await eventually(over, "a life ends, or is quiet")
        desk.client.before = desk.client.after = None
        if not life.dead.is_set():
            return lives
    raise AssertionError("it never comes to rest")


@pytest.mark.usefixtures("one_look_a_commit")
async def test_every_life_gets_one_write_further(desk: Desk, repository: Repository) -> None:
    sha = hashlib.sha256(b"old").hexdigest()
    await desk.reader.apply(configmap(b"old", desk.namespace), manager="sequence-cli")
    by_hand = {
        "apiVersion": "sequencemkts.com/v1alpha1",
        "kind": "AlgoDeployment",
        "metadata": {"name": "taken.sandbox", "namespace": desk.namespace},
        "spec": {
            "deployment": "taken",
            "accountRef": {"name": "sandbox"},
            "artifact": {"configMapRef": {"name": artifact_name(sha), "key": "algo.wasm"}, "sha256": sha},
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
        },
    }
    taken = await desk.reader.apply(by_hand, manager="sequence-cli")
    stated = crate("stated")
    text = str(stated["stated/Sequence.toml"])
    stated["stated/Sequence.toml"] = text.replace('name = "stated"\n', 'name = "stated"\nstate = "running"\n')
    repository.commit(
        "first", {**stated, **prebuilt("pre"), **crate("taken"), **crate("goes"), **crate("old")}
    )
    await desk.declare(repository.url)
    assert await live_until_quiet(desk) >= 6  # five algos and a module
    first = await desk.algos()
    assert set(first) == {"stated", "pre", "taken", "goes", "old"}
    assert first["taken"]["metadata"]["uid"] == taken["metadata"]["uid"]
    assert first["stated"]["spec"]["state"] == "Running"
    # A limit, a state that git no longer says, one algo less, and one under another name in the same place.
    repository.remove("goes")
    changes = {
        "stated/Sequence.toml": text,
        "pre/Sequence.toml": str(prebuilt("pre", rate=9)["pre/Sequence.toml"]),
        "old/Sequence.toml": str(crate("old", "new")["old/Sequence.toml"]),
    }
    commit = repository.commit("second", changes)
    assert await live_until_quiet(desk) >= 5
    second = await desk.algos()
    assert set(second) == {"stated", "pre", "taken", "new"}
    assert second["stated"]["spec"]["state"] == "Running"  # handed to whoever starts and stops, not reset
    assert second["pre"]["spec"]["risk"]["maxOrderRate"] == 9
    assert second["taken"]["spec"] == first["taken"]["spec"]
    source = await desk.source()
    assert source["status"]["observedCommit"] == commit
    assert [entry["name"] for entry in source["status"]["inventory"]] == sorted(
        f"{n}.sandbox" for n in second
    )


@pytest.mark.parametrize("status", [409, 429, 500])
async def test_a_refused_write_is_tried_again(desk: Desk, repository: Repository, status: int) -> None:
    kinds = {409: Kind.CONFLICT, 429: Kind.THROTTLED, 500: Kind.SERVER}
    refusals = 2

    async def refuse(method: str, path: str) -> None:
        nonlocal refusals
        if method in _WRITES and "/algodeployments/" in path and refusals:
            refusals -= 1
            raise ClusterError(kinds[status], "refused by the test", status=status)

    desk.client.before = refuse
    repository.commit("first", {**crate("a"), **crate("b"), **crate("c")})
    await desk.declare(repository.url)
    await desk.reaches("Applied")
    assert set(await desk.algos()) == {"a", "b", "c"} and refusals == 0
