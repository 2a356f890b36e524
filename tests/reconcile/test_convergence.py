"""Whatever happens, in whatever order, and wherever the controller is killed: once the disturbance ends the platform is
as desired, nothing is registered twice, nothing is left behind, and there is nothing left to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.sim import SHA_A, SHA_B, SHA_C, Cluster, Platform, World, spec_of, with_wasm
from reconcile.test_building import source
from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.reconcile.effective import artifact_commit, origin_commit
from sequence_operator.spec.meta import camel
from sequence_operator.spec.names import ACKNOWLEDGE_PAUSE, OVERRIDE, ROLLBACK
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import desired_wire

TWO = [
    {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"]},
    {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"], "risk": {"maxOrderRate": 5}},
]

EDITS: dict[str, Callable[[World], None]] = {
    "run": lambda w: w.cluster.edit(state="Running"),
    "stop": lambda w: w.cluster.edit(state="Stopped"),
    "wasm B": lambda w: w.cluster.edit(artifact=with_wasm(SHA_B)),
    "wasm C": lambda w: w.cluster.edit(artifact=with_wasm(SHA_C)),
    "tighter": lambda w: w.cluster.edit(risk={"maxPosition1e8": 100, "maxOrderRate": 20}),
    "looser": lambda w: w.cluster.edit(risk={"maxPosition1e8": 500}),
    "two venues": lambda w: w.cluster.edit(instances=TWO),
    "param": lambda w: w.cluster.edit(params=[{"name": "size", "slot": 0, "int": 4}]),
    "commit": lambda w: w.cluster.edit(origin={"commit": "2" * 40}),
    "cancel on stop": lambda w: w.cluster.edit(onStop="Cancel"),
    "build B": lambda w: w.cluster.edit(artifact=source("b" * 40)),
    "build C": lambda w: w.cluster.edit(artifact=source("c" * 40)),
    "suspend": lambda w: w.cluster.edit(suspend=True),
    "resume": lambda w: w.cluster.edit(suspend=False),
    "report": lambda w: w.cluster.edit(driftPolicy="Report"),
    "correct": lambda w: w.cluster.edit(driftPolicy="Correct"),
    "person stops": lambda w: note(w, OVERRIDE, state="Stopped", commit=origin_commit(spec(w))),
    "person rolls back": lambda w: note(w, ROLLBACK, to=SHA_A, denied=SHA_B, commit=artifact_commit(spec(w))),
    "person lets go": lambda w: w.cluster.annotations.clear(),
}
BUILDS: dict[str, Callable[[World], None]] = {
    "builds wait": lambda w: builds(w, BuildState.WAITING),
    "builds fail": lambda w: builds(w, BuildState.FAILED),
    "builds are asked for": lambda w: builds(w, BuildState.ABSENT),
    "builds are done": lambda w: builds(w, BuildState.READY),
}
OTHERS: dict[str, Callable[[World], None]] = {
    "others stop": lambda w: w.platform.others_stop(),
    "others start": lambda w: w.platform.others_start(),
    "others delete": lambda w: w.platform.others_delete(),
    "others loosen": lambda w: w.platform.others_loosen(),
    "others tighten": lambda w: w.platform.others_tighten(),
}
MACHINE: dict[str, Callable[[World], None]] = {
    "pass": lambda w: w.run(),
    "list": lambda w: w.list(),
    "list, pass": lambda w: (w.list(), w.run())[1],
    "list begins": lambda w: w.begin_list(),
    "list ends": lambda w: w.end_list(),
    "tick": lambda w: w.tick(10),
    "long": lambda w: w.tick(40),
    "killed": lambda w: w.restart(),
}
FAULTS = ("crash", "lost", "refused", "broken")


def spec(world: World) -> AlgoDeploymentSpec:
    return AlgoDeploymentSpec.model_validate(world.cluster.spec)


def note(world: World, name: str, **content: str) -> None:
    world.cluster.annotations[name] = json.dumps(content)


def builds(world: World, state: BuildState) -> None:
    for commit, sha in (("b" * 40, SHA_B), ("c" * 40, SHA_C)):
        world.builds[commit] = BuildView(state, f"build-{commit[:12]}", sha, message="the reason")


def calm(world: World) -> None:
    """The disturbances end: builds get done, and nobody holds the object any more."""
    builds(world, BuildState.READY)
    world.cluster.edit(suspend=False, driftPolicy=None)
    world.settle()


class Faults:
    """At the n-th point from now, once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.armed: list[tuple[int, str]] = []
        world.fault = self

    def __call__(self, point: str) -> str | None:
        hit = None
        for index, (left, what) in enumerate(self.armed):
            if left == 0 and (what == "crash" or point.startswith("call")):
                hit = index
            else:
                self.armed[index] = (max(left - 1, 0), what)
        return None if hit is None else self.armed.pop(hit)[1]


faults = st.tuples(st.sampled_from(FAULTS), st.integers(0, 12))
steps = st.one_of(
    st.sampled_from(sorted(MACHINE)),
    st.sampled_from(sorted(MACHINE)),
    st.sampled_from(sorted(EDITS)),
    st.sampled_from(sorted(OTHERS)),
    st.sampled_from(sorted(BUILDS)),
    faults,
)


def play(world: World, schedule: list[str | tuple[str, int]]) -> None:
    armed = Faults(world)
    for step in schedule:
        if isinstance(step, tuple):
            armed.armed.append((step[1], step[0]))
        else:
            (MACHINE | EDITS | OTHERS | BUILDS)[step](world)


