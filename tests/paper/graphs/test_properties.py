"""Whatever happens to the orders of a graph, and in whatever order it is heard of."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_paper.graphs import Edge, Graph, Node, Pacing, check
from support.graphs import World

S = 10**9
TRIGGERS = ("on_accepted", "on_first_fill", "on_fill", "on_full_fill", "on_fill_ratio", "on_timeout")
ENDS = ("on_cancel", "on_done")


@st.composite
def graphs(draw) -> Graph:
    """Nodes in a row, edges from earlier to later ones, and some that cancel."""
    count = draw(st.integers(1, 4))
    names = [f"n{number}" for number in range(count)]
    edges = []
    for number in range(1, count):
        for source in draw(st.lists(st.integers(0, number - 1), unique=True, max_size=2)):
            trigger = draw(st.sampled_from(TRIGGERS + ENDS))
            edges.append(_edge(draw, len(edges), names[source], names[number], trigger, cancels=False))
    if count > 1 and draw(st.booleans()):
        one, other = draw(st.permutations(names))[:2]
        edges.append(_edge(draw, len(edges), one, other, draw(st.sampled_from(TRIGGERS)), cancels=True))
    follows = {edge.target for edge in edges if edge.trigger == "on_fill" and not edge.cancels}
    nodes = [_node(draw, name, paced=name not in follows) for name in names]
    waits = {edge.target for edge in edges if not edge.cancels}
    assert check(nodes, edges, ["wait" if name in waits else "root" for name in names]) == []
    return Graph(nodes, edges)


def _edge(draw, number: int, source: str, target: str, trigger: str, *, cancels: bool) -> Edge:
    ratio = draw(st.integers(1, 10**9)) if trigger == "on_fill_ratio" else 0
    after = draw(st.integers(0, 5)) * S if trigger == "on_timeout" else 0
    return Edge(f"e{number}", source, target, trigger, ratio, after, cancels)


def _node(draw, name: str, *, paced: bool) -> Node:
    lot = draw(st.sampled_from((1, 3)))
    pacing = (
        Pacing(draw(st.integers(1, 4)), draw(st.integers(1, 3)) * S)
        if paced and draw(st.booleans())
        else None
    )
    return Node(name, draw(st.integers(4 * lot, 200)), pacing, lot)


EVENTS = st.tuples(
    st.sampled_from(("fill", "fill", "fill", "end", "time", "pause", "resume", "book", "cancel")),
    st.integers(0, 3),
    st.integers(1, 120),
)


def happen(world: World, what: str, which: int, number: int) -> None:
    name = world.graph.nodes[which % len(world.graph.nodes)].node_id
    if what == "fill":
        world.fill(name, number)
    elif what == "end":
        world.end(name)
    elif what == "time":
        world.now_ns += number * S // 20
    elif what == "book":
        world.sendable = not world.sendable
    elif what == "cancel" and number > 100:
        world.cancel(name)
    elif what in ("pause", "resume"):
        world.paused = what == "pause"


def bounded(world: World) -> None:
    """No node sends more than it has, and none that follows fills more than they release."""
    for node in world.graph.nodes:
        state, sent = world.states[node.node_id], sum(world.sent(node.node_id))
        assert sent <= node.qty_1e8
        assert sent % node.lot_1e8 == 0
        if state.activated_ns is not None and not state.whole:
            into = [edge.source for edge in world.graph.into(node.node_id) if edge.trigger == "on_fill"]
            filled = world.facts()
            sources = {one.node_id: one for one in world.graph.nodes}
            ratio = sum(Fraction(filled[name].filled_1e8, sources[name].whole_1e8) for name in into) / len(
                into
            )
            assert sent <= ratio * node.qty_1e8


@settings(max_examples=150, deadline=None)
@given(graphs(), st.lists(EVENTS, max_size=25), st.sampled_from((1, 7)))
def test_no_node_is_overfilled_and_every_graph_ends(graph, events, minimum):
    world = World(graph, minimum_1e8=minimum).look()
    for event in events:
        happen(world, *event)
        world.look()
        bounded(world)
        again = world.once()  # nothing happened: nothing follows
        assert not (again.states or again.sends or again.cancels)
    world.paused, world.sendable = False, True
    for _ in range(60):
        world.look()
        if world.finished:
            break
        for node in graph.nodes:
            world.fill(node.node_id, node.qty_1e8)
        world.look()
        world.now_ns += S
    assert world.finished
    bounded(world)
    for node in graph.nodes:
        state, sent = world.states[node.node_id], sum(world.sent(node.node_id))
        if state.whole and not state.cancelled:
            assert sent == node.whole_1e8  # what was not cancelled has been sent, to the last lot
        if state.activated_ns is None:
            assert sent == 0


FILLS = st.lists(st.tuples(st.sampled_from(("a", "b")), st.integers(1, 9)), min_size=1, max_size=12)


@settings(max_examples=100, deadline=None)
@given(FILLS, st.data(), st.sampled_from((1, 5)))
def test_fills_commute_and_may_be_heard_of_together(fills, data, minimum):
    edges = [
        Edge("1", "a", "c", "on_fill"),
        Edge("2", "b", "c", "on_fill"),
        Edge("3", "a", "d", "on_fill_ratio", 400_000_000),
        Edge("4", "b", "e", "on_full_fill"),
    ]
    nodes = [Node("a", 60), Node("b", 45), Node("c", 1000), Node("d", 10), Node("e", 10)]
    graph = Graph(nodes, edges)

    def run(order: list[tuple[str, int]], *, together: bool) -> list[int]:
        world = World(graph, minimum_1e8=minimum).look()
        for name, qty in order:
            world.fill(name, qty)
            if not together:
                world.look()
        for name in ("a", "b"):
            world.end(name)
        world.look()
        return [sum(world.sent(node.node_id)) for node in nodes]

    one = run(fills, together=True)
    other = run(data.draw(st.permutations(fills)), together=False)
    assert one[3:] == other[3:]
    # What is below the minimum at the end stays unsent; so the orders may be cut differently, by less than one.
    assert abs(one[2] - other[2]) < minimum
