"""Watching against a real API server: nothing is missed, not even over a broken stream or a forgotten version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from sequence_operator.cluster import ClusterClient, ClusterError, Kind
from sequence_operator.cluster import watch as watching
from sequence_operator.cluster.client import CLI
from sequence_operator.cluster.resources import CONFIG_MAPS, Resource
from sequence_operator.local.controlplane import ControlPlane

PATIENCE = 60.0


@pytest.fixture
async def client(controlplane: ControlPlane) -> AsyncIterator[ClusterClient]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as connected:
        yield connected


def config_map(namespace: str, name: str, **data: str) -> dict:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def until(events: AsyncIterator[tuple[str, dict]], type_: str, name: str = "") -> list[tuple[str, str]]:
    """The events up to the wanted one, by type and name; the namespace's own ConfigMap is left out."""
    seen: list[tuple[str, str]] = []
    async with asyncio.timeout(PATIENCE):
        async for found, obj in events:
            at = obj.get("metadata", {}).get("name", "")
            if at != "kube-root-ca.crt":
                seen.append((found, at))
            if (found, at) == (type_, name):
                return seen
    raise AssertionError(f"the watch ended before {type_} {name}: {seen}")


async def test_what_is_there_then_what_changes(client: ClusterClient, namespace: str) -> None:
    await client.apply(config_map(namespace, "one", a="1"), manager=CLI)
    async with aclosing(client.watch(CONFIG_MAPS, namespace)) as events:
        assert await until(events, "SYNCED") == [("ADDED", "one"), ("SYNCED", "")]
        await client.apply(config_map(namespace, "two", a="1"), manager=CLI)
        await client.apply(config_map(namespace, "one", a="2"), manager=CLI)
        await client.delete(CONFIG_MAPS, "two", namespace)
        expected = [("ADDED", "two"), ("MODIFIED", "one"), ("DELETED", "two")]
        assert await until(events, "DELETED", "two") == expected


async def test_a_stream_that_ends_is_continued_without_a_list(
    client: ClusterClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_SERVER_SECONDS", 1)
    async with aclosing(client.watch(CONFIG_MAPS, namespace)) as events:
        await until(events, "SYNCED")
        for number in range(4):  # the server ends several streams meanwhile
            await asyncio.sleep(0.7)
            await client.apply(config_map(namespace, f"n{number}"), manager=CLI)
            assert await until(events, "ADDED", f"n{number}") == [("ADDED", f"n{number}")]


async def test_a_forgotten_version_is_replaced_by_a_list(
    client: ClusterClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.apply(config_map(namespace, "one", a="1"), manager=CLI)
    await client.apply(config_map(namespace, "two"), manager=CLI)
    stream, broken = watching._stream, False

    async def forgetful(*arguments: object) -> AsyncIterator[tuple[str, dict]]:
        nonlocal broken
        if not broken:
            broken = True
            await client.apply(config_map(namespace, "one", a="2"), manager=CLI)
            await client.delete(CONFIG_MAPS, "two", namespace)
            yield "GONE", {}
            return
        async for event in stream(*arguments):  # type: ignore[arg-type]
            yield event

    monkeypatch.setattr(watching, "_stream", forgetful)
    async with aclosing(client.watch(CONFIG_MAPS, namespace)) as events:
        await until(events, "SYNCED")
        expected = [("DELETED", "two"), ("MODIFIED", "one"), ("SYNCED", "")]
        assert await until(events, "SYNCED") == expected


async def test_a_kind_that_does_not_exist(client: ClusterClient, namespace: str) -> None:
    unknown = Resource("sequencemkts.com", "v1alpha1", "nothings", "Nothing")
    with pytest.raises(ClusterError) as caught:
        await until(client.watch(unknown, namespace), "SYNCED")
    assert caught.value.kind is Kind.MISSING_CRD


async def test_an_unreachable_server(client: ClusterClient, unused_port: int, namespace: str) -> None:
    client.server = f"https://127.0.0.1:{unused_port}"
    with pytest.raises(ClusterError) as caught:
        await until(client.watch(CONFIG_MAPS, namespace), "SYNCED")
    assert caught.value.kind is Kind.UNREACHABLE
