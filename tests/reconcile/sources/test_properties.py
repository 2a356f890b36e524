"""Whatever is committed, edited, deleted, started and moved, in any order and with any failures between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconcile.sources.cluster import Cluster
from reconcile.sources.desk import Desk
from reconcile.sources.repository import (
    LATER,
    NOW,
    after,
    commit_of,
    file,
    sibling,
    snapshot,
    source,
    unreadable,
)
from sequence_operator.reconcile.sources import (
    Apply,
    Prune,
    Release,
    Sibling,
    Snapshot,
    SourceFile,
    SourcePlan,
    plan_source,
)
from sequence_operator.reconcile.sources.brake import exceeded
from sequence_operator.spec.names import APPROVE_COMMIT, SOURCE_LABEL

NAMES = ("a", "b", "c", "d")
FOLDERS = ("one", "two", "three")
BAD = "[deployment]\nname = 'a'\nnmae = 1\n"

FILES = st.builds(
    lambda name, tree, state, rate, on_stop: file(
        name, tree=tree, state=state, rate=rate, operator=f'on_stop = "{on_stop}"' if on_stop else ""
    ),
    st.sampled_from(NAMES),
    st.sampled_from("12"),
    st.sampled_from(["", "", "running", "stopped"]),
    st.sampled_from([None, 5, 10]),
    st.sampled_from(["", "", "cancel"]),
)
PLACED = st.dictionaries(
    st.sampled_from(FOLDERS),
    st.one_of(FILES, FILES, FILES, st.sampled_from([BAD, "not = = toml", None])),
    max_size=len(FOLDERS),
)


def tree(placed: dict[str, Any], word: str) -> Snapshot:
    """A commit with these files; None is one that cannot be read."""
    files, problems = [], []
    for folder, content in sorted(placed.items()):
        path = f"{folder}/Sequence.toml"
        if content is None:
            problems.append(unreadable(path))
        elif isinstance(content, str):
            files.append(SourceFile(path, content, "0" * 64))
        else:
            files.append(replace(content, path=path))
    return snapshot(word, *files, problems=tuple(problems))


class Sources(RuleBasedStateMachine):
    """Two sources of one namespace, each with commits of its own, people and a platform."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.sources = {name: source(name) for name in ("left", "right")}
        self.commits = {name: snapshot(f"{name} 0") for name in self.sources}
        self.declares: dict[str, frozenset[str]] = {}
        self.number = 0

    @initialize(placed=PLACED)
    def begin(self, placed: Any) -> None:
        self.commit("left", placed)
        self.look("left", [])

    def names(self) -> list[str]:
        return sorted(self.cluster.objects)

    def siblings(self, me: str) -> list[Sibling]:
        others = (name for name in self.sources if name != me)
        return [
            Sibling(n, True, LATER if n in self.declares else None, self.declares.get(n, frozenset()))
            for n in others
        ]

    def plan(self, me: str) -> SourcePlan:
        return plan_source(
            self.sources[me], "sandbox", self.commits[me], self.cluster.live(), self.siblings(me)
        )

    # -- what happens -----------------------------------------------------------------------------

    @rule(me=st.sampled_from(["left", "right"]), placed=PLACED)
    def commit(self, me: str, placed: Any) -> None:
        self.number += 1
        self.commits[me] = tree(placed, f"{me} {self.number}")

    @rule(me=st.sampled_from(["left", "right"]), fails=st.lists(st.sampled_from(NAMES), max_size=2))
    def look(self, me: str, fails: list[str]) -> None:
        """One pass, in which what concerns some names fails."""
        plan = self.plan(me)
        self.hold(me, plan)
        broken = {f"{name}.sandbox" for name in fails}
        failed = self.cluster.execute(plan.actions, lambda action: action.name in broken)
        assert failed.keys() <= broken
        self.declares[me] = plan.declares
        self.sources[me] = after(self.sources[me], self.commits[me], plan, failed)
        if not broken and not plan.waits:
            again = self.plan(me)
            assert again.actions == (), "done, and planned again"
            assert again.changes == ()

    @precondition(lambda self: self.cluster.objects)
    @rule(data=st.data())
    def person(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.names()))
        what = data.draw(
            st.sampled_from(["edit", "start", "stop", "delete", "suspend", "orphan", "run", "steal"])
        )
        match what:
            case "edit":
                self.cluster.edit(name, data.draw(st.sampled_from([5, 7])))
            case "start" | "stop":
                self.cluster.state(name, "Running" if what == "start" else "Stopped")
            case "delete":
                self.cluster.delete(name)
            case "suspend":
                self.cluster.policy(name, suspend=True)
            case "orphan":
                self.cluster.policy(name, deletionPolicy="Orphan")
            case "run":
                self.cluster.runs(name)
            case "steal":
                self.cluster.objects[name]["metadata"]["labels"] = {
                    SOURCE_LABEL: data.draw(st.sampled_from(["", "x"]))
                }
                self.cluster._touch(name)

    @rule(me=st.sampled_from(["left", "right"]))
    def approve(self, me: str) -> None:
        self.sources[me].metadata.annotations[APPROVE_COMMIT] = self.commits[me].commit

    @rule()
    def finish(self) -> None:
        self.cluster.finish()

    @rule(me=st.sampled_from(["left", "right"]))
    def lose_the_status(self, me: str) -> None:
        notes = self.sources[me].metadata.annotations
        self.sources[me] = source(me, annotations=notes)

    # -- what must hold ---------------------------------------------------------------------------

    def hold(self, me: str, plan: SourcePlan) -> None:
        commit, other = self.commits[me], next(name for name in self.sources if name != me)
        paths = {f.path for f in commit.files} | {p.path for p in commit.problems}
        before = {
            n: o["metadata"].get("labels", {}).get(SOURCE_LABEL, "") for n, o in self.cluster.objects.items()
        }
        approved = self.sources[me].metadata.annotations.get(APPROVE_COMMIT) == commit.commit
        for action in plan.actions:
            obj = self.cluster.objects.get(action.name)
            assert before.get(action.name, "") != other, "an object of another source is never touched"
            assert obj is None or "deletionTimestamp" not in obj["metadata"], "what goes is not written"
            if isinstance(action, Prune | Release):
                assert before[action.name] == me
                assert action.name not in plan.declares
            if isinstance(action, Prune):
                assert paths or approved, "an empty repository undeploys nothing"
                assert action.name not in self.declares.get(other, frozenset())
                assert obj["spec"].get("deletionPolicy") == "Orphan" or not obj["spec"].get("suspend")
                at = {e.name: e.path for e in self.sources[me].status.inventory}.get(action.name)
                usable = {a.path for a in plan.actions if isinstance(a, Apply)} | {
                    e.path for e in plan.inventory
                }
                if at in paths:
                    assert at in usable or any(w.path == at for w in plan.waits), (
                        "a file that cannot be used stays"
                    )
            if isinstance(action, Apply):
                assert action.obj["metadata"]["labels"][SOURCE_LABEL] == me
                for name, live in self.cluster.live().items():
                    if live.belongs_to(me) and name not in plan.declares and live.path == action.path:
                        assert any(isinstance(a, Release) and a.name == name for a in plan.actions), (
                            "both would trade"
                        )

    def teardown(self) -> None:
        """Left alone, everything comes to rest."""
        for _ in range(6):
            for me in self.sources:
                self.look(me, [])
            self.cluster.finish()
        for me in self.sources:
            assert self.plan(me).actions == ()
        for me in self.sources:
            plan = self.plan(me)
            for name in plan.current:
                assert self.cluster.objects[name]["metadata"]["labels"][SOURCE_LABEL] == me


