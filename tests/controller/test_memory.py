"""What is remembered of objects and lists, and what wakes an object."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sequence_operator.controller.listing import LastList
from sequence_operator.controller.said import lane_of
from sequence_operator.controller.state import Entries, Entry, begin, claim_of, essence
from sequence_operator.platform.limiter import Lane
from sequence_operator.platform.rows import InstanceRow, MetadataRow, OrderCounts, Row
from sequence_operator.reconcile.sight import Presence

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def obj(
    uid: str = "u1", version: int = 1, created: str = "2026-11-23T12:00:00Z", **status: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "sequencemkts.com/v1alpha1",
        "kind": "AlgoDeployment",
        "metadata": {
            "name": f"name-{uid}",
            "namespace": "ns",
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": created,
            "managedFields": [{"manager": "x" * 1000}],
        },
        "spec": {"deployment": "mm", "accountRef": {"name": "sandbox"}, "state": "Running"},
        "status": status,
    }


def entry(entries: Entries, **fields: Any) -> Entry:
    made = entries.put(obj(**fields), begin(START))
    assert made is not None
    return made


def test_an_echo_is_no_news_and_a_stranger_needs_a_beginning():
    entries = Entries()
    first = entry(entries, version=5)
    assert entries.put(obj(version=5), begin(START)) is None
    assert entries.put(obj(version=4), begin(START)) is None
    assert entries.put(obj(version=6, deploymentId="dep_1"), None) is first
    assert first.deployment_id == "dep_1"
    assert b"managedFields" not in first.raw
    assert entries.put(obj(uid="u2"), None) is None
    assert len(entries) == 1


def test_a_dropped_object_leaves_no_trace():
    entries = Entries()
    entry(entries)
    assert entries.uses(("ns", "sandbox"))
    assert entries.drop("u1") is not None
    assert entries.drop("u1") is None
    assert not entries.uses(("ns", "sandbox"))
    assert entries.of_deployment("mm") == []
    assert entries.of_account(("ns", "sandbox")) == []


def test_the_oldest_claims_the_name():
    entries = Entries()
    young = entry(entries, uid="a", created="2026-11-23T12:00:01Z")
    assert claim_of([young]) is None
    old = entry(entries, uid="b", created="2026-11-23T12:00:00Z")
    winner = claim_of([young, old])
    assert winner is not None
    assert (winner.winner_uid, winner.winner) == ("b", "ns/name-b")


@pytest.mark.parametrize(
    "status", [{"deploymentId": "dep_1"}, {"pending": {"action": "Register", "to": "0" * 64}}, {}]
)
def test_of_one_second_the_registered_has_the_name(status):
    """Creation times have whole seconds, and uids no order: what counts is who has it, or is about to."""
    entries = Entries()
    second, first = entry(entries, uid="a"), entry(entries, uid="b", **status)
    if not status:  # the status was lost; the platform still says whose it is
        row = Row(deployment_id="dep_1", name="mm", metadata=MetadataRow(uid="b"))
        first.see(first.sight.got(at(1), row))
    winner = claim_of([second, first])
    assert winner is not None
    assert winner.winner_uid == "b"


@pytest.mark.parametrize(
    ("deleting", "wanted", "status", "lane"),
    [
        (True, "Running", {}, Lane.STOP),
        (False, "Stopped", {"deploymentId": "d", "state": "Running"}, Lane.STOP),
        (False, "Stopped", {"deploymentId": "d", "state": "Degraded"}, Lane.STOP),
        (False, "Running", {"deploymentId": "d", "state": "Stopped"}, Lane.START),
        (False, "Stopped", {}, Lane.REGISTER),
        (False, "Running", {}, Lane.REGISTER),
        (False, "Running", {"deploymentId": "d", "state": "Running"}, Lane.REGISTER),
        (False, "Stopped", {"deploymentId": "d", "state": "Stopped"}, Lane.REGISTER),
    ],
)
def test_what_takes_risk_away_is_most_urgent(deleting, wanted, status, lane):
    it = obj(**status)
    it["spec"]["state"] = wanted
    if deleting:
        it["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
    assert lane_of(it) is lane


ROW = Row("dep_1", name="mm", status="running", instances=(InstanceRow("main", status="running", warm=True),))


def listed(rows: list[Row], began: float, into: LastList | None = None) -> LastList:
    made = into or LastList()
    made.replace(rows, at(began), None)
    return made


def test_a_list_wakes_an_object_when_it_shows_something_else():
    it = entry(Entries())
    last = listed([ROW], 1)
    assert last.show(it)
    assert it.sight.row == ROW
    assert not listed([ROW], 2, last).show(it)
    beating = Row(
        "dep_1",
        name="mm",
        status="running",
        instances=(
            InstanceRow("main", status="running", warm=True, last_heartbeat=7.0, orders=OrderCounts(open=3)),
        ),
    )
    assert not listed([beating], 3, last).show(it)
    assert listed([Row("dep_1", name="mm", status="stopped")], 4, last).show(it)
    assert not listed([], 5, last).show(it)  # an empty list after a full one needs confirming
    assert listed([], 6, last).show(it)
    assert it.sight.presence is Presence.ABSENT


def test_what_we_wrote_ourselves_counts_as_seen():
    it = entry(Entries())
    stopped, running = Row("dep_1", name="mm", status="stopped"), Row("dep_1", name="mm", status="running")
    last = listed([stopped], 1)
    last.show(it)
    it.see(it.sight.wrote(at(2), row=running, after="Start"))
    assert not listed([running], 3, last).show(it)
    assert listed([stopped], 4, last).show(it)


def test_an_object_that_waits_is_woken_by_every_list():
    it = entry(Entries())
    last = listed([ROW], 1)
    last.show(it)
    it.waiting = True
    last.confirm(at(2))
    assert last.show(it)


def test_a_list_from_before_our_write_says_nothing_even_to_a_new_object():
    last = listed([ROW], 1)
    last.touched["mm"] = at(2)
    new = entry(Entries(), uid="fresh")
    assert not last.show(new)
    assert new.sight.presence is Presence.UNKNOWN
    listed([], 3, last)
    assert last.touched == {}


def test_a_row_is_found_by_recorded_id_under_another_name():
    it = entry(Entries(), deploymentId="dep_1")
    renamed = Row("dep_1", name="other", status="running")
    listed([renamed, Row("dep_2", name="third")], 1).show(it)
    assert it.sight.row == renamed


def test_another_account_makes_the_last_list_worthless():
    last = listed([ROW], 1)
    last.forget()
    it = entry(Entries())
    assert not last.show(it)
    assert last.etag is None


def test_the_digest_sees_what_a_plan_can_depend_on():
    assert essence(None) == 0
    assert essence(ROW) == essence(
        Row("dep_1", name="mm", status="running", instances=ROW.instances, raw={"x": 1})
    )
    for change in (
        {"revision": 2},
        {"wasm_sha256": "a"},
        {"risk": {"max_order_rate": 1}},
        {"pause_reason": "x"},
    ):
        assert essence(
            Row("dep_1", name="mm", status="running", instances=ROW.instances, **change)
        ) != essence(ROW)
