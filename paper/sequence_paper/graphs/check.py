"""What makes a graph none: every problem of it, by the field of the request that has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

from sequence_paper.graphs.model import ONE_1E9, Edge, Node

MAX_NODES: Final = 64
MAX_EDGES: Final = 256
MAX_ORDERS: Final = 512
"""Nodes and slices of one graph together."""
MAX_MS: Final = 30 * 86_400_000
"""Longest timeout and interval: 30 days."""
_MS: Final = 10**6


class Problem(NamedTuple):
    field: str
    message: str


def check(nodes: Sequence[Node], edges: Sequence[Edge], activations: Sequence[str]) -> list[Problem]:
    """All problems; none means that it can be stored. `activations`: what each node says of itself, root or wait."""
    names = [node.node_id for node in nodes]
    found = [*_counts(nodes, edges), *_nodes(nodes)]
    found += _twice("nodes", "node_id", names)
    found += _twice("edges", "edge_id", [edge.edge_id for edge in edges])
    known = frozenset(names)
    for number, edge in enumerate(edges):
        found += _edge(f"edges.{number}", edge, known)
    found += _cycle(names, edges)
    found += _activations(nodes, edges, activations)
    return found


def _counts(nodes: Sequence[Node], edges: Sequence[Edge]) -> Iterator[Problem]:
    if not 1 <= len(nodes) <= MAX_NODES:
        yield Problem("nodes", f"{len(nodes)} nodes, a graph has 1 to {MAX_NODES}")
    if len(edges) > MAX_EDGES:
        yield Problem("edges", f"{len(edges)} edges, a graph has at most {MAX_EDGES}")
    orders = len(nodes) + sum(node.pacing.slices for node in nodes if node.pacing is not None)
    if orders > MAX_ORDERS:
        yield Problem("nodes", f"{orders} nodes and slices, a graph has at most {MAX_ORDERS}")


def _nodes(nodes: Sequence[Node]) -> Iterator[Problem]:
    for number, node in enumerate(nodes):
        at = f"nodes.{number}"
        if node.qty_1e8 < 1:
            yield Problem(f"{at}.quantity.fixed.qty_1e8", "a quantity is above 0")
        if node.pacing is None:
            continue
        uniform = f"{at}.execution.pacing.uniform"
        if node.pacing.slices < 1:
            yield Problem(f"{uniform}.num_slices", "there is at least one slice")
        elif 0 < node.qty_1e8 < node.pacing.slices * node.lot_1e8:
            yield Problem(f"{uniform}.num_slices", f"{node.qty_1e8} (_1e8) cannot be cut into so many slices")
        if not _MS <= node.pacing.interval_ns <= MAX_MS * _MS:
            yield Problem(f"{uniform}.interval_ms", f"an interval has 1 to {MAX_MS} ms")


def _twice(field: str, name: str, ids: Sequence[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, one in enumerate(ids):
        if first.setdefault(one, number) != number:
            yield Problem(f"{field}.{number}.{name}", f"{one} is taken by {field}.{first[one]}")


def _edge(at: str, edge: Edge, names: Collection[str]) -> Iterator[Problem]:
    for field, name in (("from_node", edge.source), ("to_node", edge.target)):
        if name not in names:
            yield Problem(f"{at}.{field}", f"there is no node {name}")
    if edge.trigger == "on_fill_ratio" and not 0 < edge.ratio_1e9 <= ONE_1E9:
        yield Problem(f"{at}.condition.fill_ratio_gte", "on_fill_ratio needs a ratio above 0 and at most 1")
    if edge.trigger == "on_timeout" and not 0 <= edge.after_ns <= MAX_MS * _MS:
        yield Problem(f"{at}.trigger.on_timeout.ms", f"a timeout has 0 to {MAX_MS} ms")
    if edge.source == edge.target and not (edge.cancels and edge.trigger == "on_timeout"):
        yield Problem(at, "only a timeout that cancels leads from a node to itself")


def _cycle(names: Sequence[str], edges: Sequence[Edge]) -> Iterator[Problem]:
    """Nodes that wait for each other. Cancelling makes nobody wait."""
    before: Mapping[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        if (
            not edge.cancels
            and edge.source in before
            and edge.target in before
            and edge.source != edge.target
        ):
            before[edge.target].append(edge.source)
    try:
        TopologicalSorter({name: list(dict.fromkeys(found)) for name, found in before.items()}).prepare()
    except CycleError as error:
        yield Problem("edges", f"{' -> '.join(error.args[1])} is a cycle: none of them would begin")


def _activations(
    nodes: Sequence[Node], edges: Sequence[Edge], activations: Sequence[str]
) -> Iterator[Problem]:
    waits = {edge.target for edge in edges if not edge.cancels}
    follows = {edge.target for edge in edges if not edge.cancels and edge.trigger == "on_fill"}
    for number, (node, said) in enumerate(zip(nodes, activations, strict=True)):
        at = f"nodes.{number}"
        if said == "root" and node.node_id in waits:
            yield Problem(f"{at}.activation", "an edge leads to it: it waits")
        if said == "wait" and node.node_id not in waits:
            yield Problem(f"{at}.activation", "no edge leads to it: it would wait for ever")
        if node.pacing is not None and node.node_id in follows:
            yield Problem(f"{at}.execution.pacing", "what follows fills (on_fill) is paced by them")
