"""What is written for a commit, case by case, on a cluster in memory."""

from __future__ import annotations

from reconcile.sources.desk import A, B, Desk, done, said
from reconcile.sources.repository import (
    after,
    commit_of,
    file,
    snapshot,
    source,
    text,
    tree_of,
)
from sequence_operator.reconcile.sources import (
    Apply,
    SourceFile,
)
from sequence_operator.spec.names import (
    ADOPT_FROM,
    AUTHOR,
    CLUSTER_GONE,
    SOURCE_LABEL,
    TREE,
)


def test_a_new_algo_is_rendered_with_where_it_is_from():
    plan = Desk().plan(snapshot("one", file("a", state="running", rate=5)))
    (apply,) = plan.actions
    assert isinstance(apply, Apply)
    assert apply.obj["metadata"] == {
        "name": "a.sandbox",
        "namespace": "trading",
        "labels": {SOURCE_LABEL: "desk"},
        "annotations": {
            TREE: tree_of("a 1"),
            AUTHOR: "Ada <ada@example.com>",
            "sequencemkts.com/state-at": "a/Sequence.toml:3:1",
        },
    }
    spec = apply.obj["spec"]
    url = "https://git.example.com/desk/algos.git"
    assert spec["origin"] == {"repository": url, "commit": commit_of("one"), "path": "a/Sequence.toml"}
    assert spec["artifact"] == {"build": {"url": url, "commit": commit_of("one"), "path": "a"}}
    assert spec["state"] == "Running"
    assert [(e.name, e.path) for e in plan.inventory] == [("a.sandbox", "a/Sequence.toml")]


def test_a_file_at_the_root_is_built_from_the_root():
    seen = snapshot("one", SourceFile("Sequence.toml", text("a"), tree_of("a")))
    assert Desk().plan(seen).actions[0].obj["spec"]["artifact"]["build"]["path"] == "."


def test_a_committed_module_is_taken_as_it_is():
    sha = "9" * 64
    seen = snapshot("one", SourceFile("a/Sequence.toml", text("a", build="prebuilt = true"), wasm_sha256=sha))
    obj = Desk().plan(seen).actions[0].obj
    assert obj["spec"]["artifact"]["sha256"] == sha
    assert TREE not in obj["metadata"]["annotations"]


def test_an_algo_that_a_commit_leaves_alone_keeps_its_commit():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two", A, file("b", rate=3)))
    assert done(plan) == ["Apply b"]
    spec = desk.cluster.objects["b.sandbox"]["spec"]
    assert (spec["origin"]["commit"], spec["artifact"]["build"]["commit"]) == (
        commit_of("two"),
        commit_of("one"),
    )
    assert desk.cluster.objects["a.sandbox"]["spec"]["origin"]["commit"] == commit_of("one")


def test_other_inputs_are_another_build():
    desk = Desk(snapshot("one", A))
    desk.carry_out(snapshot("two", file("a", tree="2")))
    obj = desk.cluster.objects["a.sandbox"]
    assert obj["spec"]["artifact"]["build"]["commit"] == commit_of("two")
    assert obj["metadata"]["annotations"][TREE] == tree_of("a 2")


def test_a_comment_moves_the_commit_of_the_file_and_nothing_else():
    desk = Desk(snapshot("one", A))
    plan = desk.carry_out(snapshot("two", file("a", extra="# a comment")))
    assert plan.actions[0].fields == ("spec.origin.commit",)


def test_a_lost_status_writes_nothing():
    desk = Desk(snapshot("one", A, B))
    desk.source = source()
    plan = desk.carry_out(snapshot("two", A, B))
    assert done(plan) == []
    assert desk.source.status.summary.algos == "2/2"
    assert [e.name for e in desk.source.status.inventory] == ["a.sandbox", "b.sandbox"]


def test_what_the_api_server_refused_is_written_again():
    desk = Desk(snapshot("one", A))
    plan = desk.plan(seen := snapshot("two", file("a", rate=3), B))
    failed = desk.cluster.execute(plan.actions, lambda action: action.name == "a.sandbox")
    desk.source = after(desk.source, seen, plan, failed)
    assert desk.source.status.summary.algos == "1/2"
    assert desk.condition("Ready")[:2] == ("False", "ApplyFailed")
    assert desk.condition("Reconciling")[0] == "True"
    assert done(desk.plan(seen)) == ["Apply a"]


def test_an_object_deleted_by_hand_comes_back_when_it_is_gone():
    desk = Desk(seen := snapshot("one", A))
    desk.cluster.delete("a.sandbox")
    plan = desk.carry_out(seen)
    assert done(plan) == []
    assert "being deleted" in plan.waits[0].message
    desk.cluster.finish()
    assert done(desk.carry_out(seen)) == ["Apply a"]


def test_adoption_is_asked_for_when_the_other_cluster_is_declared_gone():
    notes = {CLUSTER_GONE: "old"}
    seen = snapshot("one", A)
    obj = Desk(adopt="SameOrigin", annotations=notes).plan(seen).actions[0].obj
    assert obj["metadata"]["annotations"][ADOPT_FROM] == "old"
    for other in (Desk(annotations=notes), Desk(adopt="SameOrigin")):
        assert ADOPT_FROM not in other.plan(seen).actions[0].obj["metadata"]["annotations"]


def test_declaring_a_cluster_gone_later_moves_no_commit():
    desk = Desk(snapshot("one", A), adopt="SameOrigin")
    desk.source.metadata.annotations[CLUSTER_GONE] = "old"
    plan = desk.carry_out(snapshot("two", A))
    assert plan.actions[0].fields == (f"metadata.annotations[{ADOPT_FROM}]",)
    assert desk.cluster.objects["a.sandbox"]["spec"]["origin"]["commit"] == commit_of("one")


def test_suspended_it_looks_and_reports_and_writes_nothing():
    desk = Desk(snapshot("one", A), suspend=True)
    assert desk.cluster.objects == {}
    assert desk.condition("Ready")[:2] == ("False", "Suspended")
    (change,) = desk.plan(snapshot("one", A)).changes
    assert (change.kind, change.held) == ("Create", "spec.suspend is true")


def test_without_an_account_nothing_is_done_and_nothing_forgotten():
    desk = Desk(snapshot("one", A))
    plan = desk.plan(seen := snapshot("two", B), mode=None)
    desk.source = after(desk.source, seen, plan)
    assert done(plan) == []
    assert [e.name for e in desk.source.status.inventory] == ["a.sandbox"]
    assert desk.condition("Stalled")[:2] == ("True", "AccountMissing")


def test_another_account_is_no_edit_of_the_same_object():
    desk = Desk(snapshot("one", A))
    desk.source.spec = source(accountRef={"name": "other"}).spec
    plan = desk.plan(snapshot("one", A))
    assert done(plan) == []
    assert "a.sandbox is registered with account sandbox, and this source is for other" in said(plan)[0]
