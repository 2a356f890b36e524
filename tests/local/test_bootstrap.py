"""The operator gets exactly the chart's rights on a real API server, and a token that stays fresh."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from sequence_operator.cluster import ClusterClient, ClusterError
from sequence_operator.cluster.errors import Kind
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS, SECRETS, resource_of
from sequence_operator.local import bootstrap
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.local.tokens import Admin, Token, keep_fresh

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
    token = await admin.request_token(bootstrap.SYSTEM, bootstrap.ACCOUNT)
    (tmp_path / "token").write_text(token.value)
    write_kubeconfig(
        tmp_path / "kubeconfig",
        server=controlplane.server,
        ca=controlplane.ca,
        token_file=tmp_path / "token",
        namespace=bootstrap.SYSTEM,
    )
    async with await ClusterClient.connect(tmp_path / "kubeconfig") as client:
        yield client


async def forbidden(call) -> bool:
    try:
        await call
    except ClusterError as problem:
        return problem.kind is Kind.FORBIDDEN
    return False


async def test_installing_again_writes_nothing(admin):
    objects = [*bootstrap.rights(), *bootstrap.accounts(ENDPOINT, KEYS)]

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
        account = await admin.get(PLATFORM_ACCOUNTS, mode, bootstrap.NAMESPACE)
        assert account["spec"]["endpoint"] == ENDPOINT
        assert account["spec"]["mode"] == mode
        reference = account["spec"]["secretRef"]
        assert await admin.secret_value(reference["name"], reference["key"], bootstrap.NAMESPACE) == key


async def test_the_operator_may_do_what_it_needs(operator):
    assert await operator.list(ALGO_DEPLOYMENTS, bootstrap.NAMESPACE) == []
    assert await operator.secret_value("sequence-live", "apiKey", bootstrap.NAMESPACE) == KEYS["live"]
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "sequence-operator", "namespace": bootstrap.SYSTEM},
        "spec": {"holderIdentity": "test"},
    }
    made = await operator.create(lease, manager="test")  # as the operator's Lease does it
    assert (await operator.replace(made, manager="test"))["spec"]["holderIdentity"] == "test"


async def test_and_nothing_else(operator):
    other = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x", "namespace": bootstrap.NAMESPACE},
    }
    assert await forbidden(operator.list(SECRETS, bootstrap.NAMESPACE))
    assert await forbidden(operator.get(SECRETS, "another", bootstrap.NAMESPACE))
    assert await forbidden(operator.apply(other, manager="test"))
    assert await forbidden(operator.create({**other, "kind": "ConfigMap"}, manager="test"))
    assert await forbidden(operator.list(ALGO_DEPLOYMENTS, "default"))
    assert await forbidden(operator.delete(ALGO_DEPLOYMENTS, "any", bootstrap.NAMESPACE))


async def test_a_day_is_asked_for_and_four_fifths_of_it_used(admin):
    token = await admin.request_token(bootstrap.SYSTEM, bootstrap.ACCOUNT)
    assert abs(token.expires - token.issued - timedelta(hours=24)) < timedelta(minutes=1)
    assert abs(token.renew_after - timedelta(hours=19.2)) < timedelta(minutes=1)


async def test_a_token_that_is_due_is_replaced_in_its_file(admin, tmp_path):
    now = datetime.now(UTC)
    due = Token("old", issued=now - timedelta(hours=20), expires=now + timedelta(hours=4))
    path = tmp_path / "token"
    path.write_text(due.value)
    renewing = asyncio.create_task(keep_fresh(admin, bootstrap.SYSTEM, bootstrap.ACCOUNT, path, due, Heard()))
    try:
        await until(lambda: path.read_text() != "old")
    finally:
        renewing.cancel()
    assert path.stat().st_mode & 0o777 == 0o600
    header = json.loads(_decoded(path.read_text().split(".")[1]))
    assert header["sub"] == f"system:serviceaccount:{bootstrap.SYSTEM}:{bootstrap.ACCOUNT}"


async def test_a_token_that_cannot_be_renewed_is_said(admin, tmp_path):
    now = datetime.now(UTC)
    due = Token("old", issued=now - timedelta(hours=20), expires=now + timedelta(hours=4))
    (tmp_path / "token").write_text("old")
    heard = Heard()
    renewing = asyncio.create_task(
        keep_fresh(admin, bootstrap.SYSTEM, "nobody", tmp_path / "token", due, heard)
    )
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
