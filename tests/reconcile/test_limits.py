"""Limits have a safe side: one that is looser on the platform than in the spec is taken back at once, whatever else
holds; a tighter one is kept and reported until the spec is edited."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.sim import SHA_A, SHA_B, Cluster, Platform, World, spec_of, with_wasm
from reconcile.test_compare import case
from reconcile.test_golden import matching_row
from sequence_operator.platform.parse import parse_row
from sequence_operator.reconcile.compare import tighter_body
from sequence_operator.reconcile.model import AccountState, Claim
from sequence_operator.spec.names import RECONCILE_REQUESTED_AT

TWO = [
    {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"], "risk": {"maxOrderRate": 5}},
    {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"]},
]


def running(platform: Platform | None = None, **spec: Any) -> World:
    cluster = Cluster(spec=spec_of(**{"state": "Running", **spec}))
    return World(platform=platform or Platform(), cluster=cluster).deploy()


def set_risk(world: World, risk: dict[str, int], label: str = "") -> None:
    row = world.platform.only()
    assert row is not None
    if label:
        next(i for i in row["body"]["instances"] if i["label"] == label)["risk"] = risk
    else:
        row["body"]["risk"] = risk
    row["revision"] += 1


def risk(world: World, label: str = "") -> dict[str, int]:
    row = world.platform.only()
    assert row is not None
    where = next(i for i in row["body"]["instances"] if i["label"] == label) if label else row["body"]
    return dict(where["risk"])


def patches(world: World) -> int:
    return len([c for c in world.platform.calls if c[0] == "patch"])


WANTED = {"max_position_1e8": 200, "max_order_rate": 20}
PEOPLE: dict[str, dict[str, Any]] = {
    "correct": {},
    "report": {"driftPolicy": "Report"},
    "suspended": {"suspend": True},
}


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(
    "held",
    [{"max_position_1e8": 999, "max_order_rate": 20}, {"max_order_rate": 20}, {}],
    ids=["higher", "gone", "none"],
)
def test_a_looser_limit_is_taken_back_by_one_write(held: dict[str, int], who: str) -> None:
    world = running()
    world.cluster.edit(**PEOPLE[who])
    world.settle(3)
    set_risk(world, held)
    before = patches(world)
    world.tick(10)
    world.list()
    world.run()
    assert risk(world) == WANTED
    assert patches(world) == before + 1
    newest = world.cluster.status.history[0]
    assert newest.event == "DriftCorrected"
    assert "risk.maxPosition1e8 was" in newest.message
    world.settle(4)
    assert patches(world) == before + 1
    assert world.cluster.status.drift == []


@pytest.mark.parametrize("who", PEOPLE)
def test_a_tighter_limit_is_kept_and_reported(who: str) -> None:
    world = running()
    world.cluster.edit(**PEOPLE[who])
    world.settle(3)
    set_risk(world, {"max_position_1e8": 50, "max_order_rate": 20, "max_open_orders": 4})
    before = patches(world)
    world.settle(5)
    world.restart()
    world.settle(5)
    assert patches(world) == before
    assert {(d.field, d.desired, d.observed) for d in world.cluster.status.drift} == {
        ("risk.maxPosition1e8", "200", "50"),
        ("risk.maxOpenOrders", "unset", "4"),
    }
    assert world.condition("Live") == ("True", "Running")
    if who != "suspended":
        assert world.condition("Ready") == ("True", "TighterKept")
    assert world.history().count("DriftKept") == 1
    kept = next(e for e in world.cluster.status.history if e.event == "DriftKept")
    assert "risk.maxPosition1e8 is 50 on the platform, 200 in the spec" in kept.message


def test_a_kept_limit_gives_way_to_an_edit_and_to_nothing_else() -> None:
    world = running()
    set_risk(world, {"max_position_1e8": 50, "max_order_rate": 20})
    world.settle(4)
    world.cluster.annotations[RECONCILE_REQUESTED_AT] = "2026-11-22T15:00:00Z"
    world.cluster.edit(state="Stopped", description="another sentence")
    world.settle(4)
    assert risk(world)["max_position_1e8"] == 50
    world.cluster.edit(state="Running", risk={"maxPosition1e8": 120, "maxOrderRate": 20})
    world.settle()
    assert risk(world) == {"max_position_1e8": 120, "max_order_rate": 20}
    assert world.cluster.status.drift == []
    assert world.condition("Ready") == ("True", "InSync")


def test_mixed_drift_takes_the_tighter_of_every_limit() -> None:
    world = running()
    set_risk(world, {"max_position_1e8": 50, "max_order_rate": 500})
    world.settle(4)
    assert risk(world) == {"max_position_1e8": 50, "max_order_rate": 20}
    assert [d.field for d in world.cluster.status.drift] == ["risk.maxPosition1e8"]
    assert world.condition("Ready") == ("True", "TighterKept")


@pytest.mark.parametrize("policy", ["Correct", "Report"])
def test_limits_of_one_instance_count_too(policy: str) -> None:
    world = running(instances=TWO, driftPolicy=policy)
    set_risk(world, {"max_order_rate": 9}, "maker")
    set_risk(world, {"max_order_rate": 3}, "hedger")
    world.settle(4)
    assert (risk(world, "maker"), risk(world, "hedger")) == ({"max_order_rate": 5}, {"max_order_rate": 3})
    assert [d.field for d in world.cluster.status.drift] == ["instances[hedger].risk.maxOrderRate"]
    set_risk(world, {}, "maker")
    world.settle(4)
    assert risk(world, "maker") == {"max_order_rate": 5}


def test_report_corrects_the_limit_and_leaves_the_rest() -> None:
    world = running(driftPolicy="Report", instances=TWO)
    row = world.platform.only()
    assert row is not None
    row["body"]["params"][0]["value"] = 8
    row["body"]["on_stop"] = "cancel"
    set_risk(world, {"max_position_1e8": 999, "max_order_rate": 20})
    set_risk(world, {}, "maker")
    world.settle(5)
    assert (risk(world), risk(world, "maker")) == (WANTED, {"max_order_rate": 5})
    assert (row["body"]["params"][0]["value"], row["body"]["on_stop"]) == (8, "cancel")
    assert world.condition("Ready") == ("False", "Drifted")
    assert {d.field for d in world.cluster.status.drift} == {"params[size]", "onStop"}


def test_correct_restores_the_rest_and_keeps_the_tighter_limit() -> None:
    world = running()
    row = world.platform.only()
    assert row is not None
    row["body"]["params"][0]["value"] = 8
    set_risk(world, {"max_position_1e8": 50, "max_order_rate": 20})
    world.settle(5)
    assert row["body"]["params"][0]["value"] == 3
    assert risk(world)["max_position_1e8"] == 50


def test_suspend_lets_a_tighter_commit_through_but_nothing_looser() -> None:
    world = running()
    world.cluster.edit(suspend=True)
    world.settle(3)
    world.cluster.edit(
        risk={"maxPosition1e8": 100, "maxOrderRate": 90}, params=[{"name": "size", "slot": 0, "int": 9}]
    )
    world.settle(4)
    row = world.platform.only()
    assert row is not None
    assert risk(world) == {"max_position_1e8": 100, "max_order_rate": 20}
    assert row["body"]["params"][0]["value"] == 3
    assert world.condition("Ready") == ("False", "Suspended")
    world.cluster.edit(suspend=False)
    world.settle()
    assert risk(world) == {"max_position_1e8": 100, "max_order_rate": 90}
    assert row["body"]["params"][0]["value"] == 9


@pytest.mark.parametrize("hindrance", ["account", "claim", "stranger"])
def test_what_is_not_ours_or_not_reachable_is_not_written_to(hindrance: str) -> None:
    world = running()
    world.cluster.edit(suspend=True)
    world.settle(3)
    world.platform.others_loosen()
    if hindrance == "account":
        world.with_account(state=AccountState.UNREACHABLE)
    elif hindrance == "claim":
        world.claim = Claim("another", "trading/older")
    else:
        row = world.platform.only()
        assert row is not None
        row["body"]["metadata"] = {"managed_by": "sequence-operator", "uid": "somebody"}
    before = len(world.platform.calls)
    world.settle(4)
    assert len(world.platform.calls) == before


def test_the_loop_guard_holds_for_limits_also_while_suspended() -> None:
    world = running()
    world.cluster.edit(suspend=True)
    world.settle(3)
    before = patches(world)
    for _ in range(6):
        world.platform.others_loosen()
        world.settle(3)
    assert patches(world) == before + 3
    assert world.condition("Stalled") == ("True", "DriftLoop")


def test_a_platform_that_cannot_change_limits_in_place_is_reported_not_restarted() -> None:
    world = running(onStop="Cancel")
    row = world.platform.only()
    assert row is not None
    world.platform.full = lambda row, full=world.platform.full: full(row) | {"revision": None}  # type: ignore[method-assign]
    world.cluster.edit(driftPolicy="Report")
    world.settle(3)
    row["body"]["risk"] = {"max_position_1e8": 999, "max_order_rate": 20}
    calls = [c for c in world.platform.calls if c[0] != "get"]
    world.settle(4)
    assert [c for c in world.platform.calls if c[0] != "get"] == calls
    assert world.condition("Ready") == ("False", "Drifted")
    world.cluster.edit(driftPolicy="Correct")
    world.settle()
    assert risk(world) == WANTED


def test_registering_anew_keeps_a_tighter_limit_unless_the_spec_was_edited() -> None:
    world = running(onStop="Cancel")
    set_risk(world, {"max_position_1e8": 50, "max_order_rate": 20})
    world.settle(3)
    row = world.platform.only()
    assert row is not None
    row["sha"] = SHA_B  # somebody uploaded another WASM
    world.settle()
    after = world.platform.only()
    assert after is not None
    assert (after["sha"], after["deployment_id"]) == (SHA_A, "dep_2")
    assert risk(world) == {"max_position_1e8": 50, "max_order_rate": 20}
    assert world.condition("Ready") == ("True", "TighterKept")
    world.cluster.edit(artifact=with_wasm(SHA_B))
    world.settle()
    assert risk(world) == WANTED


KEYS = ("max_position_1e8", "max_order_rate", "max_open_orders")
limits = st.dictionaries(st.sampled_from(KEYS), st.integers(1, 30))


def looser(here: dict[str, int], there: dict[str, int]) -> bool:
    """Whether `there` allows anything that `here` does not."""
    return any(key not in there or there[key] > value for key, value in here.items())


@given(limits, limits, limits, limits)
def test_one_patch_makes_every_limit_as_tight_as_either_side(
    wanted: dict[str, int], held: dict[str, int], wanted_own: dict[str, int], held_own: dict[str, int]
) -> None:
    """And never looser than the platform had it, and an instance never looser than its deployment."""
    names = dict(zip(KEYS, ("maxPosition1e8", "maxOrderRate", "maxOpenOrders"), strict=True))
    own = {k: min(v, wanted.get(k, v)) for k, v in wanted_own.items()}
    instance: dict[str, Any] = {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"]}
    instance["risk"] = {names[k]: v for k, v in own.items()}
    spec = spec_of(risk={names[k]: v for k, v in wanted.items()}, instances=[instance])
    row = matching_row(spec, {"risk": held})
    row["instances"][0]["risk"] = {k: min(v, held.get(k, v)) for k, v in held_own.items()}
    body = tighter_body(case(spec), parse_row(row))
    after = body.get("risk", held)
    own_after = body["instances"][0]["risk"] if "instances" in body else row["instances"][0]["risk"]
    assert not looser(wanted, after)
    assert not looser(held, after)
    assert not looser(own, own_after)
    assert not looser(row["instances"][0]["risk"], own_after)
    assert all(value <= after.get(key, value) for key, value in own_after.items())
    assert ("risk" in body) == looser(wanted, held)
