"""Small parts: the error table, claims, printers, events, when to look again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconcile.sim import SHA_A, START, World, spec_of
from sequence_operator.reconcile import actions as a
from sequence_operator.reconcile.claims import Candidate, claim
from sequence_operator.reconcile.errors import classify
from sequence_operator.reconcile.events import events
from sequence_operator.reconcile.model import Failure, FailureKind
from sequence_operator.reconcile.render import as_json, as_markdown, as_text
from sequence_operator.reconcile.requeue import Requeue, requeue
from sequence_operator.spec.resources import AlgoDeploymentStatus, Pending


@pytest.mark.parametrize(
    ("status", "field", "message", "kind", "executed"),
    [
        (400, "", "", FailureKind.REJECTED, False),
        (413, "", "", FailureKind.REJECTED, False),
        (422, "risk", "", FailureKind.REJECTED, False),
        (401, "", "", FailureKind.ACCOUNT, False),
        (403, "", "", FailureKind.ACCOUNT, False),
        (404, "", "", FailureKind.GONE, False),
        (409, "name", "taken", FailureKind.NAME, False),
        (409, "revision", "moved", FailureKind.REVISION, False),
        (409, "", "the kill switch is active", FailureKind.KILL_SWITCH, False),
        (409, "", "KILL_SWITCH", FailureKind.KILL_SWITCH, False),
        (409, "acknowledge", "paused", FailureKind.CONFLICT, False),
        (408, "", "", FailureKind.RETRY, None),
        (429, "", "", FailureKind.RETRY, False),
        (500, "", "", FailureKind.RETRY, None),
        (503, "", "", FailureKind.RETRY, None),
        (302, "", "", FailureKind.RETRY, None),
    ],
)
def test_error_table(status: int, field: str, message: str, kind: FailureKind, executed: bool | None) -> None:
    failure = classify(status, message=message, field=field)
    assert (failure.kind, failure.executed) == (kind, executed)


def test_a_network_error_may_have_been_executed_unless_nothing_was_sent() -> None:
    assert classify(None, message="x").executed is None
    assert classify(None, message="x", sent=False).executed is False
    assert classify(0, message="x").kind is FailureKind.RETRY


def test_the_oldest_owns_the_name() -> None:
    young = Candidate("u1", "a", "young", START + timedelta(seconds=1))
    old = Candidate("u9", "b", "old", START)
    twin = Candidate("u8", "b", "twin", START)
    assert claim([]) is None
    for order in ([young, old, twin], [twin, old, young]):
        found = claim(order)
        assert found is not None
        assert (found.winner_uid, found.winner) == ("u8", "b/twin")
        assert found.held_by("u8")
        assert not found.held_by("u1")


def test_who_registered_the_name_keeps_it() -> None:
    """Also from one that is older, and from one of the same second, which is no age at all."""
    has = Candidate("u8", "a", "has", START, registered=True)
    wants = [
        Candidate("u9", "a", "older", START - timedelta(days=1)),
        Candidate("u1", "a", "same-second", START),
    ]
    for order in ([has, *wants], [*wants, has]):
        found = claim(order)
        assert found is not None
        assert found.winner == "a/has"
    older = Candidate("u7", "a", "also-has", START - timedelta(seconds=1), registered=True)
    found = claim([has, *wants, older])
    assert found is not None
    assert found.winner == "a/also-has"


def drifted() -> World:
    world = World().deploy()
    world.cluster.edit(state="Running", risk={"maxPosition1e8": 500}, instances=[*spec_of()["instances"]])
    world.platform.others_stop()
    world.artifact = world.artifact
    return world


def planned(world: World) -> a.Plan:
    from sequence_operator.reconcile.plan import plan

    return plan(world.desired(), world.observed(), world.cluster.status, world.policy, world.now)


def test_a_plan_is_printed_for_people_and_machines() -> None:
    found = planned(drifted())
    text = as_text(found, "my-mm on sandbox")
    assert text.splitlines()[0] == "my-mm on sandbox"
    assert "~ Update: update dep_1 in place  [loosens risk]" in text
    assert "risk.maxPosition1e8  200 → 500" in text
    assert "▶ Start" in text
    markdown = as_markdown(found, "my-mm | sandbox")
    assert "| | | `risk.maxPosition1e8` | `200` | `500` | loosens risk |" in markdown
    assert markdown.startswith("### my-mm \\| sandbox")
    body = as_json(found)
    assert [c["verb"] for c in body["changes"]] == ["Update", "Start"]
    assert body["direction"] == "loosens"
    assert {"field": "risk.maxPosition1e8", "observed": "200", "desired": "500"}.items() <= body["changes"][
        0
    ]["fields"][1].items()


def test_a_plan_without_changes_says_so() -> None:
    world = World().deploy()
    found = planned(world)
    assert found.empty
    assert found.direction == "neutral"
    assert as_text(found, "x").splitlines()[1] == "  nothing to do"
    assert "Nothing to do." in as_markdown(found, "x")
    assert as_json(found)["changes"] == []


def test_a_plan_for_something_new_shows_the_whole_way() -> None:
    world = World()
    world.cluster.edit(state="Running")
    assert planned(world).changes == ()  # nothing is known before a list
    world.list()
    assert [c.verb for c in planned(world).changes] == ["Register", "Start"]
    assert planned(world).direction == "loosens"


def test_stopping_tightens() -> None:
    world = World()
    world.cluster.edit(state="Running")
    world.deploy()
    world.cluster.edit(state="Stopped")
    assert [c.verb for c in planned(world).changes] == ["Stop"]
    assert planned(world).direction == "tightens"


def test_events_are_transitions() -> None:
    world = World()
    before = world.cluster.status
    world.deploy()
    first = world.cluster.status
    assert [(e.type, e.reason) for e in events(before, first)] == [
        ("Normal", "Registered"),
        ("Normal", "Ready"),
    ]
    assert events(first, first) == ()
    world.platform.others_loosen()
    world.settle()
    assert [(e.type, e.reason) for e in events(first, world.cluster.status)] == [
        ("Warning", "DriftCorrected")
    ]
    second = world.cluster.status
    world.platform.deployments["dep_1"]["status"] = "rejected"
    world.settle(3)
    assert [(e.type, e.reason) for e in events(second, world.cluster.status)] == [("Warning", "EdgeRejected")]


def test_when_to_look_again() -> None:
    record = AlgoDeploymentStatus()
    assert requeue(a.Plan(), a.Outcome(), record, record) == Requeue()
    waiting = a.Plan((a.Wait("WarmingUp", "", 3.0),))
    assert requeue(waiting, a.Outcome(), record, record) == Requeue(3.0, every_list=True)
    busy = a.Outcome(failure=Failure(FailureKind.RETRY, "", retry_after=7.0))
    assert requeue(a.Plan(), busy, record, record) == Requeue(7.0, backoff=True, every_list=True)
    refused = a.Outcome(failure=Failure(FailureKind.REJECTED, ""))
    assert requeue(a.Plan(), refused, record, record) == Requeue()
    swapped = AlgoDeploymentStatus(pending=Pending(action="Replace", to=SHA_A, at=START))
    assert requeue(a.Plan(), refused, record, swapped) == Requeue(0.0)


def test_the_status_never_repeats_what_the_platform_wrote_at_length() -> None:
    world = World()
    world.platform.reject = lambda body: True
    world.list()
    world.run()
    assert world.condition("Stalled") == ("True", "Rejected")
    writes = len(world.cluster.writes)
    world.settle(5)
    assert len(world.cluster.writes) == writes
    assert [c[0] for c in world.platform.calls] == ["create"]
