"""What left the repository, what was renamed and what moved to another source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.sources.desk import A, B, C, Desk, done, said
from reconcile.sources.repository import (
    NOW,
    commit_of,
    file,
    sibling,
    snapshot,
    source,
)
from sequence_operator.reconcile.sources import (
    Release,
)
from sequence_operator.spec.names import (
    APPROVE_COMMIT,
    SOURCE_LABEL,
)


def test_what_left_is_undeployed_and_only_that():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(two := snapshot("two", A))
    assert done(plan) == ["Prune b"]
    assert [e.name for e in plan.inventory] == ["a.sandbox"]
    assert done(desk.carry_out(two)) == []
    assert desk.condition("Reconciling")[:2] == ("True", "Waiting")
    desk.cluster.finish()
    assert done(desk.carry_out(two)) == []
    assert desk.condition("Ready")[:2] == ("True", "Applied")


def test_a_copy_with_the_label_of_a_source_is_not_the_source_s():
    desk = Desk(snapshot("one", A, B))
    copy = {
        **desk.cluster.objects["b.sandbox"],
        "metadata": {"name": "copy.sandbox", "labels": {SOURCE_LABEL: "desk"}},
    }
    desk.cluster.applied_by("kubectl", copy)
    assert done(desk.plan(snapshot("two", A))) == ["Prune b"]


@pytest.mark.parametrize(
    ("policy", "spec", "words"),
    [
        ({}, {"prune": False}, "spec.prune is false"),
        ({"suspend": True}, {}, "is suspended"),
    ],
)
def test_what_is_told_to_stay_stays_and_the_source_is_ready(policy, spec, words):
    desk = Desk(snapshot("one", A, B), **spec)
    desk.cluster.policy("b.sandbox", **policy)
    plan = desk.carry_out(snapshot("two", A))
    assert done(plan) == []
    assert words in plan.waits[0].message
    assert desk.condition("Ready")[:2] == ("True", "Applied")
    assert words in desk.condition("Ready")[2]


def test_an_orphan_is_deleted_as_an_orphan_also_when_suspended():
    desk = Desk(snapshot("one", A, B))
    desk.cluster.policy("b.sandbox", suspend=True, deletionPolicy="Orphan")
    assert done(desk.carry_out(snapshot("two", A))) == ["Prune b"]


@pytest.mark.parametrize("seen", [snapshot("two"), snapshot("two", C, file("d"))], ids=["empty", "unrelated"])
def test_a_repository_that_nobody_recognizes_undeploys_nothing_until_it_is_approved(seen):
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(seen)
    assert done(plan) == []
    status, reason, message = desk.condition("Stalled")
    assert (status, reason) == ("True", "Unrecognized")
    assert (
        f"kubectl -n trading annotate algosrc desk {APPROVE_COMMIT}={commit_of('two')} --overwrite" in message
    )
    assert {change.held for change in plan.changes} == {message}
    desk.approve("two")
    assert done(desk.carry_out(seen))[:2] == ["Prune a", "Prune b"]


def test_all_algos_may_move_to_another_source_at_once():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two"), sibling("other", "a.sandbox", "b.sandbox"))
    assert done(plan) == ["Release a", "Release b"]
    assert desk.condition("Ready")[0] == "True"


def test_what_others_wrote_is_left_alone():
    desk = Desk()
    (apply,) = desk.plan(snapshot("one", A)).actions
    obj = {**apply.obj, "metadata": {"name": "a.sandbox", "namespace": "trading"}}
    desk.cluster.applied_by("kustomize-controller", obj)
    plan = desk.plan(snapshot("one", A))
    assert done(plan) == []
    assert "a.sandbox exists and was written by kustomize-controller" in said(plan)[0]


def test_an_approval_is_for_one_commit():
    desk = Desk(snapshot("one", A, B))
    desk.approve("two")
    assert done(desk.plan(snapshot("three"))) == []


def test_nothing_is_undeployed_on_a_partial_look():
    desk = Desk(snapshot("one", A, B))
    assert done(desk.plan(snapshot("two", A, complete=False))) == []


@pytest.mark.parametrize(
    ("other", "goes"),
    [
        (sibling(looked=None), False),
        (sibling(looked=NOW.replace(hour=13)), False),
        (sibling(looked=None, ready=False), True),
        (sibling(), True),
    ],
)
def test_the_other_sources_are_asked_first(other, goes):
    desk = Desk(snapshot("one", A, B))
    assert done(desk.plan(snapshot("two", A), other)) == (["Prune b"] if goes else [])


def test_a_move_to_another_source_in_either_order():
    desk = Desk(snapshot("one", A, B))
    plan = desk.plan(snapshot("two", A), sibling("other", "b.sandbox"))
    assert done(plan) == ["Release b"]
    assert isinstance(plan.actions[0], Release)
    assert plan.actions[0].to == "other"


def test_a_source_waits_for_another_to_hand_over():
    desk = Desk(snapshot("one", A))
    desk.source = source("other")
    seen = snapshot("two", A)
    both = desk.plan(seen, sibling("desk", "a.sandbox"))
    assert "a.sandbox belongs to AlgoSource desk, which declares it, too" in said(both)[0]
    waiting = desk.plan(seen, sibling("desk"))
    assert (done(waiting), said(waiting)) == ([], [])
    assert "AlgoSource desk hands it over" in waiting.waits[0].message
    stuck = desk.plan(seen, sibling("desk", ready=False))
    assert f"kubectl -n trading label algo a.sandbox {SOURCE_LABEL}=other --overwrite" in said(stuck)[0]
    assert done(desk.plan(seen)) == ["Apply a"]  # of a source that is no more


def test_a_renamed_algo_starts_when_the_former_is_gone():
    desk = Desk(snapshot("one", A, B))
    two = snapshot("two", file("new", "a"), B)
    plan = desk.carry_out(two)
    assert done(plan) == ["Prune a"]
    assert "a, its former name, is undeployed first" in plan.waits[0].message
    assert done(desk.carry_out(two)) == []
    desk.cluster.finish()
    assert done(desk.carry_out(two)) == ["Apply new"]
    assert desk.condition("Ready")[0] == "True"


def test_a_former_name_that_another_source_takes_hinders_nobody():
    desk = Desk(snapshot("one", A, B))
    plan = desk.plan(snapshot("two", file("new", "a"), B), sibling("other", "a.sandbox"))
    assert done(plan) == ["Release a", "Apply new"]


def test_a_renamed_algo_waits_for_everything_that_its_former_waits_for():
    desk = Desk(snapshot("one", A, B))
    assert done(desk.plan(snapshot("two", file("new", "a"), B), sibling(looked=None))) == []


@pytest.mark.parametrize(
    ("policy", "spec"),
    [({"suspend": True}, {}), ({"deletionPolicy": "Orphan"}, {}), ({}, {"prune": False})],
)
def test_a_former_name_that_must_stay_keeps_the_new_one_from_trading(policy, spec):
    desk = Desk(snapshot("one", A, B), **spec)
    desk.cluster.policy("a.sandbox", **policy)
    plan = desk.carry_out(snapshot("two", file("new", "a"), B))
    assert done(plan) == []
    assert said(plan)[0].startswith(
        "a/Sequence.toml:2:1: the deployment was a before, and both must not trade at once"
    )


def test_two_files_may_swap_their_names():
    desk = Desk(snapshot("one", A, B))
    swapped = [replace(file("b", "a"), tree=A.tree), replace(file("a", "b"), tree=B.tree)]
    assert done(desk.carry_out(snapshot("two", *swapped))) == ["Apply a", "Apply b"]


def test_a_name_that_changes_hands_waits_until_its_new_file_is_free():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(two := snapshot("two", file("b", "a")))  # a became b, and the former b is gone
    assert done(plan) == ["Prune a"]
    desk.cluster.finish()
    assert done(desk.carry_out(two)) == ["Apply b"]
