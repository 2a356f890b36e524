"""From the body of a request to a graph, or to every reason why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

from sequence_paper.api.errors import ApiError, refused
from sequence_paper.api.order_bodies import EdgeBody, GraphBody, NodeBody, OnTimeoutBody, Wanted, of_node
from sequence_paper.graphs import Edge, Node, Pacing, Problem, check
from sequence_paper.graphs.model import ONE_1E9, TRIGGERS, Trigger
from sequence_paper.store.words import Json

_MS: Final = 10**6
_DOLLARS: Final = 9 * 10**9
"""Times 10^9 they fit into 64 bits."""
_NOT_HERE: Final = "only spot is traded here"


@dataclass(frozen=True, slots=True)
class Draft:
    """A graph that is one. `wanted` and `pacings` go with the nodes of the request, in their order."""

    graph_id: str | None
    sandbox: bool | None
    wanted: Sequence[Wanted]
    pacings: Sequence[Pacing | None]
    edges: Sequence[Edge]
    max_notional_1e9: int | None
    max_loss_1e9: int | None

    @property
    def goes_on(self) -> bool:
        """Whether something of it is still to be decided once it is accepted; else it is one order, sent at once."""
        one = len(self.wanted) == 1 and not self.edges and self.pacings[0] is None
        return not one or self.wanted[0].chase or self.max_loss_1e9 is not None

    def nodes(self, lots_1e8: Sequence[int] | None = None) -> list[Node]:
        """As the planner knows them, with the lots they are traded in."""
        lots = lots_1e8 or [1] * len(self.wanted)
        return [
            Node(want.node_id, want.qty_1e8, pacing, lot)
            for want, pacing, lot in zip(self.wanted, self.pacings, lots, strict=True)
        ]


def draft(body: GraphBody) -> Draft:
    """Raises 422 that names every problem, or 501 when all there is wrong is that this platform does not have it."""
    absent: list[Problem] = []
    problems: list[Problem] = []
    wanted = [
        _node(node, f"nodes.{number}", body, problems, absent) for number, node in enumerate(body.nodes)
    ]
    edges = [_edge(edge, f"edges.{number}", number, problems) for number, edge in enumerate(body.edges)]
    notional = _dollars(body.risk, "admission", "max_notional_usd", problems)
    loss = _dollars(body.risk, "runtime", "max_loss_usd", problems)
    absent += [
        Problem(f"risk.{layer}", "not built: admission and runtime are held")
        for layer in body.risk
        if layer not in ("admission", "runtime")
    ]
    made = Draft(
        body.graph_id, body.is_sandbox, wanted, [_pacing(n) for n in body.nodes], edges, notional, loss
    )
    problems += check(made.nodes(), edges, [node.activation for node in body.nodes])
    if problems:
        raise refused([*problems, *absent])
    if absent:
        raise refused(absent, 501)
    return made


def edge_view(edge: Edge) -> Json:
    """As it was sent."""
    timeout = edge.trigger == "on_timeout"
    row: Json = {
        "edge_id": edge.edge_id,
        "from_node": edge.source,
        "to_node": edge.target,
        "trigger": {"on_timeout": {"ms": edge.after_ns // _MS}} if timeout else edge.trigger,
        "action": "cancel" if edge.cancels else "activate",
    }
    if edge.trigger == "on_fill_ratio":
        row["condition"] = {"fill_ratio_gte": edge.ratio_1e9 / ONE_1E9}
    return row


def _node(node: NodeBody, at: str, body: GraphBody, problems: list[Problem], absent: list[Problem]) -> Wanted:
    if node.instrument.type != "spot":
        absent.append(Problem(f"{at}.instrument.type", f"{node.instrument.type}: {_NOT_HERE}"))
    try:
        want = of_node(node, at, body.graph_id, body.is_sandbox)
    except ApiError as error:
        problems.append(Problem(error.details[0]["field"], error.details[0]["message"]))
        # The rest of it is judged too, without what was wrong.
        how = node.execution.model_copy(update={"tif": None, "ttl_ms": None, "expire_ns": None})
        plain = node.model_copy(update={"execution": how})
        want = of_node(plain, at, body.graph_id, body.is_sandbox)
    if want.limit_1e9 is not None and want.limit_1e9 < 1:
        problems.append(Problem(f"{at}.order_type.limit.price_1e9", "a price is above 0"))
    return want


def _pacing(node: NodeBody) -> Pacing | None:
    given = node.execution.pacing
    return None if given is None else Pacing(given.uniform.num_slices, given.uniform.interval_ms * _MS)


def _edge(edge: EdgeBody, at: str, number: int, problems: list[Problem]) -> Edge:
    trigger: Trigger = "on_done"
    after_ms = 0
    if isinstance(edge.trigger, OnTimeoutBody):
        trigger, after_ms = "on_timeout", edge.trigger.on_timeout.ms
    elif edge.trigger == "on_timeout":
        problems.append(Problem(f"{at}.trigger", 'a timeout is written {"on_timeout": {"ms": …}}'))
    elif edge.trigger in TRIGGERS:
        trigger = cast(Trigger, edge.trigger)
    else:
        problems.append(Problem(f"{at}.trigger", f"{edge.trigger} is no trigger; {', '.join(TRIGGERS)} are"))
    return Edge(
        edge.edge_id or f"e{number}",
        edge.from_node,
        edge.to_node,
        trigger,
        _ratio(edge, trigger, at, problems),
        after_ms * _MS,
        edge.action == "cancel",
    )


def _ratio(edge: EdgeBody, trigger: Trigger, at: str, problems: list[Problem]) -> int:
    """Exactly as it was written; what 0 is, the check says."""
    if trigger != "on_fill_ratio":
        if edge.condition is not None:
            problems.append(Problem(f"{at}.condition", "belongs to on_fill_ratio"))
        return 0
    if edge.condition is None:
        return 0
    ratio = Decimal(str(edge.condition.fill_ratio_gte))
    scaled = ratio.scaleb(9) if ratio.is_finite() and abs(ratio) < ONE_1E9 else Decimal(0)
    if scaled != int(scaled):
        problems.append(Problem(f"{at}.condition.fill_ratio_gte", "has more than 9 decimals"))
        return 1
    return int(scaled)


def _dollars(risk: dict[str, Any], layer: str, name: str, problems: list[Problem]) -> int | None:
    limits = risk.get(layer) or {}
    if not isinstance(limits, dict):
        problems.append(Problem(f"risk.{layer}", "an object with limits"))
        return None
    problems += [Problem(f"risk.{layer}.{key}", "not a known key") for key in limits if key != name]
    given = limits.get(name)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < _DOLLARS:
        problems.append(Problem(f"risk.{layer}.{name}", f"a number of dollars above 0 and below {_DOLLARS}"))
        return None
    return int(Decimal(str(given)).scaleb(9))