TestSources = Sources.TestCase
TestSources.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@settings(max_examples=60, deadline=None)
@given(before=PLACED, then=PLACED)
def test_nothing_goes_when_nothing_is_recognized(before, then):
    desk = Desk(one := tree(before, "one"))
    held = {e.name for e in desk.source.status.inventory}
    assume(held)
    two = tree(then, "two")
    two = replace(two, files=tuple(replace(f, path=f"x/{f.path}") for f in two.files), problems=())
    plan = desk.plan(two)
    if not plan.declares & held:
        assert not [action for action in plan.actions if isinstance(action, Prune)]
    assert desk.plan(one).actions == ()


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(8, 14), changed=st.integers(0, 14), stopped=st.integers(0, 14), gone=st.integers(0, 14)
)
def test_the_brake_counts_what_is_changed_and_removed(number, changed, stopped, gone):
    changed = min(changed, number)
    stopped = min(stopped, number - changed)
    gone = min(gone, number - changed - stopped)
    names = [f"n{i:02}" for i in range(number)]
    desk = Desk(snapshot("one", *(file(name, state="running") for name in names), file("stays")))
    desk.cluster.runs(*(f"{name}.sandbox" for name in names))
    files = [
        *(file(name, state="running", rate=3) for name in names[:changed]),
        *(file(name, state="stopped") for name in names[changed : changed + stopped]),
        *(file(name, state="running") for name in names[changed + stopped : number - gone]),
    ]
    plan = desk.plan(snapshot("two", *files, file("stays")))
    held = number >= 10 and (changed + gone) / number > 0.3
    assert exceeded(changed + gone, number) == held
    assert len(plan.actions) == (stopped if held else changed + stopped + gone)


@settings(max_examples=100, deadline=None)
@given(placed=PLACED, seed=st.randoms(use_true_random=False))
def test_the_order_of_files_and_objects_decides_nothing(placed, seed):
    desk = Desk(tree({folder: file("a", folder) for folder in ("one",)}, "zero"))
    seen = tree(placed, "one")
    plan = desk.plan(seen, sibling())
    files = list(seen.files)
    seed.shuffle(files)
    desk.cluster.objects = dict(reversed(desk.cluster.objects.items()))
    assert desk.plan(replace(seen, files=tuple(files)), sibling()) == plan
    assert seen.commit == commit_of("one")
    assert seen.first_seen == NOW
