"""What keeps the core from acting: suspension, accounts, claims, strangers, silence, cold instances."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconcile.sim import SHA_A, Cluster, Platform, World, spec_of
from sequence_operator.reconcile.model import AccountState, Claim


def running(**spec: object) -> World:
    return World(cluster=Cluster(spec=spec_of(state="Running", **spec))).deploy()


def test_suspended_objects_are_observed_not_changed() -> None:
    world = running()
    world.cluster.edit(suspend=True)
    world.run()
    calls = len(world.platform.calls)
    world.platform.others_tighten()
    world.platform.others_stop()
    world.settle(6)
    assert len(world.platform.calls) == calls
    assert {d.field for d in world.cluster.status.drift} == {"risk.maxPosition1e8", "state"}
    assert world.cluster.status.state == "Stopped"
    world.cluster.delete()
    world.settle(4)
    assert world.condition("Stalled") == ("True", "DeletionSuspended")
    world.cluster.edit(deletionPolicy="Orphan")
    world.settle(2)
    assert world.cluster.gone
    assert world.platform.only() is not None


@pytest.mark.parametrize(
    ("state", "stalled"),
    [
        (AccountState.GONE, True),
        (AccountState.UNAUTHORIZED, True),
        (AccountState.MODE_MISMATCH, True),
        (AccountState.CHANGED, True),
        (AccountState.UNREACHABLE, False),
    ],
)
def test_no_call_is_made_for_an_account_that_is_not_ready(state: AccountState, stalled: bool) -> None:
    world = running()
    world.with_account(state=state, message="look there")
    calls = len(world.platform.calls)
    world.cluster.edit(state="Stopped")
    world.run()
    assert len(world.platform.calls) == calls
    assert world.condition("Ready") == ("False", state.value)
    assert world.condition("Stalled")[0] == str(stalled)
    assert world.condition("Reconciling")[0] == str(not stalled)
    world.cluster.delete()
    world.run()
    assert not world.cluster.gone
    assert "deletionPolicy: Orphan" in world.cluster.status.conditions[0].message
    world.with_account(state=AccountState.READY)
    world.settle()
    assert world.cluster.gone
    assert world.platform.deployments == {}


def test_the_younger_of_two_claims_touches_nothing() -> None:
    world = World(claim=Claim("another", "trading/older"))
    world.list()
    world.run()
    assert world.platform.calls == []
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert "trading/older" in world.cluster.status.conditions[0].message
    world.cluster.delete()
    world.run()
    assert world.cluster.gone


def test_a_foreign_deployment_is_left_alone_until_adopted() -> None:
    world = World()
    world.platform.create({"name": "my-mm", "wasm_base64": SHA_A, "symbols": ["BTC-USD"], "instances": []})
    world.tick(60)
    world.settle(3)
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert world.platform.calls == [("create", "my-mm")]
    world.cluster.edit(adopt=True)
    world.run()
    world.settle()
    assert world.condition("Ready") == ("True", "InSync")
    assert "Adopted" in world.history()
    row = world.platform.only()
    assert row is not None
    assert row["body"]["metadata"]["uid"] == "uid-1"


def test_what_another_object_of_the_cluster_registered_is_named_and_not_adopted() -> None:
    """Adopting would begin a fight: the other object takes it back."""
    world = World(cluster=Cluster(spec=spec_of(adopt=True)), holder="trading/other")
    theirs = {"managed_by": "sequence-operator", "uid": "uid-2"}
    body = {
        "name": "my-mm",
        "wasm_base64": SHA_A,
        "symbols": ["BTC-USD"],
        "instances": [],
        "metadata": theirs,
    }
    world.platform.create(body)
    world.tick(60)
    world.settle(3)
    assert world.condition("Stalled") == ("True", "NameConflict")
    (message,) = {c.message for c in world.cluster.status.conditions if c.type == "Stalled"}
    assert "trading/other" in message
    assert "uid-2" not in message
    assert world.platform.calls == [("create", "my-mm")]
    world.holder = ""  # that object let go of it
    world.settle()
    assert world.condition("Ready") == ("True", "InSync")


def test_an_unverified_platform_keeps_it_stopped_until_a_person_accepts() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running")), platform=Platform(extras=False))
    world.list()
    world.run()
    world.settle(5)
    assert world.condition("Stalled") == ("True", "Unverified")
    assert [c[0] for c in world.platform.calls] == ["create", "get"]
    world.with_account(allow_unverified=frozenset({"Risk"}))
    world.settle(3)
    assert world.condition("Stalled") == ("True", "Unverified")
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    world.settle()
    assert world.condition("Live") == ("True", "Running")
    assert world.condition("ArtifactReady") == ("True", "Unverified")


def test_a_start_waits_until_every_instance_is_fed() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running")))
    world.list()
    world.run()
    assert [c[0] for c in world.platform.calls] == ["create"]
    row = world.platform.only()
    assert row is not None
    row["warm_at"] = world.now + timedelta(seconds=100)
    world.settle(9)
    assert [c[0] for c in world.platform.calls] == ["create"]
    assert world.condition("Ready") == ("False", "WarmingUp")
    world.settle()
    assert world.condition("Live") == ("True", "Running")
