"""Graphs that are none: every problem at once, each by its field."""

from __future__ import annotations

from dataclasses import replace

from sequence_paper.graphs import MAX_NODES, MAX_ORDERS, Edge, Node, Pacing, check

A, B, C = (Node(name, 10) for name in "abc")
EDGE = Edge("e", "a", "b", "on_fill")


def fields(nodes, edges=(), activations=None):
    waits = {edge.target for edge in edges}
    said = activations or ["wait" if node.node_id in waits else "root" for node in nodes]
    return [problem.field for problem in check(nodes, edges, said)]


def test_a_good_graph_has_none():
    cancels = Edge("x", "b", "a", "on_first_fill", cancels=True)
    ends = Edge("t", "a", "a", "on_timeout", after_ns=10**9, cancels=True)
    assert check([A, B], [EDGE, cancels, ends], ["root", "wait"]) == []


def test_every_problem_is_named_at_once():
    nodes = [replace(A, qty_1e8=0), A, replace(B, pacing=Pacing(0, -1))]
    edges = [
        Edge("e", "a", "nobody", "on_fill_ratio", ratio_1e9=1_500_000_000),
        Edge("e", "b", "c", "on_timeout", after_ns=-1),
        Edge("f", "b", "b", "on_fill"),
    ]
    assert fields(nodes, edges, ["root", "root", "root"]) == [
        "nodes.0.quantity.fixed.qty_1e8",
        "nodes.2.execution.pacing.uniform.num_slices",
        "nodes.2.execution.pacing.uniform.interval_ms",
        "nodes.1.node_id",
        "edges.1.edge_id",
        "edges.0.to_node",
        "edges.0.condition.fill_ratio_gte",
        "edges.1.to_node",
        "edges.1.trigger.on_timeout.ms",
        "edges.2",
        "nodes.2.activation",
        "nodes.2.execution.pacing",
    ]


def test_a_cycle_is_shown():
    edges = [EDGE, Edge("f", "b", "c", "on_fill"), Edge("g", "c", "a", "on_fill")]
    [problem] = check([A, B, C], edges, ["wait", "wait", "wait"])
    assert problem.field == "edges"
    assert {*problem.message.partition(" is a cycle")[0].split(" -> ")} == {"a", "b", "c"}


def test_what_a_node_says_of_itself_has_to_fit_the_edges():
    assert fields([A, B], [EDGE], ["wait", "root"]) == ["nodes.0.activation", "nodes.1.activation"]


def test_there_is_a_limit_to_everything():
    many = [Node(f"n{number}", 10) for number in range(MAX_NODES + 1)]
    assert fields(many) == ["nodes"]
    assert fields([]) == ["nodes"]
    assert fields([Node("a", 10**6, Pacing(MAX_ORDERS, 10**9))]) == ["nodes"]
    assert fields([Node("a", 10**6, Pacing(MAX_ORDERS - 1, 10**9))]) == []
    assert fields([Node("a", 10, Pacing(20, 10**9))]) == ["nodes.0.execution.pacing.uniform.num_slices"]
    assert len(check([A, B], [replace(EDGE, edge_id=f"e{n}") for n in range(257)], ["root", "wait"])) == 1
