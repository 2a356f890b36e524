"""What a graph does next, case by case."""

from __future__ import annotations

import pytest

from sequence_paper.graphs import HOLD_NS, Edge, Graph, Node, Pacing
from support.graphs import World

S = 10**9


def pair(trigger: str, *, qty: int = 100, child: int = 100, more: dict[str, int] | None = None) -> World:
    edge = Edge("e", "a", "b", trigger, **(more or {}))
    return World(Graph([Node("a", qty), Node("b", child)], [edge])).look()


def test_roots_begin_at_once_and_others_wait():
    world = pair("on_fill")
    assert (world.sent("a"), world.sent("b")) == ([100], [])
    assert (world.status("a"), world.status("b")) == ("OPEN", "NEW")
    assert not world.finished


@pytest.mark.parametrize(
    ("trigger", "more", "before", "at"),
    [
        ("on_accepted", {}, 0, 0),
        ("on_first_fill", {}, 0, 1),
        ("on_full_fill", {}, 99, 100),
        ("on_fill_ratio", {"ratio_1e9": 500_000_000}, 49, 50),
        ("on_fill_ratio", {"ratio_1e9": 333_333_334}, 33, 34),
        ("on_fill_ratio", {"ratio_1e9": 1}, 0, 1),
    ],
)
def test_a_trigger_sends_the_whole_of_a_node_once(trigger, more, before, at):
    world = pair(trigger, child=7, more=more)
    if at:
        assert world.fill("a", before).look().sent("b") == []
        world.fill("a", at - before).look()
    assert world.sent("b") == [7]
    assert world.fill("a", 100 - at).look().sent("b") == [7]


def test_every_fill_releases_its_part_rounded_down():
    world = pair("on_fill", qty=3, child=10)
    sent = [sum(world.fill("a", 1).look().sent("b")) for _ in range(3)]
    assert sent == [3, 6, 10]
    assert world.end("b").look().finished


def test_what_no_venue_takes_is_kept_until_it_is_enough():
    world = pair("on_fill", qty=10, child=10)
    world.minimum_1e8 = 4
    sent = [list(world.fill("a", 1).look().sent("b")) for _ in range(10)]
    assert sent[2:5] == [[], [4], [4]]
    assert sent[9] == [4, 4]  # the last two are below the minimum, and nothing follows
    world.end("b").look()
    assert (world.finished, world.status("b")) == (True, "CANCELLED")


def test_too_little_altogether_is_said():
    world = pair("on_fill")
    world.minimum_1e8 = 10
    world.fill("a", 3).end("a").look()
    assert (world.status("b"), world.states["b"].failure) == ("CANCELLED", "BELOW_MINIMUM")
    assert world.finished


def test_two_sources_count_for_equal_parts():
    edges = [Edge("e", "a", "c", "on_fill"), Edge("f", "b", "c", "on_fill")]
    world = World(Graph([Node("a", 10), Node("b", 1000), Node("c", 100)], edges)).look()
    assert world.fill("a", 5).look().sent("c") == [25]
    assert world.fill("b", 1000).look().sent("c") == [25, 50]
    assert world.fill("a", 5).look().sent("c") == [25, 50, 25]


def test_any_edge_begins_a_node_and_a_later_one_changes_nothing():
    edges = [Edge("e", "a", "c", "on_full_fill"), Edge("f", "b", "c", "on_full_fill")]
    world = World(Graph([Node("a", 10), Node("b", 10), Node("c", 7)], edges)).look()
    assert world.fill("b", 10).look().sent("c") == [7]
    assert world.fill("a", 10).look().sent("c") == [7]


def test_a_trigger_after_fills_sends_the_rest():
    edges = [Edge("e", "a", "b", "on_fill"), Edge("f", "a", "b", "on_timeout", after_ns=5 * S)]
    world = World(Graph([Node("a", 100), Node("b", 100)], edges)).look()
    world.fill("a", 30).at(1)
    world.fill("a", 10).end("a").look()  # the timeout is still to come, so that b is not over
    assert world.sent("b") == [30, 10]
    assert world.due_ns == 5 * S
    assert world.at(5 * S).sent("b") == [30, 10, 60]


def test_slices_are_equal_and_on_time():
    world = World(Graph([Node("a", 100, Pacing(3, 10 * S))])).look()
    assert (world.sent("a"), world.due_ns) == ([33], 10 * S)
    assert world.at(10 * S - 1).sent("a") == [33]
    assert world.at(10 * S + 5).sent("a") == [33, 33]
    assert world.due_ns == 20 * S  # the few nanoseconds do not add up
    assert world.at(20 * S).sent("a") == [33, 33, 34]
    assert not world.finished
    assert world.end("a").look().finished


def test_an_interruption_piles_nothing_up():
    world = World(Graph([Node("a", 40, Pacing(4, 10 * S))])).look()
    assert world.at(95 * S).sent("a") == [10, 10]
    assert world.due_ns == 105 * S


