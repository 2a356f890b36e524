"""Artifacts nobody names go after a day; what a watch missed is noticed and caught up with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from sequence_operator.artifact.store import configmap, digest
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import CLI
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, CONFIG_MAPS, PLATFORM_ACCOUNTS
from sequence_operator.controller.freshness import Freshness, Seen, Watched, shell
from sequence_operator.controller.garbage import collect, named
from sequence_operator.controller.kinds import Kinds
from sequence_operator.spec.names import API_VERSION, LAST_USED, ROLLBACK
from sequence_operator.spec.resources import AlgoDeployment
from support.objects import deployment, put

from .conftest import module

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def client(controlplane, crds) -> AsyncIterator[ClusterClient]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as connected:
        yield connected


async def store(client: ClusterClient, namespace: str, number: int, hours: float) -> str:
    """Store module `number`, last used so many hours ago; its ConfigMap's name."""
    used = NOW - timedelta(hours=hours)
    stored = await client.apply(configmap(module(number), namespace, now=used), manager=CLI)
    return stored["metadata"]["name"]


async def test_only_what_nobody_named_for_a_day_goes(client, namespace):
    old, young = await store(client, namespace, 21, 25), await store(client, namespace, 22, 23)
    used_old, used_young = await store(client, namespace, 23, 100), await store(client, namespace, 24, 1)
    foreign = configmap(module(25), namespace, now=NOW - timedelta(days=9))
    foreign["metadata"]["labels"] = {}
    await client.apply(foreign, manager=CLI)
    other = {**configmap(b"", namespace, now=NOW - timedelta(days=9))}
    other["metadata"] = {**other["metadata"], "name": "wasm-notes"}
    await client.apply(other, manager=CLI)

    in_use = {(namespace, used_old), (namespace, used_young)}
    assert await collect(client, [namespace], in_use, NOW) == (1, 1)
    left = {item["metadata"]["name"]: item for item in await client.list(CONFIG_MAPS, namespace)}
    assert old not in left
    assert {young, used_old, used_young, foreign["metadata"]["name"], "wasm-notes"} <= set(left)
    assert left[used_old]["metadata"]["annotations"][LAST_USED] == "2026-11-23T12:00:00Z"
    assert await collect(client, [namespace], in_use, NOW) == (0, 0)
    # Nobody names it any more: from now on its day runs.
    assert await collect(client, [namespace], set(), NOW + timedelta(hours=23.5)) == (0, 2)
    assert used_old in {item["metadata"]["name"] for item in await client.list(CONFIG_MAPS, namespace)}


def test_spec_record_and_history_name_artifacts():
    a, b, c, d, e = (letter * 64 for letter in "abcde")
    obj = deployment(put("artifact", value={"configMapRef": {"name": "mine"}, "sha256": a}))
    rollback = {"to": e, "denied": a, "commit": obj["spec"]["origin"]["commit"]}
    obj["metadata"] |= {"namespace": "ns", "annotations": {ROLLBACK: json.dumps(rollback)}}
    obj["status"] = {
        "artifact": {"sha256": b},
        "pending": {"action": "Replace", "from": b, "to": c, "at": "2026-11-23T12:00:00Z"},
        "history": [{"at": "2026-11-23T12:00:00Z", "event": "Registered", "sha256": d}],
    }
    names = {name for namespace, name in named([AlgoDeployment.model_validate(obj)]) if namespace == "ns"}
    assert names == {"mine", *(f"wasm-{digest}" for digest in (a, b, c, d, e))}


# -- freshness -----------------------------------------------------------------------------------------


def account(namespace: str) -> dict:
    return {
        "apiVersion": API_VERSION,
        "kind": "PlatformAccount",
        "metadata": {"name": "sandbox", "namespace": namespace},
        "spec": {"endpoint": "http://127.0.0.1:1", "mode": "sandbox", "secretRef": {"name": "s"}},
    }


@pytest.mark.parametrize("kind", [ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS], ids=lambda kind: kind.plural)
async def test_what_a_watch_missed_is_noticed_at_the_second_look(client, namespace, kind):
    """The watch of one kind may fall silent while the others go on."""
    seen = {resource: Seen() for resource in (ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS)}
    kinds = [Watched(resource, s.versions, s.put, s.drop) for resource, s in seen.items()]
    freshness = Freshness(client, [namespace], kinds)
    assert await freshness.compare()
    obj = account(namespace) if kind is PLATFORM_ACCOUNTS else deployment()
    obj["metadata"]["namespace"] = namespace
    stored = await client.apply(obj, manager=CLI)
    assert await freshness.compare()  # the watch may just be a moment behind
    assert not await freshness.compare()
    assert f"1 of {kind.plural}" in (freshness.problem or "")
    uid = stored["metadata"]["uid"]
    assert seen[kind].versions(namespace) == {
        uid: (int(stored["metadata"]["resourceVersion"]), shell(obj["metadata"]["name"], namespace, uid))
    }
    assert await freshness.compare()
    assert freshness.problem is None

    await client.delete(kind, obj["metadata"]["name"], namespace)
    assert await freshness.compare()
    assert not await freshness.compare()
    assert seen[kind].versions(namespace) == {}
    assert await freshness.compare()


def test_an_object_that_one_listener_cannot_read_is_still_heard_of_by_the_others():
    kinds, heard = Kinds(), []

    def broken(obj: dict) -> None:
        raise ValueError("not understood")

    kinds.add(PLATFORM_ACCOUNTS, (broken, heard.append), (heard.append,))
    obj = {**account("ns"), "metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7"}}
    kinds.on_event(PLATFORM_ACCOUNTS, None, obj)
    (watched,) = kinds.watched()
    assert watched.versions("ns") == {"u": (7, shell("a", "ns", "u"))}
    kinds.on_event(PLATFORM_ACCOUNTS, "DELETED", obj)
    assert watched.versions("ns") == {}
    assert heard == [obj, obj]


def test_digest_names_the_module():
    assert digest(module(1)) != digest(module(2))
