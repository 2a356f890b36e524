"""Two probers that hear each other, and what they keep when they do not."""

from __future__ import annotations

import pytest

from sequence_paper.edge import probes
from sequence_paper.edge.probes import LOST_NS, Prober
from sequence_paper.histogram import lower_edge
from sequence_paper.mesh import wire
from sequence_paper.store.mesh_records import EdgeSlot, MeshWrites

MS = 10**6


class World:
    """A wall clock for both edges, a different one for each, and a network that can be cut."""

    def __init__(self) -> None:
        self.now, self.ahead = 10**18, {"a": 0, "b": 0}
        self.speaking = "a"
        self.cut = False
        self.sent: list[tuple[str, str, wire.Probe]] = []
        self.edges = {name: Prober(name, self._out) for name in "ab"}

    def time_ns(self) -> int:
        return self.now + self.ahead[self.speaking]

    def _out(self, subject: str, data: bytes) -> None:
        _, sender, receiver = subject.split(".")
        if not self.cut:
            self.sent.append((sender, receiver, wire.decode_probe(data)))

    def ask(self, name: str = "a", other: str = "b") -> None:
        self.speaking = name
        self.edges[name].ask([other])

    def carry(self, takes: int) -> None:
        """Deliver the oldest thing on the way."""
        sender, receiver, probe = self.sent.pop(0)
        self.now += takes
        self.speaking = receiver
        self.edges[receiver].hear(sender, probe)

    def saved(self, name: str = "a") -> MeshWrites:
        self.speaking = name
        return self.edges[name].save()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(probes.time, "time_ns", world.time_ns)
    return world


def slot(writes: MeshWrites) -> EdgeSlot:
    (only,) = writes.edge_slots
    return only


def test_the_way_there_is_timed_on_one_clock(world: World) -> None:
    world.ahead["b"] = 5_000 * MS
    for _ in range(3):
        world.ask()
        world.carry(2 * MS)
        world.carry(2 * MS)
    writes = world.saved()
    (link,) = writes.edge_links
    assert (link.from_edge, link.to_edge, link.last_ns) == ("a", "b", world.now)
    assert abs(link.offset_ns - 5_000 * MS) <= link.bound_ns <= 2 * MS + 1_000
    samples = slot(writes).counts
    assert sum(samples.values()) == 3
    assert all(MS * 1.8 < lower_edge(index) <= 2 * MS for index in samples)
    assert world.edges["a"].offset("b") is not None
    assert world.edges["b"].offset("a") is None  # it answered, and did not ask
    assert world.saved() == MeshWrites()


def test_what_has_no_answer_is_lost_and_an_answer_after_that_changes_nothing(world: World) -> None:
    world.ask()
    world.now += LOST_NS + 1
    world.ask()
    assert (slot(world.saved()).lost, slot_count(world)) == (1, 0)
    world.carry(MS)  # the first question arrives after all
    _, _, late = world.sent.pop(1)
    world.speaking = "a"
    world.edges["a"].hear("b", late)
    assert world.saved() == MeshWrites()


def slot_count(world: World) -> int:
    return sum(sum(s.counts.values()) for s in world.saved().edge_slots)


def test_without_a_network_everything_is_lost(world: World) -> None:
    world.cut = True
    for _ in range(5):
        world.ask()
        world.now += LOST_NS + 1
    world.ask()
    assert sum(s.lost for s in world.saved().edge_slots) == 5
    world.cut = False
    world.ask()
    world.carry(MS)
    world.carry(MS)
    assert slot_count(world) == 1


def test_answers_out_of_order_are_seen(world: World) -> None:
    world.ask()
    world.ask()
    first, second = world.sent.pop(0), world.sent.pop(0)
    world.sent += [second, first]
    world.carry(MS)
    world.carry(MS)
    world.carry(MS)
    world.carry(MS)
    seen = slot(world.saved())
    assert (sum(seen.counts.values()), seen.reordered, seen.lost) == (2, 1, 0)


def test_answers_to_an_earlier_process_are_not_ours(world: World) -> None:
    world.ask()
    world.carry(MS)
    world.speaking = "a"
    world.edges["a"] = Prober("a", world._out)
    world.carry(MS)
    assert world.saved() == MeshWrites()


def test_the_queue_between_instances_here_has_a_row_with_our_own_clock(world: World) -> None:
    world.edges["a"].passed_here(1_000)
    writes = world.saved()
    (link,) = writes.edge_links
    assert (link.from_edge, link.to_edge, link.offset_ns, link.bound_ns) == ("a", "a", 0, 0)
    assert sum(slot(writes).counts.values()) == 1
