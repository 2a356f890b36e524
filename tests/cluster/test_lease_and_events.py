"""One operator works, the others wait; and what `kubectl describe` shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import CLI
from sequence_operator.cluster.events import emit
from sequence_operator.cluster.lease import Lease
from sequence_operator.cluster.resources import CONFIG_MAPS, LEASES


@pytest.fixture
async def client(controlplane) -> AsyncIterator[ClusterClient]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as connected:
        yield connected


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lease(client: ClusterClient, namespace: str, identity: str, clock: Clock | None = None) -> Lease:
    return Lease(
        client, name="op", namespace=namespace, identity=identity, duration=10.0, clock=clock or Clock()
    )


async def test_the_second_waits_until_the_first_gives_it_back(client, namespace):
    first, second = lease(client, namespace, "one"), lease(client, namespace, "two")
    assert await first.attempt()
    assert not await second.attempt()
    assert second.why_not() == f"the Lease {namespace}/op is held by one; this operator waits for it"
    assert first.why_not() is None
    await first.release()
    assert await second.attempt()
    assert second.held.is_set()
    stored = await client.get(LEASES, "op", namespace)
    assert stored["spec"]["holderIdentity"] == "two"
    assert stored["spec"]["leaseTransitions"] == 1


async def test_a_silent_holder_loses_it_after_the_duration_by_our_own_clock(client, namespace):
    clock = Clock()
    first, second = lease(client, namespace, "one"), lease(client, namespace, "two", clock)
    await first.attempt()
    assert not await second.attempt()
    clock.now += 9.0
    assert not await second.attempt()
    await first.attempt()  # it spoke: the time begins anew
    clock.now += 9.0
    assert not await second.attempt()
    clock.now += 10.5
    assert await second.attempt()
    assert not await first.attempt()
    assert first.lost.is_set()


async def test_the_same_identity_need_not_wait(client, namespace):
    await lease(client, namespace, "one").attempt()  # and is killed
    assert await lease(client, namespace, "one").attempt()


async def test_two_that_reach_for_it_at_once_do_not_both_get_it(client, namespace):
    contenders = [lease(client, namespace, f"c{number}") for number in range(6)]
    got = await asyncio.gather(*(each.attempt() for each in contenders))
    assert sum(got) == 1


async def test_a_holder_that_cannot_renew_lets_go(client, namespace, controlplane, tmp_path):
    from sequence_operator.local.kubeconfig import write_kubeconfig

    clock = Clock()
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, server=controlplane.server, ca=controlplane.ca, token=controlplane.admin_token)
    async with await ClusterClient.connect(path) as own:
        holder = Lease(own, name="op", namespace=namespace, identity="one", duration=0.3, clock=clock)
        assert await holder.attempt()
        own.server = "https://127.0.0.1:1"
        clock.now += 0.25
        async with asyncio.timeout(5):
            await holder.run()
        assert holder.lost.is_set()
        assert not holder.held.is_set()
        assert "cannot be had" in (holder.why_not() or "")


async def test_events_show_beneath_the_object(client, namespace, kubectl):
    about = await client.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "thing", "namespace": namespace},
            "data": {},
        },
        manager=CLI,
    )
    long = "ü" * 2000
    await emit(client, about, type_="Warning", reason="Odd", note="something happened")
    await emit(client, about, type_="Normal", reason="Long", note=long)
    described = kubectl("describe", "configmap", "thing")
    assert "something happened" in described
    events = {event["reason"]: event for event in kubectl.get("events")["items"]}
    assert events["Odd"]["involvedObject"]["uid"] == about["metadata"]["uid"]
    assert events["Long"]["message"] == "ü" * 512
    assert await client.find(CONFIG_MAPS, "thing", namespace)
