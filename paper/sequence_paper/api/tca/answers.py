"""What the answers of the cost analysis look like. null is missing; why, stands beside it with how often."""

from __future__ import annotations

from pydantic import Field

from sequence_paper.api.answers import Answer


class StatAnswer(Answer):
    """One metric over many orders or fills. `mean` and percentiles are weighted, `se` is the mean's standard error."""

    n: int
    mean: float | None
    se: float | None
    p50: float | None
    p75: float | None
    p95: float | None
    p99: float | None
    missing: dict[str, int] = Field(description="reason → how many values are not there")


class NumbersAnswer(Answer):
    """Plain percentiles, nanoseconds."""

    n: int
    p50: int | None
    p95: int | None
    p99: int | None
    max: int | None


class LegAnswer(NumbersAnswer):
    """One leg of an order's way, on the edge's wall clock."""

    leg: str


class ScopeAnswer(Answer):
    """Which orders: times are the feed's, of an order's creation. `limit`: how many with fills were looked at."""

    symbol: str | None
    deployment: str | None
    venue: str | None
    since_ns: int | None
    until_ns: int | None
    limit: int


class CountsAnswer(Answer):
    """Over all orders of the scope, but `analysed` (the newest with fills) and `analysed_unfilled`."""

    matched: int
    traded: int
    filled: int
    rejected: int
    cancelled: int
    open: int
    analysed: int
    analysed_unfilled: int


class HorizonAnswer(Answer):
    """What followed a fill after `tau_ns`. A mark-out is P&L: positive is a gain."""

    horizon: str
    tau_ns: int
    markout_bps: StatAnswer
    realized_bps: StatAnswer
    impact_bps: StatAnswer


class UnfilledAnswer(Answer):
    """Orders that ended without a fill; what they missed is not part of the shortfall above."""

    orders: int
    paper_1e9: int
    opportunity_bps: StatAnswer


class FeesAnswer(Answer):
    """Negative is a rebate."""

    maker_1e9: int
    taker_1e9: int
    gas_1e9: int
    total_1e9: int
    maker_bps: float | None
    taker_bps: float | None
    gas_bps: float | None
    total_bps: float | None


class VenueAnswer(Answer):
    """`share` of the notional. Counts and rates are over all orders, the rest over those looked at closely."""

    venue: str
    orders: int
    fills: int
    notional_1e9: int
    share: float | None
    maker_share: float | None
    arrival_bps: StatAnswer
    fees_bps: StatAnswer
    eq_ratio: float | None
    markout_1s_bps: StatAnswer
    ack_ns: NumbersAnswer
    reject_rate: float | None
    fill_rate: float | None
    regret_bps: StatAnswer


class OrderRowAnswer(Answer):
    """One order with its own figures."""

    node_order_id: str
    deployment: str
    label: str
    venue: str
    symbol: str
    side: str
    status: str
    created_ns: int
    ended_ns: int
    qty_1e8: int
    filled_qty_1e8: int
    notional_1e9: int
    fees_1e9: int
    cost_1e9: int | None
    shortfall_bps: float | None
    fill_rate: float | None
    arrival_bps: float | None
    regret_bps: float | None
    savings_bps: float | None


class OutlierAnswer(OrderRowAnswer):
    """`score`: modified z-score of the shortfall before fees among the orders of the same venue and symbol."""

    before_fees_bps: float
    score: float


class FormulaAnswer(Answer):
    """`per`: what one value belongs to; `weight`: by what the mean is weighted; `missing`: when there is none."""

    key: str
    title: str
    formula: str
    unit: str
    per: str
    weight: str
    missing: str


class TcaAnswer(Answer):
    """What trading cost. Positive is cost; mark-outs are P&L. The last six figures bear the platform's own names."""

    scope: ScopeAnswer
    orders: CountsAnswer
    fills: int
    notional_1e9: int
    first_ns: int | None
    last_ns: int | None
    metrics: dict[str, StatAnswer]
    eq_ratio: float | None
    fill_rate: float | None
    horizons: list[HorizonAnswer]
    unfilled: UnfilledAnswer
    fees: FeesAnswer
    venues: list[VenueAnswer]
    outliers: list[OutlierAnswer]
    latency: list[LegAnswer]
    first_fill_ns: NumbersAnswer
    sign: str
    symbols: list[dict[str, str]]
    formulas: list[FormulaAnswer]
    aggregation: list[dict[str, str]]
    computed_ns: int
    implementation_shortfall_bps: float | None
    spread_cost_bps: float | None
    market_impact_bps: float | None
    savings_vs_benchmark_bps: float | None
    savings_usd: float | None
    win_rate: float | None = Field(
        description="orders that cost no more than the best single venue would have"
    )


class PointAnswer(Answer):
    """All columns are sums up to here."""

    ts_ns: int
    orders: int
    notional_1e9: int
    cost_1e9: int
    fees_1e9: int


class TimelinePart(Answer):
    """`every`: orders between two points; `left_out`: orders whose shortfall is not known."""

    points: list[PointAnswer]
    every: int
    left_out: int


class TimelineAnswer(TimelinePart):
    """Cost over time."""

    scope: ScopeAnswer


class ReportAnswer(TcaAnswer):
    """The same with a row an order that traded, newest first."""

    rows: list[OrderRowAnswer]
    timeline: TimelinePart


class VenuesAnswer(Answer):
    """The most traded first."""

    scope: ScopeAnswer
    venues: list[VenueAnswer]


class CoverageAnswer(Answer):
    """Of one metric; `metric@horizon` for those of a horizon."""

    measured: int
    missing: int
    share: float | None


class QualityAnswer(Answer):
    """What rests on data, and why the rest does not."""

    scope: ScopeAnswer
    coverage: dict[str, CoverageAnswer]
    reasons: dict[str, int]
    arrival_quote_age_ns: NumbersAnswer


class ExecutionAnswer(Answer):
    """Groups of the same figures."""

    scope: ScopeAnswer
    orders: dict[str, int | float | None]
    fills: dict[str, int | FeesAnswer]
    latency: dict[str, list[LegAnswer] | NumbersAnswer]
    execution_quality: dict[str, StatAnswer | float | list[HorizonAnswer] | None]
