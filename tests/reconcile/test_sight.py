"""Absent does not mean gone."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconcile.sim import START
from sequence_operator.platform.rows import MetadataRow, Row
from sequence_operator.reconcile.sight import Presence, Sight, doubtful_list, find_row

MINE = Row("dep_1", name="my-mm")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def listed(sight: Sight, seconds: float, *rows: Row, doubtful: bool = False) -> Sight:
    return sight.listed(
        at(seconds), rows, name="my-mm", deployment_id="dep_1", uid="uid-1", doubtful=doubtful
    )


def test_nothing_is_known_before_a_list() -> None:
    assert Sight(START).presence is Presence.UNKNOWN


def test_a_list_begun_before_the_last_write_says_nothing() -> None:
    sight = Sight(START).wrote(at(10), row=MINE)
    assert listed(sight, 9.9).presence is Presence.PRESENT
    assert listed(sight, 10).presence is Presence.ABSENT


def test_a_write_makes_everything_seen_before_worthless() -> None:
    sight = listed(listed(Sight(START), 1), 2)
    assert sight.absent_lists == 2
    assert sight.wrote(at(3)).presence is Presence.UNKNOWN
    assert sight.wrote(at(3)).absent_lists == 0


def test_a_refused_write_leaves_what_was_seen() -> None:
    sight = listed(Sight(START), 1, MINE)
    assert sight.refused() == sight
    assert sight.refused(at(1)).row is MINE
    assert sight.refused(at(1)).refused_at == at(1)


def test_gone_is_two_lists_and_a_404() -> None:
    sight = listed(listed(Sight(START), 1, MINE), 2)
    assert not sight.not_found(at(2.5), "dep_1").gone("dep_1")
    sight = listed(sight, 3)
    assert not sight.gone("dep_1")
    assert sight.not_found(at(4), "dep_1").gone("dep_1")
    assert not sight.not_found(at(4), "dep_2").gone("dep_1")
    assert not sight.not_found(at(4), "").gone("")


def test_being_seen_again_takes_the_proof_back() -> None:
    sight = listed(listed(Sight(START), 1), 2).not_found(at(3), "dep_1")
    assert sight.gone("dep_1")
    assert not listed(sight, 4, MINE).gone("dep_1")
    assert not sight.got(at(4), MINE).gone("dep_1")


def test_an_answer_older_than_the_last_write_proves_nothing() -> None:
    sight = Sight(START).wrote(at(10))
    assert sight.not_found(at(9), "dep_1").not_found_id == ""
    assert sight.got(at(9), MINE).row is None


def test_the_name_in_other_hands_does_not_hide_that_ours_is_gone() -> None:
    other = Row("dep_9", name="my-mm")
    sight = listed(listed(Sight(START), 1, other), 2, other).not_found(at(3), "dep_1")
    assert sight.presence is Presence.PRESENT
    assert sight.gone("dep_1")


def test_an_empty_list_after_a_full_one_needs_confirming() -> None:
    assert doubtful_list(3, 0)
    assert not doubtful_list(0, 0)
    assert not doubtful_list(None, 0)
    assert not doubtful_list(3, 1)
    seen = listed(Sight(START), 1, MINE)
    assert listed(seen, 2, doubtful=True) == seen
    assert listed(seen, 2).presence is Presence.ABSENT


def test_a_404_for_the_row_in_sight_takes_it_out_of_sight() -> None:
    assert listed(Sight(START), 1, MINE).not_found(at(2), "dep_1").presence is Presence.UNKNOWN


def test_a_row_is_found_by_id_then_by_uid_then_by_name() -> None:
    by_name = Row("dep_3", name="my-mm")
    by_uid = Row("dep_2", name="my-mm", metadata=MetadataRow(uid="uid-1"))
    renamed = Row("dep_1", name="renamed")
    rows = [by_name, by_uid, renamed]
    assert find_row(rows, name="my-mm", deployment_id="dep_1", uid="uid-1") is renamed
    assert find_row(rows, name="my-mm", deployment_id=None, uid="uid-1") is by_uid
    assert find_row([by_name], name="my-mm", deployment_id="dep_7", uid="uid-1") is by_name
    assert find_row(rows, name="other", deployment_id=None, uid="uid-1") is None


def test_what_became_ours_stays_ours_over_later_writes() -> None:
    sight = Sight(START).wrote(at(1), row=MINE, ours_id="dep_1").wrote(at(2))
    assert sight.ours_id == "dep_1"
