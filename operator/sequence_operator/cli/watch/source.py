"""Where the news come from: the platform's stream, made whole by its REST answers; those alone without a stream.

On every connection the tables are read once, after the subscription: what came in between is in one or the other, and
the model knows what it has seen.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from sequence_operator.cli.watch.model import Model
from sequence_operator.platform import PlatformClient, PlatformError, Unreachable
from sequence_operator.platform.frames import (
    Disconnected,
    Dropped,
    Event,
    Message,
    Rejected,
    StreamUnavailable,
    Subscribed,
)
from sequence_operator.platform.stream import Stream

Json = dict[str, Any]
Tell = Callable[[str, int, Mapping[str, Any]], None]
"""(kind, when in ns, row): something new for whoever prints line by line"""

POLL_SECONDS = 2.0
_NO_KEY = (401, 403)
_NOT_BUILT = (404, 405, 501)


class Source:
    """Keeps a `Model` up to date. `tell` hears of everything that is new."""

    def __init__(self, client: PlatformClient, model: Model, tell: Tell) -> None:
        self._client, self._model, self._tell = client, model, tell
        self._alive: dict[str, bool] = {}
        self._no_stream = asyncio.Event()

    async def run(self, stream: Stream) -> None:
        """Until cancelled. Raises PlatformError when the key is refused or the deployment is gone."""
        parts = [asyncio.create_task(self._follow(stream)), asyncio.create_task(self._poll())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _follow(self, stream: Stream) -> None:
        async for event in stream:
            await self.event(event)

    async def event(self, event: Event) -> None:
        """One turn of the stream."""
        match event:
            case Message(channel, data):
                if isinstance(data, dict):
                    self._message(channel, data)
            case Subscribed():
                # A server that is shutting down may still confirm: its end comes as an event of its own.
                with contextlib.suppress(Unreachable):
                    await self._back()
            case Rejected(channels, reasons):
                self._model.refused.update({name: reasons.get(name, "") for name in channels})
            case Dropped(total, _):
                self._dropped(total)
            case StreamUnavailable(why):
                self._model.polling(time.time(), why)
                text = f"no stream ({why}): asking every {POLL_SECONDS:g} s"
                self._tell("lost", time.time_ns(), {"text": text})
                self._no_stream.set()
            case Disconnected(why, status):
                if status in _NO_KEY:
                    raise PlatformError(status, why)
                self._lost(why)
            case _:
                pass

    @property
    def channels(self) -> list[str]:
        """What is subscribed."""
        deployment_id = self._model.deployment_id
        mine = [f"{topic}:{deployment_id}" for topic in ("deployment", "mesh", "logs")]
        return ["orders", "fills", "edges", *mine]

    async def read(self) -> None:
        """Everything there is, once. Raises PlatformError: no answer, no such deployment."""
        model, deployment_id = self._model, self._model.deployment_id
        row = await self._client.get(deployment_id)
        model.deployment(dict(row.raw or {}))
        orders = await self._client.orders(limit=100, deployment_id=deployment_id)
        for order in reversed(orders.get("orders") or []):
            self._news("order", order.get("updated_ns"), order, model.order(order))
        fills = await self._client.fills(limit=100, deployment_id=deployment_id)
        for fill in reversed(fills.get("fills") or []):
            self._news("fill", fill.get("ts_ns"), fill, model.fill(fill))
        logs = await self._client.logs(deployment_id, limit=100)
        for record in logs.get("logs") or []:
            self._news("log", record.get("ts_ns"), record, model.log(record))
        model.mesh({"kind": "links", **await self._client.mesh(deployment_id)})
        await self._read_edges()

    async def _read_edges(self) -> None:
        """A platform may keep its edges to itself: then their lines say only what the instances say."""
        try:
            answer = await self._client.edges()
        except PlatformError as problem:
            if problem.status not in _NOT_BUILT:
                raise
            return
        self._edges(answer.get("edges") or [], answer.get("bus"))

    def _message(self, channel: str, data: Json) -> None:
        """One message of the stream."""
        model = self._model
        match channel.partition(":")[0]:
            case "orders":
                self._news("order", data.get("updated_ns"), data, model.order(data))
            case "fills":
                self._news("fill", data.get("ts_ns"), data, model.fill(data))
            case "logs":
                self._news("log", data.get("ts_ns"), data, model.log(data))
            case "mesh":
                model.mesh(data)
                if data.get("kind") == "flow":
                    self._tell("mesh", data.get("at_ns") or time.time_ns(), data)
            case "edges":
                self._edges(data.get("edges") or [], data.get("bus"))
            case "deployment":
                self._deployment(data)

    def _dropped(self, total: int) -> None:
        """The platform left telemetry out because this reader was too slow."""
        self._model.dropped = total
        self._tell("drop", time.time_ns(), {"text": f"{total} messages were left out: this reader is slow"})

    def _lost(self, why: str) -> None:
        """The stream ended."""
        before = self._model.link.phase
        self._model.lost(time.time(), why)
        if before != "lost":
            self._tell("lost", time.time_ns(), {"text": f"the stream ended: {why}; trying again"})

    async def _back(self) -> None:
        """The stream is there: make up for what passed meanwhile."""
        again = self._model.link.phase == "lost"
        self._no_stream.clear()
        await self.read()
        self._model.connected(time.time())
        if again:
            text = "the stream is back, and what passed meanwhile was read"
            self._tell("back", time.time_ns(), {"text": text})

    async def _poll(self) -> None:
        """Ask again and again while there is no stream."""
        while True:
            await self._no_stream.wait()
            try:
                await self.read()
                self._model.polling(time.time(), self._model.link.why)
            except Unreachable as problem:
                self._lost(str(problem))
            await asyncio.sleep(POLL_SECONDS)

    # -- news ----------------------------------------------------------------------------------------------------

    def _news(self, kind: str, at_ns: int | None, data: Json, new: bool) -> None:
        if new:
            self._tell(kind, at_ns or time.time_ns(), data)

    def _edges(self, rows: list[Json], bus: bool | None) -> None:
        before = self._model.bus
        self._model.edge_rows(rows, bus, time.time())
        if bus is not None and bus != (before if before is not None else True):
            text = (
                "the bus is back"
                if bus
                else "the bus is away: no messages between edges, and no live news of them"
            )
            self._tell("bus", time.time_ns(), {"text": text})
        for edge_id, edge in self._model.edges.items():
            alive = bool(edge.row.get("alive"))
            known = self._alive.get(edge_id)
            self._alive[edge_id] = alive
            if known is not None and known != alive:
                text = f"the edge is {'back' if alive else 'gone'}"
                self._tell("edge", time.time_ns(), {"edge_id": edge_id, "text": text})
            if any(row.get("edge_id") == edge_id for row in rows):
                self._tell("latency", time.time_ns(), edge.row)

    def _deployment(self, data: Json) -> None:
        self._model.instance(data)
        self._tell("status", data.get("at_ns") or time.time_ns(), data)
