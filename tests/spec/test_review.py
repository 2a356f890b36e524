"""Digests of what a reviewer decides on, and hashes of the steps between them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.review import joint_hash, plan_hash, review_digest

TREE = "e" * 64
BUILD = {"url": "https://git.example.com/algos.git", "commit": "1" * 40, "path": "algos/my-mm"}


def spec(**changes: Any) -> AlgoDeploymentSpec:
    written: dict[str, Any] = {
        "deployment": "my-mm",
        "accountRef": {"name": "sandbox"},
        "artifact": {"build": BUILD},
        "origin": {"repository": BUILD["url"], "commit": "1" * 40, "path": "algos/my-mm/Sequence.toml"},
        "instances": [{"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"]}],
        "risk": {"maxOrderRate": 20},
    }
    return AlgoDeploymentSpec.model_validate(written | changes)


BASE = review_digest(spec(), TREE)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": None},
        {"origin": {"repository": "ssh://other", "commit": "2" * 40, "path": "x"}},
        {"artifact": {"build": BUILD | {"commit": "2" * 40}}},
        {"artifact": {"configMapRef": {"name": "wasm"}, "sha256": "d" * 64}},
    ],
)
def test_where_and_when_it_was_written_is_not_reviewed(changes: dict[str, Any]) -> None:
    assert review_digest(spec(**changes), TREE) == BASE


@pytest.mark.parametrize(
    "changes",
    [
        {"risk": {"maxOrderRate": 21}},
        {"risk": None},
        {"state": "Running"},
        {"description": "another"},
        {"suspend": True},
        {"driftPolicy": "Report"},
        {"deletionPolicy": "Orphan"},
        {"onStop": "Cancel"},
        {"adopt": True},
        {"accountRef": {"name": "live"}},
        {"mesh": {"routes": []}},
        {"params": [{"name": "size", "slot": 0, "int": 3}]},
        {"instances": [{"label": "maker", "venue": "okx", "symbols": ["BTC-USD"]}]},
    ],
)
def test_everything_else_is(changes: dict[str, Any]) -> None:
    assert review_digest(spec(**changes), TREE) != BASE
    assert plan_hash(BASE, review_digest(spec(**changes), TREE)) != ""


def test_other_sources_are_another_digest() -> None:
    assert review_digest(spec(), "f" * 64) != BASE


def test_a_state_that_people_decide_is_not_reviewed() -> None:
    running, stopped = spec(state="Running"), spec(state="Stopped")
    assert review_digest(running, TREE, with_state=False) == review_digest(stopped, TREE, with_state=False)
    assert review_digest(stopped, TREE, with_state=False) != review_digest(stopped, TREE)


def test_a_hash_tells_both_ends_of_the_step() -> None:
    other = review_digest(spec(suspend=True), TREE)
    hashes = [plan_hash(BASE, other), plan_hash(other, BASE), plan_hash("", BASE), plan_hash(BASE, "")]
    assert len(set(hashes)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{12}", h) for h in hashes)
    assert plan_hash(BASE, BASE) == ""


def test_several_steps_have_one_hash_in_any_order() -> None:
    steps = [("a", "1" * 12), ("b", "2" * 12), ("c", "")]
    assert joint_hash(steps) == joint_hash(reversed(steps)) == joint_hash(steps[:2])
    assert joint_hash([("a", "2" * 12), ("b", "1" * 12)]) != joint_hash(steps)
    assert joint_hash([("c", "")]) == joint_hash([]) == ""


def test_the_digest_is_stable() -> None:
    """What was printed for a review must be the same in the controller, and after an upgrade: when this fails, the
    version in front has to change."""
    assert BASE == "r1:6d23c54c1ba8293f9d23800219092da969b7d71fe3054aca7617a319666f7993"
