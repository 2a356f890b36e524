"""Orders in graphs: which order follows from which, when, and how much of it. Pure: no I/O, no clock."""

from sequence_paper.graphs.check import MAX_NODES, MAX_ORDERS, Problem, check
from sequence_paper.graphs.model import Edge, Facts, Graph, Node, Pacing, State, Trigger
from sequence_paper.graphs.plan import HOLD_NS, Plan, Send, plan
from sequence_paper.graphs.triggers import status_of

__all__ = [
    "HOLD_NS",
    "MAX_NODES",
    "MAX_ORDERS",
    "Edge",
    "Facts",
    "Graph",
    "Node",
    "Pacing",
    "Plan",
    "Problem",
    "Send",
    "State",
    "Trigger",
    "check",
    "plan",
    "status_of",
]
