"""What edges measured of the mesh: counts that several write, samples that go with their window."""

from __future__ import annotations

from sequence_paper.mesh.window import WINDOW_NS, Slot
from sequence_paper.store.mesh_records import EdgeLink, EdgeSlot, MeshHeard, MeshSlot, MeshTally, MeshWrites
from sequence_paper.store.records import EdgeWrites

NOW = 1_767_571_200 * 10**9


def write(store, **more) -> None:
    store.commit(EdgeWrites(mesh=MeshWrites(**more)))


def test_counts_add_up_over_batches_and_edges(store, register):
    pair = (register().deployment.deployment_id, "a", "b")
    write(store, tallies=[MeshTally(*pair, "sent", 2, 5), MeshTally(*pair, "sent", 3, 6)])
    write(store, tallies=[MeshTally(*pair, "lost", 4, 7)])
    write(store, tallies=[MeshTally(*pair, "lost", -1, 8), MeshTally("dep_gone", "a", "b", "sent", 1, 1)])
    assert sorted(store.mesh.tallies(pair[0]), key=lambda t: t.event) == [
        MeshTally(*pair, "lost", 3, 8),
        MeshTally(*pair, "sent", 5, 6),
    ]
    assert store.mesh.tallies("dep_gone") == []


def test_what_was_heard_outlives_the_process_and_goes_with_the_registration(store, account, register):
    pair = (register().deployment.deployment_id, "a", "b")
    write(store, tallies=[MeshTally(*pair, "delivered", 1, 5)], heard=[MeshHeard(*pair, 7, 1)])
    write(store, tallies=[MeshTally(*pair, "delivered", 1, 6)], heard=[MeshHeard(*pair, 7, 2)])
    assert [row for row in store.mesh.heard() if row.deployment_id == pair[0]] == [MeshHeard(*pair, 7, 2)]
    store.deployments.delete(account.account_id, "sandbox", pair[0], set())
    assert [row for row in store.mesh.heard() if row.deployment_id == pair[0]] == []


def test_a_slot_is_replaced_and_old_ones_go(store, register):
    pair = (register().deployment.deployment_id, "a", "b")
    write(store, slots=[MeshSlot(*pair, NOW, {3: 1})], edge_slots=[EdgeSlot("x", "y", NOW, {9: 1}, 0, 0)])
    write(store, slots=[MeshSlot(*pair, NOW, {3: 2, 400: 1})], edge_slots=[EdgeSlot("x", "y", NOW, {}, 3, 1)])
    assert store.mesh.slots(pair[0]) == {("a", "b"): [Slot(NOW, {3: 2, 400: 1})]}
    assert store.mesh.edge_slots() == {("x", "y"): [Slot(NOW, {}, 3, 1)]}
    later = NOW + 2 * WINDOW_NS + 1
    write(store, slots=[MeshSlot(*pair, later, {5: 1})], edge_slots=[EdgeSlot("y", "x", later, {6: 1}, 0, 0)])
    assert store.mesh.slots(pair[0]) == {("a", "b"): [Slot(later, {5: 1})]}
    assert store.mesh.edge_slots() == {("y", "x"): [Slot(later, {6: 1})]}


def test_the_newest_of_two_edges_stays_when_they_are_silent(store):
    write(store, edge_links=[EdgeLink("x", "y", -5, 100, NOW), EdgeLink("y", "x", 5, 100, NOW)])
    write(store, edge_links=[EdgeLink("x", "y", 7, 90, NOW + 1)])
    assert store.mesh.edge_links() == {
        ("x", "y"): EdgeLink("x", "y", 7, 90, NOW + 1),
        ("y", "x"): EdgeLink("y", "x", 5, 100, NOW),
    }
