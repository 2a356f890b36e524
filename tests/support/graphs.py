"""A graph with orders that exist only here: the planner's word is carried out, and the test says what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sequence_paper.graphs import Facts, Graph, Plan, State, plan, status_of


@dataclass
class Sent:
    node_id: str
    qty_1e8: int
    filled_1e8: int = 0
    is_open: bool = True


@dataclass
class World:
    """`look` plans and stores until nothing is left to do; time only passes when the test says so."""

    graph: Graph
    now_ns: int = 0
    minimum_1e8: int = 1
    sendable: bool = True
    paused: bool = False
    ending: bool = False
    states: dict[str, State] = field(default_factory=dict)
    orders: list[Sent] = field(default_factory=list)
    finished: bool = False
    due_ns: int | None = None

    def __post_init__(self) -> None:
        self.states = {node.node_id: State() for node in self.graph.nodes}

    def facts(self) -> dict[str, Facts]:
        return {node.node_id: self._facts(node.node_id) for node in self.graph.nodes}

    def _facts(self, name: str) -> Facts:
        mine = self.of(name)
        return Facts(
            sent_1e8=sum(order.qty_1e8 for order in mine),
            filled_1e8=sum(order.filled_1e8 for order in mine),
            is_open=any(order.is_open for order in mine),
            accepted=bool(mine),
            sendable=self.sendable,
            minimum_1e8=self.minimum_1e8,
        )

    def once(self) -> Plan:
        found = plan(
            self.graph, self.states, self.facts(), self.now_ns, paused=self.paused, ending=self.ending
        )
        self.states.update(found.states)
        self.orders += [Sent(send.node_id, send.qty_1e8) for send in found.sends]
        for name in found.cancels:
            self.end(name)
        self.finished, self.due_ns = found.finished, found.due_ns
        return found

    def look(self) -> World:
        while (found := self.once()).acts and not found.finished:
            pass
        return self

    def at(self, now_ns: int) -> World:
        self.now_ns = now_ns
        return self.look()

    def of(self, name: str) -> list[Sent]:
        return [order for order in self.orders if order.node_id == name]

    def sent(self, name: str) -> list[int]:
        return [order.qty_1e8 for order in self.of(name)]

    def fill(self, name: str, qty_1e8: int) -> World:
        """As much of it as is open, oldest first."""
        for order in self.of(name):
            part = min(qty_1e8, order.qty_1e8 - order.filled_1e8) if order.is_open else 0
            order.filled_1e8 += part
            qty_1e8 -= part
            order.is_open = order.is_open and order.filled_1e8 < order.qty_1e8
        return self

    def end(self, name: str) -> World:
        """What is left of it is cancelled."""
        for order in self.of(name):
            order.is_open = False
        return self

    def cancel(self, name: str) -> World:
        """As somebody asks for."""
        self.states[name] = replace(self.states[name], cancelled=True)
        return self.end(name).look()

    def status(self, name: str) -> str:
        node = next(node for node in self.graph.nodes if node.node_id == name)
        return status_of(node, self.states[name], self._facts(name))
