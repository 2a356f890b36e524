"""What is only read, for people: logs, mesh, orders, fills, positions. Shapes are the platform's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sequence_operator.platform.errors import PlatformError
from sequence_operator.platform.limiter import Lane
from sequence_operator.platform.wire import Wire


class Readings:
    """A part of the client; every method raises `PlatformError` (`Unreachable` when there was no answer)."""

    _wire: Wire

    async def logs(
        self,
        deployment_id: str,
        *,
        limit: int = 100,
        after: int | None = None,
        level: str | None = None,
        label: str | None = None,
        lane: Lane = Lane.POLL,
    ) -> dict[str, Any]:
        """`{"logs": [{seq, ts_ns, level, label, edge_id, message}], "next": seq}`."""
        query = {"limit": limit, "after": after, "level": level, "label": label}
        return await self._object("logs", deployment_path(deployment_id, "logs"), lane, query)

    async def mesh(self, deployment_id: str, *, lane: Lane = Lane.POLL) -> dict[str, Any]:
        """Instances and measured links."""
        return await self._object("mesh", deployment_path(deployment_id, "mesh"), lane)

    async def metrics(self, deployment_id: str, *, lane: Lane = Lane.POLL) -> dict[str, Any]:
        """Counters and latencies, as the platform gives them."""
        return await self._object("metrics", deployment_path(deployment_id, "metrics"), lane)

    async def orders(self, *, lane: Lane = Lane.POLL, **query: str | int) -> dict[str, Any]:
        """`GET /v1/orders`; the query is passed through (`limit`, `offset`, `symbol`, `deployment_id`, …)."""
        return await self._object("orders", "/v1/orders", lane, query)

    async def fills(self, *, lane: Lane = Lane.POLL, **query: str | int) -> dict[str, Any]:
        """`GET /v1/fills`."""
        return await self._object("fills", "/v1/fills", lane, query)

    async def traces(self, *, lane: Lane = Lane.POLL, **query: str | int) -> dict[str, Any]:
        """`GET /v1/traces`; the query is passed through (`node_order_id`, `deployment_id`, `limit`)."""
        return await self._object("traces", "/v1/traces", lane, query)

    async def capsule(self, query: Mapping[str, str], *, lane: Lane = Lane.POLL) -> bytes:
        """`GET /v1/capsules`: what a run depended on, as a file that repeats it; no digest is in it yet."""
        return (await self._wire.call("capsules", "GET", "/v1/capsules", lane, query=query)).content

    async def positions(self, *, lane: Lane = Lane.POLL, **query: str | int) -> dict[str, Any]:
        """`GET /v1/positions`."""
        return await self._object("positions", "/v1/positions", lane, query)

    async def edges(self, *, lane: Lane = Lane.POLL) -> dict[str, Any]:
        """`GET /v1/edges`: the processes beside the venues, with feed, liveness and callback latency."""
        return await self._object("edges", "/v1/edges", lane)

    async def intelligence(self, topic: str, *, lane: Lane = Lane.POLL, **query: str | int) -> dict[str, Any]:
        """`GET /v1/intelligence/{topic}`: venues, slippage, depth or routing of a `symbol`."""
        return await self._object("intelligence", f"/v1/intelligence/{topic}", lane, query)

    async def tca(
        self,
        *,
        symbol: str | None = None,
        deployment: str | None = None,
        since: str | None = None,
        detail: bool = False,
        lane: Lane = Lane.POLL,
    ) -> dict[str, Any]:
        """What trading cost: `GET /v1/tca`. `deployment`: id or name; `since`: ISO 8601.

        detail: with a row an order and the cost over time, `GET /v1/analytics/tca/report`.
        """
        path = "/v1/analytics/tca/report" if detail else "/v1/tca"
        query = {"symbol": symbol, "deployment": deployment, "since": since}
        return await self._object("tca", path, lane, query)

    async def _object(
        self, operation: str, path: str, lane: Lane, query: Mapping[str, str | int | None] | None = None
    ) -> dict[str, Any]:
        given = {k: v for k, v in (query or {}).items() if v is not None}
        response = await self._wire.call(operation, "GET", path, lane, query=given)
        body = self._wire.json(response)
        if not isinstance(body, dict):
            raise self._wire.garbage(response, "an object was expected")
        return body


def deployment_path(deployment_id: str, verb: str = "") -> str:
    """The path of one deployment, or of a verb below it; an id that would lead elsewhere is no id."""
    if deployment_id in ("", ".", ".."):
        raise PlatformError(404, f"{deployment_id!r} is not the id of a deployment", code="NOT_FOUND")
    encoded = quote(deployment_id, safe="")
    return f"/v1/deployments/{encoded}/{verb}" if verb else f"/v1/deployments/{encoded}"
