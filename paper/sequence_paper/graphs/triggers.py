"""What happened to a node: whether an edge that leaves it has fired, or never will."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from sequence_paper.graphs.model import ONE_1E9, Edge, Facts, Node, State
from sequence_paper.store.words import OrderStatus

LATE_NS: Final = 10**9
"""What was due longer ago than this counts from now: an interruption delays what follows and piles nothing up."""


def is_over(state: State, facts: Facts) -> bool:
    """Nothing of it is open and nothing follows."""
    return state.closed and not facts.is_open


def is_full(node: Node, facts: Facts) -> bool:
    return 0 < node.whole_1e8 <= facts.filled_1e8


def status_of(node: Node, state: State, facts: Facts) -> OrderStatus:
    """In the words of an order."""
    if not is_over(state, facts):
        if facts.filled_1e8:
            return "PARTIALLY_FILLED"
        return "OPEN" if facts.accepted else "NEW"
    if is_full(node, facts):
        return "FILLED"
    if facts.filled_1e8:
        return "PARTIAL"
    return "REJECTED" if facts.refused and not state.cancelled else "CANCELLED"


def fired(edge: Edge, node: Node, state: State, facts: Facts, now_ns: int) -> int | None:
    """When an edge from this node fired, None when it has not. A node that never began fires nothing."""
    if state.activated_ns is None:
        return None
    if edge.trigger == "on_timeout":
        due = state.activated_ns + edge.after_ns
        return None if now_ns < due else due if now_ns - due <= LATE_NS else now_ns
    return now_ns if _happened(edge, node, state, facts) else None


def never(edge: Edge, node: Node, state: State, facts: Facts, now_ns: int) -> bool:
    """It has not fired, and will not."""
    if not is_over(state, facts) or fired(edge, node, state, facts, now_ns) is not None:
        return False
    return state.activated_ns is None or edge.trigger != "on_timeout"


def _happened(edge: Edge, node: Node, state: State, facts: Facts) -> bool:
    match edge.trigger:
        case "on_accepted":
            return facts.accepted
        case "on_first_fill" | "on_fill":
            return facts.filled_1e8 > 0
        case "on_full_fill":
            return is_full(node, facts)
        case "on_fill_ratio":
            # Exact: no quotient is ever rounded.
            return facts.filled_1e8 * ONE_1E9 >= edge.ratio_1e9 * node.whole_1e8 > 0
        case "on_cancel":
            return status_of(node, state, facts) in ("CANCELLED", "PARTIAL")
        case _:
            return is_over(state, facts)


def released_1e8(node: Node, sources: Sequence[tuple[Node, Facts]]) -> int:
    """How much of a node the fills of its sources release: its quantity times the mean of what is filled of each.

    Rounded down, in lots: never more than that ratio of what was filled.
    """
    parts = [Fraction(min(f.filled_1e8, n.whole_1e8), n.whole_1e8) for n, f in sources if n.whole_1e8]
    if not parts:
        return 0
    return node.lots(int(node.whole_1e8 * sum(parts) / len(sources)))
