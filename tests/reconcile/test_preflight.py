"""The preflight's questions, and what a failed one keeps the controller from beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from reconcile.sim import SHA_B, Cluster, World, spec_of, with_wasm
from reconcile.test_golden import matching_row
from sequence_operator.platform.parse import parse_row
from sequence_operator.reconcile.preflight import (
    ArtifactFacts,
    Check,
    Inputs,
    Result,
    name_conflict,
    preflight,
)
from sequence_operator.spec.resources import AlgoDeploymentSpec

FAILED, PASSED, UNKNOWN = Result.FAILED, Result.PASSED, Result.NOT_CHECKABLE


@dataclass(frozen=True)
class Capital:
    available_usd_1e9: int | None


def inputs(**changes: Any) -> Inputs:
    spec = changes.pop("spec", spec_of(risk={"maxOrderRate": 20, "maxOrderNotional1e9": 50_000 * 10**9}))
    given: dict[str, Any] = {
        "mode": "live",
        "venues": frozenset({"kraken", "coinbase"}),
        "capital": Capital(100_000 * 10**9),
        "limits": {"max_order_rate": 50},
        "conflict": "",
        "artifact": ArtifactFacts(18_344, ("env.submit",)),
    }
    return Inputs(AlgoDeploymentSpec.model_validate(spec), **(given | changes))


def results(**changes: Any) -> dict[str, Result]:
    return {c.name: c.result for c in preflight(inputs(**changes))}


def test_five_questions_in_a_fixed_order() -> None:
    found = preflight(inputs())
    assert [c.name for c in found] == ["venues", "capital", "limits", "name", "artifact"]
    assert {c.result for c in found} == {PASSED}


@pytest.mark.parametrize(
    ("changes", "name", "result", "says"),
    [
        ({"venues": frozenset({"okx"})}, "venues", FAILED, "not connected: kraken; connected: okx"),
        ({"venues": frozenset()}, "venues", FAILED, "connected: none"),
        ({"venues": frozenset(), "mode": "sandbox"}, "venues", UNKNOWN, "needs no credentials"),
        ({"venues": frozenset({"okx"}), "mode": "sandbox"}, "venues", FAILED, "kraken"),
        ({"venues": None}, "venues", UNKNOWN, "does not say"),
        ({"capital": None}, "capital", UNKNOWN, "does not say"),
        ({"capital": Capital(None)}, "capital", PASSED, "no bound"),
        ({"capital": Capital(0)}, "capital", FAILED, "0.00 USD"),
        ({"capital": Capital(-5 * 10**9)}, "capital", FAILED, "-5.00 USD"),
        (
            {"capital": Capital(1234 * 10**9 + 5 * 10**8)},
            "capital",
            PASSED,
            "1,234.50 USD available; one order may be",
        ),
        ({"limits": None}, "limits", UNKNOWN, "does not say"),
        ({"limits": {}}, "limits", PASSED, "no limits of its own"),
        ({"limits": {"max_order_rate": 20}}, "limits", PASSED, "within"),
        (
            {"limits": {"max_order_rate": 19}},
            "limits",
            FAILED,
            "risk.maxOrderRate 20 is looser than the account's 19",
        ),
        ({"conflict": None}, "name", UNKNOWN, "could not be listed"),
        ({"conflict": "my-mm is registered already (dep_1)"}, "name", FAILED, "dep_1"),
        ({"artifact": None}, "artifact", UNKNOWN, "not at hand"),
        ({"artifact": ArtifactFacts()}, "artifact", UNKNOWN, "not inspected"),
        ({"artifact": ArtifactFacts(2_000_000)}, "artifact", FAILED, "2,000,000 bytes; at most 1,048,576"),
        ({"artifact": ArtifactFacts(problem="imports wasi.fd_write")}, "artifact", FAILED, "wasi.fd_write"),
        (
            {"artifact": ArtifactFacts(9, ("env.log", "env.send"))},
            "artifact",
            PASSED,
            "imports env.log, env.send",
        ),
        (
            {"artifact": None, "untold": {"artifact": "built in the cluster"}},
            "artifact",
            UNKNOWN,
            "built in the cluster",
        ),
    ],
)
def test_one_answer(changes: dict[str, Any], name: str, result: Result, says: str) -> None:
    found = {c.name: c for c in preflight(inputs(**changes))}
    assert found[name].result is result
    assert says in found[name].message
    assert {c.result for n, c in found.items() if n != name} == {PASSED}


def test_a_failure_has_a_way_out() -> None:
    bad = inputs(
        venues=frozenset({"okx"}), capital=Capital(0), limits={"max_order_rate": 1}, conflict="taken"
    )
    assert [bool(c.hint) for c in preflight(bad) if c.result is FAILED] == [True] * 4


def test_limits_of_an_instance_are_held_against_the_account_too() -> None:
    instance = {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"], "risk": {"maxOrderRate": 9}}
    found = preflight(inputs(spec=spec_of(instances=[instance], risk=None), limits={"max_order_rate": 5}))
    assert "instances[maker].risk.maxOrderRate 9" in found[2].message


def test_a_name_is_in_conflict_with_others_only() -> None:
    rows = [parse_row(matching_row(spec_of(), {})), parse_row({"deployment_id": "dep_9", "name": "other"})]
    assert name_conflict(rows, "my-mm", "uid-1") == ""
    assert name_conflict(rows, "free", "uid-1") == ""
    assert "dep_1" in name_conflict(rows, "my-mm", "uid-2")
    assert "dep_1" in name_conflict(rows, "my-mm", "")
    assert "dep_9" in name_conflict(rows, "other", "uid-1")


BAD = (Check("venues", FAILED, "venue is not connected: okx", "connect it"), Check("limits", PASSED, "fine"))


def calls(world: World) -> list[str]:
    return [name for name, _ in world.platform.calls if name != "get"]


def test_nothing_that_risks_more_is_begun_while_a_check_fails() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running")), checks=BAD)
    world.settle(4)
    assert calls(world) == []
    assert world.condition("Stalled") == ("True", "Preflight")
    message = next(c.message for c in world.cluster.status.conditions if c.type == "Stalled")
    assert message == "venue is not connected: okx (connect it)"
    world.checks = ()
    world.settle()
    assert calls(world) == ["create", "start"]


@pytest.mark.parametrize(
    ("edit", "done"),
    [
        ({"artifact": with_wasm(SHA_B)}, []),
        ({"risk": {"maxPosition1e8": 900, "maxOrderRate": 20}}, []),
        ({"risk": {"maxPosition1e8": 900, "maxOrderRate": 5}}, ["patch"]),  # the tighter one of the two
        ({"risk": {"maxPosition1e8": 100, "maxOrderRate": 20}}, ["patch"]),
        ({"params": [{"name": "size", "slot": 0, "int": 9}]}, ["patch"]),
        ({"state": "Stopped"}, ["stop"]),
    ],
)
def test_what_runs_goes_on_and_may_always_risk_less(edit: dict[str, Any], done: list[str]) -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running"))).deploy()
    world.checks = BAD
    before = calls(world)
    world.cluster.edit(**edit)
    world.settle(5)
    assert calls(world) == [*before, *done]
    row = world.platform.only()
    assert row is not None
    assert row["status"] == ("stopped" if "state" in edit else "running")


def test_a_restart_is_no_new_risk() -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running"))).deploy()
    world.checks = BAD
    world.platform.others_stop()
    world.settle(5)
    assert calls(world) == ["create", "start", "start"]
