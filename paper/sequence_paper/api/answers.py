"""What answers look like, for the API's own description. Tests hold every answer against these, both ways."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["pending", "accepted", "stopped", "running", "paused", "rejected"]


class Answer(BaseModel):
    """Nothing is left out and nothing is added. Built for who reads the description, not at every start."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Detail(Answer):
    """One thing that is wrong."""

    field: str
    message: str


class Problem(Answer):
    """`code` is one of the platform's words, such as VALIDATION_ERROR."""

    code: str
    message: str
    request_id: str
    details: list[Detail]


class ErrorAnswer(BaseModel):
    """Any answer with a status of 400 or more; some have a fact beside it: `deployment_id`, `revision`, `pause`."""

    model_config = ConfigDict(defer_build=True)

    error: Problem


class OrderCountsAnswer(Answer):
    """Since registration; `open` is a level."""

    open: int
    submitted: int
    filled: int
    rejected: int
    cancelled: int


class LatencyAnswer(Answer):
    """Nanoseconds; null before the first callback."""

    p50: int | None
    p99: int | None


class HoldingAnswer(Answer):
    """A position of the deployment's name at an instance's venue."""

    symbol: str
    qty_1e8: int
    avg_entry_1e9: int
    mark_1e9: int
    realized_pnl_1e9: int
    session_realized_pnl_1e9: int
    unrealized_pnl_1e9: int
    fees_1e9: int


class InstanceAnswer(Answer):
    """One instance. `live`: runs on a connected edge; `warm`: loaded and fed; `feed`: what stands behind the venue."""

    label: str
    venue: str
    edge_id: str
    deploy_id: str
    instrument_type: Literal["spot", "perp"]
    symbols: list[str]
    status: Status
    live: bool
    warm: bool
    last_heartbeat: int | None = Field(description="Unix seconds")
    applied_revision: int
    orders: OrderCountsAnswer
    positions: list[HoldingAnswer]
    error: str
    pause_reason: str | None
    callback_latency_ns: LatencyAnswer
    callbacks: int
    update_count: int
    risk: dict[str, Any]
    params: list[dict[str, Any]]
    feed: dict[str, Any] | None


class EdgeRecord(Answer):
    """The older view of an instance, one record for each symbol; times are Unix seconds."""

    symbol: str
    edge_id: str
    deploy_id: str
    label: str
    status: Status
    size_bytes: int
    deployed_at: int | None
    last_heartbeat: int | None
    pause_reason: str | None
    error: str
    position_1e8: int
    realized_pnl_1e9: int
    session_realized_pnl_1e9: int
    unrealized_pnl_1e9: int
    callback_latency_ns: int | None
    update_count: int


class PauseAnswer(Answer):
    """An instance stopped itself; `id` is what a start has to acknowledge."""

    id: str
    reason: str
    at_ns: int
    label: str


class DeploymentAnswer(Answer):
    """A deployment in full. `deleting`: it goes as soon as the edges that hold it are back."""

    deployment_id: str
    name: str
    mode: Literal["live", "sandbox"]
    symbols: list[str]
    size_bytes: int
    wasm_sha256: str
    status: Status
    desired: Literal["running", "stopped", "deleted"]
    deleting: bool
    pushed_to: int = Field(description="edges that took all of their instances")
    capable_edges: int = Field(description="edges that should")
    revision: int = Field(description="grows with each accepted change of the configuration")
    created_at_ns: int
    updated_at_ns: int
    risk: dict[str, Any]
    params: list[dict[str, Any]]
    mesh: dict[str, Any] | None = Field(description="null: everybody may send to everybody")
    on_stop: Literal["keep", "cancel"]
    metadata: dict[str, Any]
    pause: PauseAnswer | None
    pause_reason: str | None
    orders: OrderCountsAnswer
    instances: list[InstanceAnswer]
    edges: list[EdgeRecord]


class DeploymentsAnswer(Answer):
    """All deployments of the account and mode."""

    deployments: list[DeploymentAnswer]
    total: int


class LogAnswer(Answer):
    """One line."""

    seq: int
    ts_ns: int
    level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    label: str
    edge_id: str
    message: str


class LogsAnswer(Answer):
    """`next` is what to pass as `after`."""

    logs: list[LogAnswer]
    next: int


def described(model: type[BaseModel], status: int = 200, **more: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its answer, further statuses by description, and the envelope for the rest."""
    others: dict[int | str, dict[str, Any]] = {
        int(code[1:]): {"description": text} for code, text in more.items()
    }
    return {
        status: {"model": model, "description": (model.__doc__ or "").splitlines()[0]},
        **others,
        "default": {"model": ErrorAnswer, "description": "why not"},
    }
