"""What leaves an edge: in order, numbered when the bus takes it, bounded, and every drop counted."""

from __future__ import annotations

from types import SimpleNamespace

from sequence_paper.edge.flow import MAX_PER_SECOND, Flow
from sequence_paper.edge.links import Links
from sequence_paper.edge.mesh_end import MeshEnd
from sequence_paper.edge.outbox import MAX_WAITING, Outbox
from sequence_paper.mesh import wire

LINK = ("dep_1", "maker", "hedger")


class Wire:
    """The bus: takes everything while it is there."""

    def __init__(self) -> None:
        self.there = True
        self.taken: list[tuple[str, bytes]] = []

    def __call__(self, subject: str, data: bytes) -> bool:
        if self.there:
            self.taken.append((subject, data))
        return self.there

    def messages(self) -> list[wire.MeshMessage]:
        return [wire.decode(data) for subject, data in self.taken if subject.startswith("mesh.")]


def counted(links: Links) -> dict[str, int]:
    return {tally.event: tally.n for tally in links.save().tallies}


def test_messages_and_probes_leave_in_the_order_of_sending() -> None:
    taken, links = Wire(), Links()
    outbox = Outbox(taken, links)
    outbox.message(*LINK, b"1")
    outbox.probe(wire.probe_subject("a", "b"), b"probe")
    outbox.message(*LINK, b"2")
    assert outbox and not taken.taken
    outbox.drain()
    assert not outbox
    assert [subject for subject, _ in taken.taken] == [
        "mesh.dep_1.maker.hedger",
        "probe.a.b",
        "mesh.dep_1.maker.hedger",
    ]
    first, second = taken.messages()
    assert (first.payload, first.seq, second.payload, second.seq) == (b"1", 1, b"2", 2)
    assert first.epoch_ns == second.epoch_ns and first.sent_ns <= second.sent_ns
    assert counted(links) == {"sent": 2}


def test_what_the_bus_did_not_take_has_no_number_and_is_counted_here() -> None:
    taken, links = Wire(), Links()
    outbox = Outbox(taken, links)
    taken.there = False
    outbox.message(*LINK, b"1")
    outbox.drain()
    taken.there = True
    outbox.message(*LINK, b"2")
    outbox.drain()
    (only,) = taken.messages()
    assert (only.payload, only.seq) == (b"2", 1)  # the receiver finds no gap: nothing was lost on the way
    assert counted(links) == {"bus_away": 1, "sent": 1}


def test_messages_leave_between_callbacks_unless_something_must_be_stored_first() -> None:
    taken, journal = Wire(), SimpleNamespace(trading=False)
    core = SimpleNamespace(
        journal=journal,
        roster=SimpleNamespace(edge_id="a"),
        post=SimpleNamespace(links=Links(), leave=None),
    )
    end = MeshEnd(core, None, SimpleNamespace(send=taken), None, None)  # type: ignore[arg-type]
    end.outbox.message(*LINK, b"1")
    core.post.leave()
    journal.trading = True
    end.outbox.message(*LINK, b"2")
    core.post.leave()
    assert [message.payload for message in taken.messages()] == [b"1"]
    journal.trading = False
    core.post.leave()
    assert [message.payload for message in taken.messages()] == [b"1", b"2"]


def test_a_flood_is_bounded_and_the_newest_are_dropped() -> None:
    taken, links = Wire(), Links()
    outbox = Outbox(taken, links)
    for n in range(MAX_WAITING + 10):
        outbox.message(*LINK, n.to_bytes(4, "little"))
    outbox.drain()
    assert [int.from_bytes(m.payload, "little") for m in taken.messages()] == list(range(MAX_WAITING))
    assert counted(links) == {"outbox_full": 10, "sent": MAX_WAITING}


def test_what_was_sent_while_the_receiver_was_dead_is_lost() -> None:
    before = Links()
    assert all(before.in_order(LINK, 7, seq) for seq in (1, 2))
    (heard,) = before.save().heard
    after = Links()
    after.remember([heard])
    assert after.in_order(LINK, 7, 6)
    assert counted(after) == {"lost": 3}
    assert not after.in_order(LINK, 7, 2), "one of those it had"


def test_a_new_process_of_the_sender_begins_anew() -> None:
    links = Links()
    assert links.in_order(LINK, 7, 5)  # the first that we hear says nothing of those before
    assert links.in_order(LINK, 8, 1)
    assert links.in_order(LINK, 9, 3)
    assert counted(links) == {"lost": 2}


def test_flow_is_bounded_and_says_what_it_left_out(monkeypatch) -> None:
    from sequence_paper.edge import flow as module

    now = [10**9]
    monkeypatch.setattr(module.time, "monotonic_ns", lambda: now[0])
    flow = Flow()
    for n in range(MAX_PER_SECOND + 7):
        flow.note(LINK, 17, n, 1, dropped=False)
    flow.note(("dep_2", "a", "b"), 8, None, 2, dropped=True)
    now[0] += 10**9
    flow.note(LINK, 17, 1, 3, dropped=False)
    told = list(flow.take())
    assert len(told) == MAX_PER_SECOND + 2
    assert told[-2] == (
        "dep_2",
        {"from": "a", "to": "b", "bytes": 8, "latency_ns": None, "at_ns": 2}
        | {
            "dropped": True,
            "skipped": 0,
        },
    )
    assert told[-1][1]["skipped"] == 7
    assert list(flow.take()) == [] and not flow.waiting.is_set()
