"""An edge without algos that speaks the protocol of real ones (store, wake-ups, beats): API tests need no compiler."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import nats
import orjson

from sequence_paper.mesh.wire import beat_subject, wake_subject
from sequence_paper.store import Store
from sequence_paper.store.records import DesiredInstance, EdgeInfo, EdgeWrites, Observation, OrderCounts

REFUSED = b"\0asm\x01\0\0\0\0\x04\x03bad"
"""A module that this edge refuses to load: it has a custom section named `bad`."""


class TinyEdge:
    """`start()`; then `stop()` as SIGTERM would or `vanish()` as kill -9 would."""

    def __init__(self, db: str, nats_url: str, venue: str, symbols: list[str]) -> None:
        self.edge_id, self.venue, self.symbols = f"venue-edge-{venue}", venue, symbols
        self._db, self._nats_url = db, nats_url
        self.open_orders = 0
        self.pauses: dict[str, str] = {}  # label → reason: that instance pauses in its present run
        self._paused: dict[tuple[str, str], int] = {}
        self.seen_wakes: list[str] = []

    def start(self) -> TinyEdge:
        self._leaving = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10), f"{self.edge_id} did not come up"
        return self

    def stop(self) -> None:
        self._leaving = True
        self.vanish()

    def vanish(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def pause(self, label: str, reason: str) -> None:
        self.pauses[label] = reason

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        store = Store(self._db)
        now = time.time_ns()
        feed = {"kind": "test", "state": "live"}
        info = EdgeInfo(self.edge_id, self.venue, "spot", self.symbols, "local", feed, now, now)
        store.edges.announce(info)
        bus = asyncio.create_task(self._serve_bus(store))
        while not self._end.is_set():
            self._converge(store)
            store.edges.beat(self.edge_id, time.time_ns(), feed)
            self._ready.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 0.3)
        bus.cancel()
        if self._leaving:
            store.edges.leave(self.edge_id)
        store.close()

    async def _serve_bus(self, store: Store) -> None:
        client = await nats.connect(self._nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)

        async def wake(message) -> None:
            self.seen_wakes.append(orjson.loads(message.data)["deployment_id"])
            self._converge(store)
            await message.respond(b"{}")

        try:
            await client.subscribe(wake_subject(self.edge_id), cb=wake)
            while True:
                await client.publish(beat_subject(self.edge_id), orjson.dumps({"edge_id": self.edge_id}))
                await asyncio.sleep(0.3)
        finally:
            await client.close()

    def _converge(self, store: Store) -> None:
        observations = []
        for want in store.instances.desired_on(self.edge_id):
            if want.desired == "deleted":
                store.instances.removed(self.edge_id, want.deployment_id, want.label)
            else:
                observations.append(self._observe(store, want))
        store.commit(EdgeWrites(observations=observations))

    def _observe(self, store: Store, want: DesiredInstance) -> Observation:
        key = (want.deployment_id, want.label)
        status, error, reason = "accepted" if want.starts == 0 else "stopped", "", None
        if store.artifacts.get(want.wasm_sha256) == REFUSED:
            status, error = "rejected", "the module is refused: it is bad"
        elif want.desired == "running":
            status = "running"
            if want.label in self.pauses and self._paused.get(key) is None:
                self._paused[key] = want.starts
            if self._paused.get(key) == want.starts:
                status, reason = "paused", self.pauses[want.label]
        return Observation(
            want.deployment_id,
            want.label,
            status,
            warm=status in ("accepted", "stopped", "running"),
            applied_revision=want.revision,
            applied_starts=want.starts,
            heartbeat_ns=time.time_ns(),
            error=error,
            pause_reason=reason,
            update_count=want.last.update_count + 1,
            orders=OrderCounts(open=self.open_orders),
        )
