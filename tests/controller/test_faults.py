"""Lost answers, refusals, throttling, other people's names: what happens on the platform happens once."""

from __future__ import annotations

import json

import pytest

from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, EVENTS, PLATFORM_ACCOUNTS
from support.processes import wait_until

from .conftest import KEY


def test_a_registration_whose_answer_is_lost_is_found_again(shared):
    shared.stub.fail("create", lost=True)
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    assert len(shared.stub.by_name("my-mm")) == 1
    assert shared.stub.count("create") == 1
    assert "pending" not in shared.status(name)


def test_a_plain_platform_needs_no_metadata_to_find_it_again(shared):
    shared.stub.plain = True
    shared.stub.fail("create", lost=True)
    shared.account(allowUnverified=["Risk", "Topology"])
    name = shared.algo("my-mm", state="Running")
    shared.wait(name, "Running")
    assert len(shared.stub.by_name("my-mm")) == 1
    assert shared.stub.count("create") == 1


def test_a_registration_that_failed_is_tried_again_when_it_surely_did_not_happen(shared):
    shared.stub.fail("create", status=503)
    shared.stub.fail("create", status=429, headers={"Retry-After": "1"})
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    assert len(shared.stub.by_name("my-mm")) == 1
    assert shared.stub.count("create") == 3


def test_lost_answers_to_start_and_stop_do_not_repeat_forever(shared):
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    shared.stub.fail("start", lost=True)
    shared.patch(name, state="Running")
    shared.wait(name, "Running")
    shared.stub.fail("stop", lost=True)
    shared.patch(name, state="Stopped")
    shared.wait(name, "Stopped")
    assert shared.stub.count("start") == shared.stub.count("stop") == 1


def test_a_refused_registration_waits_for_another_spec(shared):
    error = {"error": {"code": "VALIDATION_ERROR", "message": "venue kraken is closed"}}
    fault = shared.stub.fail("create", status=422, body=error, times=99)
    name = shared.algo("my-mm")
    wait_until(lambda: shared.condition(name, "Stalled").get("status") == "True", "stalled")
    assert "venue kraken is closed" in shared.condition(name, "Stalled")["message"]
    shared.ticks(3)
    assert shared.stub.count("create") == 1
    fault.times = 0
    shared.patch(name, risk={"maxOrderRate": 7})
    shared.wait(name, "Stopped")
    assert shared.stub.count("create") == 2
    assert shared.condition(name, "Stalled").get("status") != "True"


def test_a_foreign_name_is_left_alone_until_a_person_says_adopt(shared):
    theirs = shared.stub.foreign("my-mm", risk={"max_order_rate": 3})
    name = shared.algo("my-mm")
    shared.wait_condition(name, "Stalled", "NameConflict")
    shared.ticks(2)
    assert shared.stub.by_name("my-mm") == [theirs]
    assert shared.stub.count("create") == shared.stub.count("patch") == shared.stub.count("delete") == 0
    shared.patch(name, adopt=True)
    shared.wait(name, "Stopped")
    (row,) = shared.stub.by_name("my-mm")
    assert row["risk"]["max_order_rate"] == 10
    assert row["metadata"]["uid"] == shared.get(name)["metadata"]["uid"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_of_two_objects_with_one_name_the_first_has_it(shared, host):
    """Another object for the same account of the platform; spelled otherwise, only the uid of the row tells whose."""
    same = shared.account(f"{shared.main}-same", endpoint=f"http://{host}:{shared.stub.port}")
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    second = shared.algo("my-mm", name=f"second-{same}", accountRef={"name": same})
    shared.wait_condition(second, "Stalled", "NameConflict")
    assert f"{shared.namespace}/{name}" in shared.condition(second, "Stalled")["message"]
    assert len(shared.stub.by_name("my-mm")) == 1
    shared.delete(name)
    shared.wait(second, "Stopped")
    assert shared.stub.one("my-mm")["metadata"]["uid"] == shared.get(second)["metadata"]["uid"]
    assert shared.stub.count("create") == 2


# -- accounts --------------------------------------------------------------------------------------------


def test_a_key_that_is_refused_stops_everything_until_it_is_replaced(shared):
    bad = "seq_test_" + "f" * 64
    shared.wait_listed()
    shared.secret(bad)
    name = shared.algo("my-mm")
    wait_until(lambda: shared.account_ready().get("reason") == "Unauthorized", "unauthorized")
    shared.wait_condition(name, "Ready", "Unauthorized")
    refused = [call for call in shared.stub.calls if call.status == 401]
    assert len(refused) == 1
    assert shared.stub.count("create") == 0
    shared.secret(KEY)
    shared.wait(name, "Stopped")
    assert shared.account_ready()["status"] == "True"
    assert shared.api.get(PLATFORM_ACCOUNTS, shared.main)["status"]["accountId"] == "acct_1"
    seen = [shared.api.list(resource) for resource in (ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS, EVENTS)]
    said = shared.operator.child.output() + json.dumps(seen)
    assert bad not in said
    assert KEY not in said


def test_a_live_key_in_a_sandbox_account_is_never_used(shared):
    live = "seq_live_" + "a" * 64
    shared.stub.account(live, "acct_9", mode="live")
    shared.secret(live)
    wrong = shared.account(f"{shared.main}-wrong")
    name = shared.algo("my-mm", accountRef={"name": wrong})
    shared.wait_condition(name, "Stalled", "ModeMismatch")
    wait_until(lambda: shared.account_ready(wrong).get("reason") == "ModeMismatch", "the account says so too")
    assert shared.stub.keys_used.count(live) == 0


def test_another_account_behind_the_same_object_is_not_touched(shared):
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    other = "seq_test_" + "c" * 64
    shared.stub.account(other, "acct_2")
    shared.secret(other)
    wait_until(lambda: shared.account_ready().get("reason") == "AccountChanged", "changed")
    calls = len(shared.stub.calls)
    shared.patch(name, state="Running")
    shared.wait_condition(name, "Stalled", "AccountChanged")
    assert [call.operation for call in shared.stub.calls[calls:]] == []
    shared.secret(KEY)
    shared.wait(name, "Running")


def test_without_its_key_a_deployment_waits_but_can_still_be_deleted(shared):
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    shared.secret(None)
    shared.wait_condition(name, "Stalled", "AccountGone")
    shared.delete(name)
    assert shared.stub.by_name("my-mm") == []


def test_an_account_in_use_cannot_vanish(shared):
    name = shared.algo("my-mm")
    shared.wait(name, "Stopped")
    wait_until(
        lambda: shared.api.get(PLATFORM_ACCOUNTS, shared.main)["metadata"].get("finalizers"), "finalizer"
    )
    shared.api.delete(PLATFORM_ACCOUNTS, shared.main)
    shared.patch(name, state="Running")
    shared.wait(name, "Running")
    shared.delete(name)
    wait_until(lambda: shared.api.find(PLATFORM_ACCOUNTS, shared.main) is None, "account gone")


def test_a_platform_that_is_down_is_waited_for(shared):
    down = shared.account(f"{shared.main}-down", endpoint="http://127.0.0.1:1")
    name = shared.algo("my-mm", accountRef={"name": down})
    wait_until(lambda: shared.account_ready(down).get("reason") == "Unreachable", "unreachable")
    assert "127.0.0.1:1" in shared.account_ready(down)["message"]
    shared.wait_condition(name, "Ready", "Unreachable")
