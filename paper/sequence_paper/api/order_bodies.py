"""Orders as clients write them: the simple form, and nodes of graphs. Unknown keys are refused."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, model_validator

from sequence_paper.api.bodies import INT64_MAX, Name, Symbol
from sequence_paper.api.errors import invalid

Human = Annotated[Decimal, Field(gt=0, lt=Decimal(10) ** 10, allow_inf_nan=False)]
"""A quantity or price in human units."""
Positive = Annotated[StrictInt, Field(ge=1, le=INT64_MAX)]
Number = Annotated[StrictInt, Field(ge=-INT64_MAX, le=INT64_MAX)]
"""Of a graph, whose ranges are checked with everything else of it, so that all problems are told together."""
Side = Literal["buy", "sell"]
Tif = Literal["gtc", "gtd", "ioc", "fok", "post_only"]
Ttl = Annotated[StrictInt, Field(ge=1, le=30 * 86_400_000)]
"""Milliseconds of the feed's time, from the order's arrival at its venue's edge."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SimpleBody(_Strict):
    """`qty` or `notional` in human units; without `price` a market order, without `venue` the router decides.

    `tif` gtd takes `ttl_ms` or `expire_ns` (on the clock of the venue's feed).
    """

    symbol: Symbol
    side: Side
    qty: Human | None = None
    notional: Human | None = None
    price: Human | None = None
    venue: Name | None = None
    tif: Tif | None = None
    ttl_ms: Ttl | None = None
    expire_ns: Positive | None = None
    reduce_only: bool = False
    order_type: Literal["market", "limit"] | None = None
    max_slippage_bps: Annotated[StrictInt, Field(ge=0, lt=10_000)] | None = None
    sandbox: bool | None = None
    graph_id: Name | None = None

    @model_validator(mode="after")
    def _one_size(self) -> SimpleBody:
        if (self.qty is None) == (self.notional is None):
            raise ValueError("give qty or notional, and not both")
        if self.order_type is not None and (self.order_type == "limit") != (self.price is not None):
            raise ValueError("a limit order has a price, a market order has none")
        return self


class InstrumentBody(_Strict):
    symbol: Symbol
    type: Literal["spot", "perp", "prediction"] = "spot"
    venue: Name | None = None


class LimitBody(_Strict):
    price_1e9: Number


class LimitTypeBody(_Strict):
    limit: LimitBody


class FixedBody(_Strict):
    qty_1e8: Number


class QuantityBody(_Strict):
    fixed: FixedBody


class UniformBody(_Strict):
    num_slices: Number
    interval_ms: Number


class PacingBody(_Strict):
    """`num_slices` orders of equal size, `interval_ms` apart."""

    uniform: UniformBody


class ExecutionBody(_Strict):
    """`urgency` and `horizon_ms` are kept; a single sweep has no use for them. The rest as in the simple form."""

    policy: Literal["sor", "aggressive_chase"] = "sor"
    urgency: Literal["low", "medium", "high"] | None = None
    max_slippage_bps: Annotated[StrictInt, Field(ge=0, lt=10_000)] | None = None
    horizon_ms: Annotated[StrictInt, Field(ge=1, le=86_400_000)] | None = None
    tif: Tif | None = None
    ttl_ms: Ttl | None = None
    expire_ns: Positive | None = None
    reduce_only: bool = False
    pacing: PacingBody | None = None


class NodeBody(_Strict):
    node_id: Name
    instrument: InstrumentBody
    side: Side
    order_type: Literal["market"] | LimitTypeBody
    quantity: QuantityBody
    execution: ExecutionBody = ExecutionBody()
    activation: Literal["root", "wait"] = "root"


class TimeoutBody(_Strict):
    ms: Number


class OnTimeoutBody(_Strict):
    on_timeout: TimeoutBody


class ConditionBody(_Strict):
    fill_ratio_gte: StrictInt | StrictFloat


