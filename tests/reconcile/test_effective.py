"""What an object asks for, once a person's stop, a rollback and a finished build are laid over what is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.sim import SHA_A, SHA_B, SHA_C, Cluster, spec_of
from sequence_operator.reconcile.builds import BuildState, BuildView
from sequence_operator.reconcile.effective import Effective, Rollback, artifact_commit, effective
from sequence_operator.spec.names import OVERRIDE, ROLLBACK
from sequence_operator.spec.resources import AlgoDeploymentStatus

COMMIT, OLDER = "1" * 40, "2" * 40
BUILD = {"build": {"url": "https://git.example.com/algos.git", "commit": OLDER, "path": "algos/my-mm"}}


def of(
    spec: dict[str, Any] | None = None, build: BuildView | None = None, status: Any = None, **notes: Any
) -> Effective:
    annotations = {k: v if isinstance(v, str) else json.dumps(v) for k, v in notes.items()}
    cluster = Cluster(spec=spec or spec_of(state="Running"), annotations=annotations)
    cluster.status = AlgoDeploymentStatus.model_validate(status or {})
    return effective(cluster.resource(), build)


def ready(sha: str) -> BuildView:
    return BuildView(BuildState.READY, name="build-1", sha256=sha)


@pytest.mark.parametrize(
    ("note", "stopped", "complains"),
    [
        ({"state": "Stopped", "commit": COMMIT, "by": "ann", "at": "now"}, True, False),
        ({"state": "Stopped", "commit": OLDER, "by": "ann"}, False, False),  # git moved on
        ({"state": "Running", "commit": COMMIT}, False, True),
        ({"state": "Stopped"}, False, False),
        ("nonsense", False, True),
        ([1], False, True),
        ("[" * 5000, False, True),
        ({"state": "Stopped", "commit": COMMIT, "by": 7}, True, False),
    ],
)
def test_a_stop_holds_for_one_commit(note: Any, stopped: bool, complains: bool) -> None:
    found = of(**{OVERRIDE: note})
    assert (found.spec.state == "Stopped", found.override is not None) == (stopped, stopped)
    assert bool(found.notes) == complains


def test_a_stop_of_what_git_stops_anyway_is_none() -> None:
    found = of(spec_of(state="Stopped"), **{OVERRIDE: {"state": "Stopped", "commit": COMMIT}})
    assert found.override is None


def test_an_object_without_a_commit_can_be_stopped_too() -> None:
    found = of(spec_of(state="Running", origin=None), **{OVERRIDE: {"state": "Stopped", "commit": ""}})
    assert found.spec.state == "Stopped"


@pytest.mark.parametrize(
    ("note", "in_force", "complains"),
    [
        ({"to": SHA_B, "denied": SHA_A, "commit": COMMIT}, True, False),
        ({"to": SHA_B, "commit": COMMIT}, True, False),
        ({"to": SHA_B, "denied": SHA_A, "commit": OLDER}, False, False),
        ({"to": "../b", "denied": SHA_A, "commit": COMMIT}, False, True),
        ({"to": SHA_B, "denied": "x", "commit": COMMIT}, False, True),
        ({"to": SHA_B, "denied": SHA_B, "commit": COMMIT}, False, True),
        ({"to": 5, "commit": COMMIT}, False, True),
        ("{", False, True),
    ],
)
def test_a_rollback_holds_for_the_commit_of_the_artifact(note: Any, in_force: bool, complains: bool) -> None:
    found = of(**{ROLLBACK: note})
    assert (found.rollback is not None) == in_force
    assert found.spec.artifact.digest == (SHA_B if in_force else SHA_A)
    assert bool(found.notes) == complains


def test_a_rollback_needs_no_build_and_outlives_a_commit_that_compiles_nothing_else() -> None:
    note = {"to": SHA_B, "denied": SHA_A, "commit": OLDER, "by": "ann", "at": "t"}
    for origin in (COMMIT, "3" * 40):
        spec = spec_of(artifact=BUILD, origin={"commit": origin})
        assert artifact_commit(Cluster(spec=spec).resource().spec) == OLDER
        found = of(spec, **{ROLLBACK: note})
        assert (found.spec.artifact.digest, found.unresolved) == (SHA_B, False)
        assert found.rollback == Rollback(SHA_B, SHA_A, "ann", "t")


def test_a_finished_build_gives_the_digest() -> None:
    found = of(spec_of(artifact=BUILD), ready(SHA_C))
    reference = found.spec.artifact.config_map_ref
    assert (found.spec.artifact.digest, found.unresolved) == (SHA_C, False)
    assert reference is not None
    assert reference.name == f"wasm-{SHA_C}"


@pytest.mark.parametrize("state", [s for s in BuildState if s is not BuildState.READY])
def test_while_a_build_is_open_what_is_registered_stands_for_it(state: BuildState) -> None:
    view = BuildView(state)
    assert of(spec_of(artifact=BUILD), view).spec.artifact.digest == ""
    held = {"artifact": {"sha256": SHA_A, "configMap": "mine"}}
    found = of(spec_of(artifact=BUILD), view, held)
    assert (found.spec.artifact.digest, found.unresolved) == (SHA_A, True)
    going = held | {
        "pending": {"action": "Replace", "from": SHA_A, "to": SHA_B, "at": "2026-11-22T14:00:00Z"}
    }
    assert of(spec_of(artifact=BUILD), view, going).spec.artifact.digest == SHA_B
    asked = held | {"pending": {"action": "Acknowledge", "to": SHA_B, "at": "2026-11-22T14:00:00Z"}}
    assert of(spec_of(artifact=BUILD), view, asked).spec.artifact.digest == SHA_A


def test_a_forged_result_is_no_result() -> None:
    found = of(spec_of(artifact=BUILD), BuildView(BuildState.READY, sha256="../../etc"))
    assert found.unresolved


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.sampled_from([SHA_A, COMMIT])
)
objects = st.dictionaries(st.sampled_from(["state", "commit", "to", "denied", "by", "at"]), values)


@given(
    st.one_of(st.text(max_size=20), objects.map(json.dumps)),
    st.one_of(st.text(max_size=20), objects.map(json.dumps)),
)
def test_any_annotation_leaves_a_spec(override: str, rollback: str) -> None:
    found = of(**{OVERRIDE: override, ROLLBACK: rollback})
    assert found.spec.deployment == "my-mm"
    assert found.spec.state in ("Running", "Stopped")
