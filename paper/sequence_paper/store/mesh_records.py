"""What an edge writes about the mesh: counts of messages by pair of labels, samples, and what probes told of edges."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MeshTally:
    """``n`` more of an event: ``sent`` (the sender's bus took it), ``delivered``, ``lost`` (a gap in the numbers),
    ``reordered``, or the reason of a drop. ``n`` may be negative: what seemed lost came late."""

    deployment_id: str
    from_label: str
    to_label: str
    event: str
    n: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class MeshHeard:
    """The newest message that a receiver had of a sender, so that its next process knows what it missed."""

    deployment_id: str
    from_label: str
    to_label: str
    epoch_ns: int
    seq: int


@dataclass(frozen=True, slots=True)
class MeshSlot:
    """One-way latencies of messages in the seconds after ``slot_ns``, by bucket; it replaces what the slot held."""

    deployment_id: str
    from_label: str
    to_label: str
    slot_ns: int
    counts: dict[int, int]


@dataclass(frozen=True, slots=True)
class EdgeSlot:
    """The same of probes from one edge to another, with how many had no answer or a late one."""

    from_edge: str
    to_edge: str
    slot_ns: int
    counts: dict[int, int]
    lost: int
    reordered: int


@dataclass(frozen=True, slots=True)
class EdgeLink:
    """The newest of two edges: the clock of ``to_edge`` minus that of ``from_edge`` is within offset ± bound."""

    from_edge: str
    to_edge: str
    offset_ns: int
    bound_ns: int
    last_ns: int


@dataclass(slots=True)
class MeshWrites:
    """A batch of all of them."""

    tallies: list[MeshTally] = field(default_factory=list)
    slots: list[MeshSlot] = field(default_factory=list)
    heard: list[MeshHeard] = field(default_factory=list)
    edge_slots: list[EdgeSlot] = field(default_factory=list)
    edge_links: list[EdgeLink] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.tallies or self.slots or self.edge_slots or self.edge_links)

    def add(self, more: MeshWrites) -> None:
        """Take in another batch."""
        self.tallies += more.tallies
        self.slots += more.slots
        self.heard += more.heard
        self.edge_slots += more.edge_slots
        self.edge_links += more.edge_links
