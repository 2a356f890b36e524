"""The status of a source: what is written, and when nothing is."""

from __future__ import annotations

from datetime import timedelta

from reconcile.sources.desk import A, B, Desk
from reconcile.sources.repository import NOW, commit_of, file, snapshot
from sequence_operator.reconcile.sources import not_read, status_after
from sequence_operator.spec.names import RECONCILE_REQUESTED_AT
from sequence_operator.spec.resources import SourceArtifact

LATER = NOW + timedelta(hours=1)
PUBLISHED = SourceArtifact(digest="d" * 64, url="http://trees/trading/d.tar.gz")


def test_a_look_that_finds_nothing_new_writes_nothing():
    desk = Desk(seen := snapshot("one", A, B))
    plan = desk.plan(seen)
    assert status_after(desk.source, seen, plan, {}, None, LATER) == desk.source.status


def test_a_transition_has_the_time_at_which_it_happened():
    desk = Desk(snapshot("one", A, B))
    seen = snapshot("two", A, file("a", "copy"), B)
    status = status_after(desk.source, seen, desk.plan(seen), {}, PUBLISHED, LATER)
    when = {condition.type: condition.last_transition_time for condition in status.conditions}
    assert when == {"Ready": LATER, "Reconciling": NOW, "Stalled": LATER}
    assert (status.observed_commit, status.artifact) == (commit_of("two"), PUBLISHED)


def test_a_repository_that_is_away_changes_the_conditions_and_nothing_else():
    desk = Desk(snapshot("one", A, B))
    desk.source.metadata.annotations[RECONCILE_REQUESTED_AT] = "now"
    desk.source.metadata.generation = 2
    before = desk.source.status
    for stalled in (False, True):
        after = not_read(desk.source, "FetchFailed", "connection refused", LATER, stalled=stalled)
        same = after.model_copy(
            update={"conditions": [], "last_handled_reconcile_at": None, "observed_generation": 1}
        )
        assert same == before.model_copy(update={"conditions": []})
        assert (after.last_handled_reconcile_at, after.observed_generation) == ("now", 2)
        said = {c.type: (c.status, c.reason, c.message) for c in after.conditions}
        failed = ("FetchFailed", "connection refused")
        assert said["Ready"] == ("False", *failed)
        assert said["Stalled" if stalled else "Reconciling"] == ("True", *failed)
        assert said["Reconciling" if stalled else "Stalled"][0] == "False"
    assert desk.source.status == before


def test_only_refused_objects_are_said_not_to_be_applied():
    desk = Desk()
    seen = snapshot("one", A, B)
    status = status_after(
        desk.source, seen, desk.plan(seen), {"b.sandbox": "spec.risk: too large"}, None, NOW
    )
    assert status.summary is not None
    assert status.summary.algos == "1/2"
    assert [str(problem) for problem in status.problems] == [
        "b/Sequence.toml: b.sandbox: spec.risk: too large"
    ]
    assert [entry.name for entry in status.inventory] == ["a.sandbox"]
