"""The client against a real API server: applies, guards, finalizers, and errors that say what to do."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sequence_operator.cluster import ClusterClient, ClusterError, Kind
from sequence_operator.cluster.client import CLI, OPERATOR, STATE
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, CONFIG_MAPS, NAMESPACES, SECRETS
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.spec.names import FINALIZER


def config_map(namespace: str, name: str = "one", **data: str) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


@pytest.fixture
async def client(controlplane: ControlPlane) -> AsyncIterator[ClusterClient]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as connected:
        yield connected


async def test_apply_returns_the_object_when_it_creates_and_when_it_changes(client, namespace):
    created = await client.apply(config_map(namespace, a="1"), manager=CLI)
    assert created["metadata"]["uid"]
    changed = await client.apply(config_map(namespace, a="2"), manager=CLI)
    assert changed["metadata"]["uid"] == created["metadata"]["uid"]
    assert changed["data"] == {"a": "2"}
    same = await client.apply(config_map(namespace, a="2"), manager=CLI)
    assert same["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]


async def test_a_missing_namespace_comes_with_the_command_that_makes_it(client):
    with pytest.raises(ClusterError) as caught:
        await client.apply(config_map("nowhere-at-all", a="1"), manager=CLI)
    assert caught.value.kind is Kind.NOT_FOUND
    assert caught.value.hint == "kubectl create namespace nowhere-at-all"


async def test_apply_names_the_manager_that_owns_a_field(client, namespace):
    await client.apply(config_map(namespace, a="1"), manager=CLI)
    with pytest.raises(ClusterError) as caught:
        await client.apply(config_map(namespace, a="2"), manager=STATE)
    assert caught.value.kind is Kind.CONFLICT
    assert [(p.field, p.manager) for p in caught.value.fields] == [("data.a", CLI)]
    assert "sequence-cli" in caught.value.message
    forced = await client.apply(config_map(namespace, a="2"), manager=STATE, force=True)
    assert forced["data"] == {"a": "2"}


async def test_a_uid_keeps_apply_from_making_a_new_object(client, namespace):
    obj = config_map(namespace, a="1")
    obj["metadata"]["uid"] = "11111111-1111-1111-1111-111111111111"
    with pytest.raises(ClusterError) as caught:
        await client.apply(obj, manager=CLI)
    assert caught.value.kind is Kind.CONFLICT
    assert await client.find(CONFIG_MAPS, "one", namespace) is None


async def test_finalizers_are_guarded_by_the_version_that_was_read(client, namespace):
    stale = await client.apply(config_map(namespace, a="1"), manager=CLI)
    await client.apply(config_map(namespace, a="2"), manager=CLI)
    with pytest.raises(ClusterError) as caught:
        await client.set_finalizer(stale, FINALIZER, True)
    assert caught.value.kind is Kind.CONFLICT
    fresh = await client.get(CONFIG_MAPS, "one", namespace)
    held = await client.set_finalizer(fresh, FINALIZER, True)
    assert held["metadata"]["finalizers"] == [FINALIZER]
    assert await client.set_finalizer(held, FINALIZER, True) is held
    assert await client.delete(CONFIG_MAPS, "one", namespace)
    deleting = await client.get(CONFIG_MAPS, "one", namespace)
    assert deleting["metadata"]["deletionTimestamp"]
    await client.set_finalizer(deleting, FINALIZER, False)
    assert await client.find(CONFIG_MAPS, "one", namespace) is None


async def test_merge_is_refused_for_another_object_of_the_same_name(client, namespace):
    first = await client.apply(config_map(namespace, a="1"), manager=CLI)
    await client.delete(CONFIG_MAPS, "one", namespace)
    await client.apply(config_map(namespace, a="1"), manager=CLI)
    with pytest.raises(ClusterError) as caught:
        await client.merge(first, {"data": {"a": "9"}}, manager=OPERATOR)
    assert caught.value.kind is Kind.CONFLICT


async def test_delete_keeps_to_its_preconditions(client, namespace):
    first = await client.apply(config_map(namespace, a="1"), manager=CLI)
    version = first["metadata"]["resourceVersion"]
    await client.apply(config_map(namespace, a="2"), manager=CLI)
    with pytest.raises(ClusterError) as caught:
        await client.delete(
            CONFIG_MAPS, "one", namespace, uid=first["metadata"]["uid"], resource_version=version
        )
    assert caught.value.kind is Kind.CONFLICT
    assert await client.delete(CONFIG_MAPS, "one", namespace, uid=first["metadata"]["uid"])
    assert not await client.delete(CONFIG_MAPS, "one", namespace)


async def test_lists_are_read_in_pages(client, namespace, monkeypatch):
    monkeypatch.setattr("sequence_operator.cluster.client._PAGE", 2)
    names = [f"m-{number}" for number in range(5)]
    for name in names:
        await client.apply(config_map(namespace, name), manager=CLI)
    listed = await client.list(CONFIG_MAPS, namespace)
    assert sorted(item["metadata"]["name"] for item in listed) == names
    assert {item["kind"] for item in listed} == {"ConfigMap"}
    bare = [item async for item in client.pages(CONFIG_MAPS, namespace, metadata_only=True)]
    assert len(bare) == 5
    assert all("data" not in item for item in bare)


async def test_an_invalid_object_is_refused_with_its_fields(client, namespace):
    obj = config_map(namespace, a="1")
    obj["data"]["bad key"] = "1"
    with pytest.raises(ClusterError) as caught:
        await client.apply(obj, manager=CLI)
    assert caught.value.kind is Kind.INVALID
    assert "bad key" in caught.value.message
    unknown = config_map(namespace, a="1") | {"dta": {}}
    with pytest.raises(ClusterError) as caught:
        await client.create(unknown, manager=CLI)
    assert caught.value.kind is Kind.INVALID
    assert "dta" in caught.value.message


async def test_secrets_are_read_by_name_and_key(client, namespace):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": namespace},
        "data": {"apiKey": base64.b64encode(b"seq_test_1\n").decode()},
    }
    await client.create(secret, manager=CLI)
    assert await client.secret_value("keys", "apiKey", namespace) == "seq_test_1"
    assert await client.secret_value("keys", "other", namespace) is None
    assert await client.secret_value("none", "apiKey", namespace) is None
    binary = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "binary", "namespace": namespace}}
    await client.create({**binary, "data": {"apiKey": "//79"}}, manager=CLI)
    with pytest.raises(ClusterError, match=f"Secret {namespace}/binary, key apiKey: not text") as caught:
        await client.secret_value("binary", "apiKey", namespace)
    assert caught.value.kind is Kind.INVALID
    with pytest.raises(ClusterError) as caught:
        await client.create(secret, manager=CLI)
    assert caught.value.kind is Kind.ALREADY_EXISTS
    assert await client.find(SECRETS, "none", namespace) is None


# -- errors ------------------------------------------------------------------------------------------


async def test_a_kind_the_cluster_does_not_know_names_the_command_that_installs_it(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")
    with ControlPlane(folder, controllers=False) as bare:
        async with await ClusterClient.connect(bare.kubeconfig) as client:
            with pytest.raises(ClusterError) as caught:
                await client.list(ALGO_DEPLOYMENTS, "default")
            assert caught.value.kind is Kind.MISSING_CRD
            assert "kubectl apply --server-side -f crds/" in caught.value.hint


async def test_forbidden_names_the_missing_rule(client, controlplane, namespace, tmp_path):
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "nobody", "namespace": namespace},
    }
    await client.create(account, manager=CLI)
    token = await token_of(client, namespace, "nobody")
    path = tmp_path / "nobody.kubeconfig"
    write_kubeconfig(path, server=controlplane.server, ca=controlplane.ca, token=token)
    async with await ClusterClient.connect(path) as nobody:
        with pytest.raises(ClusterError) as caught:
            await nobody.list(CONFIG_MAPS, namespace)
    assert caught.value.kind is Kind.FORBIDDEN
    assert "verb list on configmaps" in caught.value.hint
    assert f"-n {namespace} --as=system:serviceaccount:{namespace}:nobody" in caught.value.hint


async def test_a_renewed_token_file_is_read_again(client, controlplane, namespace, tmp_path, monkeypatch):
    monkeypatch.setattr("sequence_operator.cluster.connection._TOKEN_AGE", 0.0)
    token_file = tmp_path / "token"
    token_file.write_text("not-a-token")
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, server=controlplane.server, ca=controlplane.ca, token_file=token_file)
    async with await ClusterClient.connect(path) as rotating:
        with pytest.raises(ClusterError) as caught:
            await rotating.get(NAMESPACES, namespace)
        assert caught.value.kind is Kind.UNAUTHORIZED
        token_file.write_text(controlplane.admin_token + "\n")
        assert (await rotating.get(NAMESPACES, namespace))["metadata"]["name"] == namespace
        assert (await rotating.connection.login())["token"] == controlplane.admin_token


async def test_nothing_listening_is_unreachable(controlplane, tmp_path, unused_port):
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, server=f"https://127.0.0.1:{unused_port}", ca=controlplane.ca, token="t")
    async with await ClusterClient.connect(path) as client:
        with pytest.raises(ClusterError) as caught:
            await client.list(CONFIG_MAPS, "default")
    assert caught.value.kind is Kind.UNREACHABLE
    assert str(unused_port) in caught.value.message


@pytest.mark.parametrize("text", ["", "{nonsense", "apiVersion: v1\nkind: Config\n"])
async def test_a_broken_kubeconfig_is_named(tmp_path: Path, text: str):
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(ClusterError) as caught:
        await ClusterClient.connect(path)
    assert caught.value.kind is Kind.NO_CONFIG
    assert str(path) in caught.value.message


async def test_no_kubeconfig_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(ClusterError) as caught:
        await ClusterClient.connect()
    assert caught.value.kind is Kind.NO_CONFIG
    assert "sequence up" in caught.value.hint


async def test_an_unknown_context_is_named(controlplane):
    with pytest.raises(ClusterError) as caught:
        await ClusterClient.connect(controlplane.kubeconfig, "elsewhere")
    assert caught.value.kind is Kind.NO_CONFIG
    assert "elsewhere" in caught.value.message


async def token_of(client: ClusterClient, namespace: str, account: str) -> str:
    """A token of a ServiceAccount, as its Pod would get one."""
    answer = await client._call(
        "POST",
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        what="request token",
    )
    return answer["status"]["token"]


async def test_calls_run_side_by_side(client, namespace):
    names = [f"p-{number}" for number in range(20)]
    await asyncio.gather(*(client.apply(config_map(namespace, name), manager=CLI) for name in names))
    assert len(await client.list(CONFIG_MAPS, namespace)) == 20
