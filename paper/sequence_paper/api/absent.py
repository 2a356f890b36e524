"""Paths that the hosted platform has and this one has not: 501 with the reason. Anything else unknown is 404."""

from __future__ import annotations

from fastapi import APIRouter, Request, WebSocket

from sequence_paper.api.errors import ApiError, answer

router = APIRouter()

_TRADING = "orders are submitted, previewed, amended and cancelled under /v1/orders; this is not built"
_RISK = "account-wide limits cannot be set, limits are per deployment (`risk`); the kill switch is POST, PUT and GET"
_VENUES = "venues are simulated and need no wallets"
_MARKET = (
    "quotes are at GET /v1/quotes, /v1/quotes/{symbol} and POST /v1/quotes_batch, the rest of it is only read"
)
_FUNDING = "there is no funding: only spot is traded here"
_PREDICTION = "there are no prediction markets here"
_ANALYSIS = "backtests are not built; /v1/intelligence/slippage has what a size cost, measured"
_INTELLIGENCE = "measured figures are at /v1/intelligence/venues, slippage, depth and routing"
_COSTS = "costs are at /v1/tca and /v1/analytics/tca (report, timeseries, venues, quality), and /v1/analytics/execution"
_STREAM = "there are no server-sent events and no prediction markets; subscribe to channels of /v1/stream"
_KEYS = "what there is: GET and POST /v1/api_keys, POST /v1/api_keys/{key_id}/rotate, DELETE /v1/api_keys/{key_id}"
_OLDER = "use /v1/deployments"
_POSITIONS = "removed by the platform; use /v1/positions/unified"

_GRAPHS = "what there is: GET and DELETE /v1/execution_graphs/{id}, POST pause and resume, PATCH nodes/{node}"

REASONS: dict[str, str] = {
    **dict.fromkeys(("orders", "venue_cancel_all", "parent_orders", "algo_orders"), _TRADING),
    **dict.fromkeys(("kill_switch", "risk_limits"), _RISK),
    "execution_graphs": _GRAPHS,
    **dict.fromkeys(("venues", "wallets"), _VENUES),
    **dict.fromkeys(("quotes", "quotes_batch", "symbols", "pairs", "fees", "fair_price"), _MARKET),
    **dict.fromkeys(("funding_history", "market"), _FUNDING),
    **dict.fromkeys(("markets", "settlement", "polymarket"), _PREDICTION),
    **dict.fromkeys(("backtest",), _ANALYSIS),
    "intelligence": _INTELLIGENCE,
    **dict.fromkeys(("tca", "analytics"), _COSTS),
    **dict.fromkeys(("ws", "risk", "alerts"), _STREAM),
    **dict.fromkeys(("api_keys",), _KEYS),
    "credentials": "what there is: GET /v1/credentials; PUT, POST and DELETE /v1/credentials/{venue}",
    **dict.fromkeys(("algos", "strategies", "mm", "agent", "bundles"), _OLDER),
    **dict.fromkeys(("balances", "portfolio"), _POSITIONS),
    "sandbox": "what there is: POST /v1/sandbox/positions and reset, GET and PUT /v1/sandbox/settings",
}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@router.api_route("/v1/{path:path}", methods=_METHODS, include_in_schema=False)
async def absent(path: str, request: Request) -> None:
    """Whatever no other route took."""
    raise _missing(path, f"{request.method} /v1/{path}")


@router.websocket("/v1/{path:path}")
async def absent_stream(path: str, socket: WebSocket) -> None:
    """Likewise for WebSockets: the handshake is answered like a request."""
    missing = _missing(path, f"WebSocket /v1/{path}")
    await socket.send_denial_response(answer(missing, socket.state.request_id))


def _missing(path: str, asked: str) -> ApiError:
    if path == "positions/perp":
        return ApiError(501, f"{asked}: {_POSITIONS}")
    first = path.split("/")[0]
    if path.endswith("/stream"):
        return ApiError(501, f"{asked} is not part of this platform: {_STREAM}")
    if first in REASONS:
        return ApiError(501, f"{asked} is not part of this platform: {REASONS[first]}")
    return ApiError(404, f"there is no {asked}; /docs lists what there is")
