"""The operator gets exactly the chart's rights on a real API server, and a token that stays fresh."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster import ClusterClient, ClusterError
from sequence_operator.cluster.errors import Kind
from sequence_operator.cluster.resources import (
    ALGO_BUILDS,
    ALGO_DEPLOYMENTS,
    LEASES,
    PLATFORM_ACCOUNTS,
    SECRETS,
    resource_of,
)
from sequence_operator.local import bootstrap, rights
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.local.tokens import Admin, Token, keep_fresh
from sequence_operator.spec.names import API_VERSION

KEYS = {"live": "seq_live_a", "sandbox": "seq_test_b"}
ENDPOINT = "http://127.0.0.1:50052"


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
async def admin(controlplane):
    async with await Admin.connect(controlplane.kubeconfig) as client:
        await bootstrap.install(client, ENDPOINT, KEYS)
        yield client


@pytest.fixture
async def operator(controlplane, admin, tmp_path):
    """A client with the operator's own kubeconfig."""
    async with await client_of(rights.OPERATOR, controlplane, admin, tmp_path) as client:
        yield client


@pytest.fixture
async def builder(controlplane, admin, tmp_path):
    """A client with the builder's own kubeconfig."""
    async with await client_of(rights.BUILDER, controlplane, admin, tmp_path) as client:
        yield client


async def client_of(account, controlplane, admin, folder) -> ClusterClient:
    token = await admin.request_token(rights.SYSTEM, account)
    (folder / f"{account}.token").write_text(token.value)
    write_kubeconfig(
        folder / f"{account}.kubeconfig",
        server=controlplane.server,
        ca=controlplane.ca,
        token_file=folder / f"{account}.token",
        namespace=rights.SYSTEM,
    )
    return await ClusterClient.connect(folder / f"{account}.kubeconfig")


async def forbidden(call) -> bool:
    try:
        await call
    except ClusterError as problem:
        return problem.kind is Kind.FORBIDDEN
    return False


async def test_installing_again_writes_nothing(admin):
    objects = [*rights.rights(), *rights.policies(), *bootstrap.accounts(ENDPOINT, KEYS)]

    async def versions():
        found = []
        for obj in objects:
            metadata = obj["metadata"]
            stored = await admin.get(resource_of(obj), metadata["name"], metadata.get("namespace"))
            found.append(stored["metadata"]["resourceVersion"])
        return found

    # The default of a status is shown when an object is created and stored by the write that follows.
    await bootstrap.install(admin, ENDPOINT, KEYS)
    before = await versions()
    await bootstrap.install(admin, ENDPOINT, KEYS)
    assert await versions() == before


async def test_the_accounts_point_to_paper_and_the_secrets_hold_the_keys(admin):
    for mode, key in KEYS.items():
        account = await admin.get(PLATFORM_ACCOUNTS, mode, rights.NAMESPACE)
        assert account["spec"]["endpoint"] == ENDPOINT
        assert account["spec"]["mode"] == mode
        reference = account["spec"]["secretRef"]
        assert await admin.secret_value(reference["name"], reference["key"], rights.NAMESPACE) == key


async def test_the_operator_may_do_what_it_needs(operator):
    assert await operator.list(ALGO_DEPLOYMENTS, rights.NAMESPACE) == []
    assert await operator.secret_value("sequence-live", "apiKey", rights.NAMESPACE) == KEYS["live"]
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "sequence-operator", "namespace": rights.SYSTEM},
        "spec": {"holderIdentity": "test"},
    }
    made = await operator.create(lease, manager="test")  # as the operator's Lease does it
    assert (await operator.replace(made, manager="test"))["spec"]["holderIdentity"] == "test"


async def test_and_nothing_else(operator):
    other = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x", "namespace": rights.NAMESPACE},
    }
    assert await forbidden(operator.list(SECRETS, rights.NAMESPACE))
    assert await forbidden(operator.get(SECRETS, "another", rights.NAMESPACE))
    assert await forbidden(operator.apply(other, manager="test"))
    assert await forbidden(operator.apply({**other, "kind": "ServiceAccount"}, manager="test"))
    assert await forbidden(operator.list(ALGO_DEPLOYMENTS, "default"))
    assert await forbidden(operator.delete(PLATFORM_ACCOUNTS, "any", rights.NAMESPACE))


