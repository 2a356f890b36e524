"""Builders that die, and builders beside each other: every build is done, and none twice at the same time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from sequence_operator.cluster.resources import ALGO_BUILDS, CONFIG_MAPS
from support.processes import wait_until
from support.smallest import smallest

from .workshop import Builder, Files, Workshop

HOLDING = ("--claim", "6s")
SLOW = "fn main() {{ std::thread::sleep(std::time::Duration::from_secs({})); }}"


@pytest.fixture(scope="session")
def sources() -> Files:
    return smallest("a")


def slow(sources: Files, seconds: int, mark: str) -> Files:
    return sources | {"a/build.rs": SLOW.format(seconds), f"a/{mark}": ""}


def asked(workshop: Workshop, name: str) -> int:
    digest = workshop.api.get(ALGO_BUILDS, name)["spec"]["treeDigest"]
    return sum(digest in path for path in workshop.trees.asked)


def holder(workshop: Workshop, name: str) -> str:
    return str((workshop.status(name).get("claim") or {}).get("holder", ""))


def test_two_builders_share_the_work_and_build_nothing_twice(workshop: Workshop, sources: Files) -> None:
    allow = ("--allow-build-scripts", "*")
    with workshop.builder("left", *HOLDING, *allow), workshop.builder("right", *HOLDING, *allow):
        # Longer than a claim lasts, so that it has to be renewed.
        names = [workshop.order(slow(sources, 7, f"share-{number}")) for number in range(2)]
        for name in names:
            workshop.built(name)
    for name in names:
        assert (workshop.status(name)["attempts"], asked(workshop, name)) == (1, 1)


def test_a_killed_builders_work_is_taken_over(workshop: Workshop, sources: Files) -> None:
    allow = ("--allow-build-scripts", "*")
    with workshop.builder("doomed", *HOLDING, *allow) as doomed:
        name = workshop.order(slow(sources, 5, "orphan"))
        wait_until(lambda: working(doomed), "the build script runs")
        doomed.child.kill()
        wait_until(lambda: not working(doomed), "nothing of it is left")
    with workshop.builder("heir", *HOLDING, *allow):
        workshop.built(name)
    assert workshop.status(name)["attempts"] == 2


def test_a_builder_that_comes_back_goes_on_at_once_and_cleans_up(workshop: Workshop, sources: Files) -> None:
    workshop.trees.hold.clear()
    with workshop.builder("phoenix", "--claim", "10m") as phoenix:
        name = workshop.order(sources | {"a/phoenix": ""})
        wait_until(lambda: holder(workshop, name) == "phoenix", "it is claimed")
        wait_until(lambda: any((phoenix.work / "builds").iterdir()), "its folder")
        phoenix.child.kill()
        (phoenix.work / "builds/left-behind").mkdir()
        workshop.trees.hold.set()
        phoenix.start()
        workshop.built(name)
        assert workshop.status(name)["attempts"] == 2
        wait_until(lambda: not any((phoenix.work / "builds").iterdir()), "nothing is left in its folder")


def test_a_builder_that_is_stopped_gives_its_work_back(workshop: Workshop, sources: Files) -> None:
    workshop.trees.hold.clear()
    with workshop.builder("leaving", "--claim", "10m") as leaving:
        name = workshop.order(sources | {"a/leaving": ""})
        wait_until(lambda: holder(workshop, name) == "leaving", "it is claimed")
        assert leaving.child.stop() == 0
    status = workshop.status(name)
    assert (status["phase"], status["attempts"], "claim" in status) == ("Pending", 0, False)
    assert workshop.condition(name, "Reconciling")["reason"] == "Interrupted"
    workshop.trees.hold.set()
    with workshop.builder("next", *HOLDING):
        workshop.built(name)


def test_a_builder_that_slept_too_long_writes_no_result(workshop: Workshop, sources: Files) -> None:
    """Its claim ended while it was suspended, and another builder did the work."""
    workshop.trees.hold.clear()
    with workshop.builder("sleeper", *HOLDING) as sleeper:
        name = workshop.order(sources | {"a/sleeper": ""})
        wait_until(lambda: holder(workshop, name) == "sleeper", "it is claimed")
        os.kill(sleeper.child.pid, signal.SIGSTOP)
        workshop.trees.hold.set()
        with workshop.builder("awake", *HOLDING):
            workshop.built(name)
            before = workshop.api.get(ALGO_BUILDS, name)["metadata"]["resourceVersion"]
            os.kill(sleeper.child.pid, signal.SIGCONT)
            wait_until(lambda: "build abandoned" in sleeper.child.output(), "it sees that it is too late")
        assert workshop.api.get(ALGO_BUILDS, name)["metadata"]["resourceVersion"] == before


def test_a_build_that_is_deleted_is_abandoned(workshop: Workshop, sources: Files) -> None:
    workshop.trees.hold.clear()
    with workshop.builder("diligent", *HOLDING) as diligent:
        name = workshop.order(sources | {"a/deleted": ""})
        wait_until(lambda: holder(workshop, name) == "diligent", "it is claimed")
        workshop.api.delete(ALGO_BUILDS, name)
        wait_until(lambda: "build abandoned" in diligent.child.output(), "it is abandoned")
        workshop.trees.hold.set()
        workshop.built(workshop.order(sources | {"a/after-deletion": ""}))
    assert workshop.api.find(ALGO_BUILDS, name) is None


def test_a_config_map_of_the_same_name_is_not_overwritten(workshop: Workshop, sources: Files) -> None:
    """Somebody else put other bytes under the name of the artifact before."""
    with workshop.builder("first", *HOLDING):
        sha256 = workshop.built(workshop.order(sources | {"a/first": ""}))
        stored = workshop.api.get(CONFIG_MAPS, f"wasm-{sha256}")
        workshop.api.delete(CONFIG_MAPS, f"wasm-{sha256}")
        planted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"wasm-{sha256}"},
                   "immutable": True, "binaryData": {"algo.wasm": "b3RoZXI="}}  # fmt: skip
        workshop.api.apply(planted)
        name = workshop.order(sources | {"a/second": ""})
        reason, message = workshop.failed(name)
        assert reason == "StoreFailed"
        assert f"kubectl delete configmap wasm-{sha256}" in message
        workshop.api.delete(CONFIG_MAPS, f"wasm-{sha256}")
        assert workshop.built(workshop.order(sources | {"a/third": ""})) == sha256
        again = workshop.api.get(CONFIG_MAPS, f"wasm-{sha256}")
        assert again["binaryData"] == stored["binaryData"]


def working(builder: Builder) -> bool:
    """Whether a build script of that builder runs, whoever its parent is by now."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
            folders = (entry / "mountinfo").read_text() if b"build-script-build" in line else ""
        except OSError:
            continue
        if builder.work.name in folders:
            return True
    return False