def test_what_a_slice_did_not_fill_is_not_sent_again():
    world = World(Graph([Node("a", 30, Pacing(3, S))])).look()
    world.fill("a", 4).end("a").at(S)
    world.at(2 * S).fill("a", 20).look()
    assert world.sent("a") == [10, 10, 10]
    assert (world.finished, world.status("a")) == (True, "PARTIAL")


def test_timeouts_count_from_the_source_and_chain_without_drift():
    edges = [Edge("e", "a", "b", "on_timeout", after_ns=S), Edge("f", "b", "c", "on_timeout", after_ns=S)]
    world = World(Graph([Node("a", 1), Node("b", 1), Node("c", 1)], edges), now_ns=7).look()
    assert world.due_ns == S + 7
    assert world.at(S + 9).sent("b") == [1]
    assert world.due_ns == 2 * S + 7
    assert world.at(2 * S + 7).sent("c") == [1]


def test_a_timeout_fires_also_when_its_source_has_ended():
    world = pair("on_timeout", more={"after_ns": 5 * S})
    assert not world.fill("a", 100).look().finished
    assert world.at(5 * S).sent("b") == [100]


@pytest.mark.parametrize(
    ("filled", "trigger", "begins"),
    [
        (0, "on_cancel", True),
        (40, "on_cancel", True),
        (100, "on_cancel", False),
        (100, "on_done", True),
        (0, "on_done", True),
        (40, "on_full_fill", False),
    ],
)
def test_the_end_of_a_node(filled, trigger, begins):
    world = pair(trigger)
    world.fill("a", filled).end("a").look()
    assert bool(world.sent("b")) is begins
    if not begins:
        assert (world.finished, world.status("b")) == (True, "CANCELLED")
        assert world.states["b"].failure == "NEVER_TRIGGERED"


def test_what_never_began_fires_nothing():
    edges = [Edge("e", "a", "b", "on_full_fill"), Edge("f", "b", "c", "on_done")]
    world = World(Graph([Node("a", 1), Node("b", 1), Node("c", 1)], edges)).look()
    assert world.end("a").look().finished
    assert (world.sent("b"), world.sent("c")) == ([], [])


def test_one_exit_cancels_the_other():
    edges = [
        Edge("1", "in", "profit", "on_full_fill"),
        Edge("2", "in", "loss", "on_full_fill"),
        Edge("3", "profit", "loss", "on_first_fill", cancels=True),
        Edge("4", "loss", "profit", "on_first_fill", cancels=True),
        Edge("5", "in", "in", "on_timeout", after_ns=9 * S, cancels=True),
    ]
    graph = Graph([Node(name, 10) for name in ("in", "profit", "loss")], edges)
    world = World(graph).look()
    assert world.due_ns == 9 * S
    world.fill("in", 10).look()
    world.fill("profit", 10).look()
    assert [world.status(node.node_id) for node in graph.nodes] == ["FILLED", "FILLED", "CANCELLED"]
    assert world.finished
    late = World(graph).look().fill("in", 4).at(9 * S)
    assert [late.status(node.node_id) for node in graph.nodes] == ["PARTIAL", "CANCELLED", "CANCELLED"]
    assert late.finished


def test_a_pause_sends_nothing_and_loses_nothing():
    world = pair("on_fill")
    world.paused = True
    world.fill("a", 60).look()
    assert (world.sent("b"), world.finished) == ([], False)
    world.paused = False
    assert world.look().sent("b") == [60]


def test_a_paused_graph_of_which_nothing_is_left_ends():
    world = pair("on_full_fill")
    world.paused = True
    assert world.end("a").look().finished


def test_cancelling_reaches_every_node():
    world = pair("on_fill")
    world.ending = True
    world.fill("a", 10).look()
    assert (world.sent("b"), world.finished) == ([], True)
    assert (world.status("a"), world.status("b")) == ("PARTIAL", "CANCELLED")


def test_a_cancelled_node_ends_and_releases_no_more():
    world = pair("on_fill")
    world.fill("a", 10).look()
    world.cancel("b")
    assert world.fill("a", 50).look().sent("b") == [10]
    assert world.status("b") == "CANCELLED"


def test_without_a_book_an_order_waits_a_while():
    world = World(Graph([Node("a", 5)]), sendable=False).look()
    assert (world.sent("a"), world.due_ns) == ([], HOLD_NS)
    assert world.at(HOLD_NS - 1).sent("a") == []
    assert world.at(HOLD_NS).sent("a") == [5]  # now it is refused, which says why
    follows = pair("on_fill")
    follows.sendable = False
    assert follows.fill("a", 10).at(100 * S).sent("b") == []
    follows.sendable = True
    assert follows.look().sent("b") == [10]


def test_lots_are_kept_and_their_rest_is_no_hindrance():
    edge = Edge("e", "a", "b", "on_full_fill")
    world = World(Graph([Node("a", 107, lot_1e8=10), Node("b", 107, Pacing(2, S), 10)], [edge])).look()
    assert world.sent("a") == [100]
    world.fill("a", 100).look()
    assert world.status("a") == "FILLED"
    assert world.at(S).sent("b") == [50, 50]
