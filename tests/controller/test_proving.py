"""When an account is listed because something leaves it."""

from __future__ import annotations

import asyncio

from sequence_operator.controller.proving import SECONDS, Proving


class Clock:
    """The part of an event loop that a timer needs, moved by hand."""

    def __init__(self, monkeypatch) -> None:
        self.now, self.due = 0.0, []
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self)

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, what) -> object:
        self.due.append((self.now + seconds, what))
        return object()

    def until(self, end: float) -> None:
        while self.due and min(self.due)[0] <= end:
            at, what = self.due.pop(self.due.index(min(self.due, key=lambda one: one[0])))
            self.now = at
            what()
        self.now = end


def test_lists_go_on_while_something_leaves_and_end_with_it(monkeypatch):
    clock, leaving, lists = Clock(monkeypatch), {"a"}, []
    proving = Proving(lambda: leaving, lambda: lists.append(clock.now))
    proving.begin()
    clock.until(35)
    assert lists == [SECONDS, 2 * SECONDS, 3 * SECONDS]
    leaving.clear()
    clock.until(100)
    assert len(lists) == 3
    assert clock.due == []


def test_what_left_long_ago_is_no_reason_to_list_for_what_only_just_began_to(monkeypatch):
    clock, leaving, lists = Clock(monkeypatch), {"a"}, []
    proving = Proving(lambda: leaving, lambda: lists.append(clock.now))
    proving.begin()
    clock.until(9.9)
    leaving ^= {"a", "b"}
    proving.begin()
    clock.until(19)
    assert lists == []
    clock.until(25)
    assert lists == [19.9]


def test_an_account_that_nothing_leaves_has_no_timer(monkeypatch):
    clock = Clock(monkeypatch)
    Proving(list, lambda: None).begin()
    assert clock.due == []