def assert_converged(world: World) -> None:
    platform, cluster = world.platform, world.cluster
    assert platform.duplicates == 0
    rows = list(platform.deployments.values())
    assert len(rows) == 1, (rows, world.last_plan)
    row = rows[0]
    wanted = world.desired().spec
    wire = desired_wire(wanted).as_json()
    assert row["sha"] == wanted.artifact.digest
    for key in ("params", "instances", "symbols", "on_stop"):
        assert row["body"].get(key) == wire[key], key
    assert (
        row["status"] == "running" if wanted.state == "Running" else row["status"] in ("accepted", "stopped")
    )
    kept = assert_limits(world, row["body"].get("risk") or {}, wire["risk"])
    assert world.last_plan.empty, world.last_plan
    assert world.last_plan.changes == ()
    assert cluster.status.pending is None
    assert cluster.status.deployment_id == row["deployment_id"]
    assert {d.field for d in cluster.status.drift} == kept
    overridden = world.desired().override is not None
    reason = "Overridden" if overridden else "TighterKept" if kept else "InSync"
    assert world.condition("Ready") == ("True", reason)
    assert world.condition("Stalled")[0] == world.condition("Reconciling")[0] == "False"
    # every create is one life: it ended by a removal, or it is the one that is there
    assert platform.creates == platform.removals + 1


def assert_limits(world: World, held: dict[str, int], wanted: dict[str, int]) -> set[str]:
    """No limit of the platform is looser than the spec's. Returns the fields in which one is tighter."""
    assert all(key in held and held[key] <= value for key, value in wanted.items()), (held, wanted)
    return {f"risk.{camel(key)}" for key, value in held.items() if wanted.get(key) != value}


def assert_idle(world: World) -> None:
    """Converged means silent: no write to the API server, no call but lists."""
    writes, calls = len(world.cluster.writes), len(world.platform.calls)
    for _ in range(3):
        world.tick(10)
        world.list()
        world.run()
    assert len(world.cluster.writes) == writes
    assert len(world.platform.calls) == calls


def respected(world: World) -> bool:
    """Others stopped it twice, which is not fought."""
    return world.condition("Live") == ("False", "ManualStop")


EXAMPLES = int(os.environ.get("SEQUENCE_EXAMPLES", "40"))
"""Schedules per test; `SEQUENCE_EXAMPLES=5000` for a long search."""

COMMON = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@COMMON
@given(st.lists(steps, max_size=25), st.booleans(), st.booleans(), st.booleans())
def test_any_schedule_of_edits_faults_and_others_converges(
    schedule: list[str | tuple[str, int]], empty_answers: bool, unique: bool, slow_deletes: bool
) -> None:
    world = World(platform=Platform(unique=unique, empty_answers=empty_answers, slow_deletes=slow_deletes))
    play(world, schedule)
    calm(world)
    if respected(world) or world.condition("Stalled")[1] == "DriftLoop":
        world.cluster.edit(state="Stopped", description="settled")
        world.settle()
    assert_converged(world)
    assert_idle(world)


@COMMON
@given(st.lists(steps, max_size=25), st.booleans())
def test_a_platform_without_any_extra_field_converges_too(
    schedule: list[str | tuple[str, int]], empty_answers: bool
) -> None:
    world = World(platform=Platform(extras=False, unique=False, empty_answers=empty_answers))
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    # What such a platform does not show cannot be noticed: others change nothing but the state here.
    play(world, [s for s in schedule if s not in ("others loosen", "others tighten")])
    calm(world)
    if respected(world) or world.condition("Stalled")[1] == "DriftLoop":
        world.cluster.edit(state="Stopped", description="settled")
        world.settle()
    assert_converged(world)
    assert_idle(world)


@COMMON
@given(st.lists(steps, max_size=15), st.lists(steps, max_size=10), st.booleans(), st.booleans())
def test_a_deleted_object_leaves_nothing_behind(
    before: list[str | tuple[str, int]], after: list[str | tuple[str, int]], extras: bool, empty_answers: bool
) -> None:
    world = World(platform=Platform(extras=extras, unique=False, empty_answers=empty_answers))
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    play(world, before)
    world.cluster.delete()
    play(world, [s for s in after if s not in EDITS])
    calm(world)
    assert world.cluster.gone
    assert world.platform.deployments == {}
    assert world.platform.duplicates == 0
    assert world.platform.creates == world.platform.removals


@COMMON
@given(st.lists(steps, max_size=15))
def test_a_pause_is_never_undone_by_us(schedule: list[str | tuple[str, int]]) -> None:
    world = World(cluster=Cluster(spec=spec_of(state="Running"))).deploy()
    world.platform.pause("KILL_SWITCH")
    world.list()
    world.run()
    starts = [c for c in world.platform.calls if c[0] == "start"]
    # Neither machine trouble nor any edit but a looser limit or a stop in between is a person's word.
    kept = ("stop", "run", "looser", "others start", "others delete", "others stop", "others loosen")
    kept += ("others tighten", "person stops", "person lets go")
    play(world, [s for s in schedule if s not in kept])
    calm(world)
    assert [c for c in world.platform.calls if c[0] == "start"] == starts
    assert world.cluster.status.pause is not None
    assert world.condition("Live") == ("False", "Paused")
    world.cluster.annotations[ACKNOWLEDGE_PAUSE] = world.cluster.status.pause.id
    world.settle()
    assert_converged(world)
    assert world.cluster.status.pause is None
