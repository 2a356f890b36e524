"""What somebody else registered under our name is never written to, whatever happens and wherever we are killed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconcile.sim import SHA_A, Cluster, Platform, World, spec_of
from reconcile.test_convergence import COMMON, EDITS, MACHINE, Faults, calm

RACE: list[str | tuple[str, int]] = ["list", "they take the name", "pass", "list, pass"]
"""Our list is older than their registration, so that ours is refused."""
BEFORE_OURS: list[str | tuple[str, int]] = [
    "list, pass",
    "tighter",
    "ours is gone",
    "pass",
    "they take the name",
]
"""A replacement is written down, and the name is gone before it comes to its create."""
SUCCESSOR: list[str | tuple[str, int]] = ["list, pass", "ours is gone", "they take the name", "list, pass"]


class Strangers:
    """Other people on the same platform. `ids`: what they registered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: set[str] = set()

    def take(self) -> None:
        """As soon as the name is free; with our symbols and WASM, so that nothing but proof of origin tells whose."""
        platform = self.world.platform
        body = {"name": "my-mm", "wasm_base64": SHA_A, "symbols": ["BTC-USD"], "instances": []}
        if not any(row["name"] == "my-mm" for row in platform.deployments.values()):
            platform.create(body)
            platform.calls.pop()
            self.ids.add(f"dep_{platform.creates}")

    def remove(self, theirs: bool) -> None:
        for key in set(self.world.platform.deployments):
            if (key in self.ids) is theirs:
                del self.world.platform.deployments[key]


STRANGERS: dict[str, Callable[[Strangers], None]] = {
    "they take the name": lambda s: s.take(),
    "they let go of it": lambda s: s.remove(theirs=True),
    "ours is gone": lambda s: s.remove(theirs=False),
}


def steps(faults: list[str]) -> st.SearchStrategy[list[str | tuple[str, int]]]:
    fault = st.tuples(st.sampled_from(faults), st.integers(0, 12))
    machine = st.sampled_from(sorted(MACHINE))
    edits = st.sampled_from(sorted(EDITS))
    return st.lists(
        st.one_of(machine, machine, edits, st.sampled_from(sorted(STRANGERS)), fault), max_size=30
    )


def play(world: World, schedule: list[str | tuple[str, int]]) -> None:
    strangers, armed = Strangers(world), Faults(world)
    for step in schedule:
        if isinstance(step, tuple):
            armed.armed.append((step[1], step[0]))
        elif step in STRANGERS:
            STRANGERS[step](strangers)
        else:
            (MACHINE | EDITS)[step](world)
    calm(world)
    world.cluster.delete()
    world.settle()
    written = {(kind, key) for kind, key in world.platform.calls if kind not in ("create", "get")}
    assert not {call for call in written if call[1] in strangers.ids}
    assert world.cluster.gone
    assert not set(world.platform.deployments) - strangers.ids


@COMMON
@example(schedule=RACE)
@example(schedule=SUCCESSOR)
@example(schedule=BEFORE_OURS)
@given(schedule=steps(["crash", "lost", "refused", "broken"]))
def test_theirs_is_never_written_to(schedule: list[str | tuple[str, int]]) -> None:
    play(World(cluster=Cluster(spec=spec_of(state="Running"))), schedule)


@pytest.mark.parametrize("state", ["Running", "Stopped"])
@COMMON
@example(schedule=RACE)
@example(schedule=SUCCESSOR)
@example(schedule=BEFORE_OURS)
@given(schedule=steps(["refused"]))
def test_theirs_is_never_written_to_on_a_plain_platform(
    state: str, schedule: list[str | tuple[str, int]]
) -> None:
    """There, after an answer that nobody got, theirs and ours cannot be told apart: every call is answered here."""
    world = World(cluster=Cluster(spec=spec_of(state=state)), platform=Platform(extras=False))
    world.with_account(allow_unverified=frozenset({"Risk", "Topology"}))
    play(world, [step for step in schedule if step != "killed"])