async def test_only_the_builder_writes_what_a_build_came_to(admin, operator, builder):
    """A forged result would be code of the forger's choice, trading: not even an administrator writes one."""
    obj = await admin.apply(BUILD, manager="test")
    forged = result(obj, "f" * 64)
    await until_refused(lambda: admin.apply_status(forged, manager="sequence-builder"), POLICY)
    assert await refused(operator.apply_status(forged, manager="sequence-builder"), "cannot patch")
    written = await builder.apply_status(result(obj, "a" * 64), manager="sequence-builder")
    assert written["status"]["sha256"] == "a" * 64
    assert await refused(admin.apply_status(forged, manager="sequence-builder"), POLICY)
    stored = await admin.get(ALGO_BUILDS, BUILD["metadata"]["name"], rights.NAMESPACE)
    assert stored["status"]["sha256"] == "a" * 64


POLICY = "only the builder of this namespace writes the result of a build"
BUILD = {
    "apiVersion": API_VERSION,
    "kind": "AlgoBuild",
    "metadata": {"name": "build-0123456789ab", "namespace": rights.NAMESPACE},
    "spec": {
        "treeDigest": "0" * 64,
        "treeUrl": f"http://127.0.0.1:1/trees/{rights.NAMESPACE}/{'0' * 64}.tar.gz",
        "commit": "1" * 40,
        "path": "algos/my-mm",
        "toolchain": "1.95.0",
    },
}


def result(obj, sha256):
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace", "uid")}
    status = {"phase": "Succeeded", "sha256": sha256, "configMap": f"wasm-{sha256}"}
    return {"apiVersion": API_VERSION, "kind": "AlgoBuild", "metadata": metadata, "status": status}


async def test_the_builder_stores_artifacts_and_reads_no_secret(admin, builder):
    stored = configmap(b"\0asm", rights.NAMESPACE)
    assert (await builder.apply(stored, manager="sequence-builder"))["immutable"] is True
    other = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": rights.NAMESPACE},
        "data": {"a": "1"},
    }
    await until_refused(lambda: builder.apply(other, manager="test"), "the builder writes artifacts only")
    await admin.apply(other, manager="test")
    assert await forbidden(builder.get(SECRETS, "sequence-sandbox", rights.NAMESPACE))
    assert await forbidden(builder.list(SECRETS, rights.NAMESPACE))
    assert await forbidden(builder.list(ALGO_DEPLOYMENTS, rights.NAMESPACE))
    assert await forbidden(builder.apply(BUILD, manager="test"))
    assert await forbidden(builder.get(LEASES, "sequence-operator", rights.SYSTEM))
    assert await forbidden(builder.list(ALGO_BUILDS, "default"))


async def refused(call, words: str) -> bool:
    """Whether the cluster says no with these words; another no is raised."""
    try:
        await call
    except ClusterError as problem:
        if words not in problem.message:
            raise
        return True
    return False


async def until_refused(attempt, words: str) -> None:
    """The API server takes up a new policy in its own time."""
    async with asyncio.timeout(60):
        while True:
            if await refused(attempt(), words):
                return
            await asyncio.sleep(0.2)


async def test_a_day_is_asked_for_and_four_fifths_of_it_used(admin):
    token = await admin.request_token(rights.SYSTEM, rights.OPERATOR)
    assert abs(token.expires - token.issued - timedelta(hours=24)) < timedelta(minutes=1)
    assert abs(token.renew_after - timedelta(hours=19.2)) < timedelta(minutes=1)


async def test_a_token_that_is_due_is_replaced_in_its_file(admin, tmp_path):
    now = datetime.now(UTC)
    due = Token("old", issued=now - timedelta(hours=20), expires=now + timedelta(hours=4))
    path = tmp_path / "token"
    path.write_text(due.value)
    renewing = asyncio.create_task(keep_fresh(admin, rights.SYSTEM, rights.OPERATOR, path, due, Heard()))
    try:
        await until(lambda: path.read_text() != "old")
    finally:
        renewing.cancel()
    assert path.stat().st_mode & 0o777 == 0o600
    header = json.loads(_decoded(path.read_text().split(".")[1]))
    assert header["sub"] == f"system:serviceaccount:{rights.SYSTEM}:{rights.OPERATOR}"


async def test_a_token_that_cannot_be_renewed_is_said(admin, tmp_path):
    now = datetime.now(UTC)
    due = Token("old", issued=now - timedelta(hours=20), expires=now + timedelta(hours=4))
    (tmp_path / "token").write_text("old")
    heard = Heard()
    renewing = asyncio.create_task(keep_fresh(admin, rights.SYSTEM, "nobody", tmp_path / "token", due, heard))
    try:
        await until(lambda: heard.lines)
    finally:
        renewing.cancel()
    assert "could not be renewed" in heard.lines[0]
    assert 'serviceaccounts "nobody" not found' in heard.lines[0]
    assert (tmp_path / "token").read_text() == "old"


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
