"""What the platform tells on its stream is looked at within a moment; what it does not tell costs nothing.

The accounts poll so rarely that within a test only the stream can explain what happens soon.
"""

from __future__ import annotations

import pytest

from support.processes import wait_until

from .conftest import sharing
from .test_life import writes

RARELY = "300s"


@pytest.fixture
def heard(running, stub):
    """A desk whose platform has a stream, and whose account is hardly ever polled."""
    stub.lines.there = True
    yield from sharing(running, stub, pollInterval=RARELY)


def connected(desk) -> float:
    return desk.operator.metric("sequence_operator_stream_connected", account=desk.main)


def events(desk, event: str) -> float:
    return desk.operator.metric("sequence_operator_stream_events_total", event=event)


def run(desk, deployment: str) -> str:
    """A running deployment whose events are heard."""
    name = desk.algo(deployment, state="Running")
    desk.wait(name, "Running")
    channel = f"deployment:{desk.stub.one(deployment)['deployment_id']}"
    wait_until(lambda: channel in desk.stub.lines.channels, f"{channel} subscribed")
    return name


def test_a_stop_on_the_platform_is_undone_without_a_poll(heard):
    name = run(heard, "my-mm")
    assert connected(heard) == 1
    heard.stub.behind("my-mm", "stopped")
    wait_until(lambda: heard.stub.status("my-mm") == "running", "started again")
    wait_until(lambda: "DriftCorrected" in heard.history(name), "written down")


def test_a_change_of_limits_on_the_platform_is_undone_without_a_poll(heard):
    run(heard, "my-mm")
    row = heard.stub.one("my-mm")
    row["risk"] = {**row["risk"], "max_order_rate": 500}
    row["revision"] += 1
    heard.stub.lines.say(
        {"deployment_id": row["deployment_id"], "kind": "updated", "revision": row["revision"]}
    )
    wait_until(lambda: heard.stub.one("my-mm")["risk"]["max_order_rate"] == 10, "limit restored")


def test_a_deletion_on_the_platform_is_undone_without_a_poll(heard):
    run(heard, "my-mm")
    gone = heard.stub.one("my-mm")["deployment_id"]
    del heard.stub.rows[gone]
    heard.stub.lines.say({"deployment_id": gone, "kind": "deleted"})
    wait_until(lambda: heard.stub.status("my-mm") == "running", "registered and started again")
    assert heard.stub.one("my-mm")["deployment_id"] != gone
    wait_until(lambda: f"deployment:{gone}" not in heard.stub.lines.channels, "the old one is heard no more")


def test_a_deletion_of_ours_that_the_platform_does_not_tell_does_not_wait_for_rare_polls(heard):
    name = run(heard, "my-mm")
    with heard.stub.lines.silenced():
        heard.delete(name)
    assert heard.stub.by_name("my-mm") == []


def test_a_pause_on_the_platform_is_reported_without_a_poll(heard):
    name = run(heard, "my-mm")
    row = heard.stub.one("my-mm")
    row["pause"] = {"id": "p-1", "reason": "DAILY_LOSS_LIMIT", "at_ns": 1}
    heard.stub.behind("my-mm", "paused")
    wait_until(lambda: heard.status(name).get("pause"), "pause reported")


def test_an_event_of_unknown_shape_is_a_reason_to_look(heard):
    run(heard, "my-mm")
    row = heard.stub.one("my-mm")
    row["status"] = "stopped"
    heard.stub.lines.send({"channel": f"deployment:{row['deployment_id']}", "data": "something"})
    wait_until(lambda: heard.stub.status("my-mm") == "running", "started again")


