"""Files that cannot be used: each is reported at its place, and nothing of it is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconcile.sources.desk import A, B, C, Desk, done, said
from reconcile.sources.repository import (
    file,
    snapshot,
    text,
    tree_of,
    unreadable,
)
from sequence_operator.reconcile.sources import (
    SourceFile,
)
from sequence_operator.spec.resources import SourceProblem

BROKEN = SourceFile("b/Sequence.toml", "[deployment]\nname = 'b'\n[risk]\nmax_ordr_rate = 3\n", tree_of("b"))


def test_a_file_with_a_problem_keeps_its_last_good_object_and_hinders_nobody():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two", file("a", rate=3), BROKEN, C))
    assert done(plan) == ["Apply a", "Apply c"]
    assert any(line.startswith("b/Sequence.toml:4:1: ") for line in said(plan))
    assert [e.name for e in plan.inventory] == ["a.sandbox", "b.sandbox", "c.sandbox"]
    assert desk.source.status.summary.algos == "2/3"
    assert desk.condition("Stalled")[:2] == ("True", "Problems")


@pytest.mark.parametrize(
    "broken",
    [
        BROKEN,
        SourceFile("b/Sequence.toml", "not = = toml", tree_of("b")),
        SourceFile("b/Sequence.toml", text("renamed") + "[oops]\n", tree_of("b")),
        replace(
            B,
            tree="",
            build_problem=SourceProblem(path="b/Cargo.toml", line=3, column=1, message="no package"),
        ),
        replace(B, tree=""),
        SourceFile("b/Sequence.toml", text("b", build="prebuilt = true")),
    ],
)
def test_nothing_is_undeployed_for_a_file_that_cannot_be_used(broken):
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two", A, broken))
    assert done(plan) == []
    assert len(plan.problems) >= 1


def test_nothing_is_undeployed_for_a_file_that_cannot_be_read():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two", A, problems=(unreadable("b/Sequence.toml"),)))
    assert done(plan) == []
    assert said(plan) == ["b/Sequence.toml: it is a symbolic link: commit the file itself"]


def test_a_file_that_moved_and_broke_at_once_is_not_undeployed():
    desk = Desk(snapshot("one", A, B))
    moved = SourceFile("new/Sequence.toml", "not = = toml", tree_of("b"))
    plan = desk.carry_out(snapshot("two", A, moved))
    assert done(plan) == []
    assert "'new/Sequence.toml', which cannot be read" in plan.waits[0].message


def test_a_file_that_moved_and_broke_but_says_its_name_keeps_it_and_no_other():
    desk = Desk(snapshot("one", A, B, C))
    plan = desk.carry_out(snapshot("two", A, replace(BROKEN, path="new/Sequence.toml")))
    assert done(plan) == ["Prune c"]


def test_two_files_of_one_name_name_each_other_and_neither_is_applied():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two", file("a", rate=3), file("a", "copy"), B))
    assert done(plan) == []
    assert said(plan) == [
        "a/Sequence.toml:2:1: this deployment name is declared at copy/Sequence.toml:2:1, too: neither is applied; "
        "give one another name",
        "copy/Sequence.toml:2:1: this deployment name is declared at a/Sequence.toml:2:1, too: neither is applied; "
        "give one another name",
    ]


def test_a_rename_to_a_name_that_is_taken_undeploys_neither():
    desk = Desk(snapshot("one", A, B))
    plan = desk.carry_out(snapshot("two", A, file("a", "b")))
    assert (done(plan), len(plan.problems)) == ([], 2)


def test_names_that_become_one_object_name_only_alike_are_two():
    plan = Desk().carry_out(snapshot("one", file("a-b"), file("a_b")))
    assert len({action.name for action in plan.actions}) == 2


@pytest.mark.parametrize(
    "path", ["a\nb/Sequence.toml", "a\x1b[31m/Sequence.toml", "x" * 1001 + "/Sequence.toml"]
)
def test_a_path_that_would_forge_lines_is_refused(path):
    plan = Desk().plan(snapshot("one", replace(A, path=path), B))
    assert done(plan) == ["Apply b"]
    assert len(plan.problems) == 1


def test_problems_in_a_status_are_bounded():
    bad = [SourceFile(f"f{i}/Sequence.toml", "x = = 1", "") for i in range(150)]
    desk = Desk(snapshot("one", *bad))
    assert len(desk.source.status.problems) == 100
    assert desk.source.status.problems[-1].message == "51 more problems are not shown"


def test_code_that_does_not_compile_is_a_problem_of_its_file_until_a_commit_mends_it():
    seen = snapshot("one", A, B)
    desk = Desk(seen)

    def blame(generation: int, said_of: int) -> None:
        obj = desk.cluster.objects["a.sandbox"]
        obj["metadata"]["generation"] = generation
        failed = {
            "type": "ArtifactReady",
            "status": "False",
            "reason": "BuildFailed",
            "message": "src/lib.rs:7:1: no",
            "observedGeneration": said_of,
            "lastTransitionTime": "2026-11-24T14:00:00Z",
        }
        obj["status"] = {"conditions": [failed]}

    blame(generation=1, said_of=1)
    plan = desk.carry_out(seen)
    assert done(plan) == []
    assert [(p.path, p.message) for p in plan.problems] == [
        ("a/Sequence.toml", "a.sandbox: src/lib.rs:7:1: no")
    ]
    assert desk.condition("Ready")[:2] == ("False", "Problems")
    change = snapshot("two", file("a", rate=3), B)
    assert said(desk.carry_out(change)) == [], "what is about to change is not blamed"
    blame(generation=2, said_of=1)
    assert said(desk.carry_out(change)) == [], "nor by what was said of an older spec"
    blame(generation=2, said_of=2)
    assert len(said(desk.carry_out(change))) == 1
