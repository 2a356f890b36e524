"""How often what is heard leads to a list, and what is forgotten when."""

from __future__ import annotations

from datetime import UTC, datetime

from sequence_operator.controller.pace import Ear, Pace
from sequence_operator.platform.rows import Row
from sequence_operator.reconcile.sight import Sight

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STOPPED, STARTED = {"kind": "stopped"}, {"kind": "started"}


def sight(status: str) -> Sight:
    return Sight(written_at=NOW, row=Row("dep_1", name="mm", status=status))


class World:
    """What the ear asks: one deployment of ours, seen running, idle."""

    def __init__(self) -> None:
        self.sights: dict[str, Sight] = {"dep_1": sight("running")}
        self.busy: set[str] = set()
        self.ear = Ear(self.sights.get, self.busy.__contains__)


def lists(
    pace: Pace, until: float, *, useful: bool, rps: float = 100.0, took: float = 0.0, longest: float = 10.0
) -> int:
    """How many lists are made until then when there is always a reason for one."""
    now, count = 0.0, 0
    while (now := now + pace.wait(now, rps)) < until:
        pace.made(now, took=took, useful=useful, longest=longest)
        count += 1
    return count


def test_the_first_list_is_made_at_once():
    assert Pace().wait(100.0, rps=5.0) == 0.0


def test_lists_that_show_something_follow_each_other_a_few_times_a_second():
    assert lists(Pace(), 10.0, useful=True) == 40


def test_a_small_budget_is_left_to_what_the_lists_lead_to():
    assert lists(Pace(), 10.0, useful=True, rps=5.0) <= 25


def test_long_lists_leave_time_for_what_they_lead_to():
    assert lists(Pace(), 10.0, useful=True, took=1.0) <= 11


def test_a_list_that_hung_is_not_waited_for_longer_than_a_poll():
    assert lists(Pace(), 100.0, useful=True, took=60.0, longest=10.0) >= 9


def test_lists_that_show_nothing_become_as_rare_as_polls():
    assert lists(Pace(), 600.0, useful=False, longest=10.0) <= 60 + 6


def test_one_list_that_shows_something_makes_up_for_all_that_did_not():
    pace = Pace()
    lists(pace, 100.0, useful=False)
    pace.made(100.0, took=0.1, useful=True, longest=10.0)
    assert 0.25 <= pace.wait(100.0, rps=100.0) <= 0.3


def test_what_is_known_leads_to_nothing():
    world = World()
    assert not world.ear.hear("dep_1", STARTED, 1.0)
    assert not world.ear.hear("dep_9", STOPPED, 1.0)
    assert not world.ear.wants()


def test_news_are_wanted_until_they_are_seen():
    world = World()
    assert world.ear.hear("dep_1", STOPPED, 1.0)
    assert world.ear.wants()
    world.sights["dep_1"] = sight("stopped")
    assert not world.ear.wants()


def test_what_is_heard_during_a_pass_is_judged_after_it():
    world = World()
    world.busy.add("dep_1")
    assert world.ear.hear("dep_1", STOPPED, 1.0)
    assert not world.ear.wants()
    assert world.ear.waits
    world.busy.clear()
    assert world.ear.wants()
    assert not world.ear.waits


def test_our_own_write_is_known_when_its_pass_is_over():
    world = World()
    world.busy.add("dep_1")
    world.ear.hear("dep_1", STOPPED, 1.0)
    world.sights["dep_1"] = sight("stopped")  # the answer to it
    world.busy.clear()
    assert not world.ear.wants()
    assert not world.ear.waits


def test_an_event_that_no_list_confirms_was_wrong():
    world = World()
    world.ear.hear("dep_1", STOPPED, 1.0)
    for began_at in (0.5, 2.0, 3.0, 4.0, 5.0):  # the first began before it
        world.ear.listed(began_at)
        assert world.ear.wants()
    world.ear.listed(6.0)
    assert not world.ear.wants()


def test_a_gap_is_over_with_a_list_begun_after_it():
    world = World()
    world.ear.missed(1.0)
    world.ear.listed(0.5)
    assert world.ear.wants()
    world.ear.listed(1.5)
    assert not world.ear.wants()


def test_what_is_gone_is_wanted_no_more():
    world = World()
    world.ear.hear("dep_1", STOPPED, 1.0)
    del world.sights["dep_1"]
    assert not world.ear.wants()


def test_any_number_of_events_takes_little_room():
    world = World()
    for number in range(10_000):
        world.ear.hear("dep_1", {"kind": "updated", "revision": number}, 1.0)
    assert len(world.ear._heard["dep_1"]) <= 8
    assert world.ear.wants()
