"""The view on a real platform: everything appears, every cut shows and heals, and nothing is missing afterwards."""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from sequence_operator.cli.watch.model import Model
from sequence_operator.cli.watch.source import Source
from sequence_operator.platform import PlatformClient
from sequence_operator.platform.stream import Stream
from support.algos import build_algos
from support.paper import Paper

LABELS = {"left": "kraken", "right": "coinbase"}
PATIENCE = 90


class Watched:
    """A view without a screen: what it knows, and what it told line by line."""

    def __init__(self, client: PlatformClient, deployment_id: str) -> None:
        self.model = Model("watched", "sandbox", deployment_id)
        self.told: list[tuple[str, str]] = []
        self.source = Source(client, self.model, self._tell)

    def _tell(self, kind: str, at_ns: int, data: Mapping[str, Any]) -> None:
        self.told.append((kind, str(data.get("text", ""))))

    async def until(self, fact: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not fact():
            assert time.monotonic() < deadline, f"{what}: {self.model.link}, {self.told[-3:]}"
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def watching(paper: Paper, key: str, deployment_id: str) -> AsyncIterator[Watched]:
    async with PlatformClient(paper.url, key) as client:
        watched = Watched(client, deployment_id)
        async with Stream(paper.url, key, watched.source.channels, silence=1.5) as stream:
            running = asyncio.create_task(watched.source.run(stream))
            try:
                yield watched
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def test_everything_appears_and_every_cut_shows_and_heals(tmp_path: Path) -> None:
    paper = Paper(tmp_path, dict.fromkeys(LABELS.values(), ("--symbols", "BTC-USD"))).start()
    try:
        key = paper.key()
        deployment_id = await asyncio.to_thread(_deploy, paper, key)
        async with watching(paper, key, deployment_id) as watched:
            model = watched.model
            await watched.until(lambda: model.link.phase == "live", "the stream")
            await watched.until(lambda: model.orders and len(model.edges) == 2 and model.links, "news")
            await watched.until(
                lambda: all(list(e.p99)[-1:] != [None] for e in model.edges.values()), "latency"
            )

            paper.nats.kill()
            await watched.until(lambda: model.bus is False, "the bus is away")
            paper.nats.start()
            await watched.until(lambda: model.bus is True, "the bus is back")

            paper.edges["coinbase"].kill()
            gone = model.edges["venue-edge-coinbase"]
            await watched.until(lambda: gone.row["alive"] is False, "the edge is gone")
            paper.edges["coinbase"].start()
            await watched.until(lambda: gone.row["alive"] is True, "the edge is back")

            paper.api.kill()
            await watched.until(lambda: model.link.phase == "lost", "the API is gone")
            paper.api.start()
            await watched.until(lambda: model.link.phase == "live", "the API is back")

            await asyncio.to_thread(paper.request, "POST", f"/v1/deployments/{deployment_id}/stop", key)
            await watched.until(lambda: {i["status"] for i in model.instances} == {"stopped"}, "it ended")
            await _the_same(paper, key, watched)
        kinds = [kind for kind, _ in watched.told]
        assert {"order", "latency", "status", "bus", "edge", "lost", "back"} <= set(kinds)
        assert kinds.count("lost") == 1
    finally:
        paper.stop()


def _deploy(paper: Paper, key: str) -> str:
    body = {
        "name": "watched",
        "wasm_base64": base64.b64encode(build_algos()["maker"]).decode(),
        "symbols": ["BTC-USD"],
        "instances": [{"label": lb, "venue": v, "symbols": ["BTC-USD"]} for lb, v in LABELS.items()],
        "start_immediately": True,
    }
    status, registered, _ = paper.request("POST", "/v1/deployments", key, body)
    assert status < 300, registered
    return str(registered["deployment_id"])


async def _the_same(paper: Paper, key: str, watched: Watched) -> None:
    """What is shown becomes what is stored; resting orders of a stopped deployment may still fill meanwhile."""
    model, deadline = watched.model, time.monotonic() + PATIENCE
    while True:
        orders, fills = await asyncio.to_thread(_stored, paper, key, model.deployment_id)
        shown = {order_id: row["status"] for order_id, row in model.orders.items()}
        missing = fills - {row["fill_id"] for row in model.fills}
        differ = {order_id: status for order_id, status in orders.items() if shown.get(order_id) != status}
        if not missing and not differ:
            return
        assert time.monotonic() < deadline, (missing, differ)
        await asyncio.sleep(0.2)


def _stored(paper: Paper, key: str, deployment_id: str) -> tuple[dict[str, str], set[str]]:
    query = f"?limit=100&deployment_id={deployment_id}"
    orders = paper.request("GET", f"/v1/orders{query}", key)[1]["orders"]
    fills = paper.request("GET", f"/v1/fills{query}", key)[1]["fills"]
    return {row["order_id"]: row["status"] for row in orders}, {row["fill_id"] for row in fills}