def test_our_own_writes_cost_no_list(heard, controlplane):
    name = run(heard, "my-mm")
    lists, wrote = heard.stub.count("list"), len(writes(controlplane, heard.namespace))
    heard.patch(name, state="Stopped")
    heard.wait(name, "Stopped")
    heard.patch(name, risk={"maxPosition1e8": 50_000_000, "maxOrderRate": 10})
    wait_until(lambda: heard.stub.one("my-mm")["risk"]["max_position_1e8"] == 50_000_000, "limit lowered")
    heard.wait(name, "Stopped")
    known, news = events(heard, "known"), events(heard, "news")
    heard.patch(name, state="Running")
    heard.wait(name, "Running")
    wait_until(
        lambda: events(heard, "known") > known or events(heard, "news") > news,
        "the events of our start were heard",
    )
    assert heard.stub.count("list") == lists
    assert len(writes(controlplane, heard.namespace)) - wrote <= 3
    heard.delete(name)
    steps = {step: heard.stub.count(step) for step in ("create", "start", "stop", "patch", "delete")}
    assert steps == {"create": 1, "start": 2, "stop": 1, "patch": 1, "delete": 1}
    # That it is gone takes two; one may be too early, and an empty one after one with rows needs confirming.
    assert lists + 2 <= heard.stub.count("list") <= lists + 4


def test_a_platform_that_cries_wolf_is_listed_no_more_than_a_polled_one(heard):
    run(heard, "my-mm")
    lists, deployment_id = heard.stub.count("list"), heard.stub.one("my-mm")["deployment_id"]
    wrong = {"deployment_id": deployment_id, "kind": "instance", "label": "main", "status": "stopped"}
    news = events(heard, "news")

    def cried() -> bool:
        heard.stub.lines.say(wrong)
        return events(heard, "news") >= news + 40

    wait_until(cried, "40 false alarms")
    assert heard.stub.count("list") - lists <= 6  # the waits double: 0, ¼, ½, 1, 2, 4 s
    assert heard.stub.count("start") == 1


def test_a_cut_line_is_taken_up_again_and_what_was_missed_is_seen(heard):
    run(heard, "my-mm")
    heard.stub.lines.there = False
    heard.stub.lines.cut()
    wait_until(lambda: connected(heard) == 0, "line lost")
    heard.stub.behind("my-mm", "stopped")
    assert heard.stub.status("my-mm") == "stopped"
    heard.stub.lines.there = True
    # Without the path the platform is asked again rarely; another key is another line.
    heard.stub.account(other := "seq_test_" + "1" * 64)
    heard.secret(other)
    heard.account(pollInterval="299s")  # the edit has it look at the key
    wait_until(lambda: heard.stub.status("my-mm") == "running", "started again")


def test_a_broken_line_comes_back_by_itself_and_what_was_missed_is_seen(heard):
    run(heard, "my-mm")
    with heard.stub.lines.silenced():
        heard.stub.behind("my-mm", "stopped")
    heard.stub.lines.cut()
    wait_until(lambda: heard.stub.status("my-mm") == "running", "started again")
    assert heard.stub.lines.opened == 2


@pytest.fixture
def unavailable(running) -> float:
    """How often a platform had no stream, before there is the account of this test."""
    _, operator = running
    return operator.metric("sequence_operator_stream_events_total", event="unavailable")


def test_without_a_stream_polling_goes_on(unavailable, shared):
    desk = shared
    name = desk.algo("my-mm", state="Running")
    desk.wait(name, "Running")
    desk.stub.behind("my-mm", "stopped")
    wait_until(lambda: desk.stub.status("my-mm") == "running", "started again")
    assert connected(desk) == 0
    assert events(desk, "unavailable") == unavailable + 1


def test_a_line_that_is_cut_again_and_again_costs_no_more_lists_than_polling(heard):
    run(heard, "my-mm")
    lists = heard.stub.count("list")
    for number in range(5):
        wait_until(lambda n=number: heard.stub.lines.opened > n and heard.stub.lines.channels, "line")
        heard.stub.lines.cut()
    wait_until(lambda: heard.stub.lines.opened == 6, "the sixth line")
    assert heard.stub.count("list") - lists <= 5
