"""From a graph, what is known of its orders, and the time: what has to be done now.

A plan is a value: the caller stores it in one transaction with the orders that it sends, and plans again until
nothing is left to do. Whatever it says follows from sums and from what is stored, never from events, so that the same
facts seen twice, or in another order, send nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Final

from sequence_paper.graphs.model import Edge, Facts, Graph, Node, Pacing, State
from sequence_paper.graphs.triggers import LATE_NS, fired, is_over, never, released_1e8

HOLD_NS: Final = 10 * 10**9
"""How long an order that is due waits for a venue to show a book that can be traded on."""
NEVER_TRIGGERED: Final = "NEVER_TRIGGERED"
"""Failure of a node whose edges cannot fire any more."""
BELOW_MINIMUM: Final = "BELOW_MINIMUM"
"""Failure of a node of which nothing was sent, since what was released is less than any venue takes."""


@dataclass(frozen=True, slots=True)
class Send:
    """One order of a node; `number` counts its orders from 1."""

    node_id: str
    number: int
    qty_1e8: int


@dataclass(slots=True)
class Plan:
    """`states`: only those that change. `cancels`: nodes whose open orders have to end.

    `due_ns`: when to look again, if nothing happens before.
    """

    states: dict[str, State] = field(default_factory=dict)
    sends: list[Send] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    finished: bool = False
    due_ns: int | None = None

    @property
    def acts(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.states or self.sends or self.cancels or self.finished)


def plan(
    graph: Graph,
    states: Mapping[str, State],
    facts: Mapping[str, Facts],
    now_ns: int,
    *,
    paused: bool = False,
    ending: bool = False,
) -> Plan:
    """What to do now. `paused`: nothing begins and nothing is sent. `ending`: all of it has to end."""
    return _Pass(graph, states, facts, now_ns, paused, ending).plan()


class _Pass:
    """One look at a graph, sources before targets."""

    def __init__(
        self,
        graph: Graph,
        states: Mapping[str, State],
        facts: Mapping[str, Facts],
        now_ns: int,
        paused: bool,
        ending: bool,
    ) -> None:
        self._graph, self._facts, self._now = graph, dict(facts), now_ns
        self._before, self._after = dict(states), dict(states)
        self._paused, self._ending = paused, ending
        self._nodes = {node.node_id: node for node in graph.nodes}
        self._plan = Plan()

    def plan(self) -> Plan:
        self._cancel()
        for node in self._in_order():
            if not self._after[node.node_id].closed:
                self._begin(node)
                self._release(node)
        changed = {name: state for name, state in self._after.items() if state != self._before[name]}
        self._plan.states = changed
        self._plan.finished = all(is_over(self._after[name], self._facts[name]) for name in self._nodes)
        return self._plan

    def _in_order(self) -> Iterable[Node]:
        # Lists, not sets: whoever plans the same graph goes through it in the same order.
        before = {
            name: list(dict.fromkeys(edge.source for edge in self._graph.into(name))) for name in self._nodes
        }
        return (self._nodes[name] for name in TopologicalSorter(before).static_order())

    def _cancel(self) -> None:
        """Nodes that have to end; also while paused, since ending sends nothing."""
        live = [name for name in self._nodes if not self._is_over(name)]
        edges = [edge for edge in self._graph.edges if edge.cancels and edge.target in live]
        ends = [edge.target for edge in edges if self._fired(edge) is not None]
        for name in live:
            state = self._after[name]
            if not state.cancelled and (self._ending or name in ends):
                state = replace(state, cancelled=True)
            if state.cancelled:
                if self._facts[name].is_open and not self._before[name].cancelled:
                    self._plan.cancels.append(name)
                self._after[name] = replace(state, closed=True)

    def _begin(self, node: Node) -> None:
        state, edges = self._after[node.node_id], self._graph.into(node.node_id)
        if state.whole:
            return
        if not edges and not self._paused:
            state = replace(state, activated_ns=self._now, whole=True, due_ns=self._now)
        elif edges and all(self._never(edge) for edge in edges):
            if state.activated_ns is None:  # else it followed fills, and ends by what they released
                state = replace(state, closed=True, failure=NEVER_TRIGGERED)
        elif not self._paused:
            state = self._triggered(state, edges)
        self._after[node.node_id] = state

    def _triggered(self, state: State, edges: Sequence[Edge]) -> State:
        """Any of its edges is enough. `on_fill` alone makes it follow fills, any other sends the whole of it."""
        at = {edge: moment for edge in edges if (moment := self._fired(edge)) is not None}
        once = [moment for edge, moment in at.items() if edge.trigger != "on_fill"]
        if once:
            began = min(at.values()) if state.activated_ns is None else state.activated_ns
            return replace(state, activated_ns=began, whole=True, due_ns=min(once))
        if at and state.activated_ns is None:
            return replace(state, activated_ns=min(at.values()), due_ns=min(at.values()))
        return state

    def _release(self, node: Node) -> None:
        state = self._after[node.node_id]
        if self._paused or state.activated_ns is None or state.closed:
            return
        if not state.whole:
            self._follow(node, state)
        elif node.pacing is not None:
            self._slice(node, state, node.pacing)
        elif self._may_send(node, state.due_ns):
            self._send(node, state, node.whole_1e8 - self._facts[node.node_id].sent_1e8, closes=True)

    def _slice(self, node: Node, state: State, pacing: Pacing) -> None:
        """The next of equal parts. One that came late moves those behind it."""
        if self._now < state.due_ns:
            self._look_again(state.due_ns)
        elif self._may_send(node, state.due_ns):
            left = pacing.slices - state.steps
            late = self._now - state.due_ns > LATE_NS
            due = (self._now if late else state.due_ns) + pacing.interval_ns
            rest = node.whole_1e8 - self._facts[node.node_id].sent_1e8
            self._send(node, replace(state, due_ns=due), rest // left, closes=left <= 1)
            if left > 1:
                self._look_again(due)

    def _follow(self, node: Node, state: State) -> None:
        """As much as fills release, once a venue takes that little."""
        edges = self._graph.into(node.node_id)
        sources = [edge.source for edge in edges if edge.trigger == "on_fill"]
        facts = self._facts[node.node_id]
        released = released_1e8(node, [(self._nodes[name], self._facts[name]) for name in sources])
        more = node.lots(released - facts.sent_1e8)
        last = all(self._is_over(name) for name in sources) and all(
            self._never(edge) for edge in edges if edge.trigger != "on_fill"
        )
        if more and more >= facts.minimum_1e8:
            if facts.sendable:
                self._send(node, state, more, closes=last)
        elif last and (facts.sendable or not more):
            nothing = None if facts.sent_1e8 else BELOW_MINIMUM
            self._after[node.node_id] = replace(state, closed=True, failure=nothing)

    def _send(self, node: Node, state: State, qty_1e8: int, *, closes: bool) -> None:
        qty = node.lots(qty_1e8)
        step = state.steps + 1
        if qty:
            self._plan.sends.append(Send(node.node_id, step, qty))
            facts = self._facts[node.node_id]
            # From here on in this pass it has an open order.
            self._facts[node.node_id] = replace(facts, is_open=True, sent_1e8=facts.sent_1e8 + qty)
        self._after[node.node_id] = replace(state, steps=step, closed=closes)

    def _may_send(self, node: Node, due_ns: int) -> bool:
        """Without a book it waits a while; then it is sent and refused, which says why."""
        if self._facts[node.node_id].sendable or self._now >= due_ns + HOLD_NS:
            return True
        self._look_again(due_ns + HOLD_NS)
        return False

    def _look_again(self, at_ns: int) -> None:
        self._plan.due_ns = at_ns if self._plan.due_ns is None else min(self._plan.due_ns, at_ns)

    def _fired(self, edge: Edge) -> int | None:
        source, state = self._nodes[edge.source], self._after[edge.source]
        at = fired(edge, source, state, self._facts[edge.source], self._now)
        if at is None and edge.trigger == "on_timeout" and state.activated_ns is not None:
            self._look_again(state.activated_ns + edge.after_ns)
        return at

    def _never(self, edge: Edge) -> bool:
        facts = self._facts[edge.source]
        return never(edge, self._nodes[edge.source], self._after[edge.source], facts, self._now)

    def _is_over(self, name: str) -> bool:
        return is_over(self._after[name], self._facts[name])
