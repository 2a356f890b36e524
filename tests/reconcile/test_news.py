"""Which events of the platform are a reason to look, against what its last answers showed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sequence_operator.platform.rows import InstanceRow, Row
from sequence_operator.reconcile.news import is_news
from sequence_operator.reconcile.sight import Sight

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW = Row(
    "dep_1",
    name="mm",
    status="running",
    revision=3,
    instances=(InstanceRow("main", status="running", warm=True), InstanceRow("hedge", status="running")),
)
SEEN = Sight(written_at=NOW, row=ROW)


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "started", "revision": 3},
        {"kind": "started"},
        {"kind": "updated", "revision": 3},
        {"kind": "updated", "revision": 2},  # overtaken by what was seen since
        {"kind": "instance", "revision": 2, "label": "main", "status": "running", "warm": True},
        {"kind": "instance", "label": "main", "status": "RUNNING"},
        {"label": "main", "status": "running", "error": None, "pause_reason": None},
    ],
)
def test_what_is_known_is_no_news(event):
    assert not is_news(event, SEEN, "dep_1")


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "stopped"},
        {"kind": "stopped", "revision": 3},
        {"kind": "updated", "revision": 4},
        {"kind": "updated"},
        {"kind": "deleted"},
        {"kind": "paused", "revision": 3},
        {"kind": "instance", "label": "main", "status": "paused"},
        {
            "kind": "paused",
            "revision": 2,
            "label": "main",
            "status": "paused",
        },  # an edge may be behind with updates
        {"kind": "instance", "label": "main", "status": "running", "warm": False},
        {"kind": "instance", "label": "main", "status": "running", "error": "trap"},
        {"kind": "instance", "label": "unheard-of", "status": "running"},
        {"something": "else"},
        "text",
        None,
        [],
    ],
)
def test_what_differs_or_cannot_be_compared_is_news(event):
    assert is_news(event, SEEN, "dep_1")


def test_a_row_that_says_less_is_compared_by_what_it_says():
    bare = Sight(written_at=NOW, row=Row("dep_1", status="running"))
    assert not is_news({"kind": "started", "revision": 9}, bare, "dep_1")
    assert is_news({"kind": "updated", "revision": 9}, bare, "dep_1")
    assert is_news({"kind": "instance", "label": "main", "status": "running"}, bare, "dep_1")


def test_that_something_is_gone_takes_two_lists():
    gone = Sight(written_at=NOW, absent_lists=1, lists_without_id=1)
    assert is_news({"kind": "deleted"}, gone, "dep_1")
    assert not is_news({"kind": "deleted"}, replace(gone, absent_lists=2, lists_without_id=2), "dep_1")
    assert not is_news({"kind": "instance", "label": "main", "status": "stopped"}, gone, "dep_1")


def test_our_own_unregistering_needs_its_lists_and_nothing_more():
    ours = SEEN.wrote(NOW, deleted_id="dep_1", after="Unregister")
    assert is_news({"kind": "deleted"}, ours, "dep_1")
    assert not is_news({"kind": "stopped"}, ours, "dep_1")


def test_what_was_registered_anew_has_another_id():
    anew = Sight(written_at=NOW, row=replace(ROW, deployment_id="dep_2"))
    for event in ({"kind": "deleted"}, {"kind": "stopped"}, "text"):
        assert not is_news(event, anew, "dep_1")


def test_after_a_write_without_an_answer_every_event_is_news():
    unknown = SEEN.wrote(NOW, after="Start")
    assert is_news({"kind": "started"}, unknown, "dep_1")
