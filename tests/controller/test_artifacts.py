"""Artifacts: from a ConfigMap or an address, verified, inspected once; and which addresses are never
contacted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.store import configmap, digest
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import CLI
from sequence_operator.controller import artifacts as artifacts_module
from sequence_operator.controller.artifacts import Artifacts
from sequence_operator.controller.download import Downloader, is_final
from sequence_operator.reconcile.model import ArtifactState
from sequence_operator.spec.addresses import refusal
from sequence_operator.spec.resources import Artifact, ConfigMapRef

from .conftest import module

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "224.0.0.1",
        "fd00:ec2::254",
        "100.100.100.200",
    ],
)
def test_addresses_that_lead_inside_are_refused(address):
    assert address.partition("%")[0].removeprefix("::ffff:") in (refusal("h", address, ()) or "")


@pytest.mark.parametrize("address", ["93.184.216.34", "10.0.0.7", "192.168.1.1", "2606:2800:220:1::1"])
def test_other_addresses_are_fine(address):
    assert refusal("h", address, ()) is None


def test_a_listed_network_is_exempt():
    assert refusal("h", "127.0.0.1", LOOPBACK) is None
    assert refusal("h", "169.254.169.254", LOOPBACK) is not None


@pytest.fixture
async def site() -> AsyncIterator[
    Callable[[str, Callable[[web.Request], Awaitable[web.StreamResponse]]], str]
]:
    """Serve a handler on loopback; its address."""
    runners = []

    async def serve(path: str, handler) -> str:
        app = web.Application()
        app.router.add_get(path, handler)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}{path}"

    yield serve
    for runner in runners:
        await runner.cleanup()


async def fetched(url: str, allowed=LOOPBACK) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        await Downloader(allowed).fetch(url)
    return caught.value


async def test_a_file_is_fetched_where_it_is_allowed(site):
    async def handler(request):
        return web.Response(body=module(1))

    url = await site("/algo.wasm", handler)
    assert await Downloader(LOOPBACK).fetch(url) == module(1)
    assert (await fetched(url, ())).reason == "AddressRefused"


async def test_names_are_judged_by_what_they_resolve_to(site):
    async def handler(request):
        return web.Response(body=b"inside")

    url = (await site("/x", handler)).replace("127.0.0.1", "localhost")
    assert (await fetched(url, ())).reason == "AddressRefused"
    assert await Downloader(LOOPBACK).fetch(url) == b"inside"


async def test_a_redirect_cannot_lead_where_the_address_may_not(site):
    async def handler(request):
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})

    problem = await fetched(await site("/x", handler))
    assert problem.reason == "AddressRefused"
    assert "169.254.169.254" in problem.message


async def test_a_file_that_is_too_large_is_not_read_to_its_end(site):
    sent = 0

    async def handler(request):
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b"x" * 65536)
            sent += 1
        return response

    problem = await fetched(await site("/x", handler))
    assert problem.reason == "TooLarge"
    assert is_final(problem)
    assert sent < 200


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "DownloadFailed"), (503, "DownloadFailed"), (403, "DownloadRefused")]
)
async def test_an_answer_that_is_no_file(site, status, reason):
    async def handler(request):
        return web.Response(status=status)

    problem = await fetched(await site("/x", handler))
    assert problem.reason == reason
    assert str(status) in problem.message
    assert is_final(problem) == (reason == "DownloadRefused")


@pytest.mark.parametrize("url", ["ftp://h/x", "file:///etc/passwd", "http://93.184.216.34/x", "https:///x"])
async def test_only_https_and_loopback_http(url):
    assert (await fetched(url)).reason == "DownloadRefused"


# -- views ---------------------------------------------------------------------------------------------


@pytest.fixture
async def client(controlplane) -> AsyncIterator[ClusterClient]:
    async with await ClusterClient.connect(controlplane.kubeconfig) as connected:
        yield connected


def from_map(wasm: bytes, sha256: str | None = None) -> Artifact:
    name = f"wasm-{digest(wasm)}"
    return Artifact(config_map_ref=ConfigMapRef(name=name), url=None, sha256=sha256 or digest(wasm))


async def test_an_artifact_is_inspected_once_and_then_known(client, namespace, monkeypatch):
    count = 0
    real = artifacts_module.inspect

    def counted(wasm: bytes, *, timeout: float = 10):
        nonlocal count
        count += 1
        return real(wasm, timeout=timeout)

    monkeypatch.setattr(artifacts_module, "inspect", counted)
    wasm = module(7)
    await client.apply(configmap(wasm, namespace), manager=CLI)
    store = Artifacts(client, Downloader(()))
    assert store.known(from_map(wasm)).state is ArtifactState.UNKNOWN
    view = await store.view(from_map(wasm), namespace)
    assert (view.state, view.size_bytes, view.config_map) == (
        ArtifactState.READY,
        len(wasm),
        f"wasm-{digest(wasm)}",
    )
    assert await store.view(from_map(wasm), namespace) == view == store.known(from_map(wasm))
    assert count == 1
    assert await store.wasm(from_map(wasm), namespace) == wasm


async def test_what_is_wrong_with_an_artifact(client, namespace):
    store = Artifacts(client, Downloader(()))
    absent = await store.view(from_map(module(8)), namespace)
    assert (absent.state, absent.reason) == (ArtifactState.MISSING, "ArtifactMissing")
    assert "sequence deploy" in absent.message
    await client.apply(configmap(module(8), namespace), manager=CLI)
    assert (await store.view(from_map(module(8)), namespace)).state is ArtifactState.READY
    lying = await store.view(from_map(module(8), "0" * 64), namespace)
    assert (lying.state, lying.reason) == (ArtifactState.INVALID, "DigestMismatch")
    nonsense = b"\0asm nonsense"
    await client.apply(configmap(nonsense, namespace), manager=CLI)
    broken = await store.view(from_map(nonsense), namespace)
    assert broken.state is ArtifactState.INVALID
    assert store.known(from_map(nonsense)).reason == broken.reason


async def test_only_a_few_artifacts_stay_in_memory(client, namespace, monkeypatch):
    monkeypatch.setattr(artifacts_module, "_KEEP_BYTES", len(module(11)) + 10)
    store = Artifacts(client, Downloader(()))
    for number in (11, 12):
        await client.apply(configmap(module(number), namespace), manager=CLI)
        await store.wasm(from_map(module(number)), namespace)
    assert list(store._bytes) == [digest(module(12))]