class EdgeBody(_Strict):
    """`action` cancel ends the node it leads to instead of beginning it (ours)."""

    edge_id: Name | None = None
    from_node: str
    to_node: str
    trigger: str | OnTimeoutBody = "on_fill"
    condition: ConditionBody | None = None
    action: Literal["activate", "cancel"] = "activate"


class GraphBody(_Strict):
    """`risk.admission.max_notional_usd` and `risk.runtime.max_loss_usd` are held; there are no other layers here."""

    graph_id: Name | None = None
    is_sandbox: bool | None = None
    nodes: list[NodeBody]
    edges: list[EdgeBody] = []
    risk: dict[str, Any] = {}


class AmendConstraints(_Strict):
    max_price_1e9: Positive


class AmendBody(_Strict):
    """What is left out stays as it is."""

    new_qty_1e8: Positive | None = None
    new_constraints: AmendConstraints | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order in whichever form it came. One of `qty_1e8` and `notional_1e9` is 0."""

    graph_id: str | None
    node_id: str
    symbol: str
    side: Side
    qty_1e8: int
    notional_1e9: int
    limit_1e9: int | None
    venue: str | None
    tif: Tif
    chase: bool = False
    max_slippage_bps: int | None = None
    horizon_ms: int | None = None
    max_notional_1e9: int | None = None
    sandbox: bool | None = None
    ttl_ms: int | None = None
    expire_ns: int | None = None
    reduce_only: bool = False


def simple(body: SimpleBody) -> Wanted:
    _lasts(body.tif, body.ttl_ms, body.expire_ns, "tif")
    return Wanted(
        body.graph_id,
        "order",
        body.symbol.replace("/", "-"),
        body.side,
        _scaled(body.qty, 8),
        _scaled(body.notional, 9),
        _scaled(body.price, 9) or None,
        body.venue,
        _tif(body.tif, body.price is not None, "tif"),
        max_slippage_bps=body.max_slippage_bps,
        sandbox=body.sandbox,
        ttl_ms=body.ttl_ms,
        expire_ns=body.expire_ns,
        reduce_only=body.reduce_only,
    )


def of_node(node: NodeBody, at: str, graph_id: str | None, sandbox: bool | None) -> Wanted:
    """What a node of a graph sends. Raises 422 with the field, which is in `at`."""
    limit = node.order_type.limit.price_1e9 if isinstance(node.order_type, LimitTypeBody) else None
    how = node.execution
    _lasts(how.tif, how.ttl_ms, how.expire_ns, f"{at}.execution.tif")
    return Wanted(
        graph_id,
        node.node_id,
        node.instrument.symbol.replace("/", "-"),
        node.side,
        node.quantity.fixed.qty_1e8,
        0,
        limit,
        node.instrument.venue,
        _tif(how.tif, limit is not None, f"{at}.execution.tif"),
        how.policy == "aggressive_chase",
        how.max_slippage_bps,
        how.horizon_ms,
        sandbox=sandbox,
        ttl_ms=how.ttl_ms,
        expire_ns=how.expire_ns,
        reduce_only=how.reduce_only,
    )


def _tif(asked: Tif | None, limited: bool, field: str) -> Tif:
    if not limited and asked in ("post_only", "gtd"):
        raise invalid(field, f"a market order cannot be {asked}")
    if not limited:
        return "fok" if asked == "fok" else "ioc"
    return asked or "gtc"


def _lasts(tif: Tif | None, ttl_ms: int | None, expire_ns: int | None, field: str) -> None:
    given = (ttl_ms is not None) + (expire_ns is not None)
    if given != (tif == "gtd"):
        raise invalid(field, "gtd takes either ttl_ms or expire_ns, and nothing else takes one of them")


def _scaled(human: Decimal | None, digits: int) -> int:
    """Rounded down, as the platform's own clients do."""
    return int(human.scaleb(digits)) if human is not None else 0
