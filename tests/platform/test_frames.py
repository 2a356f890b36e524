"""Frames of the stream as values: what is understood, what is passed over, what goes when there is no room."""

from __future__ import annotations

import json

import pytest

from sequence_operator.platform.frames import (
    Backoff,
    Buffer,
    Connected,
    Dropped,
    Message,
    Rejected,
    Subscribed,
    events_of,
    requests,
)


@pytest.mark.parametrize(
    ("frame", "events"),
    [
        ({"channel": "fills", "data": {"n": 1}}, (Message("fills", {"n": 1}),)),
        ({"channel": "fills"}, (Message("fills", None),)),
        ({"subscribed": ["a"], "rejected": []}, (Subscribed(("a",)),)),
        (
            {"subscribed": ["a"], "rejected": ["b"], "reasons": {"b": "no", "c": 1}},
            (Subscribed(("a",)), Rejected(("b",), {"b": "no"})),
        ),
        (
            {"dropped": 5, "by_channel": {"book:X": 5, "odd": "x"}},
            (Dropped(5, {"book:X": 5}),),
        ),
        ({"error": {"code": "BAD", "message": "?"}}, ()),
        ({"unsubscribed": ["a"]}, ()),
        ({"subscribed": "a", "dropped": True, "rejected": {"x": 1}}, ()),
        ([1, 2], ()),
        ("text", ()),
    ],
)
def test_a_frame_becomes_events(frame, events):
    assert events_of(json.dumps(frame)) == events


@pytest.mark.parametrize("text", ["", "{", b"\xff\xfe", "[" * 100_000])
def test_what_is_no_json_says_nothing(text):
    assert events_of(text) == ()


def test_requests_are_split():
    names = [f"c{n}" for n in range(101)]
    frames = [json.loads(frame) for frame in requests("subscribe", names)]
    assert [len(frame["subscribe"]) for frame in frames] == [100, 1]
    assert list(requests("subscribe", [])) == []


def test_the_oldest_telemetry_makes_room_and_is_counted():
    buffer = Buffer(3, frozenset({"fills"}))
    for event in (Message("fills", 1), Message("book", 1), Message("book", 2), Message("book", 3)):
        assert buffer.put(event)
    assert buffer.take() == Dropped(1, {"book": 1})
    assert [buffer.take() for _ in range(4)] == [
        Message("fills", 1),
        Message("book", 2),
        Message("book", 3),
        None,
    ]


def test_when_nothing_may_go_the_newest_has_to_wait():
    buffer = Buffer(2, frozenset({"fills"}))
    assert buffer.put(Connected()) and buffer.put(Message("fills", 1))
    assert not buffer.put(Message("fills", 2))
    assert buffer.take() == Connected()
    assert buffer.put(Message("fills", 2))


def test_losses_add_up_over_connections():
    buffer = Buffer(1, frozenset())
    buffer.put(Dropped(2, {"a": 2}))
    buffer.put(Dropped(5, {"a": 3}))  # the counter of one connection only grows
    assert buffer.take() == Dropped(5, {"a": 3})
    buffer.put(Connected())
    assert buffer.take() == Connected()
    buffer.put(Dropped(1, {"b": 1}))
    assert buffer.take() == Dropped(6, {"a": 3, "b": 1})
    assert buffer.take() is None


def test_the_first_retry_is_at_once_and_none_is_later_than_the_cap():
    backoff = Backoff(8.0, jitter=lambda: 1.0)
    assert [backoff.failed() for _ in range(8)] == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    backoff.succeeded()
    assert backoff.failed() == 0.0


def test_clients_that_failed_together_do_not_come_back_together():
    waits = set()
    for _ in range(20):
        backoff = Backoff()
        backoff.failed()
        waits.add(backoff.failed())
    assert len(waits) > 1
    assert all(0.0 < wait <= 0.25 for wait in waits)
